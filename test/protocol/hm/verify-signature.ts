import { createPublicKey, verify } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect } from 'vitest'
import type { Outcome, PublicItem } from '../../../src/protocol/signing/batch.ts'
import { nativeCurves } from '../../simulator/world.ts'

type Signed = Extract<Outcome, { type: 'signed' }>

export function signed(outcome: Outcome | undefined): Signed {
  if (outcome?.type !== 'signed') throw new Error(`expected a signature, got ${JSON.stringify(outcome)}`)
  return outcome
}

/** Checks an outcome with two libraries, none of which assembled it, and recovers the key as an address would be. */
export function expectEcdsa(outcome: Outcome | undefined, publicKey: Uint8Array, digest: Uint8Array): void {
  const { signature, recovery } = signed(outcome)
  expect(signature).toHaveLength(64)
  expect(secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: true, format: 'compact' })).toBe(true)
  expect(nativeCurves.ecdsaVerify(signature, digest, publicKey)).toBe(true)
  const recovered = secp256k1.Signature.fromBytes(signature, 'compact')
    .addRecoveryBit(recovery as number)
    .recoverPublicKey(digest)
  expect(recovered.toBytes(true)).toEqual(publicKey)
}

/** OpenSSL, for a digest that is SHA-256 of a known message. */
export function opensslAccepts(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const point = secp256k1.Point.fromBytes(publicKey).toBytes(false)
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((c) => Buffer.from(c).toString('base64url')) as [string, string]
  const key = createPublicKey({ key: { kty: 'EC', crv: 'secp256k1', x, y }, format: 'jwk' })
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/** Every item of a batch is signed. */
export function expectBatch(items: readonly PublicItem[], outcomes: readonly (Outcome | undefined)[]): void {
  expect(outcomes).toHaveLength(items.length)
  for (const [b, item] of items.entries()) expectEcdsa(outcomes[b], item.publicKey, item.input)
}
