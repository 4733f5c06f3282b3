import { type CurvePoint, type CurvePointCons, normalizeZ } from '@noble/curves/abstract/curve.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ecdsaGroups, edgeIntegers, groups, outcome, seededRng } from './back-ends.ts'

// Point operations of both back ends, on what they must accept. What they must refuse is in bad-points.test.ts.
/** On P-256 both back ends add with noble, so fewer will do. */
const rowOf = (name: string): number => (name === 'p256' ? 2_000 : 10_000)

describe.each(groups)('points of $name', ({ noble, native }) => {
  const both = [noble, native]
  const { order } = noble
  const G = noble.generator
  const rng = seededRng(`points/${noble.name}`)
  const minusG = noble.baseMul(noble.scalar(-1))
  const randomPoints = Array.from({ length: 4 }, () => native.baseMul(native.randomScalar(rng)))
  // a*G through the operation under test is compared with a*G through base multiplication.
  const times = (k: bigint | number): Uint8Array | null => {
    const scalar = native.scalar(k)
    return native.isZero(scalar) ? null : native.baseMul(scalar)
  }

  it('accepts its own points', () => {
    for (const group of both) for (const point of [G, minusG, ...randomPoints]) expect(group.isPoint(point)).toBe(true)
  })

  it('multiplies points by every edge scalar alike, null for zero', () => {
    for (const value of edgeIntegers(order)) {
      const [point = G] = randomPoints
      const scalar = noble.scalar(value)
      const expected = outcome(() => noble.mulPublic(point, scalar))
      expect(outcome(() => native.mulPublic(point, scalar))).toEqual(expected)
      for (const group of both) expect(group.mulPublic(G, scalar), `${value} G`).toEqual(times(value))
    }
  })

  it('negates, and twice is nothing', () => {
    for (const group of both) {
      expect(group.negate(G)).toEqual(minusG)
      for (const point of randomPoints) {
        expect(group.negate(group.negate(point))).toEqual(point)
        expect(group.negate(point)).toEqual(group.mulPublic(point, group.scalar(-1)))
      }
    }
  })

  // The exceptional cases of addition formulas.
  it('P-07 adds a point to itself, to its negative, and across the identity', () => {
    for (const group of both) {
      for (const P of [G, ...randomPoints]) {
        const minusP = group.negate(P)
        const twoP = group.mulPublic(P, group.scalar(2))
        expect(group.sum([P])).toEqual(P)
        expect(group.sum([P, P])).toEqual(twoP)
        expect(group.sum([P, minusP])).toBeNull()
        expect(group.sum([minusP, P])).toBeNull()
        expect(group.sum([P, minusP, P])).toEqual(P)
        expect(group.sum([P, minusP, minusP])).toEqual(minusP)
        expect(group.sum([P, P, minusP, minusP])).toBeNull()
        expect(group.sum([P, P, P, minusP])).toEqual(twoP)
      }
      expect(() => group.sum([])).toThrow(RangeError)
    }
  })

  it('P-07 thousands of sums in a row are those of another library', () => {
    // Points of noble itself beside the bytes of the back end that runs in production; normalised at once, which is what makes it quick.
    const table = Array.from({ length: 64 }, () => native.baseMul(native.randomScalar(rng)))
    const sums = [G]
    for (let i = 0; i < rowOf(noble.name); i++) {
      sums.push(native.sum([sums[i] as Uint8Array, table[i % table.length] as Uint8Array]) as Uint8Array)
    }
    const expected =
      noble.name === 'ed25519'
        ? runningSums(ed25519.Point, table, rowOf(noble.name))
        : runningSums(noble.name === 'p256' ? p256.Point : secp256k1.Point, table, rowOf(noble.name))
    expect(sums.map((sum) => Buffer.from(sum).toString('hex'))).toEqual(expected)
  })

  it('returns fresh buffers and leaves its operands alone', () => {
    for (const group of both) {
      const point = Uint8Array.from(G)
      for (const result of [group.sum([point]), group.negate(point), group.mulPublic(point, group.scalar(1))]) {
        expect(result).not.toBe(point)
        result?.fill(0)
      }
      expect(point).toEqual(G)
      expect(group.sum([point])).toEqual(G)
    }
  })

  it('P-07 is linear on random scalars, in both back ends', () => {
    // Small factors on purpose: sums then meet equal and opposite points often.
    const factor = fc.oneof(fc.integer({ min: -3, max: 3 }).map(BigInt), fc.bigInt({ min: 1n, max: order - 1n }))
    fc.assert(
      fc.property(fc.array(factor, { minLength: 1, maxLength: 4 }), (factors) => {
        const points = factors.map(times).filter((point) => point !== null)
        if (points.length === 0) return
        const expected = times(factors.reduce((total, k) => total + k))
        for (const group of both) expect(group.sum(points)).toEqual(expected)
      }),
      // Torsion checks make noble's Ed25519 sums nine times as dear.
      { numRuns: noble.name === 'secp256k1' ? 1_000 : 100 },
    )
  })

  it('multiplies random points by random scalars alike', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: order - 1n }), fc.bigInt({ min: 0n, max: order - 1n }), (a, b) => {
        const point = native.baseMul(native.scalar(a))
        const expected = times(a * b)
        for (const group of both) expect(group.mulPublic(point, group.scalar(b))).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })
})

