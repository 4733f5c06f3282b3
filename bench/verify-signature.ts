import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Scheme } from './signing-requests.ts'

/** What the set claims to be a signature. Plain values: it travels to a worker. */
export interface Claimed {
  readonly scheme: Scheme
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  /** The API's `serialized`: r || s || v for ECDSA, else 64 bytes. */
  readonly serialized: Uint8Array
}

/** SubjectPublicKeyInfo up to the key: RFC 8410 (32 bytes), RFC 5480 (33 bytes, compressed). */
const SPKI: Readonly<Record<'ed25519' | 'secp256k1' | 'p256', Buffer>> = {
  ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  secp256k1: Buffer.from('3036301006072a8648ce3d020106052b8104000a032200', 'hex'),
  p256: Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
}
const HALF_ORDER = {
  secp256k1: Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex'),
  p256: Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex'),
}
const NOBLE = { secp256k1, p256 }
/** Every so many-th ECDSA signature also has its recovery value checked, which OpenSSL cannot do and noble takes 2 ms for. */
const RECOVERY_EVERY = 50

const keys = new Map<string, KeyObject>()
let seen = 0

function keyOf(type: keyof typeof SPKI, publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('hex')
  let key = keys.get(name)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI[type], publicKey]), format: 'der', type: 'spki' })
    keys.set(name, key)
  }
  return key
}

/**
 * Verifies with code that signs nothing in the set: OpenSSL for ECDSA and Ed25519, noble for BIP-340 (the set runs on
 * libsecp256k1 and libsodium; on P-256 it multiplies with OpenSSL and verifies by itself).
 * @returns what is wrong, undefined if nothing is.
 */
export function complaint({ scheme, publicKey, message, serialized }: Claimed): string | undefined {
  switch (scheme) {
    case 'ecdsa-secp256k1':
      return ecdsaComplaint('secp256k1', publicKey, message, serialized)
    case 'ecdsa-p256':
      return ecdsaComplaint('p256', publicKey, message, serialized)
    case 'schnorr-secp256k1':
      return schnorr.verify(serialized, sha256(message), publicKey) ? undefined : 'a BIP-340 signature does not verify'
    case 'eddsa-ed25519':
      return verify(null, message, keyOf('ed25519', publicKey), serialized) ? undefined : 'an Ed25519 signature does not verify'
  }
}

function ecdsaComplaint(
  curve: 'secp256k1' | 'p256',
  publicKey: Uint8Array,
  message: Uint8Array,
  serialized: Uint8Array,
): string | undefined {
  if (serialized.length !== 65) return 'an ECDSA signature is not r || s || v'
  const compact = serialized.subarray(0, 64)
  const key = keyOf(curve, publicKey)
  if (!verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, compact)) return 'an ECDSA signature does not verify'
  if (Buffer.compare(compact.subarray(32), HALF_ORDER[curve]) > 0) return 'an ECDSA signature has a high s'
  if (seen++ % RECOVERY_EVERY !== 0) return undefined
  const recovered = NOBLE[curve].Signature.fromBytes(compact)
    .addRecoveryBit((serialized[64] ?? 0) - 27)
    .recoverPublicKey(sha256(message))
    .toBytes(true)
  return Buffer.compare(recovered, publicKey) === 0 ? undefined : 'v recovers another key'
}
