import type { Group } from '../curve/group.ts'
import { concat, equalBytes, type Rng, wipe } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { lagrangeCoefficients } from '../sharing/polynomial.ts'
import type { FrostSuite } from './suite.ts'

/** One-time nonces (d, e) of one signer for one message; wiped after the share is made. */
export interface Nonces {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

/** D and E, encoded points. */
export interface Commitment {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

/** nonce_generate of RFC 9591 4.1: H3(32 random bytes || share). */
export function nonce(suite: FrostSuite, group: Group, random: Uint8Array, share: Uint8Array): Uint8Array {
  const input = concat(random, share)
  const wide = suite.h3(input)
  const scalar = group.reduceWide(wide)
  wipe(input, wide)
  return scalar
}

/** commit of RFC 9591 5.1. */
export function drawNonces(suite: FrostSuite, group: Group, share: Uint8Array, rng: Rng): Nonces {
  const random = [rng(32), rng(32)] as const
  try {
    return { hiding: nonce(suite, group, random[0], share), binding: nonce(suite, group, random[1], share) }
  } finally {
    wipe(...random)
  }
}

export const commitmentOf = (group: Group, nonces: Nonces): Commitment => ({
  hiding: group.baseMul(nonces.hiding),
  binding: group.baseMul(nonces.binding),
})

/** Everything about one signature that is public once the commitments are known. */
export interface Context {
  /** Group commitment R. */
  readonly R: Uint8Array
  readonly challenge: Uint8Array
  readonly bindingFactors: ReadonlyMap<PartyId, Uint8Array>
  /** lambda_i * c with the sign of the key applied: what a share is multiplied with. */
  readonly shareFactors: ReadonlyMap<PartyId, Uint8Array>
  /** Nonces enter negated (BIP-340, y(R) odd). */
  readonly negateNonces: boolean
}

const isOdd = (point: Uint8Array): boolean => point[0] === 3

const evenY = (point: Uint8Array): Uint8Array => concat(Uint8Array.of(2), point.subarray(1))

/**
 * Binding factors (4.4), group commitment (4.5) and challenge (4.6). `commitments` is ascending by signer.
 * @param lambda of exactly these signers (4.2); the same for a whole batch, and an inversion for each of them.
 * @returns null when R is the identity.
 */
export function context(
  suite: FrostSuite,
  group: Group,
  publicKey: Uint8Array,
  commitments: ReadonlyMap<PartyId, Commitment>,
  message: Uint8Array,
  lambda: ReadonlyMap<PartyId, Uint8Array> = lagrangeCoefficients(group, [...commitments.keys()]),
): Context | null {
  const key = suite.evenY ? evenY(publicKey) : publicKey
  const ids = [...commitments.keys()]
  const encoded = ids.map((id) =>
    concat(group.scalar(id), (commitments.get(id) as Commitment).hiding, (commitments.get(id) as Commitment).binding),
  )
  const prefix = concat(key, suite.h4(message), suite.h5(concat(...encoded)))
  const bindingFactors = new Map(ids.map((id) => [id, group.reduceWide(suite.h1(concat(prefix, group.scalar(id))))]))
  const terms: Uint8Array[] = []
  for (const [id, { hiding, binding }] of commitments) {
    terms.push(hiding)
    const bound = group.mulPublic(binding, bindingFactors.get(id) as Uint8Array)
    if (bound !== null) terms.push(bound)
  }
  const R = group.sum(terms)
  if (R === null) return null
  const challenge = group.reduceWide(suite.challenge(R, key, message))
  const shareFactors = new Map<PartyId, Uint8Array>()
  for (const id of ids) {
    const factor = group.mulAssign(Uint8Array.from(lambda.get(id) as Uint8Array), challenge)
    shareFactors.set(id, suite.evenY && isOdd(publicKey) ? group.negAssign(factor) : factor)
  }
  return { R, challenge, bindingFactors, shareFactors, negateNonces: suite.evenY && isOdd(R) }
}

/**
 * sign of RFC 9591 5.2: z_i = d + e rho + lambda s c, with the even-y signs. Consumes (wipes) the nonces.
 * @throws Error on consumed nonces: with d = e = 0 the result would be the share times a public number (attacks.md F-01).
 */
export function signShare(group: Group, self: PartyId, nonces: Nonces, share: Uint8Array, c: Context): Uint8Array {
  if (group.isZero(nonces.hiding) || group.isZero(nonces.binding)) throw new Error('these nonces were used')
  const z = Uint8Array.from(nonces.binding)
  const term = Uint8Array.from(share)
  try {
    group.mulAssign(z, c.bindingFactors.get(self) as Uint8Array)
    group.addAssign(z, nonces.hiding)
    if (c.negateNonces) group.negAssign(z)
    group.mulAssign(term, c.shareFactors.get(self) as Uint8Array)
    return group.addAssign(z, term)
  } catch (error) {
    wipe(z)
    throw error
  } finally {
    wipe(term, nonces.hiding, nonces.binding)
  }
}

/** verify_signature_share of RFC 9591 5.4: z_i G == +-(D + rho E) + factor X_i. `z` is a canonical scalar. */
export function verifyShare(
  group: Group,
  id: PartyId,
  z: Uint8Array,
  commitment: Commitment,
  verifyingShare: Uint8Array,
  c: Context,
): boolean {
  if (group.isZero(z)) return false
  const bound = group.mulPublic(commitment.binding, c.bindingFactors.get(id) as Uint8Array)
  const nonce = group.sum(bound === null ? [commitment.hiding] : [commitment.hiding, bound])
  const keyTerm = group.mulPublic(verifyingShare, c.shareFactors.get(id) as Uint8Array)
  const terms = [
    ...(nonce === null ? [] : [c.negateNonces ? group.negate(nonce) : nonce]),
    ...(keyTerm === null ? [] : [keyTerm]),
  ]
  const expected = terms.length === 0 ? null : group.sum(terms)
  return expected !== null && equalBytes(group.baseMul(z), expected)
}

/** The 64-byte signature: R (BIP-340: x only) || z, RFC 9591 5.3. */
export const encodeSignature = (suite: FrostSuite, R: Uint8Array, z: Uint8Array): Uint8Array =>
  concat(suite.evenY ? R.subarray(1) : R, z)
