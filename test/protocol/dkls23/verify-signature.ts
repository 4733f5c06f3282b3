import { createPublicKey, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect } from 'vitest'
import type { Outcome } from '../../../src/protocol/signing/batch.ts'
import { signed } from '../hm/verify-signature.ts'
import type { DklsCase, DklsScheme } from './dkls-run.ts'

const CURVES = {
  'ecdsa-secp256k1': { noble: secp256k1, crv: 'secp256k1' },
  'ecdsa-p256': { noble: p256, crv: 'P-256' },
} as const

/** Checks an outcome with a library that did not assemble it, and recovers the key as an address would be. */
export function expectEcdsa(scheme: DklsScheme, outcome: Outcome | undefined, publicKey: Uint8Array, digest: Uint8Array): void {
  const { signature, recovery } = signed(outcome)
  const { noble } = CURVES[scheme]
  expect(signature).toHaveLength(64)
  expect(noble.verify(signature, digest, publicKey, { prehash: false, lowS: true, format: 'compact' })).toBe(true)
  const recovered = noble.Signature.fromBytes(signature, 'compact')
    .addRecoveryBit(recovery as number)
    .recoverPublicKey(digest)
  expect(recovered.toBytes(true)).toEqual(publicKey)
}

/** OpenSSL, for a digest that is SHA-256 of a known message. */
export function opensslAccepts(
  scheme: DklsScheme,
  outcome: Outcome | undefined,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  const { noble, crv } = CURVES[scheme]
  const point = noble.Point.fromBytes(publicKey).toBytes(false)
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((c) => Buffer.from(c).toString('base64url')) as [string, string]
  const key = createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' })
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signed(outcome).signature)
}

/** Every item of a batch is signed. */
export function expectBatch(c: DklsCase, outcomes: readonly (Outcome | undefined)[]): void {
  expect(outcomes).toHaveLength(c.items.length)
  for (const [b, item] of c.items.entries()) expectEcdsa(c.scheme, outcomes[b], item.publicKey, item.input)
}
