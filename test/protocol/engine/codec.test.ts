import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { concat, fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import { bytes, codec, list, message, optional, struct, text, uint, union } from '../../../src/protocol/engine/codec.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'

const SAMPLE = message(
  {
    id: bytes(4),
    blob: bytes({ max: 300 }),
    count: uint(Number.MAX_SAFE_INTEGER),
    ids: list(uint(70_000), 20),
    pairs: list(struct({ a: uint(3), b: bytes(2) }), 3),
    note: optional(text(10)),
    choice: union({ yes: uint(1), no: struct({ why: text(4) }) }),
  },
  1024,
)
type Sample = ReturnType<typeof SAMPLE.decode>

const sample = fc.record<Sample>({
  id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  blob: fc.uint8Array({ maxLength: 300 }),
  count: fc.oneof(fc.maxSafeNat(), fc.nat(300)),
  ids: fc.array(fc.nat(70_000), { maxLength: 20 }),
  pairs: fc.array(fc.record({ a: fc.nat(3), b: fc.uint8Array({ minLength: 2, maxLength: 2 }) }), { maxLength: 3 }),
  note: fc.option(fc.string({ unit: 'binary', maxLength: 5 })),
  choice: fc.oneof(
    fc.record({ type: fc.constant('yes' as const), value: fc.nat(1) }),
    fc.record({ type: fc.constant('no' as const), value: fc.record({ why: fc.string({ maxLength: 4 }) }) }),
  ),
})
const EXAMPLE: Sample = {
  id: Uint8Array.of(1, 2, 3, 4),
  blob: Uint8Array.of(9),
  count: 500,
  ids: [1, 65_536],
  pairs: [{ a: 1, b: Uint8Array.of(7, 8) }],
  note: null,
  choice: { type: 'no', value: { why: 'so' } },
}

describe('round trip', () => {
  it('decode(encode(x)) is x, and each value has one encoding', () => {
    fc.assert(
      fc.property(sample, (value) => {
        const encoded = SAMPLE.encode(value)
        const decoded = SAMPLE.decode(encoded)
        expect(decoded).toEqual(value)
        expect(SAMPLE.encode(decoded)).toEqual(encoded)
        expect(Object.keys(encoded)).toHaveLength(encoded.length)
      }),
    )
  })

  it('the wire format is a positional array, written down once', () => {
    expect(toHex(SAMPLE.encode(EXAMPLE))).toBe('97c40401020304c40109cd01f49201ce00010000919201c4020708c0920191a2736f')
  })

  it('types follow the shapes', () => {
    expectTypeOf<Sample['choice']>().toEqualTypeOf<
      { readonly type: 'yes'; readonly value: number } | { readonly type: 'no'; readonly value: { readonly why: string } }
    >()
    expectTypeOf<Sample['note']>().toEqualTypeOf<string | null>()
  })

  it('takes a Node Buffer and gives back bytes that share no memory with it', () => {
    const input = Buffer.from(SAMPLE.encode(EXAMPLE))
    const decoded = SAMPLE.decode(input)
    input.fill(0)
    expect(decoded).toEqual(EXAMPLE)
    expect(decoded.id.constructor).toBe(Uint8Array)
  })

  it('C-06 does not leave the message in the packer (style.md E10): nothing but the message is in its memory, and the pool is wiped', () => {
    const secret = seededRng('pool')(32)
    const shape = message({ secret: bytes(32) }, 64)
    const encoded = shape.encode({ secret })
    expect(encoded.buffer.byteLength).toBe(encoded.length)
    // The pool is shared by every packer of the process: a later result's backing store shows what earlier ones left behind.
    const pool = Buffer.from(new Packr().pack(1).buffer)
    expect(pool.includes(Buffer.from(secret))).toBe(false)
  })
})

describe('D-01: damaged messages give RangeError and nothing else', () => {
  const encoded = SAMPLE.encode(EXAMPLE)
  const refuse = (input: Uint8Array): void => expect(() => SAMPLE.decode(input)).toThrow(RangeError)

  it('cut at each byte, empty, one byte more', () => {
    for (let length = 0; length < encoded.length; length++) refuse(encoded.slice(0, length))
    for (const extra of [0x00, 0xc0, 0xff]) refuse(concat(encoded, Uint8Array.of(extra)))
  })

  it('each bit flipped: refused, or another value with its own canonical encoding', () => {
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const flipped = Uint8Array.from(encoded)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      onlyRangeErrors(flipped)
    }
  })

  it('random bytes and random msgpack', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), onlyRangeErrors), { numRuns: 2000 })
    const packr = new Packr({ useRecords: false })
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          let packed: Uint8Array
          try {
            packed = Uint8Array.from(packr.pack(value))
          } catch {
            return
          }
          onlyRangeErrors(packed)
        },
      ),
      { numRuns: 1000 },
    )
  })

  function onlyRangeErrors(input: Uint8Array): void {
    try {
      expect(SAMPLE.encode(SAMPLE.decode(input))).toEqual(input)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
})

