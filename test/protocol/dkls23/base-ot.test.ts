import { createHash } from 'node:crypto'
import { secp256k1, secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { hashToSecp256k1 } from '../../../src/protocol/curve/hash-to-curve.ts'
import { choose, OT_PART } from '../../../src/protocol/dkls23/base-ot.ts'
import { BLOCK, LAMBDA } from '../../../src/protocol/dkls23/parameters.ts'
import { concat, toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import { BOB, bit, group, pointsOfChoice, type Transfer, transfer, unevenBits } from './base-ot-run.ts'

const { Point } = secp256k1
const lp = (...parts: readonly Uint8Array[]): Uint8Array => concat(...parts.flatMap((part) => [u32(part.length), part]))
const text = (name: string): Uint8Array => new TextEncoder().encode(`quorate/v1/${name}`)

// HG and the keys once more, from their definition.
const hashed = (psid: Uint8Array, i: number, c: number, other: Uint8Array) =>
  secp256k1_hasher.hashToCurve(lp(psid, u32(i), Uint8Array.of(c), other), { DST: text('baseot-h2c') })
const keyOf = (psid: Uint8Array, i: number, c: number, offered: Uint8Array, shared: Uint8Array): string =>
  createHash('sha256')
    .update(lp(text('baseot-key'), psid, u32(i), Uint8Array.of(c), offered, shared))
    .digest('hex')
    .slice(0, 2 * BLOCK)

/** Every index: Alice has the seed that Delta does not name, and only that one; all of Bob's differ. */
function expectCorrect({ delta, alice, bob }: Transfer): void {
  for (let i = 0; i < LAMBDA; i++) {
    const unknown = bit(delta, i)
    expect(alice[i]).toEqual(bob[1 - unknown]?.[i])
    expect(alice[i]).not.toEqual(bob[unknown]?.[i])
  }
  expect(new Set([...bob[0], ...bob[1]].map(toHex)).size).toBe(2 * LAMBDA)
}

describe('hash to curve', () => {
  const DST = 'QUUX-V01-CS02-with-secp256k1_XMD:SHA-256_SSWU_RO_'
  it.each([
    ['', '03c1cae290e291aee617ebaef1be6d73861479c48b841eaba9b7b5852ddfeb1346'],
    ['abc', '023377e01eab42db296b512293120c6cee72b6ecf9f9205760bd9ff11fb3cb2c4b'],
  ])('RFC 9380 J.8.1: "%s"', (message, point) => {
    const encode = new TextEncoder()
    expect(toHex(hashToSecp256k1(encode.encode(message), encode.encode(DST)))).toBe(point)
  })
})

describe('an honest transfer', () => {
  const run = transfer({ seed: 'honest' })

  it('Alice has the seed that Delta does not name, of each pair; all 256 are different', () => expectCorrect(run))

  it('O-02 points and keys are what 4.1 says; the only point whose logarithm nobody may know is a hash, computed again here', () => {
    const { psid, offer, phi, bob } = run
    const a = BigInt(`0x${toHex(offer.secret)}`)
    expect(Point.BASE.multiply(a).toBytes(true)).toEqual(offer.point)
    for (let i = 0; i < LAMBDA; i++) {
      for (const side of [0, 1] as const) {
        const P = Point.fromBytes(phi[2 * i + side] as Uint8Array).add(hashed(psid, i, side, phi[2 * i + 1 - side] as Uint8Array))
        expect(toHex(bob[side][i] as Uint8Array)).toBe(keyOf(psid, i, side, offer.point, P.multiply(a).toBytes(true)))
      }
    }
  })

  it('O-07 another session or direction (psid), the same randomness: no seed is the same', () => {
    const other = transfer({ seed: 'honest', psid: bytes32('another psid') })
    const all = [run, other].flatMap(({ bob }) => [...bob[0], ...bob[1]]).map(toHex)
    expect(new Set(all).size).toBe(4 * LAMBDA)
  })

  it('every index and side: the extremes of Delta', () => {
    for (const fill of [0x00, 0xff, 0xaa, 0x55])
      expectCorrect(transfer({ seed: `fill ${fill}`, delta: new Uint8Array(BLOCK).fill(fill) }))
  })
})

describe('14.3 points: a lying Alice', () => {
  const honest = transfer({ seed: 'lying Alice' })

  it.each([0, 1] as const)('P-06 phi_{i,%i} that makes P the identity: SETUP_MALFORMED naming her', (side) => {
    const i = 37
    const cancel = (phi: readonly Uint8Array[]): readonly Uint8Array[] =>
      phi.with(
        2 * i + side,
        hashed(honest.psid, i, side, phi[2 * i + 1 - side] as Uint8Array)
          .negate()
          .toBytes(true),
      )
    expect(faultOf(() => transfer({ seed: 'lying Alice', answered: cancel }))).toEqual({
      code: 'SETUP_MALFORMED',
      culprits: [BOB],
    })
  })

  const swapped = (phi: readonly Uint8Array[]): readonly Uint8Array[] => phi.map((_, k) => phi[k ^ 1] as Uint8Array)
  it.each([
    ['all pairs equal', (phi: readonly Uint8Array[]) => phi.map((_, k) => phi[k % 2] as Uint8Array)],
    ['both points of each pair equal', (phi: readonly Uint8Array[]) => phi.map((_, k) => phi[k & ~1] as Uint8Array)],
    ['one point everywhere', (phi: readonly Uint8Array[]) => phi.map(() => phi[0] as Uint8Array)],
    ['the generator everywhere', (phi: readonly Uint8Array[]) => phi.map(() => group.generator)],
    ["Bob's own point everywhere", (phi: readonly Uint8Array[]) => phi.map(() => honest.offer.point)],
    ['sides swapped', swapped],
    [
      'order of the pairs reversed',
      (phi: readonly Uint8Array[]) => phi.map((_, k) => phi[(2 * LAMBDA - 2 - (k & ~1)) | (k & 1)] as Uint8Array),
    ],
  ])('O-03 %s: all 256 seeds of Bob are different, and she knows none', (_, answered) => {
    const { alice, bob } = transfer({ seed: 'lying Alice', answered })
    const seeds = [...bob[0], ...bob[1]].map(toHex)
    expect(new Set(seeds).size).toBe(2 * LAMBDA)
    expect(alice.map(toHex).filter((seed) => seeds.includes(seed)).length).toBeLessThanOrEqual(1)
  })

  it('one pair of points changed: that seed pair alone', () => {
    const answered = (phi: readonly Uint8Array[]) => phi.with(8, group.baseMul(bytes32('another')))
    const { alice, bob } = transfer({ seed: 'lying Alice', answered })
    const wrong = alice.flatMap((seed, i) => (toHex(seed) === toHex(bob[1 - bit(honest.delta, i)]?.[i] as Uint8Array) ? [] : [i]))
    expect(wrong).toEqual([4])
  })
})

describe('14.3 points: a lying Bob', () => {
  it.each([
    ['the generator', () => group.generator],
    ['twice his point', (point: Uint8Array) => group.sum([point, point]) as Uint8Array],
    ['its negative', (point: Uint8Array) => group.negate(point)],
  ])('O-03 %s in place of his point: 128 different seeds at Alice, none of them his', (_, shown) => {
    const { alice, bob } = transfer({ seed: 'lying Bob', shown })
    expect(new Set([...alice, ...bob[0], ...bob[1]].map(toHex)).size).toBe(3 * LAMBDA)
  })

  it('O-03 the point of an earlier transfer again: nothing of that one comes back', () => {
    const first = transfer({ seed: 'lying Bob' })
    const again = transfer({ seed: 'lying Bob again', psid: bytes32('later'), shown: () => first.offer.point })
    expect(new Set([...first.alice, ...again.alice].map(toHex)).size).toBe(2 * LAMBDA)
  })
})

describe('what Bob sees of the choice', () => {
  const PARTS = 40
  const samples = [...pointsOfChoice(0x00, PARTS), ...pointsOfChoice(0xff, PARTS)]
  const psid = bytes32('distinguisher')

  it('O-01 for both choices, on both sides, every point is a valid point of the curve and none comes twice', () => {
    for (const points of samples) expect(points.every((point) => group.isPoint(point))).toBe(true)
    expect(new Set(samples.flat().map(toHex)).size).toBe(4 * PARTS * OT_PART)
  })

  it('O-01 parity and every bit of x are as often set as not, on the chosen side as on the other, for either choice', () => {
    for (const points of samples) expect(unevenBits(points)).toEqual([])
    expect(unevenBits(samples[0]?.map((point) => Uint8Array.from([2, ...point.slice(1)])) ?? [])).toEqual([7])
  })

  it('O-01 the sum of a pair with both hashes does not tell the choice: both candidates for P are points of the same kind', () => {
    const [zero, one] = samples as [readonly Uint8Array[], readonly Uint8Array[]]
    const candidates = [0, 1].map((side) =>
      zero.slice(0, 400).map((_, k) => {
        const [mine, other] = (side === 0 ? [zero[k], one[k]] : [one[k], zero[k]]) as [Uint8Array, Uint8Array]
        return Point.fromBytes(mine)
          .add(hashed(psid, k % OT_PART, side, other))
          .toBytes(true)
      }),
    )
    for (const points of candidates) {
      const odd = points.filter((point) => point[0] === 3).length
      expect(Math.abs(odd - 200)).toBeLessThan(5 * Math.sqrt(100))
    }
  })
})

describe('C-03 the choice selects no branch and no index', () => {
  it('the same operations, in the same order, on operands of the same lengths, for every Delta; and one read of each byte per bit', () => {
    const traces = [0x00, 0xff, 0xa5].map((fill) => {
      const trace: string[] = []
      const watched = Object.fromEntries(
        Object.entries(group).map(([name, value]) => [
          name,
          typeof value !== 'function'
            ? value
            : (...args: readonly unknown[]) => {
                trace.push(
                  `${name} ${args.map((arg) => (Array.isArray(arg) ? arg.map((a) => a.length) : (arg as Uint8Array).length))}`,
                )
                return (value as (...a: readonly unknown[]) => unknown)(...args)
              },
        ]),
      ) as unknown as typeof group
      const reads = new Array<number>(BLOCK).fill(0)
      const delta = new Proxy(new Uint8Array(BLOCK).fill(fill), {
        get(target, property) {
          if (typeof property === 'string' && /^\d+$/.test(property)) reads[Number(property)] = (reads[Number(property)] ?? 0) + 1
          return Reflect.get(target, property, target) as unknown
        },
      })
      choose(
        { group: watched, psid: bytes32('psid') },
        group.generator,
        delta,
        0,
        new Uint8Array(LAMBDA * BLOCK),
        seededRng('trace'),
      )
      return [...trace, reads.join()]
    })
    expect(traces[0]?.length).toBeGreaterThan(6 * OT_PART)
    expect(traces[1]).toEqual(traces[0])
    expect(traces[2]).toEqual(traces[0])
    expect(traces[0]?.at(-1)).toBe([8, 8, 8, 8, ...new Array(12).fill(0)].join())
  })
})
