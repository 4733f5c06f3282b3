import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isBelow,
  isZero,
  readInteger,
  requireLength,
  scalarEncoding,
  uniformScalar,
  writeInteger,
} from '../../../src/protocol/curve/operands.ts'
import { compareBytes } from '../../../src/protocol/engine/bytes.ts'
import { countReads } from './count-reads.ts'

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const endian = fc.constantFrom('big', 'little') as fc.Arbitrary<'big' | 'little'>

describe('integers', () => {
  it('read and write are inverse in both byte orders, also in the middle of a larger buffer', () => {
    fc.assert(
      fc.property(bytes32, endian, fc.nat(9), (bytes, order, offset) => {
        const around = new Uint8Array(48).fill(0xaa)
        const inside = around.subarray(offset, offset + 32)
        writeInteger(inside, readInteger(bytes, order), order)
        expect(inside).toEqual(bytes)
        expect(around.filter((_, at) => at < offset || at >= offset + 32).every((byte) => byte === 0xaa)).toBe(true)
      }),
    )
  })

  it('read agrees with the hexadecimal reading', () => {
    const bytes = Uint8Array.from({ length: 48 }, (_, i) => (i * 37 + 11) & 255)
    const hex = Buffer.from(bytes).toString('hex')
    expect(readInteger(bytes, 'big')).toBe(BigInt(`0x${hex}`))
    expect(readInteger(bytes.toReversed(), 'little')).toBe(BigInt(`0x${hex}`))
  })
})

describe('range', () => {
  it('isBelow is "<" on integers', () => {
    fc.assert(
      fc.property(bytes32, bytes32, endian, (a, b, order) => {
        expect(isBelow(a, b, order)).toBe(readInteger(a, order) < readInteger(b, order))
        expect(isBelow(a, a, order)).toBe(false)
      }),
    )
  })

  it('decides at the bound itself', () => {
    for (const order of ['big', 'little'] as const) {
      const bound = writeInteger(new Uint8Array(32), ORDER, order)
      for (const [value, below] of [
        [0n, true],
        [ORDER - 1n, true],
        [ORDER, false],
        [ORDER + 1n, false],
        [2n ** 256n - 1n, false],
      ] as const) {
        expect(isBelow(writeInteger(new Uint8Array(32), value, order), bound, order), `${order} ${value}`).toBe(below)
      }
    }
  })

  it('refuses other lengths', () => {
    const { isScalar } = scalarEncoding(ORDER, 'little')
    for (const length of [0, 1, 31, 33, 64]) expect(isScalar(new Uint8Array(length))).toBe(false)
    expect(() => requireLength(new Uint8Array(31), 32, 'a seed')).toThrow(RangeError)
  })

  // C-01: a comparison that stops at the first difference would tell the leading bytes of a secret.
  it('reads every byte exactly once, whatever the value', () => {
    const { isScalar } = scalarEncoding(ORDER, 'little')
    for (const value of [0n, 1n, ORDER - 1n, ORDER, ORDER + 1n, 2n ** 255n, 2n ** 256n - 1n]) {
      const bytes = writeInteger(new Uint8Array(32), value, 'little')
      expect(countReads(bytes, isScalar)).toEqual(new Array(32).fill(1))
      expect(countReads(bytes, isZero)).toEqual(new Array(32).fill(1))
    }
    // The counter itself must be able to see an early exit.
    const other = Uint8Array.of(9, 9, 9)
    expect(countReads(Uint8Array.of(1, 2, 3), (bytes) => compareBytes(bytes, other))).toEqual([1, 0, 0])
  })
})

describe('scalar of a public integer', () => {
  const { scalar, toBigInt } = scalarEncoding(ORDER, 'big')

  it('reduces, and wraps negative integers', () => {
    expect(toBigInt(scalar(5))).toBe(5n)
    expect(toBigInt(scalar(-1))).toBe(ORDER - 1n)
    expect(toBigInt(scalar(ORDER))).toBe(0n)
    expect(toBigInt(scalar(-ORDER))).toBe(0n)
    expect(toBigInt(scalar(3n * ORDER - 7n))).toBe(ORDER - 7n)
  })

  it('refuses what is not an integer', () => {
    expect(() => scalar(1.5)).toThrow(RangeError)
    expect(() => scalar(Number.NaN)).toThrow(RangeError)
  })
})

describe('uniformScalar', () => {
  it('asks once, and wipes the wide integer', () => {
    const given: Uint8Array[] = []
    const rng = (length: number): Uint8Array => {
      const bytes = new Uint8Array(length).fill(7)
      given.push(bytes)
      return bytes
    }
    expect(uniformScalar(rng, 48, (wide) => wide.slice(0, 32))).toEqual(new Uint8Array(32).fill(7))
    expect(given).toEqual([new Uint8Array(48)])
  })

  it('C-09 takes a zero scalar as proof of a broken source, and still wipes', () => {
    const wide = new Uint8Array(48).fill(9)
    expect(() =>
      uniformScalar(
        () => wide,
        48,
        () => new Uint8Array(32),
      ),
    ).toThrow(RangeError)
    expect(isZero(wide)).toBe(true)
  })
})
