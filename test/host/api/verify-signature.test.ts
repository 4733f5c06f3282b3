import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { type Verification, verifySignature } from '../../../src/host/api/verify-signature.ts'
import { loadNativeCurves } from '../../../src/host/curve/native-curves.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'

const backEnds = [nobleCurves, loadNativeCurves()]
const random = (length: number) => new Uint8Array(randomBytes(length))

function ecdsa(): Verification {
  const secret = secp256k1.utils.randomSecretKey()
  const input = random(32)
  const bytes = secp256k1.sign(input, secret, { prehash: false, format: 'recovered' })
  return {
    scheme: 'ecdsa-secp256k1',
    publicKey: secp256k1.getPublicKey(secret, true),
    input,
    signature: bytes.slice(1),
    yParity: (bytes[0] as number) & 1,
  }
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  out[at] = (out[at] as number) ^ 1
  return out
}

describe.each(backEnds.map((curves) => [curves.id, curves] as const))('with %s curves', (_id, curves) => {
  it('accepts an ECDSA signature with its parity, for both parities', () => {
    const seen = new Set<number>()
    for (let i = 0; i < 64 && seen.size < 2; i++) {
      const verification = ecdsa()
      seen.add(verification.yParity)
      expect(verifySignature(curves, verification)).toBe(true)
      expect(verifySignature(curves, { ...verification, yParity: 1 - verification.yParity })).toBe(false)
    }
    expect(seen.size).toBe(2)
  })

  it('accepts one on a digest above the group order', () => {
    const secret = secp256k1.utils.randomSecretKey()
    const input = new Uint8Array(32).fill(0xff)
    const bytes = secp256k1.sign(input, secret, { prehash: false, format: 'recovered' })
    const verification = {
      scheme: 'ecdsa-secp256k1',
      publicKey: secp256k1.getPublicKey(secret, true),
      input,
      signature: bytes.slice(1),
      yParity: (bytes[0] as number) & 1,
    } as const
    expect(verifySignature(curves, verification)).toBe(true)
  })

  it('hm 7.3 assembler: refuses a high s, another parity, the signature of another digest and everything else', () => {
    const good = ecdsa()
    const s = secp256k1.Signature.fromBytes(good.signature, 'compact')
    const highS = new secp256k1.Signature(s.r, secp256k1.Point.Fn.neg(s.s)).toBytes('compact')
    const wrong: Partial<Verification>[] = [
      { signature: flip(good.signature, 3) },
      { signature: flip(good.signature, 60) },
      { signature: new Uint8Array(64) },
      { signature: good.signature.slice(1) },
      { signature: highS },
      { signature: highS, yParity: 1 - good.yParity },
      { input: flip(good.input, 0) },
      { publicKey: flip(good.publicKey, 0) },
      { publicKey: new Uint8Array(33) },
      { yParity: 2 },
      { yParity: Number.NaN },
    ]
    for (const change of wrong) expect(verifySignature(curves, { ...good, ...change })).toBe(false)
  })

  it('verifies BIP-340 and Ed25519', () => {
    const secret = schnorr.utils.randomSecretKey()
    const input = random(32)
    const taproot: Verification = {
      scheme: 'schnorr-secp256k1',
      publicKey: schnorr.getPublicKey(secret),
      input,
      signature: schnorr.sign(input, secret),
      yParity: 0,
    }
    const message = random(100)
    const edwards: Verification = {
      scheme: 'eddsa-ed25519',
      publicKey: ed25519.getPublicKey(secret),
      input: message,
      signature: ed25519.sign(message, secret),
      yParity: 0,
    }
    for (const good of [taproot, edwards]) {
      expect(verifySignature(curves, good)).toBe(true)
      expect(verifySignature(curves, { ...good, signature: flip(good.signature, 0) })).toBe(false)
      expect(verifySignature(curves, { ...good, input: flip(good.input, 0) })).toBe(false)
    }
  })
})
