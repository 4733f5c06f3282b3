import { invert } from '@noble/curves/abstract/modular.js'
import type { Group } from '../curve/group.ts'
import type { Rng } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'

/** Secret coefficients a_0 .. a_{t-1}, 32-byte scalars, constant term first. The owner wipes them. */
export type SecretPolynomial = readonly Uint8Array[]

/**
 * A polynomial of exactly degree `threshold - 1`: every coefficient is uniform in 1..q-1, so that each commitment is a point and a
 * peer can refuse an identity as leading coefficient (attacks.md K-06).
 */
export const randomPolynomial = (group: Group, threshold: number, rng: Rng): SecretPolynomial =>
  Array.from({ length: threshold }, () => group.randomScalar(rng))

/** f(x) by Horner's rule, 32 bytes, for the caller to wipe. `x` is public, the coefficients are not. */
export function evaluate(group: Group, polynomial: SecretPolynomial, x: Uint8Array): Uint8Array {
  const value = new Uint8Array(32)
  for (const coefficient of polynomial.toReversed()) group.addAssign(group.mulAssign(value, x), coefficient)
  return value
}

/** Sum of secret scalars, 32 bytes, for the caller to wipe. */
export function sumScalars(group: Group, scalars: readonly Uint8Array[]): Uint8Array {
  const total = new Uint8Array(32)
  for (const scalar of scalars) group.addAssign(total, scalar)
  return total
}

/** The abscissa of a party as a scalar: x_i = i (protocols.md 1). */
export const abscissa = (group: Group, id: PartyId): Uint8Array => group.scalar(id)

/**
 * Lagrange coefficients of `ids` at the public integer `at`: f(at) = sum of coefficient_i * f(x_i) for every f of degree < |ids|.
 * Only public numbers enter, so BigInt is fine. 0 gives the key, a party's id gives that party's share.
 * @throws RangeError for no ids, id 0 (its "share" would be the secret) and repeated ids (attacks.md K-01, K-02).
 */
export function lagrangeCoefficients(group: Group, ids: readonly PartyId[], at: PartyId = 0): ReadonlyMap<PartyId, Uint8Array> {
  if (ids.length === 0 || new Set(ids).size !== ids.length || ids.some((id) => !Number.isInteger(id) || id < 1)) {
    throw new RangeError('interpolation needs distinct positive ids')
  }
  const coefficients = new Map<PartyId, Uint8Array>()
  for (const i of ids) {
    let numerator = 1n
    let denominator = 1n
    for (const j of ids) {
      if (j === i) continue
      numerator *= BigInt(at - j)
      denominator *= BigInt(i - j)
    }
    coefficients.set(i, group.scalar(numerator * invert(denominator, group.order)))
  }
  return coefficients
}