describe('D-02, D-03: lengths and depth are checked before anything is allocated', () => {
  const open = message({ items: list(uint(255), 255) }, 1 << 20)

  it.each([
    ['array of 2^31 in 6 bytes', '91dd80000000'],
    ['array of 2^25 - 1 elements, the largest that an engine lays out in one piece', '91dd01ffffff00'],
    ['array of 65535', '91dcffff00'],
    ['bytes of 2^32 - 1', '91c6ffffffff00'],
    ['bytes of 65535', '91c5ffff00'],
    ['text of 2^32 - 1', '91dbffffffff00'],
  ])('%s', (_, hex) => {
    const before = process.memoryUsage()
    for (let i = 0; i < 200; i++) expect(() => open.decode(fromHex(hex))).toThrow(RangeError)
    const after = process.memoryUsage()
    // 200 arrays of 2^25 - 1 elements would be 50 GiB.
    expect(after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 << 20)
  })

  it('nesting of 10^5 arrays', () => {
    expect(() => open.decode(new Uint8Array(100_000).fill(0x91))).toThrow('nested too deeply')
  })

  it('longer than the bound of the message, also when well-formed', () => {
    const small = message({ blob: bytes({ max: 100 }) }, 20)
    expect(small.decode(small.encode({ blob: new Uint8Array(10) })).blob).toHaveLength(10)
    expect(() => small.encode({ blob: new Uint8Array(50) })).toThrow('too long')
    const big = message({ blob: bytes({ max: 100 }) }, 200).encode({ blob: new Uint8Array(50) })
    expect(() => small.decode(big)).toThrow('too long')
  })
})

describe('D-04, D-06: every field has its length and its type', () => {
  const packr = new Packr({ useRecords: false })
  const plain: readonly unknown[] = [EXAMPLE.id, EXAMPLE.blob, 500, [1, 2], [[1, Uint8Array.of(7, 8)]], null, [0, 1]]
  const refuse = (value: unknown): void =>
    expect(() => SAMPLE.decode(Uint8Array.from(packr.pack(value))), JSON.stringify(value)).toThrow(RangeError)
  const at = (index: number, value: unknown): readonly unknown[] => plain.with(index, value)

  it('the plain value itself is accepted', () => {
    expect(SAMPLE.decode(Uint8Array.from(packr.pack(plain)))).toMatchObject({ count: 500, choice: { type: 'yes', value: 1 } })
  })

  it('a field too few, a field too many, no array at all', () => {
    refuse(plain.slice(0, -1))
    refuse([...plain, 0])
    for (const value of [null, 0, 'text', new Uint8Array(3), {}, new Map(), true]) refuse(value)
  })

  it('a wrong type in each field', () => {
    for (const index of plain.keys()) {
      for (const wrong of [true, -1, 1.5, Number.NaN, {}, new Map([[1, 2]]), new Date(0), [[]], undefined])
        refuse(at(index, wrong))
      if (index !== 5) refuse(at(index, null))
      if (index !== 5) refuse(at(index, 'text'))
      if (index !== 2) refuse(at(index, 5))
      if (index > 1) refuse(at(index, new Uint8Array(4)))
    }
  })

  it('a wrong length in each field', () => {
    for (const length of [0, 3, 5, 8]) refuse(at(0, new Uint8Array(length)))
    refuse(at(1, new Uint8Array(301)))
    refuse(at(3, Array(21).fill(1)))
    refuse(at(4, Array(4).fill([1, Uint8Array.of(7, 8)])))
    refuse(at(4, [[1, Uint8Array.of(7)]]))
    refuse(at(4, [[1]]))
    refuse(at(4, [[1, Uint8Array.of(7, 8), 0]]))
    refuse(at(5, 'eleven char'))
  })

  it('integers out of range, tags without a case', () => {
    refuse(at(3, [70_001]))
    refuse(at(4, [[4, Uint8Array.of(7, 8)]]))
    for (const tagged of [[2, 1], [-1, 1], ['yes', 1], [0], [0, 1, 2], [1, 1], [0, ['so']], [0, 2]]) refuse(at(6, tagged))
  })

  it('each shape by itself reads only what is of it, before anything is compared', () => {
    expect(bytes(4).parse(new Uint8Array(4))).toHaveLength(4)
    for (const length of [0, 3, 5]) expect(() => bytes(4).parse(new Uint8Array(length))).toThrow(RangeError)
    expect(() => bytes({ max: 2 }).parse(new Uint8Array(3))).toThrow(RangeError)
    expect(list(uint(3), 2).parse([1, 2])).toEqual([1, 2])
    expect(() => list(uint(3), 2).parse([1, 2, 3])).toThrow(RangeError)
  })

  it('refuses to encode what it would not decode', () => {
    const bad = (change: Partial<Record<keyof Sample, unknown>>): void =>
      expect(() => SAMPLE.encode({ ...EXAMPLE, ...change } as Sample)).toThrow(RangeError)
    bad({ id: new Uint8Array(5) })
    bad({ blob: new Uint8Array(301) })
    bad({ count: -1 })
    bad({ ids: Array(21).fill(1) })
    bad({ note: 'lone \ud800' })
  })
})

