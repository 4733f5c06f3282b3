import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Curves } from '../curve/curves.ts'
import { concat } from '../engine/bytes.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { type Document, MAX_LIFE_MS } from './document.ts'
import { RequestError } from './request-error.ts'

/** Difference between two hosts' clocks that is forgiven, both ways (decisions.md 11). */
export const CLOCK_SKEW_MS = 30_000

const SIGNED_PREFIX = utf8ToBytes('quorate/request/v1\n')

/** Who may ask, as a signer's own configuration says. */
export interface Credential {
  /** `cred_` and 1..64 of `A-Za-z0-9_-`. */
  readonly id: string
  readonly tenant: string
  readonly alg: 'ed25519' | 'p256'
  /** 32 bytes (Ed25519) or 33 bytes (P-256, compressed). */
  readonly publicKey: Uint8Array
  /** Whether it may ask for signatures on bare digests (decisions.md 12). */
  readonly digest: boolean
}

/** As it came over the network: any field may be missing or wrong, which is one and the same (attacks.md T-08). */
export interface Authorization {
  readonly credentialId?: string | undefined
  readonly alg?: string | undefined
  readonly signature?: Uint8Array | undefined
}

/** What stands for a request in instances, ledgers and logs: TH(request, document bytes), 32 bytes. */
export const requestHash = (bytes: Uint8Array): Uint8Array => TH(TAGS.request, bytes)

/**
 * TH(owned-request, request_hash, credential id), 32 bytes: what a key generation is about and its certificate names. A document does not
 * say whose it is. Were only its hash certified, a relay could have another credential's holder sign the same bytes, and bring the
 * first one a key that all signers stand for and keep for the other.
 * @param hash {@link requestHash} of the document.
 */
export const ownedRequestHash = (hash: Uint8Array, credentialId: string): Uint8Array =>
  TH(TAGS.ownedRequest, hash, utf8ToBytes(credentialId))

/** What a credential signs: `"quorate/request/v1\n" || document bytes`. */
export const authorizationMessage = (bytes: Uint8Array): Uint8Array => concat(SIGNED_PREFIX, bytes)

/** The only part of the curves that judging a request takes. */
type CredentialCurves = Pick<Curves, 'ed25519Verify' | 'p256Verify'>

function verify(curves: CredentialCurves, credential: Credential, signature: Uint8Array, message: Uint8Array): boolean {
  switch (credential.alg) {
    case 'ed25519':
      return curves.ed25519Verify(signature, message, credential.publicKey)
    case 'p256':
      return curves.p256Verify(signature, message, credential.publicKey)
    default:
      return false
  }
}

/**
 * Decides whether a credential asked for this document, here and now. Replays, ownership of the key and policy are the
 * host's own checks afterwards.
 * @param request `document` must be `parseDocument(bytes)` of these very bytes; `now` is the host's clock in milliseconds.
 * @returns the credential that asked.
 * @throws RequestError in this order: `malformed_request` (more than one authorization), `authorization_invalid` (none,
 * unknown credential, wrong algorithm or signature: told apart for nobody; then another audience), `request_expired`,
 * `raw_digest_forbidden`.
 */
export function authorize(request: {
  readonly bytes: Uint8Array
  readonly document: Document
  readonly authorizations: readonly Authorization[]
  readonly credentials: ReadonlyMap<string, Credential>
  readonly audience: string
  readonly now: number
  readonly curves: CredentialCurves
}): Credential {
  const { document, authorizations, now } = request
  if (authorizations.length > 1)
    throw new RequestError('malformed_request', 'exactly one authorization is expected', '/authorizations')
  const { credentialId, alg, signature } = authorizations[0] ?? {}
  const credential = credentialId === undefined ? undefined : request.credentials.get(credentialId)
  if (
    credential === undefined ||
    signature === undefined ||
    // The algorithm is the credential's, never the requester's choice; the field only has to agree.
    alg !== credential.alg ||
    !verify(request.curves, credential, signature, authorizationMessage(request.bytes))
  ) {
    throw new RequestError('authorization_invalid', 'no valid authorization by a known credential')
  }
  if (document.audience !== request.audience) {
    throw new RequestError('authorization_invalid', 'the request is meant for another set', '/audience')
  }
  // Written as "not inside", so that a NaN anywhere refuses (attacks.md D-10).
  if (!(document.issuedAt <= now + CLOCK_SKEW_MS)) {
    throw new RequestError('request_expired', 'the request is issued in the future', '/issued_at')
  }
  if (!(document.expiresAt > now - CLOCK_SKEW_MS))
    throw new RequestError('request_expired', 'the request has expired', '/expires_at')
  if (!(document.expiresAt - document.issuedAt <= MAX_LIFE_MS)) {
    throw new RequestError('request_expired', 'the request lives longer than 24 hours', '/expires_at')
  }
  if (document.type === 'sign.v1' && document.payload.kind === 'digest' && credential.digest !== true) {
    throw new RequestError('raw_digest_forbidden', 'this credential may not sign bare digests', '/payload/kind')
  }
  return credential
}
