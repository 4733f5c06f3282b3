import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  contentDigest,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  headerBytes,
  MAX_BODY,
} from '../../../src/protocol/channel/envelope.ts'
import { concat, toHex, u8, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { OFFSETS } from '../../simulator/relay.ts'

const width = (n: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: n, maxLength: n })
const fields = {
  suite: fc.nat(0xffff),
  protocol: fc.nat(255),
  round: fc.nat(255),
  sessionId: width(32),
  sender: fc.nat(0xffff),
  receiver: fc.nat(0xffff),
  prev: width(32),
  keyCommitment: width(32),
  body: fc.uint8Array({ maxLength: 100 }),
  signature: width(64),
}
const full: fc.Arbitrary<Envelope> = fc.record({ ...fields, kind: fc.constant('full' as const), macs: fc.constant(new Map()) })
const light: fc.Arbitrary<Envelope> = fc.record({
  ...fields,
  kind: fc.constant('light' as const),
  macs: fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0xffff }), width(32)), { maxLength: 16, selector: ([id]) => id })
    .map((macs) => new Map(macs.sort(([a], [b]) => a - b))),
})
const EXAMPLE: Envelope = {
  kind: 'full',
  suite: 1,
  protocol: 2,
  round: 3,
  sessionId: new Uint8Array(32).fill(4),
  sender: 5,
  receiver: 6,
  prev: new Uint8Array(32).fill(7),
  keyCommitment: new Uint8Array(32).fill(8),
  body: Uint8Array.of(9, 10),
  signature: new Uint8Array(64).fill(11),
  macs: new Map(),
}

describe('envelope bytes', () => {
  it('round trip in both kinds', () => {
    fc.assert(
      fc.property(fc.oneof(full, light), (envelope) => {
        const bytes = encodeEnvelope(envelope)
        const decoded = decodeEnvelope(bytes)
        expect(decoded).toEqual(envelope)
        expect(encodeEnvelope(decoded as Envelope)).toEqual(bytes)
      }),
    )
  })

  it('the layout is that of protocols.md 2.5, written down once', () => {
    const repeat = (n: number, byte: number): Uint8Array => new Uint8Array(n).fill(byte)
    const layout = concat(
      new TextEncoder().encode('QRT1'),
      u16(1),
      u8(2),
      u8(3),
      repeat(32, 4),
      u16(5),
      u16(6),
      repeat(32, 7),
      repeat(32, 8),
      u32(2),
      Uint8Array.of(9, 10),
      repeat(64, 11),
    )
    expect(toHex(encodeEnvelope(EXAMPLE))).toBe(toHex(layout))
    expect(headerBytes(EXAMPLE, 2)).toEqual(layout.slice(0, OFFSETS.body))
  })

  it('fields share no memory with the input, also when that is a Node Buffer whose slice() is a view', () => {
    const input = Buffer.from(encodeEnvelope(EXAMPLE))
    const decoded = decodeEnvelope(input)
    input.fill(0)
    expect(decoded).toEqual(EXAMPLE)
    expect(decoded?.body.constructor).toBe(Uint8Array)
  })

  it('reads from any offset of a larger memory', () => {
    const padded = concat(Uint8Array.of(1, 2, 3), encodeEnvelope(EXAMPLE), Uint8Array.of(4))
    expect(decodeEnvelope(padded.subarray(3, padded.length - 1))).toEqual(EXAMPLE)
  })
})

describe('D-01, D-02: what is not exactly one envelope is null', () => {
  const bytes = encodeEnvelope(EXAMPLE)

  it('cut at each byte, one byte more, empty', () => {
    for (let length = 0; length < bytes.length; length++) expect(decodeEnvelope(bytes.slice(0, length))).toBe(null)
    expect(decodeEnvelope(concat(bytes, u8(0)))).toBe(null)
  })

  it('T-20, 14.1 unknown headers: another magic or version', () => {
    for (const magic of ['QRT2', 'QRL2', 'qrt1', '\0\0\0\0']) {
      expect(decodeEnvelope(concat(new TextEncoder().encode(magic), bytes.slice(4)))).toBe(null)
    }
    // The magic of a light envelope promises MACs that are not there.
    expect(decodeEnvelope(concat(new TextEncoder().encode('QRL1'), bytes.slice(4)))).toBe(null)
  })

  it('14.1 unknown headers: a length field of 1 GiB, of 4 GiB - 1, off by one', () => {
    for (const length of [1 << 30, 0xffffffff, MAX_BODY + 1, 1, 3, 0]) {
      const changed = Uint8Array.from(bytes)
      changed.set(u32(length), OFFSETS.length)
      expect(decodeEnvelope(changed)).toBe(null)
    }
  })

  it('a body of the largest size is taken, one byte more is not', () => {
    const size = (n: number): Uint8Array => encodeEnvelope({ ...EXAMPLE, body: new Uint8Array(n) })
    expect(decodeEnvelope(size(MAX_BODY))?.body).toHaveLength(MAX_BODY)
    expect(decodeEnvelope(size(MAX_BODY + 1))).toBe(null)
  })

  it('MAC lists: unsorted, repeated, id 0, too many, cut', () => {
    const mac = new Uint8Array(32)
    const withMacs = (...ids: number[]): Uint8Array =>
      concat(encodeEnvelope({ ...EXAMPLE, kind: 'light' }).slice(0, -1), u8(ids.length), ...ids.map((id) => concat(u16(id), mac)))
    const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)
    expect(decodeEnvelope(withMacs(1, 2))?.macs.size).toBe(2)
    expect(decodeEnvelope(withMacs(...ids(16)))?.macs.size).toBe(16)
    for (const wrong of [[2, 1], [1, 1], [0], [0, 1], ids(17)]) expect(decodeEnvelope(withMacs(...wrong))).toBe(null)
    expect(decodeEnvelope(withMacs(1, 2).slice(0, -1))).toBe(null)
    expect(decodeEnvelope(concat(withMacs(1, 2), u8(0)))).toBe(null)
  })

  it('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (input) => decodeEnvelope(input) === null))
  })

  it('changed in one byte it is null, or another envelope with those bytes as its own', () => {
    fc.assert(
      fc.property(fc.oneof(full, light), fc.nat(), fc.integer({ min: 1, max: 255 }), (envelope, at, change) => {
        const whole = encodeEnvelope(envelope)
        const other = whole.map((byte, i) => (i === at % whole.length ? byte ^ change : byte))
        const decoded = decodeEnvelope(other)
        if (decoded === null) return
        expect(decoded).not.toEqual(envelope)
        expect(encodeEnvelope(decoded)).toEqual(other)
      }),
      { numRuns: 500 },
    )
  })
})

describe('contentDigest', () => {
  it('changes with every field that is signed, and not with signature or MACs', () => {
    const digest = (change: Partial<Envelope>): string => {
      const e = { ...EXAMPLE, ...change }
      return toHex(contentDigest(e, e.body))
    }
    const other = new Uint8Array(32).fill(99)
    const changes: readonly Partial<Envelope>[] = [
      { kind: 'light' },
      { suite: 9 },
      { protocol: 9 },
      { round: 9 },
      { sessionId: other },
      { sender: 9 },
      { receiver: 9 },
      { prev: other },
      { keyCommitment: other },
      { body: Uint8Array.of(9) },
      { body: Uint8Array.of(9, 11) },
    ]
    expect(new Set([{}, ...changes].map(digest)).size).toBe(changes.length + 1)
    expect(digest({ signature: new Uint8Array(64) })).toBe(digest({}))
    expect(digest({ macs: new Map([[1, other]]) })).toBe(digest({}))
  })
})
