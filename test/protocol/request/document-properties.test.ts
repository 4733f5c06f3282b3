import { utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Document,
  encodeDocument,
  type KeygenDocument,
  type KeyUpdateDocument,
  MAX_LIFE_MS,
  MAX_MESSAGE_BYTES,
  MAX_REVISION,
  type Payload,
  parseDocument,
  type Scheme,
  type SignDocument,
  USAGES,
} from '../../../src/protocol/request/document.ts'
import { type RequestCode, RequestError } from '../../../src/protocol/request/request-error.ts'
import { expectRefusal, json, KEY_TEXT, keygenJson, NOW, parseJson, signDocument, signJson, updateJson } from './fixtures.ts'

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom('a', 'Z', '0', ' ', '"', '\\', '/', '<', 'é', 'ß', '财', '😀', "'"),
    minLength: 1,
    maxLength: Math.floor(maxLength / 2),
  })

const common = fc
  .record(
    {
      requestId: fc.stringMatching(/^req_[A-Za-z0-9_-]{1,64}$/),
      audience: fc.stringMatching(/^set_[0-9a-f]{64}$/),
      issuedAt: fc.integer({ min: 0, max: 253_402_300_799_999 - MAX_LIFE_MS }),
      life: fc.integer({ min: 1, max: MAX_LIFE_MS }),
      reference: text(128),
      metadata: fc.dictionary(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/), text(256), { maxKeys: 16 }),
    },
    { requiredKeys: ['requestId', 'audience', 'issuedAt', 'life'] },
  )
  .map(({ life, ...rest }) => ({ ...rest, expiresAt: rest.issuedAt + life }))

const message = fc.uint8Array({ maxLength: 200 })
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((d) => Uint8Array.from(d, (b, i) => (i === 0 ? b | 1 : b)))
const digestPayload = digest.filter((d) => d[0] !== 0xff).map((d): Payload => ({ kind: 'digest', digest: d }))
const payload: fc.Arbitrary<{ readonly scheme: Scheme; readonly payload: Payload }> = fc.oneof(
  fc.record({
    scheme: fc.constant('ecdsa-secp256k1' as const),
    payload: fc.oneof(
      digestPayload,
      fc.record({
        kind: fc.constant('message' as const),
        message,
        hash: fc.constantFrom('keccak256' as const, 'sha256' as const, 'sha256d' as const),
      }),
    ),
  }),
  fc.record({
    scheme: fc.constant('schnorr-secp256k1' as const),
    payload: fc.oneof(
      digestPayload,
      fc.record({ kind: fc.constant('message' as const), message, hash: fc.constant('sha256' as const) }),
    ),
  }),
  fc.record({
    scheme: fc.constant('eddsa-ed25519' as const),
    payload: fc.record({ kind: fc.constant('message' as const), message }),
  }),
)
const signDocuments: fc.Arbitrary<SignDocument> = fc
  .tuple(common, payload, fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([c, p, keyId]) => ({ type: 'sign.v1', path: 'm', keyId, ...c, ...p }))
const keygenDocuments: fc.Arbitrary<KeygenDocument> = fc
  .tuple(
    common,
    fc.constantFrom<Scheme>('ecdsa-secp256k1', 'schnorr-secp256k1', 'eddsa-ed25519'),
    fc.tuple(fc.integer({ min: 2, max: 16 }), fc.integer({ min: 2, max: 16 })),
    fc.option(text(64), { nil: undefined }),
  )
  .map(([c, scheme, sizes, label]) => ({
    type: 'keygen.v1',
    ...c,
    scheme,
    threshold: Math.min(...sizes),
    parties: Math.max(...sizes),
    ...(label !== undefined && { label }),
  }))
const updateDocuments: fc.Arbitrary<KeyUpdateDocument> = fc
  .tuple(
    common,
    fc.record({
      keyId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      scheme: fc.constantFrom<Scheme>('ecdsa-secp256k1', 'schnorr-secp256k1', 'eddsa-ed25519'),
      revision: fc.integer({ min: 1, max: MAX_REVISION }),
      state: fc.constantFrom(...USAGES),
      label: fc.option(text(64)),
    }),
  )
  .map(([c, fields]) => ({ type: 'key-update.v1', ...c, ...fields }))
