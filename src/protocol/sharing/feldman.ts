import type { Group } from '../curve/group.ts'
import { equalBytes } from '../engine/bytes.ts'
import type { SecretPolynomial } from './polynomial.ts'

/** Feldman's commitment C_m = a_m G to a polynomial, constant term first. Public; every entry is a point. */
export type Commitments = readonly Uint8Array[]

export const commit = (group: Group, polynomial: SecretPolynomial): Commitments => polynomial.map((a) => group.baseMul(a))

/** F(x) = sum of x^m C_m by Horner's rule in the exponent; null for the identity. *public* */
export function evaluateCommitments(group: Group, commitments: Commitments, x: Uint8Array): Uint8Array | null {
  let value: Uint8Array | null = null
  for (const commitment of commitments.toReversed()) {
    const scaled: Uint8Array | null = value === null ? null : group.mulPublic(value, x)
    value = scaled === null ? commitment : group.sum([scaled, commitment])
  }
  return value
}

/**
 * Does `share` fit the commitments at `x`: share * G == F(x)? False for a share that is no canonical scalar.
 * A zero share fits where F(x) is the identity: its dealer chose that, and it harms nobody but the dealer.
 */
export function verifyShare(group: Group, commitments: Commitments, x: Uint8Array, share: Uint8Array): boolean {
  if (!group.isScalar(share)) return false
  const expected = evaluateCommitments(group, commitments, x)
  if (group.isZero(share) || expected === null) return group.isZero(share) && expected === null
  return equalBytes(group.baseMul(share), expected)
}

/** Coefficient-wise sum of commitments of one length; null where it has the identity. *public* */
export const addCommitments = (group: Group, all: readonly Commitments[]): readonly (Uint8Array | null)[] =>
  (all[0] ?? []).map((_, m) => group.sum(all.map((commitments) => commitments[m] as Uint8Array)))
