import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import {
  abscissa,
  evaluate,
  lagrangeCoefficients,
  randomPolynomial,
  sumScalars,
} from '../../../src/protocol/sharing/polynomial.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { interpolate, subsets } from './secret-of.ts'

const groups = [nativeCurves.secp256k1, nativeCurves.p256, nativeCurves.ed25519, nobleCurves.secp256k1, nobleCurves.ed25519]

describe.each(groups.map((group, i) => [`${group.name}, ${i < 2 ? 'native' : 'noble'}`, group] as const))('%s', (_, group) => {
  const { order } = group
  const mod = (value: bigint): bigint => ((value % order) + order) % order
  const scalar = fc.bigInt({ min: 0n, max: order - 1n })
  const id = fc.integer({ min: 1, max: 0xfffe })

  it('evaluates like the sum of a_m x^m', () => {
    fc.assert(
      fc.property(fc.array(scalar, { minLength: 1, maxLength: 5 }), scalar, (coefficients, x) => {
        const expected = coefficients.reduce((sum, a, m) => mod(sum + a * mod(x ** BigInt(m))), 0n)
        const value = evaluate(
          group,
          coefficients.map((a) => group.scalar(a)),
          group.scalar(x),
        )
        expect(group.toBigInt(value)).toBe(expected)
      }),
      { numRuns: 40 },
    )
  })

  it('K-06 has no zero coefficient, so that the degree is never lower than agreed', () => {
    const polynomial = randomPolynomial(group, 16, seededRng('degree'))
    expect(polynomial).toHaveLength(16)
    for (const coefficient of polynomial) expect(group.isScalar(coefficient) && !group.isZero(coefficient)).toBe(true)
  })

  it('leaves its coefficients and x as they were', () => {
    const polynomial = randomPolynomial(group, 3, seededRng('untouched'))
    const before = polynomial.map((a) => Uint8Array.from(a))
    const x = group.scalar(7)
    evaluate(group, polynomial, x)
    sumScalars(group, polynomial)
    expect(polynomial).toEqual(before)
    expect(x).toEqual(group.scalar(7))
  })

  it('adds scalars', () => {
    fc.assert(
      fc.property(fc.array(scalar, { maxLength: 6 }), (values) => {
        const total = sumScalars(
          group,
          values.map((v) => group.scalar(v)),
        )
        expect(group.toBigInt(total)).toBe(mod(values.reduce((a, b) => a + b, 0n)))
      }),
      { numRuns: 20 },
    )
  })

  it('any t shares give f at any point, t - 1 shares do not', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 3, maxLength: 6 }), fc.integer({ min: 0, max: 100 }), (ids, at) => {
        const polynomial = randomPolynomial(group, 3, seededRng(ids.join()))
        const shares = new Map(ids.map((i) => [i, evaluate(group, polynomial, abscissa(group, i))] as const))
        const truth = evaluate(group, polynomial, group.scalar(at))
        for (const chosen of subsets(ids, 3)) {
          expect(interpolate(group, new Map(chosen.map((i) => [i, shares.get(i) as Uint8Array])), at)).toEqual(truth)
        }
        const few = ids.slice(0, 2)
        if (!few.includes(at))
          expect(interpolate(group, new Map(few.map((i) => [i, shares.get(i) as Uint8Array])), at)).not.toEqual(truth)
      }),
      { numRuns: 8 },
    )
  })

  it('Lagrange coefficients: small sets by hand, sum 1, and one at a party of the set', () => {
    const numbers = (ids: number[], at?: number): bigint[] =>
      [...lagrangeCoefficients(group, ids, at).values()].map((c) => group.toBigInt(c))
    expect(numbers([1, 2])).toEqual([2n, mod(-1n)])
    expect(numbers([1, 3])).toEqual([mod(3n * ((order + 1n) / 2n)), mod(-((order + 1n) / 2n))])
    expect(numbers([1, 2, 3])).toEqual([3n, mod(-3n), 1n])
    expect(numbers([1, 2, 3], 2)).toEqual([0n, 1n, 0n])
    expect(mod(numbers([4, 9, 65534]).reduce((a, b) => a + b, 0n))).toBe(1n)
  })

  it.each([[[]], [[0, 1]], [[1, 1]], [[-1, 2]], [[1.5, 2]], [[1.5]], [[Number.NaN]]])(
    'K-01, K-02, 14.2 x_i: refuses to interpolate at %j',
    (ids) => {
      expect(() => lagrangeCoefficients(group, ids)).toThrow(RangeError)
    },
  )
})
