import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Curves } from './curves.ts'
import { nobleEcdsaGroup, nobleEcdsaVerify } from './noble-ecdsa.ts'
import { nobleEd25519, nobleEd25519Verify } from './noble-ed25519.ts'
import { requireLength } from './operands.ts'

const NONCE = new Uint8Array(12)

/** The back end that runs everywhere, best effort in timing (see this folder's README). */
export const nobleCurves: Curves = {
  id: 'noble',
  secp256k1: nobleEcdsaGroup('secp256k1', secp256k1),
  p256: nobleEcdsaGroup('p256', p256),
  ed25519: nobleEd25519,
  ecdsaVerify: nobleEcdsaVerify(secp256k1),
  ecdsaP256Verify: nobleEcdsaVerify(p256),
  ed25519Verify: nobleEd25519Verify,

  schnorrVerify(signature, message, publicKey) {
    if (signature.length !== 64 || publicKey.length !== 32) return false
    try {
      return schnorr.verify(signature, message, publicKey)
    } catch {
      return false
    }
  },

  p256Verify(signature, message, publicKey) {
    if (signature.length !== 64 || publicKey.length !== 33) return false
    try {
      // Credentials live in hardware and web APIs that do not normalise s, so high s is valid here (FIPS 186-5).
      return p256.verify(signature, message, publicKey, { prehash: true, lowS: false, format: 'compact' })
    } catch {
      return false
    }
  },

  ed25519PublicKey(seed) {
    requireLength(seed, 32, 'an Ed25519 seed')
    return ed25519.getPublicKey(seed)
  },

  ed25519Sign(message, seed) {
    requireLength(seed, 32, 'an Ed25519 seed')
    return ed25519.sign(message, seed)
  },

  x25519PublicKey(secret) {
    requireLength(secret, 32, 'an X25519 secret')
    return x25519.getPublicKey(secret)
  },

  x25519(secret, publicKey) {
    requireLength(secret, 32, 'an X25519 secret')
    requireLength(publicKey, 32, 'an X25519 public key')
    try {
      return x25519.getSharedSecret(secret, publicKey)
    } catch {
      throw new RangeError('the X25519 shared value is zero')
    }
  },

  sha256,

  seal(key, header, plaintext) {
    requireLength(key, 32, 'a key')
    return chacha20poly1305(key, NONCE, header).encrypt(plaintext)
  },

  open(key, header, sealed) {
    requireLength(key, 32, 'a key')
    try {
      return chacha20poly1305(key, NONCE, header).decrypt(sealed)
    } catch {
      return null
    }
  },
}
