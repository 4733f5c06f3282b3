import { createPublicKey, verify } from 'node:crypto'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect } from 'vitest'

export const SCHEMES = ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
export type Scheme = (typeof SCHEMES)[number]

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))
const SPKI = { 'eddsa-ed25519': '302a300506032b6570032100', 'ecdsa-p256': '3039301306072a8648ce3d020106082a8648ce3d030107032200' }
const HALF_P256 = Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex')

/** The `payload` member for a message under a scheme. */
export const payloadOf = (scheme: Scheme, message: Uint8Array) => ({
  kind: 'message',
  bytes: `0x${Buffer.from(message).toString('hex')}`,
  ...(scheme === 'ecdsa-secp256k1' && { hash: 'keccak256' }),
  ...((scheme === 'schnorr-secp256k1' || scheme === 'ecdsa-p256') && { hash: 'sha256' }),
})

interface KeyJson {
  readonly scheme: Scheme
  readonly public_key: string
  readonly addresses: { readonly evm?: string }
}

/**
 * Checks an answered signature with code that the set does not use: noble for the curve of Bitcoin, OpenSSL for P-256 and Ed25519
 * (cofactorless, RFC 8032 5.1.7). ECDSA must be low-s; on secp256k1 it must recover to the key's Ethereum address.
 */
export function expectValid(
  key: KeyJson,
  message: Uint8Array,
  signature: { readonly serialized: string; readonly y_parity?: number; readonly der?: string },
): void {
  const publicKey = bytes(key.public_key)
  const serialized = bytes(signature.serialized)
  if (key.scheme === 'eddsa-ed25519' || key.scheme === 'ecdsa-p256') {
    const spki = Buffer.concat([Buffer.from(SPKI[key.scheme], 'hex'), publicKey])
    const opened = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (key.scheme === 'eddsa-ed25519') {
      expect(verify(null, message, opened, serialized)).toBe(true)
      return
    }
    expect(key.addresses).toEqual({})
    expect(serialized).toHaveLength(65)
    expect(verify('sha256', message, { key: opened, dsaEncoding: 'ieee-p1363' }, serialized.subarray(0, 64))).toBe(true)
    expect(Buffer.compare(serialized.subarray(32, 64), HALF_P256)).toBeLessThanOrEqual(0)
    expect(verify('sha256', message, opened, bytes(signature.der as string))).toBe(true)
    return
  }
  if (key.scheme === 'schnorr-secp256k1') {
    expect(schnorr.verify(serialized, sha256(message), publicKey)).toBe(true)
    return
  }
  const digest = keccak_256(message)
  const compact = serialized.subarray(0, 64)
  expect(secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: true })).toBe(true)
  expect(serialized[64]).toBe(27 + (signature.y_parity as number))
  const recovered = secp256k1.Signature.fromBytes(compact, 'compact')
    .addRecoveryBit(signature.y_parity as number)
    .recoverPublicKey(digest)
  const account = keccak_256(recovered.toBytes(false).subarray(1)).subarray(12)
  expect(`0x${Buffer.from(account).toString('hex')}`).toBe(key.addresses.evm?.toLowerCase())
}
