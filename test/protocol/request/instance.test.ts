import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH } from '../../../src/protocol/engine/transcript.ts'
import { type Instance, instanceBytes, messageDigest, purposeOf } from '../../../src/protocol/request/instance.ts'

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)
const instance: Instance = {
  keyId: fill(1),
  epochId: fill(2),
  path: 'm',
  tweak: fill(0),
  publicKey: fill(3, 33),
  digest: fill(4),
  requestHash: fill(5),
}

describe('instance bytes', () => {
  it('are the fields in order, path and key with their lengths', () => {
    expect(instanceBytes(instance)).toEqual(
      concatBytes(
        fill(1),
        fill(2),
        hexToBytes('00000001'),
        utf8ToBytes('m'),
        fill(0),
        hexToBytes('00000021'),
        fill(3, 33),
        fill(4),
        fill(5),
      ),
    )
  })

  it.each(['keyId', 'epochId', 'tweak', 'digest', 'requestHash'] as const)('D-04 refuse %s of another length', (field) => {
    for (const length of [0, 31, 33, 64])
      expect(() => instanceBytes({ ...instance, [field]: fill(0, length) })).toThrow(RangeError)
  })

  it('D-04 refuse a public key of another length', () => {
    for (const length of [0, 31, 34, 64, 65])
      expect(() => instanceBytes({ ...instance, publicKey: fill(0, length) })).toThrow(RangeError)
    expect(instanceBytes({ ...instance, publicKey: fill(3, 32) })).toHaveLength(instanceBytes(instance).length - 1)
  })

  it('Z-03 differ when any field differs, also when bytes move between path and its neighbours', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const instances: fc.Arbitrary<Instance> = fc.record({
      keyId: bytes32,
      epochId: bytes32,
      path: fc.stringMatching(/^m[/0-9]{0,6}$/),
      tweak: bytes32,
      publicKey: fc.oneof(bytes32, fc.uint8Array({ minLength: 33, maxLength: 33 })),
      digest: bytes32,
      requestHash: bytes32,
    })
    fc.assert(
      fc.property(instances, instances, fc.subarray(Object.keys(instance) as (keyof Instance)[]), (a, b, taken) => {
        const mixed: Instance = { ...a, ...Object.fromEntries(taken.map((field) => [field, b[field]])) }
        const same = (Object.keys(a) as (keyof Instance)[]).every((field) => String(a[field]) === String(mixed[field]))
        expect(Buffer.from(instanceBytes(a)).equals(instanceBytes(mixed))).toBe(same)
      }),
      { numRuns: 500 },
    )
    const zero = fill(0x30)
    const short = instanceBytes({ ...instance, path: 'm/', tweak: zero })
    const long = instanceBytes({ ...instance, path: 'm/0', tweak: zero })
    expect(long).toHaveLength(short.length + 1)
    expect(long.subarray(64, 68)).not.toEqual(short.subarray(64, 68))
  })
})

describe('message digest', () => {
  it('is the input of ECDSA and BIP-340, in memory of its own', () => {
    for (const scheme of ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1'] as const) {
      const input = fill(7)
      const digest = messageDigest(scheme, input)
      input.fill(0)
      expect(digest).toEqual(fill(7))
    }
  })

  it('is the tagged hash of the message of Ed25519, at any length', () => {
    for (const length of [0, 1, 32, 1000]) {
      expect(messageDigest('eddsa-ed25519', fill(7, length))).toEqual(TH(TAGS.instance, fill(7, length)))
    }
  })

  it.each([0, 31, 33, 64])('D-11 refuses %d bytes for ECDSA and BIP-340', (length) => {
    expect(() => messageDigest('ecdsa-secp256k1', fill(1, length))).toThrow(RangeError)
    expect(() => messageDigest('schnorr-secp256k1', fill(1, length))).toThrow(RangeError)
  })
})

describe('purpose', () => {
  const refused = (instances: readonly Uint8Array[]): void => {
    expect(() => purposeOf(instances)).toThrow(expect.objectContaining({ name: 'SetupError', code: 'SETUP_REFUSED' }))
    expect(() => purposeOf(instances)).toThrow(SetupError)
  }
  const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i & 255))

  it('is the count and each instance with its length', () => {
    expect(purposeOf([Uint8Array.of(9), Uint8Array.of(8, 7)])).toEqual(
      hexToBytes(`${'00000002'}${'00000001'}09${'00000002'}0807`),
    )
  })

  it('takes 1..256 instances', () => {
    refused([])
    refused(numbered(257))
    expect(purposeOf(numbered(1))).toHaveLength(4 + 6)
    expect(purposeOf(numbered(256))).toHaveLength(4 + 256 * 6)
  })

  it('refuses an instance that stands twice', () => {
    const twice = instanceBytes(instance)
    refused([twice, Uint8Array.from(twice)])
    refused([...numbered(20), Uint8Array.of(0, 3)])
  })

  it('takes the same digest under two requests', () => {
    expect(purposeOf([instanceBytes(instance), instanceBytes({ ...instance, requestHash: fill(6) })])).toBeDefined()
  })

  it('Z-03 is injective: lists that concatenate alike differ', () => {
    const hex = (...items: string[]): string => Buffer.from(purposeOf(items.map((t) => utf8ToBytes(t)))).toString('hex')
    expect(hex('a$', 'b')).not.toBe(hex('a', '$b'))
    expect(hex('ab', '')).not.toBe(hex('a', 'b'))
    expect(hex('')).not.toBe(hex('', 'a'))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), fc.nat(), fc.nat(), (bytes, i, j) => {
        const split = (at: number): string => {
          const cut = at % (bytes.length + 1)
          return Buffer.from(purposeOf([bytes.subarray(0, cut), bytes.subarray(cut), Uint8Array.of(1, 2, 3, ...bytes)])).toString(
            'hex',
          )
        }
        fc.pre(2 * (i % (bytes.length + 1)) !== bytes.length && 2 * (j % (bytes.length + 1)) !== bytes.length)
        expect(split(i) === split(j)).toBe(i % (bytes.length + 1) === j % (bytes.length + 1))
      }),
    )
  })

  it('Z-03 depends on the order', () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)]
    expect(purposeOf([a, b])).not.toEqual(purposeOf([b, a]))
  })
})