describe('D-05: one encoding per value', () => {
  const refuse = (shape: { decode: (input: Uint8Array) => unknown }, hex: string): void =>
    expect(() => shape.decode(fromHex(hex))).toThrow(RangeError)
  const number = message({ n: uint(2 ** 40) }, 100)
  const blob = message({ b: bytes({ max: 20 }) }, 100)
  const words = message({ t: text(20) }, 100)

  it('longer forms of integers, also as float', () => {
    expect(number.decode(fromHex('9105')).n).toBe(5)
    for (const hex of [
      '91cc05',
      '91cd0005',
      '91ce00000005',
      '91cf0000000000000005',
      '91d005',
      '91d3 0000000000000005',
      '91ca40a00000',
      '91cb4014000000000000',
    ]) {
      refuse(number, hex.replaceAll(' ', ''))
    }
    refuse(number, '91cb8000000000000000') // -0.0
    refuse(number, '91cb7ff8000000000000') // NaN
    refuse(number, '91cf0000001000000000') // 2^36 as u64 instead of double
    expect(number.decode(number.encode({ n: 2 ** 36 })).n).toBe(2 ** 36)
  })

  it('longer forms of lengths', () => {
    expect(blob.decode(fromHex('91c40107')).b).toEqual(Uint8Array.of(7))
    for (const hex of ['91c5000107', '91c60000000107', '91a107', 'dc0001c40107', 'dd00000001c40107']) refuse(blob, hex)
    expect(words.decode(fromHex('91a161')).t).toBe('a')
    for (const hex of ['91d90161', '91da000161', '91db0000000161', '91c40161']) refuse(words, hex)
  })

  it('text that is no UTF-8', () => {
    refuse(words, '91a1ff')
    refuse(words, '91a3eda080')
    refuse(words, '91a2c080')
  })

  it('maps, records, extensions, references, booleans', () => {
    for (const hex of [
      '8101 05', // map
      '91 c3', // true
      '91 d47800', // regular expression extension
      '91 c705 78 92a161a167', // the same with pattern and flags
      '91 d40000', // undefined
      '91 c70374 0105', // typed array
      '91 d66900000001 05', // id of a cycle
      '91 d67000000001', // pointer
      '91 d6ff00000000', // date
      '91 d765 0000000000000000', // error
      '91 c1',
      '91 40', // 64: a record number if records were on
    ]) {
      refuse(blob, hex.replaceAll(' ', ''))
    }
  })
})

describe('union', () => {
  const shape = codec(union({ left: uint(9), right: bytes(1) }), 16)

  it('is its position and its value', () => {
    expect(toHex(shape.encode({ type: 'left', value: 7 }))).toBe('920007')
    expect(toHex(shape.encode({ type: 'right', value: Uint8Array.of(5) }))).toBe('9201c40105')
    expect(shape.decode(fromHex('9201c40105'))).toEqual({ type: 'right', value: Uint8Array.of(5) })
  })
})
