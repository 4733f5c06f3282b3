import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { toHex } from '../engine/bytes.ts'
import type { MessageHash, Payload, Scheme } from './document.ts'
import { RequestError } from './request-error.ts'

const HASHES: Readonly<Record<MessageHash, (message: Uint8Array) => Uint8Array>> = {
  keccak256: keccak_256,
  sha256,
  sha256d: (message) => sha256(sha256(message)),
}

/** Which hashes turn a message into what the scheme signs. Empty: the scheme takes the message itself. */
const HASHES_OF: Readonly<Record<Scheme, readonly MessageHash[]>> = {
  'ecdsa-secp256k1': ['keccak256', 'sha256', 'sha256d'],
  'ecdsa-p256': ['keccak256', 'sha256', 'sha256d'],
  'schnorr-secp256k1': ['sha256'],
  'eddsa-ed25519': [],
}

/** For ECDSA the 32-byte strings that are 0 modulo the order of the group: 0 and q, for 2q needs 257 bits. */
const zeros = (order: string): ReadonlySet<string> => new Set(['00'.repeat(32), order])
const ZEROS: Readonly<Partial<Record<Scheme, ReadonlySet<string>>>> = {
  'ecdsa-secp256k1': zeros('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'),
  'ecdsa-p256': zeros('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
}

const refuse = (detail: string, member: string): never => {
  throw new RequestError('payload_invalid', detail, `/payload/${member}`)
}

/**
 * Whether the scheme can sign the payload at all; what the payload says is not judged.
 * A digest that is 0 mod q is refused for ECDSA (attacks.md D-11): anyone can make a signature on 0 from the public key alone.
 * @throws RequestError `payload_invalid`
 */
export function assertPayload(scheme: Scheme, payload: Payload): void {
  const hashes = HASHES_OF[scheme]
  if (payload.kind === 'digest') {
    if (hashes.length === 0) refuse('Ed25519 signs messages, never digests', 'kind')
    if (payload.digest.length !== 32) refuse('a digest has 32 bytes', 'digest')
    if (ZEROS[scheme]?.has(toHex(payload.digest))) refuse('the digest is 0 modulo the group order', 'digest')
  } else if (payload.hash === undefined) {
    if (hashes.length > 0) refuse('this scheme needs the name of a hash', 'hash')
  } else if (!hashes.includes(payload.hash)) {
    refuse('this scheme does not take this hash', 'hash')
  }
}

/**
 * What the signature is made over, computed by every signer itself: the 32-byte digest (ECDSA), the 32-byte message
 * (BIP-340), or the message as it is (Ed25519).
 * @throws RequestError `payload_invalid` when the scheme does not take the payload.
 */
export function signingInput(scheme: Scheme, payload: Payload): Uint8Array {
  assertPayload(scheme, payload)
  if (payload.kind === 'digest') return Uint8Array.from(payload.digest)
  return payload.hash === undefined ? Uint8Array.from(payload.message) : HASHES[payload.hash](payload.message)
}
