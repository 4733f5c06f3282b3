import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Curves } from '../../protocol/curve/curves.ts'
import { pointCache } from './point-cache.ts'

/** SubjectPublicKeyInfo of a compressed point: id-ecPublicKey, prime256v1, BIT STRING of 33 bytes (RFC 5480 2). */
const SPKI_PREFIX = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')

/** A host knows a handful of request credentials; parsing a key costs about half as much as a verification. */
const KNOWN_KEYS = 256

/** ECDSA over P-256 by Node's OpenSSL. */
export function nativeP256Verify(): Curves['p256Verify'] {
  const keys = pointCache<KeyObject>(KNOWN_KEYS)

  function keyOf(point: Uint8Array): KeyObject {
    const known = keys.get(point)
    if (known !== undefined) return known
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
    keys.set(point, key)
    return key
  }

  return (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 33) return false
    try {
      return verify('sha256', message, { key: keyOf(publicKey), dsaEncoding: 'ieee-p1363' }, signature)
    } catch {
      return false
    }
  }
}
