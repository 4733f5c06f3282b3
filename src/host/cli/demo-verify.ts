import { createPublicKey, verify } from 'node:crypto'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Scheme } from '../../protocol/request/document.ts'

/** SubjectPublicKeyInfo of RFC 8410 up to the 32 bytes of an Ed25519 key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')

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
    case 'eddsa-ed25519': {
      const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI, publicKey]), format: 'der', type: 'spki' })
      return verify(null, message, key, signature)
    }
  }
}
