import { createPublicKey, verify } from 'node:crypto'
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js'
import { schnorr, schnorr_FROST } from '@noble/curves/secp256k1.js'
import { expect } from 'vitest'
import type { Outcome } from '../../../src/protocol/signing/batch.ts'
import { nativeCurves } from '../../simulator/world.ts'
import type { FrostCase, FrostScheme } from './frost-run.ts'

export function signed(outcome: Outcome | undefined): Uint8Array {
  if (outcome?.type !== 'signed') throw new Error(`expected a signature, got ${JSON.stringify(outcome)}`)
  return outcome.signature
}

const spki = (publicKey: Uint8Array) =>
  createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]),
    format: 'der',
    type: 'spki',
  })

/** F-12: cofactorless and strict (OpenSSL, libsodium), cofactored (noble), and the FROST library's own verification. */
export function expectFrost(scheme: FrostScheme, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): void {
  expect(signature).toHaveLength(64)
  if (scheme === 'eddsa-ed25519') {
    expect(verify(null, message, spki(publicKey), signature)).toBe(true)
    expect(nativeCurves.ed25519Verify(signature, message, publicKey)).toBe(true)
    expect(ed25519.verify(signature, message, publicKey, { zip215: true })).toBe(true)
    expect(ed25519.verify(signature, message, publicKey, { zip215: false })).toBe(true)
    expect(ed25519_FROST.verify(signature, message, publicKey)).toBe(true)
  } else {
    expect(schnorr.verify(signature, message, publicKey.slice(1))).toBe(true)
    expect(nativeCurves.schnorrVerify(signature, message, publicKey.slice(1))).toBe(true)
    expect(schnorr_FROST.verify(signature, message, publicKey)).toBe(true)
  }
}

/** Every item of a batch is signed. */
export function expectBatch(c: FrostCase, outcomes: readonly (Outcome | undefined)[]): void {
  expect(outcomes).toHaveLength(c.items.length)
  for (const [b, item] of c.items.entries()) expectFrost(c.scheme, signed(outcomes[b]), item.input, item.publicKey)
}
