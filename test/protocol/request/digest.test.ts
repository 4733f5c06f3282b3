import { createHash } from 'node:crypto'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { signingInput } from '../../../src/protocol/request/digest.ts'
import type { MessageHash, Payload, Scheme } from '../../../src/protocol/request/document.ts'
import { expectRefusal } from './fixtures.ts'

const ORDER_P256 = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
const digestOf = (hex: string): Payload => ({ kind: 'digest', digest: hexToBytes(hex) })
const input = (scheme: Scheme, payload: Payload): string => bytesToHex(signingInput(scheme, payload))

describe('signing input', () => {
  it.each<[Scheme, MessageHash, string, string]>([
    ['ecdsa-secp256k1', 'keccak256', '', 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
    ['ecdsa-secp256k1', 'keccak256', 'abc', '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
    ['ecdsa-secp256k1', 'sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['ecdsa-secp256k1', 'sha256d', 'hello', '9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50'],
    ['ecdsa-secp256k1', 'sha256d', '', '5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456'],
    ['ecdsa-p256', 'keccak256', 'abc', '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
    ['ecdsa-p256', 'sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['ecdsa-p256', 'sha256d', 'hello', '9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50'],
    ['schnorr-secp256k1', 'sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('%s, %s of %j', (scheme, hash, message, expected) => {
    expect(input(scheme, { kind: 'message', message: utf8ToBytes(message), hash })).toBe(expected)
  })

  it('agrees with another implementation on a long message', () => {
    const message = new Uint8Array(64 * 1024).map((_, i) => i % 251)
    const sha = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
    expect(input('ecdsa-secp256k1', { kind: 'message', message, hash: 'sha256d' })).toBe(sha(sha(message)).toString('hex'))
  })

  it('is the message itself for Ed25519, in memory of its own', () => {
    const message = Uint8Array.of(1, 2, 3)
    const signed = signingInput('eddsa-ed25519', { kind: 'message', message })
    message.fill(0)
    expect([...signed]).toEqual([1, 2, 3])
  })

  it('is the digest itself, in memory of its own', () => {
    const digest = new Uint8Array(32).fill(7)
    for (const scheme of ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1'] as const) {
      const signed = signingInput(scheme, { kind: 'digest', digest })
      expect(signed).toEqual(digest)
      expect(signed.buffer).not.toBe(digest.buffer)
    }
  })

  it.each<[string, Scheme, Payload, string]>([
    ['D-11 empty digest', 'ecdsa-secp256k1', digestOf(''), '/payload/digest'],
    ['D-11 digest of 31 bytes', 'ecdsa-secp256k1', digestOf('11'.repeat(31)), '/payload/digest'],
    ['D-11 digest of 33 bytes', 'ecdsa-secp256k1', digestOf('11'.repeat(33)), '/payload/digest'],
    ['D-11 digest of 64 bytes', 'ecdsa-secp256k1', digestOf('11'.repeat(64)), '/payload/digest'],
    ['D-11 digest 0', 'ecdsa-secp256k1', digestOf('00'.repeat(32)), '/payload/digest'],
    ['D-11 digest q', 'ecdsa-secp256k1', digestOf(ORDER), '/payload/digest'],
    ['D-11 P-256 digest of 31 bytes', 'ecdsa-p256', digestOf('11'.repeat(31)), '/payload/digest'],
    ['D-11 P-256 digest 0', 'ecdsa-p256', digestOf('00'.repeat(32)), '/payload/digest'],
    ['D-11 P-256 digest q', 'ecdsa-p256', digestOf(ORDER_P256), '/payload/digest'],
    ['no hash for P-256', 'ecdsa-p256', { kind: 'message', message: new Uint8Array(32) }, '/payload/hash'],
    ['D-11 BIP-340 message of 31 bytes', 'schnorr-secp256k1', digestOf('11'.repeat(31)), '/payload/digest'],
    ['D-11 BIP-340 message of 33 bytes', 'schnorr-secp256k1', digestOf('11'.repeat(33)), '/payload/digest'],
    ['F-14 digest for Ed25519', 'eddsa-ed25519', digestOf('11'.repeat(32)), '/payload/kind'],
    ['F-14 hash for Ed25519', 'eddsa-ed25519', { kind: 'message', message: Uint8Array.of(1), hash: 'sha256' }, '/payload/hash'],
    ['no hash for ECDSA', 'ecdsa-secp256k1', { kind: 'message', message: new Uint8Array(32) }, '/payload/hash'],
    ['no hash for BIP-340', 'schnorr-secp256k1', { kind: 'message', message: new Uint8Array(32) }, '/payload/hash'],
    [
      'keccak256 for BIP-340',
      'schnorr-secp256k1',
      { kind: 'message', message: Uint8Array.of(1), hash: 'keccak256' },
      '/payload/hash',
    ],
    [
      'sha256d for BIP-340',
      'schnorr-secp256k1',
      { kind: 'message', message: Uint8Array.of(1), hash: 'sha256d' },
      '/payload/hash',
    ],
    [
      'C-10 a hash named after an inherited member',
      'ecdsa-secp256k1',
      { kind: 'message', message: Uint8Array.of(1), hash: 'constructor' as MessageHash },
      '/payload/hash',
    ],
  ])('refuses %s', (_name, scheme, payload, pointer) => {
    expectRefusal(() => signingInput(scheme, payload), 'payload_invalid', pointer)
  })

  it.each([
    ['q - 1', `${ORDER.slice(0, -2)}40`],
    ['q + 1', `${ORDER.slice(0, -2)}42`],
    ['2^256 - 1', 'ff'.repeat(32)],
    ['1', `${'00'.repeat(31)}01`],
  ])('D-11 takes the digest %s for ECDSA', (_name, hex) => {
    expect(input('ecdsa-secp256k1', digestOf(hex))).toBe(hex)
  })

  it('D-11 what is 0 modulo the order of the other curve is a digest like others', () => {
    expect(input('ecdsa-p256', digestOf(ORDER))).toBe(ORDER)
    expect(input('ecdsa-secp256k1', digestOf(ORDER_P256))).toBe(ORDER_P256)
  })

  it.each([
    ['0, as in the first vector of BIP-340', '00'.repeat(32)],
    ['q', ORDER],
  ])('D-11 takes the 32-byte message %s for BIP-340', (_name, hex) => {
    expect(input('schnorr-secp256k1', digestOf(hex))).toBe(hex)
  })
})