const documents: fc.Arbitrary<Document> = fc.oneof(signDocuments, keygenDocuments, updateDocuments)

describe('properties', () => {
  it('parse(encode(x)) = x', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(parseDocument(encodeDocument(document))).toEqual(document)
      }),
      { numRuns: 500 },
    )
  })

  it('encoding is compact, in the order of the README', () => {
    expect(Buffer.from(encodeDocument(signDocument)).toString()).toBe(
      `{"type":"sign.v1","request_id":"req_1","audience":"${signDocument.audience}","key_id":"${KEY_TEXT}","path":"m",` +
        '"scheme":"ecdsa-secp256k1","payload":{"kind":"message","bytes":"0x00ff","hash":"keccak256"},' +
        '"issued_at":"2026-01-31T12:00:00.000Z","expires_at":"2026-01-31T12:01:00.250Z"}',
    )
  })

  it.each<[string, Partial<SignDocument>, RequestCode]>([
    ['short key id', { keyId: new Uint8Array(31) }, 'malformed_request'],
    ['time with a fraction', { issuedAt: NOW + 0.5 }, 'malformed_request'],
    ['time NaN', { expiresAt: Number.NaN }, 'malformed_request'],
    ['long life', { expiresAt: NOW + MAX_LIFE_MS + 1 }, 'malformed_request'],
    ['path', { path: 'm/0' as 'm' }, 'path_unsupported'],
    [
      'long message',
      { payload: { kind: 'message', message: new Uint8Array(MAX_MESSAGE_BYTES + 1), hash: 'sha256' } },
      'payload_too_large',
    ],
    ['zero digest', { payload: { kind: 'digest', digest: new Uint8Array(32) } }, 'payload_invalid'],
    ['lone surrogate', { reference: '\udc00' }, 'malformed_request'],
  ])('encode refuses what signers would refuse: %s', (_name, change, code) => {
    expectRefusal(() => encodeDocument({ ...signDocument, ...change }), code)
  })

  it('D-01 arbitrary bytes only ever give a RequestError', () => {
    const samples = [json(signJson), json(keygenJson), json(updateJson)]
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.json().map((t) => utf8ToBytes(t)),
      fc.tuple(fc.constantFrom(...samples), fc.nat(), fc.nat({ max: 255 })).map(([b, at, value]) => b.with(at % b.length, value)),
      fc.tuple(fc.constantFrom(...samples), fc.nat()).map(([b, at]) => b.subarray(0, at % b.length)),
      fc
        .tuple(fc.constantFrom(...Object.keys(signJson)), fc.jsonValue())
        .map(([name, value]) => json({ ...signJson, [name]: value })),
    )
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          const document = parseDocument(input)
          expect(parseDocument(encodeDocument(document))).toEqual(document)
        } catch (error) {
          expect(error).toBeInstanceOf(RequestError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('D-01 every cut and every added byte is refused', () => {
    for (const sample of [json(signJson), json(keygenJson), json(updateJson)]) {
      for (let length = 0; length < sample.length; length++) {
        expectRefusal(() => parseDocument(sample.subarray(0, length)), 'malformed_request')
      }
      expectRefusal(() => parseDocument(Uint8Array.of(...sample, 0)), 'malformed_request')
    }
  })

  it('U-03 errors never quote the request', () => {
    const secretish = 'c0ffee'.repeat(10)
    for (const change of [
      { request_id: secretish },
      { reference: `${secretish}\n` },
      { payload: { kind: 'message', bytes: secretish } },
      { scheme: secretish },
    ]) {
      const error = expectRefusal(() => parseJson({ ...signJson, ...change }), 'malformed_request')
      expect(`${error.message}${error.detail}${error.stack}`).not.toContain('c0ffee')
    }
  })
})
