import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { type Verification, verifySignature } from '../../../src/host/api/verify-signature.ts'
import { loadNativeCurves } from '../../../src/host/curve/native-curves.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'

const backEnds = [nobleCurves, loadNativeCurves()]
const random = (length: number) => new Uint8Array(randomBytes(length))

const CURVES = { 'ecdsa-secp256k1': secp256k1, 'ecdsa-p256': p256 } as const
const ECDSA = Object.keys(CURVES) as (keyof typeof CURVES)[]

function ecdsa(scheme: keyof typeof CURVES, input = random(32)): Verification {
  const curve = CURVES[scheme]
  const secret = curve.utils.randomSecretKey()
  const bytes = curve.sign(input, secret, { prehash: false, lowS: true, format: 'recovered' })
  return {
    scheme,
    publicKey: curve.getPublicKey(secret, true),
    input,
    signature: bytes.slice(1),
    yParity: (bytes[0] as number) & 1,
  }
}

const bytesOf = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  out[at] = (out[at] as number) ^ 1
  return out
}

describe.each(backEnds.map((curves) => [curves.id, curves] as const))('with %s curves', (_id, curves) => {
  it.each(ECDSA)('accepts an %s signature with its parity, for both parities', (scheme) => {
    const seen = new Set<number>()
    for (let i = 0; i < 64 && seen.size < 2; i++) {
      const verification = ecdsa(scheme)
      seen.add(verification.yParity)
      expect(verifySignature(curves, verification)).toBe(true)
      expect(verifySignature(curves, { ...verification, yParity: 1 - verification.yParity })).toBe(false)
    }
    expect(seen.size).toBe(2)
  })

  it.each(ECDSA)('accepts one of %s on a digest above the group order', (scheme) => {
    expect(verifySignature(curves, ecdsa(scheme, new Uint8Array(32).fill(0xff)))).toBe(true)
  })

  // One nonce in 2^32 on P-256: a signer gets there some day, and its signature must not be called unproven for ever.
  it.each(ECDSA)('P-08 knows the parity of %s when x(R) is the order or more', (scheme) => {
    const { Point } = CURVES[scheme]
    const { n } = Point.CURVE()
    let R: typeof Point.BASE | undefined
    for (let x = n + 1n; R === undefined; x++) {
      try {
        R = Point.fromBytes(concat(Uint8Array.of(3), Buffer.from(x.toString(16), 'hex')))
      } catch {
        // No point has this x.
      }
    }
    const r = R.toAffine().x - n
    const input = random(32)
    const z = BigInt(`0x${toHex(input)}`) % n
    // Q = (s R - z G) / r, with s = 5.
    const publicKey = R.multiply(5n).subtract(Point.BASE.multiply(z)).multiply(Point.Fn.inv(r)).toBytes(true)
    const signature = concat(bytesOf(r), bytesOf(5n))
    const good: Verification = { scheme, publicKey, input, signature, yParity: 1 }
    expect(verifySignature(curves, good)).toBe(true)
    expect(verifySignature(curves, { ...good, yParity: 0 })).toBe(false)
  })

  it.each(ECDSA)(
    'hm 7.3 assembler: refuses of %s a high s, another parity, the signature of another digest and everything else',
    (scheme) => {
      const good = ecdsa(scheme)
      const curve = CURVES[scheme]
      const s = curve.Signature.fromBytes(good.signature, 'compact')
      const highS = new curve.Signature(s.r, curve.Point.Fn.neg(s.s)).toBytes('compact')
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
        { scheme: scheme === 'ecdsa-p256' ? 'ecdsa-secp256k1' : 'ecdsa-p256' },
        { yParity: 2 },
        { yParity: Number.NaN },
      ]
      for (const change of wrong) expect(verifySignature(curves, { ...good, ...change })).toBe(false)
    },
  )

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
