import { describe, expect, it } from 'vitest'
import { RVOLE_ONE, RVOLE_TWO, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { isProduct, sceneOf } from './rvole-run.ts'

describe.each([nativeCurves.secp256k1, nativeCurves.p256])('multiplication on $name', (group) => {
  it.each([
    [1, [0]],
    [2, [0, 1]],
    [2, [1]],
    [8, [0, 1, 2, 3, 4, 5, 6, 7]],
    [8, [2, 3, 7]],
    [3, []],
  ])('of a batch of %i with %j present: c + d = a b for both inputs', (count, present) => {
    const { context, pair, rng, bob: makeBob } = sceneOf(`multiplication ${count} ${present}`, count, group)
    const bob = makeBob()
    const alice = RvoleSender.accept(context, pair.sender, bob.message)
    expect(alice.peerNonce).toEqual(bob.nonce)
    const u = present.map(() => group.randomScalar(rng))
    const v = present.map(() => group.randomScalar(rng))
    const { message, cu, cv } = alice.answer(present, u, v, rng)
    const { du, dv } = bob.finish(message, present)
    expect([cu, cv, du, dv].map((shares) => shares.length)).toEqual(Array(4).fill(present.length))
    present.forEach((inst, k) => {
      const b = bob.b[inst] as Uint8Array
      for (const [a, c, d] of [
        [u, cu, du],
        [v, cv, dv],
      ] as const) {
        expect(isProduct(group, a[k] as Uint8Array, b, c[k] as Uint8Array, d[k] as Uint8Array)).toBe(true)
      }
    })
    expect(RVOLE_ONE.decode(bob.message).u.length).toBe(128 * (52 * count + 16))
    expect(RVOLE_TWO.decode(message).at.length).toBe(present.length * 416 * 96)
  })

  it.each([
    [0, 0],
    [1, -1],
    [-1, -1],
  ])('of the inputs %i and %i', (first, second) => {
    const { context, pair, rng, bob: makeBob } = sceneOf(`inputs ${first} ${second}`, 1, group)
    const bob = makeBob()
    const [u, v] = [group.scalar(first), group.scalar(second)]
    const { message, cu, cv } = RvoleSender.accept(context, pair.sender, bob.message).answer([0], [u], [v], rng)
    const { du, dv } = bob.finish(message, [0])
    const [b, ...shares] = [bob.b, cu, du, cv, dv].map(([scalar]) => scalar) as [Uint8Array, ...Uint8Array[]]
    const [c, d, e, f] = shares as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    expect(isProduct(group, u, b, c, d)).toBe(true)
    expect(isProduct(group, v, b, e, f)).toBe(true)
  })
})
