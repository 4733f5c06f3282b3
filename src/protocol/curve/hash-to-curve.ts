import { secp256k1_hasher } from '@noble/curves/secp256k1.js'

/**
 * A point, 33 bytes, that nobody knows the logarithm of: hash_to_curve of RFC 9380, suite secp256k1_XMD:SHA-256_SSWU_RO_, under the domain
 * separation tag `dst`. noble's, in every back end: libsecp256k1 has none. Field arithmetic is BigInt, so time depends on the message.
 */
export const hashToSecp256k1 = (message: Uint8Array, dst: Uint8Array): Uint8Array =>
  secp256k1_hasher.hashToCurve(message, { DST: dst }).toBytes(true)
