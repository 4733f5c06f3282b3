import type { Group } from '../curve/group.ts'
import { equalBytes, list, type Rng, u16, wipe } from '../engine/bytes.ts'
import { bytes, struct } from '../engine/codec.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS, type Tag } from '../engine/tags.ts'
import { XOF } from '../engine/transcript.ts'
import { type Commitments, evaluateCommitments } from '../sharing/feldman.ts'
import { evaluate, type SecretPolynomial } from '../sharing/polynomial.ts'

/** A Schnorr proof (A, z). */
export interface Proof {
  /** A = a G, a point. */
  readonly commitment: Uint8Array
  /** z, a 32-byte scalar. */
  readonly response: Uint8Array
}

export const proofShape = (pointLength: number) => struct({ commitment: bytes(pointLength), response: bytes(32) })

/** A challenge as a function of A: everything else that it binds is fixed before. */
export type Challenge = (commitment: Uint8Array) => Uint8Array

/** HQ of protocols.md 1.2: 48 bytes of the suite's XOF as a big-endian integer mod q, bias below 2^-128. Public inputs only. */
function hashToScalar(group: Group, tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  let value = 0n
  for (const byte of XOF(48, tag, ...parts)) value = (value << 8n) | BigInt(byte)
  return group.scalar(value)
}

/** Challenge of the proof of possession, round 2: bound to the session and the party, so that no other's proof fits (K-08, Z-01). */
export const possessionChallenge =
  (group: Group, sessionId: Uint8Array, party: PartyId, commitments: Commitments): Challenge =>
  (commitment) =>
    hashToScalar(group, TAGS.dkgProof, sessionId, u16(party), list(commitments), commitment)

/** Challenge of the key confirmation, round 3: bound to all broadcasts of the session through T_2. */
export const confirmationChallenge =
  (group: Group, transcript: Uint8Array, party: PartyId, verificationShare: Uint8Array): Challenge =>
  (commitment) =>
    hashToScalar(group, TAGS.dkgConfirm, transcript, u16(party), verificationShare, commitment)

/**
 * Proves knowledge of every coefficient of a committed polynomial at once: z = a + c f(c) = a + sum of c^{m+1} a_m. With one coefficient
 * it is the ordinary Schnorr proof. Fiat-Shamir with rewinding (special soundness t + 1), not a straight-line extractable proof.
 */
export function prove(group: Group, polynomial: SecretPolynomial, challenge: Challenge, rng: Rng): Proof {
  const nonce = group.randomScalar(hedged(group, polynomial, challenge, rng))
  try {
    const commitment = group.baseMul(nonce)
    const c = challenge(commitment)
    const response = evaluate(group, polynomial, c)
    group.addAssign(group.mulAssign(response, c), nonce)
    return { commitment, response }
  } finally {
    wipe(nonce)
  }
}

/**
 * Randomness for a nonce, mixed with the secret and, through a challenge at a fixed point, with the statement: a cloned process or a stuck
 * generator then still takes other nonces for another session, and one nonce under two challenges would give the secret away.
 */
const hedged =
  (group: Group, polynomial: SecretPolynomial, challenge: Challenge, rng: Rng): Rng =>
  (length) => {
    const random = rng(32)
    const mixed = XOF(length, TAGS.dkgNonce, random, challenge(group.generator), ...polynomial)
    wipe(random)
    return mixed
  }

/**
 * z G == A + c F(c). False for an A that is no point and for a z that is zero or not canonical, which an honest prover
 * meets with probability 2^-256 (Z-10).
 */
export function verify(group: Group, commitments: Commitments, proof: Proof, challenge: Challenge): boolean {
  const { commitment, response } = proof
  if (!group.isPoint(commitment) || !group.isScalar(response) || group.isZero(response)) return false
  const c = challenge(commitment)
  const value = evaluateCommitments(group, commitments, c)
  const scaled = value === null ? null : group.mulPublic(value, c)
  const expected = scaled === null ? commitment : group.sum([commitment, scaled])
  return expected !== null && equalBytes(group.baseMul(response), expected)
}
