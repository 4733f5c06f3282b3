import { describe, expect, it } from 'vitest'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import { contextOf } from '../../../src/protocol/hm/context.ts'
import { nonceShares } from '../../../src/protocol/hm/pseudo-random.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import { type Instance, instanceBytes } from '../../../src/protocol/request/instance.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { contextFields, makeHmCase } from './hm-run.ts'

const CHOICES = 10_000
const group = nativeCurves.secp256k1

/**
 * S-07: with a stock of nonces the caller could look for a path, a tweak or a digest that fits a nonce it has seen. Here the nonce comes after
 * the choice: each of ten thousand choices, everything else equal, gives another nonce point with another r, and no difference of
 * two nonces is one that the caller knows.
 */
describe('choosing after the nonce is known', () => {
  const c = makeHmCase({ seed: 'late choice' })
  const generation = c.generations.get(1) as Generation
  const fields = contextFields(c, { sessionId: bytes32('one session') })
  const base: Instance = {
    keyId: bytes32('key'),
    epochId: bytes32('epoch'),
    path: 'm',
    tweak: new Uint8Array(32),
    publicKey: group.generator,
    digest: bytes32('digest'),
    requestHash: bytes32('request'),
  }

  it('S-07, S-17 digest, path and tweak are fixed before the nonce: 10,000 choices, as many r', () => {
    const nonces: bigint[] = []
    const points = new Set<string>()
    for (let i = 0; i < CHOICES; i++) {
      const number = bytes32('digest').map((byte, at) => (at < 28 ? byte : (u32(i)[at - 28] as number)))
      const choice = [{ digest: number }, { path: `m/${i}` }, { tweak: number }][i % 3] as Partial<Instance>
      const instances = [instanceBytes({ ...base, ...choice })]
      const [shares] = nonceShares(group, generation, 1, 1, 1, contextOf({ ...fields, instances }))
      const [k] = shares as readonly [Uint8Array, Uint8Array]
      points.add(toHex(group.baseMul(k).subarray(1)))
      nonces.push(group.toBigInt(k))
    }
    expect(points.size).toBe(CHOICES)
    // Digests that differ by one would make nonces that differ by something small, if anything of them came through unhashed.
    const sorted = nonces.toSorted((a, b) => (a < b ? -1 : 1))
    const gaps = sorted.slice(1).map((k, i) => k - (sorted[i] as bigint))
    expect(gaps.every((gap) => gap > 1n << 200n)).toBe(true)
    const small = nonces.filter((k) => k < 1n << 200n || group.order - k < 1n << 200n)
    expect(small).toEqual([])
  })
})
