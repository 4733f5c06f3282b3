import { ed25519 } from '@noble/curves/ed25519.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { type Claimed, complaint } from '../../bench/verify-signature.ts'

const secret = sha256(new Uint8Array([1]))
const message = new Uint8Array(32).fill(5)
const ORDER = secp256k1.Point.CURVE().n

function ecdsa(): Claimed {
  const recovered = secp256k1.sign(sha256(message), secret, { prehash: false, format: 'recovered' })
  const serialized = Uint8Array.from([...recovered.subarray(1), 27 + (recovered[0] as number)])
  return { scheme: 'ecdsa-secp256k1', publicKey: secp256k1.getPublicKey(secret), message, serialized }
}

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

it('complains of a high s, which is a valid signature all the same', () => {
  const good = ecdsa()
  const s = BigInt(`0x${Buffer.from(good.serialized.subarray(32, 64)).toString('hex')}`)
  const high = Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex')
  const serialized = Uint8Array.from([...good.serialized.subarray(0, 32), ...high, good.serialized[64] as number])
  expect(complaint({ ...good, serialized })).toBe('an ECDSA signature has a high s')
})