// What base OT and other exchanges of Diffie and Hellman's kind need: a secret times a point of somebody else.
describe.each(ecdsaGroups)('secret multiples of $name', ({ noble, native }) => {
  const both = [noble, native]
  const { order } = noble

  it('are the products, for every edge scalar and random ones', () => {
    const rng = seededRng(`secret/${noble.name}`)
    const drawn = Array.from({ length: 4 }, () => native.toBigInt(native.randomScalar(rng)))
    const near = [1n, 2n, 3n].map((k) => order - k)
    for (const k of [...edgeIntegers(order), ...near, ...drawn]) {
      if (k === 0n) continue
      for (const [point, a] of [
        [native.generator, 1n],
        [native.baseMul(native.scalar(drawn[0] as bigint)), drawn[0] as bigint],
      ] as const) {
        const expected = native.baseMul(native.scalar(a * k))
        for (const group of both) expect(group.mulSecret(point, group.scalar(k)), `${k}`).toEqual(expected)
      }
    }
  })

  it('have both parities of y', () => {
    const tags = new Set(Array.from({ length: 12 }, (_, k) => native.mulSecret(native.generator, native.scalar(k + 1))[0]))
    expect([...tags].sort()).toEqual([2, 3])
  })

  it('are fresh buffers, and leave point and scalar alone', () => {
    for (const group of both) {
      const [point, scalar] = [Uint8Array.from(group.generator), group.scalar(7)]
      const first = group.mulSecret(point, scalar)
      const copy = Uint8Array.from(first)
      expect(group.mulSecret(point, group.scalar(8))).not.toEqual(first)
      expect(first).toEqual(copy)
      expect([point, scalar]).toEqual([group.generator, group.scalar(7)])
    }
  })

  it('P-05 are refused for zero and for what is no scalar', () => {
    for (const group of both) {
      for (const scalar of [group.scalar(0), new Uint8Array(32).fill(0xff), new Uint8Array(31), new Uint8Array(33)]) {
        expect(() => group.mulSecret(group.generator, scalar)).toThrow(RangeError)
      }
    }
  })
})

/** BASE + table[0] + table[1] + ... in hex, all the sums on the way, `row` of them. */
function runningSums<P extends CurvePoint<bigint, P>>(
  Point: CurvePointCons<P>,
  table: readonly Uint8Array[],
  row: number,
): readonly string[] {
  const parsed = table.map((bytes) => Point.fromBytes(bytes))
  const sums = [Point.BASE]
  for (let i = 0; i < row; i++) sums.push((sums[i] as P).add(parsed[i % parsed.length] as P))
  return normalizeZ(Point, sums).map((point) => Buffer.from(point.toBytes()).toString('hex'))
}
