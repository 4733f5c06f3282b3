import type { EcdsaGroup, Group } from './group.ts'

/** The curve and signature primitives, and the cipher and hash of the channel, that a host injects; chosen once per process and reported in /health. */
export interface Curves {
  readonly id: 'native' | 'noble'
  readonly secp256k1: EcdsaGroup
  readonly p256: EcdsaGroup
  readonly ed25519: Group

  /** ECDSA over secp256k1: 64-byte r || s (low-s required, FIPS 186-5 6.4.2), 32-byte digest, 33-byte key. Never throws. */
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean
  /** The same over P-256, low-s required too: it judges our own signatures. Never throws. */
  ecdsaP256Verify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean
  /** BIP-340: 64-byte signature (s = 0 refused), message of any length, 32-byte x-only key. Never throws. */
  schnorrVerify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** Ed25519, strict: RFC 8032 5.1.7 without cofactor, canonical encodings, key and R not of small order. Never throws. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean

  /** ECDSA over P-256 with SHA-256 of `message` (request credentials): 64-byte r || s, s low or high, 33-byte key. Never throws. */
  p256Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean

  /** Public key of a 32-byte Ed25519 seed. *secret* */
  ed25519PublicKey(seed: Uint8Array): Uint8Array
  /** Ed25519 signature (64 bytes) under a 32-byte seed, RFC 8032 5.1.6. *secret* */
  ed25519Sign(message: Uint8Array, seed: Uint8Array): Uint8Array

  /** X25519 public key of a 32-byte secret, RFC 7748. *secret* */
  x25519PublicKey(secret: Uint8Array): Uint8Array
  /** X25519 shared value, 32 bytes. *secret* @throws RangeError when it is all zero (low-order public key). */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array

  /** SHA-256 (FIPS 180-4), 32 bytes: for long messages, where a back end is worth the call. */
  sha256(message: Uint8Array): Uint8Array

  /**
   * ChaCha20-Poly1305 (RFC 8439) with a nonce of zeros, so a 32-byte key seals one message and no other. `header` is authenticated too. 16 bytes
   * longer than the plaintext. *secret*
   */
  seal(key: Uint8Array, header: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext, or null when the tag does not fit. *secret* */
  open(key: Uint8Array, header: Uint8Array, sealed: Uint8Array): Uint8Array | null
}
