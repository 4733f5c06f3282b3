import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { type Claimed, complaint } from '../../bench/verify-signature.ts'

const secret = sha256(new Uint8Array([1]))
const message = new Uint8Array(32).fill(5)

function ecdsaBy(scheme: 'ecdsa-secp256k1' | 'ecdsa-p256', curve: typeof secp256k1): Claimed {
  const recovered = curve.sign(sha256(message), secret, { prehash: false, lowS: true, format: 'recovered' })
  const serialized = Uint8Array.from([...recovered.subarray(1), 27 + (recovered[0] as number)])
  return { scheme, publicKey: curve.getPublicKey(secret), message, serialized }
}
const ecdsa = (): Claimed => ecdsaBy('ecdsa-secp256k1', secp256k1)
const ecdsaP256 = (): Claimed => ecdsaBy('ecdsa-p256', p256)

const bip340 = (): Claimed => ({
  scheme: 'schnorr-secp256k1',
  publicKey: schnorr.getPublicKey(secret),
  message,
  serialized: schnorr.sign(sha256(message), secret),
})

const eddsa = (): Claimed => ({
  scheme: 'eddsa-ed25519',
  publicKey: ed25519.getPublicKey(secret),
  message,
  serialized: ed25519.sign(message, secret),
})

// The recovery value is checked of the first and then of every fiftieth: this one comes first.
it('complains of a recovery value that points to another key', () => {
  const good = ecdsa()
  const serialized = Uint8Array.from(good.serialized)
  serialized[64] = (serialized[64] as number) ^ 7 // 27 to 28, 28 to 27
  expect(complaint({ ...good, serialized })).toBe('v recovers another key')
})

describe.each([
  { make: ecdsa, otherKey: secp256k1.getPublicKey(message) },
  { make: ecdsaP256, otherKey: p256.getPublicKey(message) },
  { make: bip340, otherKey: schnorr.getPublicKey(message) },
  { make: eddsa, otherKey: ed25519.getPublicKey(message) },
])('$make.name', ({ make, otherKey }) => {
  it('accepts a signature', () => expect(complaint(make())).toBeUndefined())

  it('complains of another message, another key and a changed signature', () => {
    const good = make()
    const serialized = Uint8Array.from(good.serialized)
    serialized[40] = (serialized[40] as number) ^ 1
    for (const change of [{ message: new Uint8Array(32).fill(6) }, { publicKey: otherKey }, { serialized }]) {
      expect(complaint({ ...good, ...change })).toMatch(/does not verify/)
    }
  })
})

it.each([
  ['secp256k1', ecdsa, secp256k1],
  ['P-256', ecdsaP256, p256],
] as const)('complains of a high s on %s, which is a valid signature all the same', (_, make, curve) => {
  const good = make()
  const s = BigInt(`0x${Buffer.from(good.serialized.subarray(32, 64)).toString('hex')}`)
  const high = Buffer.from((curve.Point.CURVE().n - s).toString(16).padStart(64, '0'), 'hex')
  const serialized = Uint8Array.from([...good.serialized.subarray(0, 32), ...high, good.serialized[64] as number])
  expect(complaint({ ...good, serialized })).toBe('an ECDSA signature has a high s')
})
