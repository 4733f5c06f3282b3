import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PROTOCOLS, SUITES } from '../../src/protocol/channel/setup.ts'
import { concat, equalBytes } from '../../src/protocol/engine/bytes.ts'
import type { Codec, Form } from '../../src/protocol/engine/codec.ts'
import { SCHEMES, type Scheme } from '../../src/protocol/request/document.ts'
import { pack } from './mutate.ts'
import { CODECS } from './registry.ts'

const RUNS = { numRuns: 60 }

/** Lists and bytes this long at most: that lengths are bounded is for the mutants to show. */
const MOST_ITEMS = 6
const MOST_BYTES = 300

/** Numbers of which a shape takes some only, by the name of the field. */
const NUMBERED: Readonly<Record<string, readonly number[]>> = {
  protocol: Object.values(PROTOCOLS),
  suite: Object.values(SUITES),
}

const exactly = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const u32 = fc.integer({ min: 1, max: 2 ** 32 - 1 })

/** The plain form of a public package: counts, order and lengths in it depend on each other. */
const publicPackage = fc
  .record({
    scheme: fc.constantFrom(...SCHEMES),
    parties: fc.uniqueArray(fc.integer({ min: 1, max: 65534 }), { minLength: 2, maxLength: 5 }),
    hashes: fc.tuple(...Array.from({ length: 6 }, () => exactly(32))),
    epoch: u32,
    threshold: fc.nat(),
  })
  .chain(({ scheme, parties, hashes: [session, transcript, key, epochId, roster, request], epoch, threshold }) => {
    const point = exactly(pointLength(scheme))
    return fc.tuple(point, fc.tuple(...parties.map(() => point))).map(([publicKey, shares]) => {
      const t = 2 + (threshold % (parties.length - 1))
      const sorted = parties.sort((a, b) => a - b)
      return [session, transcript, SUITES[scheme], publicKey, shares, key, epochId, epoch, t, sorted, roster, request]
    })
  })

const pointLength = (scheme: Scheme): number => (scheme === 'eddsa-ed25519' ? 32 : 33)

/** Any value of a form, as it is handed to msgpack. */
function anyOf(form: Form, name = ''): fc.Arbitrary<unknown> {
  switch (form.type) {
    case 'bytes':
      return fc.uint8Array({ minLength: form.min, maxLength: Math.max(form.min, Math.min(form.max, MOST_BYTES)) })
    case 'uint': {
      const some = NUMBERED[name]
      return some === undefined
        ? fc.oneof(
            fc.nat(Math.min(form.max, 300)),
            fc.maxSafeNat().map((n) => Math.min(n, form.max)),
          )
        : fc.constantFrom(...some)
    }
    case 'text':
      return fc.string({ unit: 'grapheme', maxLength: Math.min(form.max, 40) }).filter((text) => text.length <= form.max)
    case 'list':
      return fc.array(anyOf(form.of), { maxLength: Math.min(form.max, MOST_ITEMS) })
    case 'optional':
      return fc.option(anyOf(form.of))
    case 'struct':
      if ('verificationShares' in form.of) return publicPackage
      return fc.tuple(...Object.entries(form.of).map(([field, of]) => anyOf(of, field)))
    case 'union':
      return fc.oneof(...Object.values(form.of).map((of, i) => fc.tuple(fc.constant(i), anyOf(of))))
  }
}

/** null when the bytes are refused as they should be. */
function decoded(codec: Codec<unknown>, input: Uint8Array): unknown {
  try {
    return codec.decode(input)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

describe.each(
  Object.entries(CODECS).flatMap(([name, codecs]) => codecs.map((codec, i) => ({ name: `${name} ${i + 1}`, codec }))),
)('$name', ({ codec }: { readonly codec: Codec<unknown> }) => {
  const encoded = anyOf(codec.form).map(pack)

  it('D-01: every value of its form is taken, is itself after encoding and decoding, and so are its bytes', () => {
    fc.assert(
      fc.property(encoded, (bytes) => {
        const value = codec.decode(bytes)
        const again = codec.encode(value)
        expect(equalBytes(again, bytes)).toBe(true)
        expect(codec.decode(again)).toEqual(value)
      }),
      RUNS,
    )
  })

  it('D-01: cut short, or with a byte more, it is refused with a RangeError', () => {
    fc.assert(
      fc.property(encoded, fc.nat(), fc.integer({ min: 0, max: 255 }), (bytes, at, byte) => {
        expect(decoded(codec, bytes.slice(0, at % bytes.length))).toBeNull()
        expect(decoded(codec, concat(bytes, Uint8Array.of(byte)))).toBeNull()
      }),
      RUNS,
    )
  })

  it('D-05: changed in one byte it is another value with those bytes as its own, or refused with a RangeError', () => {
    fc.assert(
      fc.property(encoded, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
        const other = bytes.map((byte, i) => (i === at % bytes.length ? byte ^ change : byte))
        const value = decoded(codec, other)
        if (value === null) return
        expect(value).not.toEqual(codec.decode(bytes))
        expect(equalBytes(codec.encode(value), other)).toBe(true)
      }),
      RUNS,
    )
  })

  it('D-02: of bytes of anybody it takes only what it would have said itself', () => {
    const anything = fc.anything({ maxDepth: 3 }).map(pack)
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), anything), (bytes) => {
        const value = decoded(codec, bytes)
        if (value !== null) expect(equalBytes(codec.encode(value), bytes)).toBe(true)
      }),
      RUNS,
    )
  })
})
