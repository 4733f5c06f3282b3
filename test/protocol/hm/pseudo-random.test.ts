import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SUITES } from '../../../src/protocol/channel/setup.ts'
import { readInteger } from '../../../src/protocol/curve/operands.ts'
import { concat, toHex, u16, u32, wipe } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { TAGS, type Tag } from '../../../src/protocol/engine/tags.ts'
import { setConstants } from '../../../src/protocol/hm/constants.ts'
import { maskShares, nonceShares, type Pairs, stream } from '../../../src/protocol/hm/pseudo-random.ts'
import { type Generation, makeSharedKey, type SharedKey } from '../../../src/protocol/prss/generation.ts'
import { abscissa, lagrangeCoefficients } from '../../../src/protocol/sharing/polynomial.ts'
import { makeWorld, nativeCurves } from '../../simulator/world.ts'
import { makeGenerations } from '../prss/establish-run.ts'
import { interpolate, subsets } from '../sharing/secret-of.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import { ECDSA_SCHEMES } from './hm-run.ts'

describe.each(ECDSA_SCHEMES)('%s', (scheme) => {
  const group = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
  const suite = SUITES[scheme]
  /** Bytes of a block, and the scalar it stands for. */
  const BLOCK = scheme === 'ecdsa-p256' ? 48 : 32
  const scalarsOf = (bytes: Uint8Array): Uint8Array[] =>
    Array.from({ length: bytes.length / BLOCK }, (_, n) =>
      group.scalar(readInteger(bytes.subarray(BLOCK * n, BLOCK * (n + 1)), 'big')),
    )
  const ctx = bytes32('ctx')
  const bind = bytes32('bind')
  const COUNT = 3

  const sets: readonly (readonly [number, readonly PartyId[]])[] = [
    [2, [1, 2, 3]],
    [2, [1, 3, 5]],
    [3, [1, 2, 3, 4, 5]],
    [3, [1, 2, 4, 6, 7]],
  ]
  const generations = (threshold: number, signers: readonly PartyId[]): ReadonlyMap<PartyId, Generation> =>
    makeGenerations(makeWorld({ ids: signers, seed: 'prf' }), threshold, signers)

  /** PS of 1.2 from OpenSSL's HMAC and ChaCha20. */
  function opensslStream(key: SharedKey, tag: Tag, parts: readonly Uint8Array[]): Uint8Array {
    const framed = [Buffer.from(tag), ...parts].flatMap((part) => [u32(part.length), part])
    const sk = createHmac('sha256', key.prf)
      .update(
        createHash('sha256')
          .update(concat(...framed))
          .digest(),
      )
      .digest()
    return createCipheriv('chacha20', sk, new Uint8Array(16)).update(new Uint8Array(2 * BLOCK * COUNT))
  }

  describe('the stream', () => {
    const key = makeSharedKey([2, 5], bytes32('kid'), bytes32('key'))
    const members = concat(u32(2), u16(2), u16(5))

    it('is ChaCha20 keyed by HMAC over label, suite, ctx and members; blocks 2b and 2b+1 are (r^k, r^a) of instance b', () => {
      const blocks = opensslStream(key, TAGS.hmRandom, [u16(suite), ctx, members])
      const pairs = stream(group, key, TAGS.hmRandom, suite, COUNT, ctx)
      expect(pairs.flat()).toEqual(scalarsOf(blocks))
      expect([pairs[2]?.[1]]).toEqual(scalarsOf(blocks.subarray(5 * BLOCK)))
    })

    it('takes the bind as one more part, for (z^mu, z^nu)', () => {
      const blocks = opensslStream(key, TAGS.hmMask, [u16(suite), ctx, members, bind])
      expect(stream(group, key, TAGS.hmMask, suite, COUNT, ctx, bind).flat()).toEqual(scalarsOf(blocks))
    })

    it('changes entirely with label, suite, ctx, members, bind and key', () => {
      const other = makeSharedKey([2, 5], bytes32('kid'), bytes32('key 2'))
      const streams: readonly Pairs[] = [
        stream(group, key, TAGS.hmRandom, suite, COUNT, ctx),
        stream(group, key, TAGS.hmMask, suite, COUNT, ctx),
        stream(group, key, TAGS.hmRandom, suite + 2, COUNT, ctx),
        stream(group, key, TAGS.hmRandom, suite, COUNT, bind),
        stream(group, key, TAGS.hmRandom, suite, COUNT, ctx, bind),
        stream(group, key, TAGS.hmMask, suite, COUNT, ctx, bind),
        stream(group, { ...key, members: [2, 6] }, TAGS.hmRandom, suite, COUNT, ctx),
        stream(group, other, TAGS.hmRandom, suite, COUNT, ctx),
      ]
      const all = streams.flatMap((pairs) => pairs.flat().map(toHex))
      expect(new Set(all).size).toBe(streams.length * 2 * COUNT)
    })

    it('subkeys for PRF, MAC and confirmation are three different keys', () => {
      expect(new Set([key.prf, key.mac, key.confirm].map(toHex)).size).toBe(3)
    })

    it('a block that stands for no scalar, or for zero, is an error', () => {
      const strict = { ...group, isScalar: () => false }
      expect(faultOf(() => stream(strict, key, TAGS.hmRandom, suite, COUNT, ctx))).toEqual({ code: 'HM_R_ZERO', culprits: [] })
      const zero = { ...group, isZero: (s: Uint8Array) => s !== key.prf }
      expect(faultOf(() => stream(zero, key, TAGS.hmRandom, suite, COUNT, ctx))).toEqual({ code: 'HM_R_ZERO', culprits: [] })
    })

    it('a wiped key gives no stream: masks under zeros would be public', () => {
      const wiped = makeSharedKey([2, 5], bytes32('kid'), bytes32('key'))
      wipe(wiped.prf)
      expect(faultOf(() => stream(group, wiped, TAGS.hmMask, suite, COUNT, ctx, bind))).toEqual({ code: 'HM_KID', culprits: [] })
    })
  })

  describe('1.2, n = 3: the table of the page', () => {
    const signers = [1, 2, 3]
    const all = generations(2, signers)
    const pair = (i: PartyId, j: PartyId): SharedKey => all.get(i)?.pairs.get(j) as SharedKey
    const value = (s: Uint8Array): bigint => group.toBigInt(s)
    const mod = (v: bigint): bigint => ((v % group.order) + group.order) % group.order

    it('k_1 = 2u + v, k_2 = u - y, k_3 = -v - 2y; the same for a', () => {
      const [u, v, y] = [pair(1, 2), pair(1, 3), pair(2, 3)].map((k) => stream(group, k, TAGS.hmRandom, suite, COUNT, ctx))
      const shares = signers.map((id) => nonceShares(group, all.get(id) as Generation, id, suite, COUNT, ctx))
      for (let b = 0; b < COUNT; b++) {
        for (const part of [0, 1] as const) {
          const [ub, vb, yb] = [u, v, y].map((s) => value(s?.[b]?.[part] as Uint8Array)) as [bigint, bigint, bigint]
          expect(shares.map((s) => value(s[b]?.[part] as Uint8Array))).toEqual([
            mod(2n * ub + vb),
            mod(ub - yb),
            mod(-vb - 2n * yb),
          ])
        }
      }
    })

    it('m_1 = z12 + z13, m_2 = -z12 + z23, m_3 = -z13 - z23', () => {
      const [z12, z13, z23] = [pair(1, 2), pair(1, 3), pair(2, 3)].map((k) =>
        stream(group, k, TAGS.hmMask, suite, COUNT, ctx, bind),
      )
      const masks = signers.map((id) => maskShares(group, all.get(id) as Generation, id, suite, COUNT, ctx, bind))
      for (let b = 0; b < COUNT; b++) {
        for (const part of [0, 1] as const) {
          const [x, y, z] = [z12, z13, z23].map((s) => value(s?.[b]?.[part] as Uint8Array)) as [bigint, bigint, bigint]
          expect(masks.map((m) => value(m[b]?.[part] as Uint8Array))).toEqual([mod(x + y), mod(-x + z), mod(-y - z)])
        }
      }
    })
  })

  for (const [threshold, signers] of sets) {
    describe(`t = ${threshold}, S = {${signers.join()}}`, () => {
      const all = generations(threshold, signers)
      const nonces = new Map(signers.map((id) => [id, nonceShares(group, all.get(id) as Generation, id, suite, COUNT, ctx)]))
      const masks = new Map(signers.map((id) => [id, maskShares(group, all.get(id) as Generation, id, suite, COUNT, ctx, bind)]))
      const each = (pairs: ReadonlyMap<PartyId, Pairs>, check: (values: ReadonlyMap<PartyId, Uint8Array>) => void): void => {
        for (let b = 0; b < COUNT; b++) {
          for (const part of [0, 1] as const) check(new Map([...pairs].map(([id, p]) => [id, p[b]?.[part] as Uint8Array])))
        }
      }

      it('k and a lie on polynomials of degree t - 1 exactly: all t subsets agree at 0 and no t - 1 points fit', () => {
        each(nonces, (values) => {
          const at0 = (ids: readonly PartyId[]) =>
            toHex(interpolate(group, new Map(ids.map((id) => [id, values.get(id) as Uint8Array]))))
          expect(new Set(subsets(signers, threshold).map(at0)).size).toBe(1)
          expect(new Set(subsets(signers, threshold - 1).map(at0)).size).toBe(subsets(signers, threshold - 1).length)
        })
      })

      it('k(0) and a(0) are the sums of r_A f_A(0) over all subsets', () => {
        const keys = new Map<string, SharedKey>()
        for (const g of all.values()) for (const k of g.subsets) keys.set(k.members.join(), k)
        expect(keys.size).toBe(subsets(signers, threshold).length)
        for (const part of [0, 1] as const) {
          const sum = new Uint8Array(32)
          for (const k of keys.values()) {
            const factor = signers.filter((j) => !k.members.includes(j)).reduce((f, j) => f * j, 1)
            const r = stream(group, k, TAGS.hmRandom, suite, COUNT, ctx)[0]?.[part] as Uint8Array
            group.addAssign(sum, group.mulAssign(r, abscissa(group, factor)))
          }
          const shares = new Map([...nonces].slice(0, threshold).map(([id, p]) => [id, p[0]?.[part] as Uint8Array]))
          expect(interpolate(group, shares)).toEqual(sum)
        }
      })

      it('masks are two additive sharings of zero per instance, and no subset of them sums to zero', () => {
        each(masks, (values) => {
          const sum = (ids: readonly PartyId[]) => {
            const total = new Uint8Array(32)
            for (const id of ids) group.addAssign(total, values.get(id) as Uint8Array)
            return total
          }
          expect(group.isZero(sum(signers))).toBe(true)
          for (let size = 1; size < signers.length; size++) {
            for (const ids of subsets(signers, size)) expect(group.isZero(sum(ids))).toBe(false)
          }
        })
      })

      it('no value repeats across instances, kinds and signers', () => {
        const values = [...nonces.values(), ...masks.values()].flatMap((p) => p.flat().map(toHex))
        expect(new Set(values).size).toBe(values.length)
      })

      it('lambda is Lagrange at 0 over S', () => {
        expect(new Map(setConstants(group, signers).lambda)).toEqual(new Map(lagrangeCoefficients(group, signers)))
      })
    })
  }

  it('a fault in a later stream leaves no partial sum behind', () => {
    const signers = [1, 2, 3]
    const g = generations(2, signers).get(1) as Generation
    const sums: Uint8Array[] = []
    const spy = {
      ...group,
      addAssign(acc: Uint8Array, b: Uint8Array) {
        sums.push(acc)
        return group.addAssign(acc, b)
      },
    }
    wipe((g.subsets[1] as SharedKey).prf)
    expect(() => nonceShares(spy, g, 1, suite, COUNT, ctx)).toThrow(Fault)
    expect(sums).toHaveLength(2 * COUNT)
    expect(sums.every((s) => group.isZero(s))).toBe(true)
  })
})
