import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Scheme } from '../../protocol/request/document.ts'

/** SubjectPublicKeyInfo up to the key: RFC 8410 (32 bytes), RFC 5480 with P-256 (33 bytes, compressed). */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const P256_SPKI = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')
const publicKeyOf = (prefix: Buffer, publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' })

/**
 * Verifies as any wallet would, with noble and OpenSSL alone: nothing of src/protocol and nothing that the set claims but the
 * key and the signature.
 * @param signature the API's `serialized`: r || s || v for ECDSA, else 64 bytes.
 */
export function verifyPlainly(scheme: Scheme, message: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
  switch (scheme) {
    case 'ecdsa-secp256k1':
      return secp256k1.verify(signature.subarray(0, 64), keccak_256(message), publicKey, { prehash: false, lowS: true })
    case 'schnorr-secp256k1':
      return schnorr.verify(signature, sha256(message), publicKey)
    case 'ecdsa-p256': {
      const key = publicKeyOf(P256_SPKI, publicKey)
      return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature.subarray(0, 64))
    }
    case 'eddsa-ed25519':
      return verify(null, message, publicKeyOf(ED25519_SPKI, publicKey), signature)
  }
}
