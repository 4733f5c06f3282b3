import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { combine, type SetConstants, setConstants } from '../../../src/protocol/hm/constants.ts'
import { noncePoint, onDegree } from '../../../src/protocol/hm/nonce-point.ts'
import { abscissa, evaluate, lagrangeCoefficients, randomPolynomial } from '../../../src/protocol/sharing/polynomial.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { subsets } from '../sharing/secret-of.ts'

const group = nativeCurves.secp256k1
const q = group.order
const fraction = (n: bigint, d: bigint): Uint8Array => {
  let inverse = 1n
  for (let base = ((d % q) + q) % q, e = q - 2n; e > 0n; e >>= 1n, base = (base * base) % q)
    if (e & 1n) inverse = (inverse * base) % q
  return group.scalar(n * inverse)
}

/** A check as `sum v_j R_j = 0`, first coefficient positive. */
function vectors(constants: SetConstants, signers: readonly PartyId[]): readonly (readonly number[])[] {
  return constants.degreeChecks.map(({ left, right: [id, coefficient] }) => {
    const v = signers.map((j) => Number(j === id ? -coefficient : (left.get(j) ?? 0n)))
    const sign = Math.sign(v.find((x) => x !== 0) ?? 1)
    return v.map((x) => x * sign + 0)
  })
}

describe('3.2: the table of the page', () => {
  const rows: readonly [readonly PartyId[], readonly (readonly [bigint, bigint])[], readonly number[]][] = [
    [
      [1, 2, 3],
      [
        [3n, 1n],
        [-3n, 1n],
        [1n, 1n],
      ],
      [1, -2, 1],
    ],
    [
      [1, 2, 4],
      [
        [8n, 3n],
        [-2n, 1n],
        [1n, 3n],
      ],
      [2, -3, 1],
    ],
    [
      [1, 3, 4],
      [
        [2n, 1n],
        [-2n, 1n],
        [1n, 1n],
      ],
      [1, -3, 2],
    ],
    [
      [2, 3, 4],
      [
        [6n, 1n],
        [-8n, 1n],
        [3n, 1n],
      ],
      [1, -2, 1],
    ],
  ]
  for (const [signers, lambda, vector] of rows) {
    it(`S = {${signers.join()}}`, () => {
      const constants = setConstants(group, signers)
      expect([...constants.lambda.values()]).toEqual(lambda.map(([n, d]) => fraction(n, d)))
      expect(vectors(constants, signers)).toEqual([vector])
    })
  }

  it("t' = 2, ids 1..5: the two equations of the page", () => {
    expect(vectors(setConstants(group, [1, 2, 3, 4, 5]), [1, 2, 3, 4, 5])).toEqual([
      [1, -3, 3, -1, 0],
      [0, 1, -3, 3, -1],
    ])
  })

  it('R(0) of {1,2,3} is 2 R_1 - R_2, without a division', () => {
    const { atZero } = setConstants(group, [1, 2, 3])
    expect(atZero.denominator).toBe(1n)
    expect([...atZero.numerators]).toEqual([
      [1, 2n],
      [2, -1n],
    ])
  })
})

const sets: readonly (readonly PartyId[])[] = [
  ...subsets([1, 2, 3, 4, 5, 6], 3),
  ...subsets([1, 2, 3, 4, 5, 6, 7], 5),
  [1, 2, 65_534],
  [257, 4096, 65_534],
  [1, 500, 501, 40_000, 65_534],
  [3, 5, 7, 11, 13, 17, 19],
]

/** The points of a polynomial of the given number of coefficients, in the exponent. */
function pointsOn(signers: readonly PartyId[], coefficients: number, seed: string) {
  const polynomial = randomPolynomial(group, coefficients, seededRng(seed))
  const points = new Map(signers.map((id) => [id, group.baseMul(evaluate(group, polynomial, abscissa(group, id)))]))
  return { points, zero: group.baseMul(polynomial[0] as Uint8Array) }
}

describe('against random polynomials', () => {
  for (const signers of sets) {
    const t = (signers.length + 1) / 2
    const constants = setConstants(group, signers)

    it(`S = {${signers.join()}}: accepts degree t' and finds R(0); refuses degree t'+1, and any one wrong point`, () => {
      const { points, zero } = pointsOn(signers, t, `on ${signers.join()}`)
      expect(onDegree(group, constants, points)).toBe(true)
      expect(toHex(noncePoint(group, constants, points)?.point as Uint8Array)).toBe(toHex(zero))
      const low = pointsOn(signers, 1, 'constant').points
      expect(onDegree(group, constants, low)).toBe(true)
      expect(onDegree(group, constants, pointsOn(signers, t + 1, 'off').points)).toBe(false)
      for (const id of signers) {
        const wrong = new Map(points).set(id, group.sum([points.get(id) as Uint8Array, group.generator]) as Uint8Array)
        expect(onDegree(group, constants, wrong)).toBe(false)
      }
      expect(new Map(constants.lambda)).toEqual(new Map(lagrangeCoefficients(group, signers)))
    })
  }

  it("t' wrong points out of 2t'+1 are always seen: no other polynomial of degree t' goes through the rest", () => {
    const signers = [1, 2, 3, 4, 5]
    const constants = setConstants(group, signers)
    const rng = seededRng('errors')
    const { points } = pointsOn(signers, 3, 'errors')
    for (let size = 1; size <= 2; size++) {
      for (const ids of subsets(signers, size)) {
        const wrong = new Map(points)
        for (const id of ids) {
          const error = group.baseMul(group.scalar(1 + pick(rng, 1000)))
          wrong.set(id, group.sum([points.get(id) as Uint8Array, error]) as Uint8Array)
        }
        expect(onDegree(group, constants, wrong)).toBe(false)
      }
    }
  })
})

describe('C3, 1.4: where one side of the equation is the identity', () => {
  it('R_1 = 2 R_2, which a signer 2 that speaks last can send, would take the identity as R_3: no list of points, refused', () => {
    const constants = setConstants(group, [1, 2, 3])
    const points = new Map([2, 1, 7].map((n, i) => [i + 1, group.baseMul(group.scalar(n))]))
    expect(onDegree(group, constants, points)).toBe(false)
  })
})

describe('combine', () => {
  it('big coefficients by multiplication, small ones by repetition: the same sum; cancelling ones give null', () => {
    const D = group.baseMul(group.scalar(99))
    const points = new Map([
      [1, group.generator],
      [2, D],
    ])
    const sum = (a: bigint, b: bigint) =>
      combine(
        group,
        points,
        new Map([
          [1, a],
          [2, b],
        ]),
      )
    expect(sum(5n, -2n)).toEqual(group.baseMul(group.scalar(5 - 198)))
    expect(sum(5000n, -2n)).toEqual(group.baseMul(group.scalar(5000 - 198)))
    expect(sum(0n, 1n)).toEqual(D)
    expect(sum(99n, -1n)).toBe(null)
    expect(
      combine(
        group,
        new Map([
          [1, D],
          [2, D],
        ]),
        new Map([
          [1, 3n],
          [2, -3n],
        ]),
      ),
    ).toBe(null)
    expect(sum(0n, 0n)).toBe(null)
  })
})
