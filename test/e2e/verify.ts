import { createPublicKey, verify } from 'node:crypto'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect } from 'vitest'

export const SCHEMES = ['ecdsa-secp256k1', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
export type Scheme = (typeof SCHEMES)[number]

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** The `payload` member for a message under a scheme. */
export const payloadOf = (scheme: Scheme, message: Uint8Array) => ({
  kind: 'message',
  bytes: `0x${Buffer.from(message).toString('hex')}`,
  ...(scheme === 'ecdsa-secp256k1' && { hash: 'keccak256' }),
  ...(scheme === 'schnorr-secp256k1' && { hash: 'sha256' }),
})

interface KeyJson {
  readonly scheme: Scheme
  readonly public_key: string
  readonly addresses: { readonly evm?: string }
}

/**
 * Checks an answered signature with code that the set does not use: noble for the curves of Bitcoin, OpenSSL for Ed25519 (cofactorless, RFC
 * 8032 5.1.7). ECDSA must be low-s and recover to the key's Ethereum address.
 */
export function expectValid(
  key: KeyJson,
  message: Uint8Array,
  signature: { readonly serialized: string; readonly y_parity?: number },
): void {
  const publicKey = bytes(key.public_key)
  const serialized = bytes(signature.serialized)
  if (key.scheme === 'eddsa-ed25519') {
    const spki = createPublicKey({ key: Buffer.concat([ED25519_SPKI, publicKey]), format: 'der', type: 'spki' })
    expect(verify(null, message, spki, serialized)).toBe(true)
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
