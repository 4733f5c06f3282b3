import { describe, expect, it } from 'vitest'
import { SUITES } from '../../../src/protocol/channel/setup.ts'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { RVOLE_ONE, RVOLE_TWO, type RvoleContext, RvoleReceiver, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { dealtDirection } from './dealt-pair.ts'

const rng = seededRng('rvole')

const contextOf = (group: Group, suite: number, count: number): RvoleContext => ({
  group,
  suite,
  ctx: rng(32),
  sender: 3,
  receiver: 1,
  count,
})

describe('multiplication', () => {
  it.each([
    [1, [0]],
    [2, [0, 1]],
    [2, [1]],
    [8, [0, 1, 2, 3, 4, 5, 6, 7]],
    [8, [2, 3, 7]],
    [3, []],
  ])('of a batch of %i with %j present: c + d = a b for both inputs', (count, present) => {
    const group = nativeCurves.secp256k1
    const context = contextOf(group, SUITES['ecdsa-secp256k1'], count)
    const { sender, receiver } = dealtDirection(rng)
    const bob = new RvoleReceiver(context, receiver, rng)
    const alice = RvoleSender.accept(context, sender, bob.message)
    expect(alice.peerNonce).toEqual(bob.nonce)
    const u = present.map(() => group.randomScalar(rng))
    const v = present.map(() => group.randomScalar(rng))
    const { message, cu, cv } = alice.answer(present, u, v, rng)
    const { du, dv } = bob.finish(message, present)
    for (const [a, c, d] of [
      [u, cu, du],
      [v, cv, dv],
    ] as const) {
      expect(d).toHaveLength(present.length)
      present.forEach((inst, k) => {
        const product = group.mulAssign(Uint8Array.from(a[k] as Uint8Array), bob.b[inst] as Uint8Array)
        expect(group.addAssign(Uint8Array.from(c[k] as Uint8Array), d[k] as Uint8Array)).toEqual(product)
      })
    }
    expect(RVOLE_ONE.decode(bob.message).u.length).toBe(128 * (52 * count + 16))
    expect(RVOLE_TWO.decode(message).at.length).toBe(present.length * 416 * 96)
    bob.wipe()
    alice.wipe()
  })
})
