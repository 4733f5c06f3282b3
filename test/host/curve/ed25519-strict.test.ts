import { createHash } from 'node:crypto'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { readInteger, writeInteger } from '../../../src/protocol/curve/operands.ts'
import { concat, u32 } from '../../../src/protocol/engine/bytes.ts'
import { backEnds, native } from './back-ends.ts'

// Signatures with a torsion part, made by someone who knows the key: verifiers with and without the cofactor disagree on them
// (attacks.md P-04, F-12). Ours must all say what RFC 8032 5.1.7 without cofactor says.

type Point = InstanceType<typeof ed25519.Point>
const { BASE, ZERO } = ed25519.Point
const { ORDER } = ed25519.Point.Fn
const [secret, nonce] = [0x1234567890abcdefn, 0xfedcba0987654321n]
const torsion = ED25519_TORSION_SUBGROUP.map((hex) => ed25519.Point.fromHex(hex))
const orderEight = torsion.find((T) => !T.multiplyUnsafe(4n).is0()) as Point

const little = (value: bigint): Uint8Array => writeInteger(new Uint8Array(32), value, 'little')
const challenge = (R: Uint8Array, A: Uint8Array, message: Uint8Array): bigint =>
  readInteger(createHash('sha512').update(R).update(A).update(message).digest(), 'little') % ORDER

interface Signed {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly publicKey: Uint8Array
}

/** S = r + k a for the encodings of R and A given, whatever torsion they hold; the first message whose challenge suits. */
function craft(R: Uint8Array, A: Uint8Array, r: bigint, a: bigint, suits: (k: bigint) => boolean = () => true): Signed {
  for (let i = 0; ; i++) {
    const message = u32(i)
    const k = challenge(R, A, message)
    if (suits(k)) return { signature: concat(R, little((r + k * a) % ORDER)), message, publicKey: A }
  }
}

function expectAll({ signature, message, publicKey }: Signed, valid: boolean): void {
  for (const curves of backEnds) expect(curves.ed25519Verify(signature, message, publicKey), curves.id).toBe(valid)
}

const A = BASE.multiply(secret)
const R = BASE.multiply(nonce)

describe('F-12, F-11 strict Ed25519', () => {
  it('accepts the same construction without torsion', () => {
    expectAll(craft(R.toBytes(), A.toBytes(), nonce, secret), true)
  })

  it('refuses R with torsion, which a cofactored verifier takes', () => {
    for (const T of torsion.filter((point) => !point.is0())) {
      const signed = craft(R.add(T).toBytes(), A.toBytes(), nonce, secret)
      expectAll(signed, false)
      expect(ed25519.verify(signed.signature, signed.message, signed.publicKey, { zip215: false })).toBe(true)
    }
  })

  it('judges a key of mixed order by the equation: k T must vanish', () => {
    const key = A.add(orderEight).toBytes()
    expectAll(
      craft(R.toBytes(), key, nonce, secret, (k) => k % 8n === 0n),
      true,
    )
    for (const rest of [1n, 2n, 4n]) {
      expectAll(
        craft(R.toBytes(), key, nonce, secret, (k) => k % 8n === rest),
        false,
      )
    }
  })

  it('accepts mixed key and mixed R when their torsion cancels byte for byte', () => {
    const key = A.add(orderEight).toBytes()
    for (const j of [1n, 3n, 6n]) {
      const mixedR = R.subtract(orderEight.multiplyUnsafe(j)).toBytes()
      expectAll(
        craft(mixedR, key, nonce, secret, (k) => k % 8n === j),
        true,
      )
      expectAll(
        craft(mixedR, key, nonce, secret, (k) => k % 8n !== j),
        false,
      )
    }
  })

  it('refuses a key of small order, under which one signature fits many messages', () => {
    for (const T of torsion) {
      expectAll(
        craft(R.toBytes(), T.toBytes(), nonce, 0n, (k) => k % 8n === 0n),
        false,
      )
    }
  })

  it('refuses R of small order even where the equation holds', () => {
    expectAll(craft(ZERO.toBytes(), A.toBytes(), 0n, secret), false)
    for (const T of torsion) expectAll(craft(T.toBytes(), A.toBytes(), 0n, secret), false)
  })

  it('refuses non-canonical encodings of R and of the key', () => {
    const identityAgain = little(ed25519.Point.Fp.ORDER + 1n)
    const negativeZero = little(1n | (1n << 255n))
    for (const bytes of [identityAgain, negativeZero, little(ed25519.Point.Fp.ORDER), new Uint8Array(32).fill(0xff)]) {
      expectAll(craft(bytes, A.toBytes(), 0n, secret), false)
      expectAll(craft(R.toBytes(), bytes, nonce, 0n), false)
    }
  })

  it('refuses S + L, a flipped sign, and other lengths', () => {
    const good = craft(R.toBytes(), A.toBytes(), nonce, secret)
    const S = readInteger(good.signature.subarray(32), 'little')
    for (const times of [1n, 2n, 7n]) {
      expectAll({ ...good, signature: concat(R.toBytes(), little(S + times * ORDER)) }, false)
    }
    for (const at of [0, 31, 32, 63]) {
      const signature = Uint8Array.from(good.signature)
      signature[at] = (signature[at] as number) ^ 0x80
      expectAll({ ...good, signature }, false)
    }
    for (const length of [0, 63]) expectAll({ ...good, signature: good.signature.subarray(0, length) }, false)
    expectAll({ ...good, signature: concat(good.signature, new Uint8Array(1)) }, false)
    expectAll({ ...good, publicKey: good.publicKey.subarray(0, 31) }, false)
    expectAll({ ...good, publicKey: concat(good.publicKey, new Uint8Array(1)) }, false)
    expectAll(good, true)
  })

  it('both back ends sign alike, and verify each other', () => {
    for (const length of [0, 1, 32, 1000]) {
      const seed = new Uint8Array(32).fill(length & 255)
      const message = new Uint8Array(length).fill(3)
      const [first, second] = backEnds.map((curves) => curves.ed25519Sign(message, seed))
      expect(second).toEqual(first)
      const [key, sameKey] = backEnds.map((curves) => curves.ed25519PublicKey(seed))
      expect(sameKey).toEqual(key)
      expectAll({ signature: first as Uint8Array, message, publicKey: key as Uint8Array }, true)
      expect(seed).toEqual(new Uint8Array(32).fill(length & 255))
    }
    for (const length of [0, 31, 33, 64]) {
      for (const curves of backEnds) {
        expect(() => curves.ed25519Sign(new Uint8Array(1), new Uint8Array(length))).toThrow(RangeError)
        expect(() => curves.ed25519PublicKey(new Uint8Array(length))).toThrow(RangeError)
      }
    }
    expect(native.ed25519PublicKey(new Uint8Array(32))).toHaveLength(32)
  })
})
