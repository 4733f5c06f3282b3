import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, equalBytes, list, toHex, u8, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { TAGS, type Tag } from '../../../src/protocol/engine/tags.ts'
import { frame, label, TH, XOF } from '../../../src/protocol/engine/transcript.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('TH', () => {
  it('is SHA-256 over length-prefixed parts, written down once by hand', () => {
    const framed = Buffer.concat([
      Buffer.from([0, 0, 0, 14]),
      Buffer.from('quorate/v1/key'),
      Buffer.from([0, 0, 0, 2, 0xab, 0xcd]),
      Buffer.from([0, 0, 0, 0]),
    ])
    expect(Buffer.from(frame(TAGS.key, Uint8Array.of(0xab, 0xcd), new Uint8Array(0)))).toEqual(framed)
    expect(toHex(TH(TAGS.key, Uint8Array.of(0xab, 0xcd), new Uint8Array(0)))).toBe(
      createHash('sha256').update(framed).digest('hex'),
    )
  })

  it('Z-03: splits of the same bytes into parts have different digests', () => {
    const pairs: readonly (readonly [readonly Uint8Array[], readonly Uint8Array[]])[] = [
      [
        [text('a$'), text('b')],
        [text('a'), text('$b')],
      ],
      [
        [text('ab'), text('')],
        [text('a'), text('b')],
      ],
      [[u16(0x0100)], [u8(1), u8(0)]],
      [[], [new Uint8Array(0)]],
      [[list([])], [list([new Uint8Array(0)])]],
      [[concat(u32(1), u8(7))], [u32(1), u8(7)]],
    ]
    for (const [a, b] of pairs) expect(equalBytes(TH(TAGS.session, ...a), TH(TAGS.session, ...b))).toBe(false)
  })

  it('Z-03: frames are equal only for equal tag and parts (random lists)', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 5 })
    const tag = fc.constantFrom(...Object.values(TAGS))
    fc.assert(
      fc.property(tag, parts, tag, parts, (tagA, a, tagB, b) => {
        const same = tagA === tagB && a.length === b.length && a.every((part, i) => equalBytes(part, b[i] as Uint8Array))
        expect(equalBytes(frame(tagA, ...a), frame(tagB, ...b))).toBe(same)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.nat(30), fc.nat(30), (bytes, i, j) => {
        const [x, y] = [i % (bytes.length + 1), j % (bytes.length + 1)]
        const split = (at: number): Uint8Array => TH(TAGS.session, bytes.slice(0, at), bytes.slice(at))
        expect(equalBytes(split(x), split(y))).toBe(x === y)
      }),
    )
  })
})

describe('XOF', () => {
  it('is HKDF-Expand (RFC 5869 2.3) of the tagged hash', () => {
    const hmac = (message: Uint8Array): Buffer =>
      createHmac('sha256', TH(TAGS.dkgProof, text('x')))
        .update(message)
        .digest()
    const first = hmac(u8(1))
    const second = hmac(concat(first, u8(2)))
    expect(toHex(XOF(48, TAGS.dkgProof, text('x')))).toBe(toHex(concat(first, second.subarray(0, 16))))
    expect(XOF(8160, TAGS.dkgProof)).toHaveLength(8160)
    expect(() => XOF(8161, TAGS.dkgProof)).toThrow()
  })

  it('binds the tag and every part', () => {
    const outputs = [
      XOF(48, TAGS.dkgProof, text('x')),
      XOF(48, TAGS.dkgConfirm, text('x')),
      XOF(48, TAGS.dkgProof, text('y')),
      XOF(48, TAGS.dkgProof, text('x'), text('')),
    ].map(toHex)
    expect(new Set(outputs).size).toBe(outputs.length)
  })
})

describe('domain tags', () => {
  const tags: readonly Tag[] = Object.values(TAGS)

  it('Z-05: are distinct, versioned and prefix-free', () => {
    expect(new Set(tags).size).toBe(tags.length)
    for (const tag of tags) {
      expect(tag).toMatch(/^quorate\/v1\/[a-zA-Z0-9.-]+$/)
      expect(tags.filter((other) => other.startsWith(tag))).toEqual([tag])
    }
  })

  it('label gives a copy, so that nobody can change a tag', () => {
    const bytes = label(TAGS.channelKey)
    expect(new TextDecoder().decode(bytes)).toBe(TAGS.channelKey)
    bytes.fill(0)
    expect(new TextDecoder().decode(label(TAGS.channelKey))).toBe(TAGS.channelKey)
    expect(toHex(TH(TAGS.channelKey))).toBe(createHash('sha256').update(frame(TAGS.channelKey)).digest('hex'))
  })
})
