import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareBytes,
  concat,
  equalBytes,
  fromHex,
  idList,
  list,
  toHex,
  u8,
  u16,
  u32,
  wipe,
} from '../../../src/protocol/engine/bytes.ts'
import { countReads } from '../curve/count-reads.ts'

describe('fixed-width integers', () => {
  it('are big-endian', () => {
    expect(u8(0xab)).toEqual(Uint8Array.of(0xab))
    expect(u16(0x0102)).toEqual(Uint8Array.of(1, 2))
    expect(u32(0xfffefdfc)).toEqual(Uint8Array.of(255, 254, 253, 252))
  })

  it('refuse what does not fit instead of wrapping: 65536 must not become party 0', () => {
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 256]) expect(() => u8(value)).toThrow(RangeError)
    expect(() => u16(65536)).toThrow(RangeError)
    expect(() => u32(2 ** 32)).toThrow(RangeError)
    expect(() => u32(2 ** 53 + 2)).toThrow(RangeError)
  })
})

describe('lists', () => {
  it('start with their count', () => {
    expect(list([])).toEqual(u32(0))
    expect(idList([1, 258])).toEqual(Uint8Array.of(0, 0, 0, 2, 0, 1, 1, 2))
    expect(list([])).not.toEqual(list([new Uint8Array(0)]))
  })
})

describe('byte strings', () => {
  const bytes = fc.uint8Array({ maxLength: 40 })

  it('equalBytes and compareBytes agree with content', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b))
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b))
      }),
    )
    fc.assert(
      fc.property(bytes, (a) => {
        expect(equalBytes(a, Uint8Array.from(a))).toBe(true)
        expect(compareBytes(a, Uint8Array.from(a))).toBe(0)
      }),
    )
  })

  it('C-02 a difference in any one bit is seen, and every byte is read once whatever differs', () => {
    const a = new Uint8Array(32)
    for (let bit = 0; bit < 256; bit++) {
      const b = new Uint8Array(32)
      b[bit >> 3] = 1 << (bit & 7)
      expect(equalBytes(a, b)).toBe(false)
      if (bit % 37 === 0) expect(countReads(a, (watched) => equalBytes(watched, b))).toEqual(Array(32).fill(1))
    }
    expect(countReads(a, (watched) => equalBytes(watched, a))).toEqual(Array(32).fill(1))
  })

  it('hex goes both ways and refuses everything else', () => {
    fc.assert(
      fc.property(bytes, (a) => {
        expect(fromHex(toHex(a))).toEqual(a)
        expect(toHex(a)).toBe(Buffer.from(a).toString('hex'))
      }),
    )
    expect(fromHex('aBCd')).toEqual(Uint8Array.of(0xab, 0xcd))
    for (const bad of ['0', '0x00', 'zz', ' 00', '00 ', '0g']) expect(() => fromHex(bad)).toThrow(RangeError)
  })

  it('concat copies, wipe overwrites', () => {
    const a = Uint8Array.of(1, 2)
    const joined = concat(a, Uint8Array.of(3))
    wipe(a, undefined)
    expect(a).toEqual(Uint8Array.of(0, 0))
    expect(joined).toEqual(Uint8Array.of(1, 2, 3))
  })
})
