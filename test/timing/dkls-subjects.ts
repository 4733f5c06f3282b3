import type { EcdsaGroup } from '../../src/protocol/curve/group.ts'
import type { ReceiverSetup, SenderSetup } from '../../src/protocol/dkls23/pair-record.ts'
import { RVOLE_TWO, type RvoleContext, RvoleReceiver, RvoleSender } from '../../src/protocol/dkls23/rvole.ts'
import { concat, type Rng } from '../../src/protocol/engine/bytes.ts'
import { Fault } from '../../src/protocol/engine/fault.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { nativeCurves } from '../simulator/world.ts'
import type { Subject } from './measure.ts'

/** What DKLs23 computes on its longest-lived and its most attacked secrets: Delta, the choices beta, inputs, and scalars times a peer's point. */

const rng = seededRng('timing of dkls23')
const copy = (source: Uint8Array) => (): Uint8Array => Uint8Array.from(source)
const ZERO = new Uint8Array(32)
const zeroOrRandom: Subject['classes'] = [copy(ZERO), () => rng(32)]

/** Gives what it is told, over and over: drawing costs the same each time. */
function repeating(...values: readonly Uint8Array[]): Rng {
  let next = 0
  return () => Uint8Array.from(values[next++ % values.length] as Uint8Array)
}

/** Runs to a fault of the peer or to the end; both classes of a subject do the same. */
function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

function ofSuite(group: EcdsaGroup, suite: number): readonly Subject[] {
  const context: RvoleContext = { group, suite, ctx: rng(32), sender: 1, receiver: 2, count: 1 }
  const receiver: ReceiverSetup = { psid: rng(32), seeds0: rng(2048), seeds1: rng(2048) }
  const { message } = new RvoleReceiver(context, receiver, rng)
  const hat = concat(new Uint8Array(16), group.randomScalar(rng))
  const point = group.baseMul(group.randomScalar(rng))
  const [input, nonce, tail] = [group.randomScalar(rng), rng(32), rng(16)]
  // The check's coefficients are a hash of what the receiver sends, and its time depends on them: with one nonce, choices of zeros would always have the same.
  const nonces = Array.from({ length: 1024 }, () => rng(32))
  let turn = 0
  const choosing = (s: Uint8Array): RvoleReceiver =>
    new RvoleReceiver(context, receiver, repeating(nonces[turn++ % 1024] as Uint8Array, concat(s, s.subarray(0, 20), tail)))

  /** The set-up that belongs to a Delta, so that the check passes in both classes; by masks, so that this takes the same time too. */
  const setupOf = (delta: Uint8Array): SenderSetup => ({
    psid: receiver.psid,
    delta,
    seeds: receiver.seeds1.map((byte, at) => {
      const bit = ((delta[at >> 7] as number) >> ((at >> 4) & 7)) & 1
      return byte ^ ((byte ^ (receiver.seeds0[at] as number)) & -bit)
    }),
  })
  const accept = (delta: Uint8Array): RvoleSender => RvoleSender.accept(context, setupOf(delta), message)
  const delta = rng(16)
  const right = RVOLE_TWO.decode(accept(delta).answer([0], [input], [input], rng).message)
  const two = RVOLE_TWO.encode({ ...right, mu: rng(32) })
  const about = (what: string): string => `${group.name}, native: ${what}`
  return [
    {
      name: about('the check of an OT extension, by Delta'),
      classes: zeroOrRandom,
      use: (s) => accept(s.slice(0, 16)),
      repeat: 1,
      share: 0.2,
    },
    {
      name: about('pads and answer of the sender, by Delta'),
      classes: zeroOrRandom,
      use: (s) => accept(s.slice(0, 16)).answer([0], [input], [input], repeating(nonce, hat)),
      repeat: 1,
      share: 0.2,
    },
    {
      name: about('answer of the sender, by its inputs'),
      classes: [copy(group.scalar(1)), () => group.randomScalar(rng)],
      use: (s) => accept(delta).answer([0], [s], [s], repeating(nonce, hat)),
      repeat: 1,
      share: 0.2,
    },
    {
      name: about('message of the receiver, by its choices'),
      classes: zeroOrRandom,
      use: choosing,
      repeat: 1,
      share: 0.2,
    },
    {
      name: about('result of the receiver, by its choices'),
      classes: zeroOrRandom,
      use: (s) => {
        const bob = choosing(s)
        return outcome(() => bob.finish(two, [0]))
      },
      repeat: 1,
      share: 0.2,
    },
    {
      // One scalar over and over lets the processor learn its jumps, if it makes any: how that of libsecp256k1's binaries was found.
      name: about('secret times the point of a peer'),
      classes: [copy(group.randomScalar(rng)), () => group.randomScalar(rng)],
      use: (s) => group.mulSecret(point, s),
      repeat: 1,
    },
  ]
}

export const DKLS_SUBJECTS: readonly Subject[] = [...ofSuite(nativeCurves.secp256k1, 1), ...ofSuite(nativeCurves.p256, 2)]
