import { RVOLE_ONE, RVOLE_TWO, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import { ALICE, BOB, sceneOf } from '../../protocol/dkls23/rvole-run.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { type FuzzTarget, outcomeOf, promise } from '../target.ts'

/** Where a part goes stands in its first four bytes; the rest is added to what is there. */
const PLACE = 4

/** `honest` with a part XORed over it: a message of 10 or 40 kB from a small input. */
function bent(honest: Uint8Array, part: Uint8Array): Uint8Array {
  const place = part.subarray(0, PLACE).reduce((n, byte) => (n << 8) | byte, 0) >>> 0
  const out = Uint8Array.from(honest)
  part.subarray(PLACE).forEach((byte, k) => {
    const at = (place + k) % out.length
    out[at] = (out[at] as number) ^ byte
  })
  return out
}

/** A peer's message of a multiplication. Bit 0: message 2, else 1. Bit 1: the first part is the message; else each part bends one of its fields. */
export function open(): FuzzTarget {
  const scene = sceneOf('fuzz/rvole')
  const one = RVOLE_ONE.decode(scene.bob().message)
  const accept = (message: Uint8Array) => RvoleSender.accept(scene.context, scene.pair.sender, message)
  const input = scene.group.randomScalar(scene.rng)
  const two = RVOLE_TWO.decode(accept(scene.bob().message).answer([0], [input], [input], seededRng('fuzz/rvole/alice')).message)

  function first(container: Container): string {
    const [nonce, u, x, t] = [one.nonce, one.u, one.x, one.t].map((field, i) => bent(field, partOf(container, i)))
    const honest = RVOLE_ONE.encode(one)
    const message = bit(container, 1) ? partOf(container, 0) : RVOLE_ONE.encode({ nonce, u, x, t } as typeof one)
    accept(message).wipe()
    promise(equalBytes(message, honest), 'a receiver that says something else passes')
    return 'accepted'
  }

  function second(container: Container): string {
    const [nonce, at, eta, mu] = [two.nonce, two.at, two.eta, two.mu].map((field, i) => bent(field, partOf(container, i)))
    const honest = RVOLE_TWO.encode(two)
    const message = bit(container, 1) ? partOf(container, 0) : RVOLE_TWO.encode({ nonce, at, eta, mu } as typeof two)
    const bob = scene.bob()
    try {
      bob.finish(message, [0])
    } finally {
      bob.wipe()
    }
    promise(equalBytes(message, honest), 'a sender that says something else passes')
    return 'multiplied'
  }

  return {
    maxLength: 4096,
    seeds: () => {
      const [none, bits] = [new Uint8Array(0), Uint8Array.of(0, 0, 0, 1, 1)]
      const fields = [0, 1, 2, 3].map((n) => [0, 1, 2, 3].map((k) => (k === n ? bits : none)))
      const high = Uint8Array.of(0, 0, 0, 0, ...new Uint8Array(32).fill(255))
      return new Map([
        ['one', pack(0)],
        ['two', pack(1)],
        ['one-nonsense', pack(2, Uint8Array.of(1))],
        ['two-nonsense', pack(3, Uint8Array.of(1))],
        ...fields.flatMap((parts, n): readonly [string, Uint8Array][] => [
          [`one-field-${n}`, pack(0, ...parts)],
          [`two-field-${n}`, pack(1, ...parts)],
        ]),
        ['two-beyond-the-order', pack(1, none, high)],
      ])
    },
    reaches: ['accepted', 'multiplied', 'OTE_CHECK', 'RVOLE_CHECK', 'SIGN_MALFORMED'],
    run: (bytes) => {
      const container = unpack(bytes)
      const isSecond = bit(container, 0)
      return outcomeOf(
        () => (isSecond ? second(container) : first(container)),
        (error) => {
          if (!(error instanceof Fault)) return undefined
          promise(error.culprits.join() === String(isSecond ? ALICE : BOB), `${error.code} names ${error.culprits}`)
          return error.code
        },
      )
    },
  }
}
