import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PROTOCOLS, type ProtocolName, SUITES, type Suite } from '../../../src/protocol/channel/setup.ts'
import type { Codec } from '../../../src/protocol/engine/codec.ts'
import * as frames from '../../../src/protocol/frames/signer-frames.ts'

const RUNS = { numRuns: 100 }

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const upTo = (maxLength: number) => fc.uint8Array({ maxLength })
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength: maxLength / 8 })
const uint = (max: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: Math.min(max, 2 ** 31) }),
    fc.maxSafeNat().map((n) => Math.min(n, max)),
  )
const list = <T>(item: fc.Arbitrary<T>, maxLength: number) => fc.array(item, { maxLength })

const setup = fc.record({
  protocol: fc.constantFrom(...(Object.keys(PROTOCOLS) as ProtocolName[])),
  suite: fc.constantFrom(...(Object.keys(SUITES) as Suite[])),
  keyId: bytes(32),
  epoch: uint(2 ** 32 - 1),
  rosterHash: bytes(32),
  threshold: uint(16),
  signers: list(uint(65534), 16),
  boots: list(bytes(32), 16),
  deadline: uint(Number.MAX_SAFE_INTEGER),
  coordinatorNonce: bytes(32),
})
const request = fc.record({ document: upTo(300), credentialId: text(80), alg: text(16), signature: upTo(96) })
const generation = fc.record({ threshold: uint(16), signers: list(uint(65535), 16), kids: list(bytes(32), 20) })

interface Frame {
  readonly codec: Codec<unknown>
  readonly value: fc.Arbitrary<unknown>
}

const frame = <T>(codec: Codec<T>, value: fc.Arbitrary<T>): Frame => ({
  codec: { ...codec, encode: (v) => codec.encode(v as T) },
  value,
})

const FRAMES: Readonly<Record<string, Frame>> = {
  OPEN_SIGNING: frame(
    frames.OPEN_SIGNING,
    fc.record({
      setup,
      generation: upTo(32),
      tickets: list(bytes(16), 16),
      items: list(fc.record({ instance: upTo(512), requestId: text(80), request }), 4),
    }),
  ),
  OPEN_KEYGEN: frame(frames.OPEN_KEYGEN, fc.record({ setup, requestId: text(80), request })),
  OPEN_PRSS: frame(frames.OPEN_PRSS, fc.record({ setup })),
  ROUND: frame(frames.ROUND, fc.record({ sessionId: bytes(32), round: uint(255), envelopes: list(upTo(400), 32) })),
  ABORT: frame(frames.ABORT, fc.record({ sessionId: bytes(32) })),
  REPLY: frame(
    frames.REPLY,
    fc.record({
      type: uint(3),
      code: text(40),
      culprits: list(uint(65535), 16),
      envelopes: list(upTo(400), 32),
      tickets: list(bytes(16), 256),
      exhibits: list(upTo(400), 16),
      result: upTo(400),
    }),
  ),
  STATUS_REQUEST: frame(frames.STATUS_REQUEST, fc.record({ tickets: uint(256) })),
  STATUS: frame(
    frames.STATUS,
    fc.record({
      version: text(40),
      index: uint(65535),
      rosterHash: bytes(32),
      bootNonce: bytes(32),
      curve: text(16),
      ready: uint(1),
      generations: list(generation, 4),
      tickets: list(bytes(16), 256),
      pending: list(bytes(32), 64),
    }),
  ),
  CERTIFICATE_REQUEST: frame(frames.CERTIFICATE_REQUEST, fc.record({ keyId: bytes(32), certificate: upTo(400) })),
  CERTIFICATE_REPLY: frame(
    frames.CERTIFICATE_REPLY,
    fc.record({
      state: uint(2),
      publicPackage: upTo(400),
      ownSignature: upTo(64),
      certificate: upTo(400),
      credentialId: text(80),
      requestId: text(80),
      requestHash: upTo(32),
      label: fc.option(text(64)),
      usage: text(16),
      revision: uint(2 ** 32 - 1),
      createdAt: uint(Number.MAX_SAFE_INTEGER),
    }),
  ),
  KEYS_REQUEST: frame(frames.KEYS_REQUEST, fc.record({ after: upTo(32), limit: uint(256) })),
  KEYS_REPLY: frame(frames.KEYS_REPLY, fc.record({ keyIds: list(bytes(32), 256) })),
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

describe.each(Object.entries(FRAMES))('%s', (_, { codec, value }) => {
  it('carries every value within its bounds', () => {
    fc.assert(
      fc.property(value, (v) => {
        expect(codec.decode(codec.encode(v))).toEqual(v)
      }),
      RUNS,
    )
  })

  it('D-01: cut short, or with a byte more, it is no frame', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 0, max: 255 }), (v, at, byte) => {
        const encoded = codec.encode(v)
        expect(decoded(codec, encoded.slice(0, at % encoded.length))).toBeNull()
        expect(decoded(codec, Uint8Array.of(...encoded, byte))).toBeNull()
      }),
      RUNS,
    )
  })

  it('D-05: changed in one byte it is another value, or no frame', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 1, max: 255 }), (v, at, change) => {
        const encoded = codec.encode(v)
        const i = at % encoded.length
        const other = decoded(codec, encoded.with(i, (encoded[i] as number) ^ change))
        if (other !== null) expect(other).not.toEqual(v)
      }),
      RUNS,
    )
  })

  it('of random bytes next to nothing is a frame, and what is one has no second spelling', () => {
    fc.assert(
      fc.property(upTo(200), (input) => {
        const v = decoded(codec, input)
        if (v !== null) expect(codec.encode(v)).toEqual(input)
      }),
      RUNS,
    )
  })
})
