import type { Group } from '../../../../src/protocol/curve/group.ts'
import type { ReceiverSetup, SenderSetup } from '../../../../src/protocol/dkls23/pair-record.ts'
import type { RvoleContext } from '../../../../src/protocol/dkls23/rvole.ts'
import type { Rng } from '../../../../src/protocol/engine/bytes.ts'
import { nativeCurves } from '../../../simulator/world.ts'
import { fromBits } from './bits.ts'
import type { Curve } from './curve.ts'
import type { AliceSeeds, BobSeeds } from './extension.ts'
import { integer, join } from './hashing.ts'
import type { AliceRandom, BobRandom, Context } from './rvole.ts'

/** The oracle's values in the forms that production takes. */

export const groupOf = (curve: Curve): Group => nativeCurves[curve.name]

export const contextFor = (c: Context): RvoleContext => ({
  group: groupOf(c.curve),
  suite: c.suite,
  ctx: c.ctx,
  sender: c.alice,
  receiver: c.bob,
  count: c.count,
})

export const senderSetup = ({ psid, delta, seeds }: AliceSeeds): SenderSetup => ({
  psid: Uint8Array.from(psid),
  delta: fromBits(delta),
  seeds: join(...seeds),
})

export const receiverSetup = ({ psid, seeds }: BobSeeds): ReceiverSetup => ({
  psid: Uint8Array.from(psid),
  seeds0: join(...seeds.map(([zero]) => zero)),
  seeds1: join(...seeds.map(([, one]) => one)),
})

export const scalarBytes = (value: bigint): Uint8Array => integer(value, 32)

/** The 48 bytes of which `randomScalar` makes this scalar. */
const wide = (value: bigint): Uint8Array => integer(value, 48)

/** A random source that says what it is told, and fails when asked for anything else: the order of drawing is pinned by it. */
export function tape(...values: readonly Uint8Array[]): Rng & { readonly rest: () => number } {
  const left = [...values]
  const rng = (length: number): Uint8Array => {
    const next = left.shift()
    if (next?.length !== length) throw new Error(`asked for ${length} random bytes, the tape has ${next?.length}`)
    return Uint8Array.from(next)
  }
  return Object.assign(rng, { rest: () => left.length })
}

export const bobDraws = ({ nonce, beta, tail }: BobRandom): readonly Uint8Array[] => [nonce, join(beta, tail)]

export const aliceDraws = ({ nonce, ahat }: AliceRandom): readonly Uint8Array[] => [nonce, ...ahat.map(wide)]
