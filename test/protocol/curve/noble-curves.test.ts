import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'

const { secp256k1, p256, ed25519 } = nobleCurves

describe('known multiples of the generators', () => {
  // SEC 2 generator and its small multiples; the last is (order - 1) G = -G.
  it.each([
    [1, '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'],
    [2, '02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5'],
    [3, '02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9'],
    [-1, '0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'],
  ])('secp256k1 %i', (k, hex) => {
    expect(toHex(secp256k1.baseMul(secp256k1.scalar(k)))).toBe(hex)
  })

  // FIPS 186 generator, NIST's published multiples, and -G.
  it.each([
    [1, '036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'],
    [2, '037cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978'],
    [3, '025ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c'],
    [-1, '026b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'],
  ])('p256 %i', (k, hex) => {
    expect(toHex(p256.baseMul(p256.scalar(k)))).toBe(hex)
  })

  it.each([
    [1, '5866666666666666666666666666666666666666666666666666666666666666'],
    [2, 'c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022'],
    [-1, '58666666666666666666666666666666666666666666666666666666666666e6'],
  ])('ed25519 %i', (k, hex) => {
    expect(toHex(ed25519.baseMul(ed25519.scalar(k)))).toBe(hex)
  })
})

describe('what the interface leaves out', () => {
  // C-04: on Ed25519 noble blinds the multiplication of the base point only. No operation of that group takes a secret and another point,
  // so no caller can reach the unblinded path with a secret; whoever adds one meets this list first.
  it.each([secp256k1, p256, ed25519])(
    'C-04 $name: secret times a point that is not the generator only where it is blinded',
    (group) => {
      const names = Object.keys(group).filter((name) => name !== 'mulSecret')
      expect(names.length).toBe(Object.keys(group).length - (group === ed25519 ? 0 : 1))
      expect(names.sort()).toEqual([
        'addAssign',
        'baseMul',
        'generator',
        'isPoint',
        'isScalar',
        'isZero',
        'mulAssign',
        'mulPublic',
        'name',
        'negAssign',
        'negate',
        'order',
        'pointLength',
        'randomScalar',
        'reduceWide',
        'scalar',
        'sum',
        'toBigInt',
      ])
    },
  )
})

describe('errors', () => {
  // An error may reach a log; noble's own messages can quote what they could not parse.
  it.each([secp256k1, p256, ed25519])('U-03 $name never quotes an operand', (group) => {
    const junk = fromHex('c0ffee'.repeat(11)).subarray(0, group.pointLength)
    const scalar = new Uint8Array(32).fill(0xff)
    const attempts = [
      () => group.mulPublic(junk, group.scalar(1)),
      () => group.sum([junk]),
      () => group.negate(junk),
      () => group.baseMul(scalar),
      () => group.addAssign(scalar, scalar),
    ]
    for (const attempt of attempts) {
      let caught: unknown
      try {
        attempt()
      } catch (error) {
        caught = error
      }
      expect(caught).toBeInstanceOf(RangeError)
      expect(String((caught as RangeError).stack)).not.toMatch(/c0ffee|ffff/i)
      expect((caught as RangeError).cause).toBeUndefined()
    }
  })
})
