import { SUITES } from '../../../src/protocol/channel/setup.ts'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { type Direction, gadgetOf } from '../../../src/protocol/dkls23/multiplication.ts'
import { columnBytes } from '../../../src/protocol/dkls23/parameters.ts'
import { type RvoleContext, RvoleReceiver } from '../../../src/protocol/dkls23/rvole.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { sidOf } from './cheating-receiver.ts'
import { dealtDirection } from './dealt-pair.ts'

export const ALICE = 3
export const BOB = 1

/** A session of one ordered pair: everything that both know or hold before the first message, and what Bob is going to draw. */
export interface Scene {
  readonly rng: Rng
  readonly group: Group
  readonly context: RvoleContext
  readonly pair: ReturnType<typeof dealtDirection>
  readonly nonce: Uint8Array
  readonly choices: Uint8Array
  /** An honest Bob, always the same one. */
  readonly bob: () => RvoleReceiver
}

export function sceneOf(seed: string, count = 1, group: Group = nativeCurves.secp256k1): Scene {
  const rng = seededRng(seed)
  const suite = SUITES[group.name === 'p256' ? 'ecdsa-p256' : 'ecdsa-secp256k1']
  const context: RvoleContext = { group, suite, ctx: rng(32), sender: ALICE, receiver: BOB, count }
  const pair = dealtDirection(rng)
  const nonce = rng(32)
  const choices = rng(columnBytes(count))
  return {
    rng,
    group,
    context,
    pair,
    nonce,
    choices,
    bob: () => {
      const draws = [nonce, choices].map((bytes) => Uint8Array.from(bytes))
      return new RvoleReceiver(context, pair.receiver, (length) => {
        const next = draws.shift()
        if (next?.length !== length) throw new Error('Bob draws something else')
        return next
      })
    },
  }
}

export const directionOf = ({ context, pair, nonce }: Scene): Direction => ({
  group: context.group,
  sid: sidOf(context, pair.receiver.psid, nonce),
  gadget: gadgetOf(context.group, context.suite, pair.receiver.psid),
})

/** c + d = a b. */
export function isProduct(group: Group, a: Uint8Array, b: Uint8Array, c: Uint8Array, d: Uint8Array): boolean {
  const product = group.mulAssign(Uint8Array.from(a), b)
  const difference = group.negAssign(product)
  return group.isZero(group.addAssign(group.addAssign(difference, c), d))
}
