import { createPublicKey, verify } from 'node:crypto'
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect } from 'vitest'
import type { EcdsaScheme } from '../../../src/protocol/request/document.ts'
import type { Outcome, PublicItem } from '../../../src/protocol/signing/batch.ts'
import { nativeCurves } from '../../simulator/world.ts'

const CURVES: Readonly<Record<EcdsaScheme, ECDSA>> = { 'ecdsa-secp256k1': secp256k1, 'ecdsa-p256': p256 }
const SPKI: Readonly<Record<EcdsaScheme, string>> = {
  'ecdsa-secp256k1': '3036301006072a8648ce3d020106052b8104000a032200',
  'ecdsa-p256': '3039301306072a8648ce3d020106082a8648ce3d030107032200',
}

type Signed = Extract<Outcome, { type: 'signed' }>

export function signed(outcome: Outcome | undefined): Signed {
  if (outcome?.type !== 'signed') throw new Error(`expected a signature, got ${JSON.stringify(outcome)}`)
  return outcome
}

/** Checks an outcome with two libraries, none of which assembled it, and recovers the key as an address would be. */
export function expectEcdsa(
  outcome: Outcome | undefined,
  publicKey: Uint8Array,
  digest: Uint8Array,
  scheme: EcdsaScheme = 'ecdsa-secp256k1',
): void {
  const curve = CURVES[scheme]
  const { signature, recovery } = signed(outcome)
  expect(signature).toHaveLength(64)
  const ours = scheme === 'ecdsa-p256' ? nativeCurves.ecdsaP256Verify : nativeCurves.ecdsaVerify
  expect(ours(signature, digest, publicKey)).toBe(true)
  // noble: recovering is verifying, since the key comes out of signature and digest alone.
  const parsed = curve.Signature.fromBytes(signature, 'compact').addRecoveryBit(recovery as number)
  expect(parsed.hasHighS()).toBe(false)
  expect(parsed.recoverPublicKey(digest).toBytes(true)).toEqual(publicKey)
}

/** OpenSSL, for a digest that is SHA-256 of a known message. */
export function opensslAccepts(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
  scheme: EcdsaScheme = 'ecdsa-secp256k1',
): boolean {
  const spki = Buffer.concat([Buffer.from(SPKI[scheme], 'hex'), publicKey])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/** Every item of a batch is signed. */
export function expectBatch(
  items: readonly PublicItem[],
  outcomes: readonly (Outcome | undefined)[],
  scheme: EcdsaScheme = 'ecdsa-secp256k1',
): void {
  expect(outcomes).toHaveLength(items.length)
  for (const [b, item] of items.entries()) expectEcdsa(outcomes[b], item.publicKey, item.input, scheme)
}
