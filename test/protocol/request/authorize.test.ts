import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nobleCurves as curves } from '../../../src/protocol/curve/noble-curves.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH } from '../../../src/protocol/engine/transcript.ts'
import {
  type Authorization,
  authorizationMessage,
  authorize,
  type Credential,
  requestHash,
} from '../../../src/protocol/request/authorize.ts'
import { type Document, encodeDocument, MAX_LIFE_MS, parseDocument } from '../../../src/protocol/request/document.ts'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { AUDIENCE_ID, expectRefusal, keygenDocument, NOW, signDocument } from './fixtures.ts'

const SEED = new Uint8Array(32).fill(1)
const OTHER_SEED = new Uint8Array(32).fill(2)
const edKey = { id: 'cred_ed', tenant: 'a', alg: 'ed25519', publicKey: ed25519.getPublicKey(SEED), digest: false } as const
const p256Key = { id: 'cred_p256', tenant: 'b', alg: 'p256', publicKey: p256.getPublicKey(SEED), digest: true } as const
const privileged = { ...edKey, id: 'cred_digest', digest: true } as const
const credentials: ReadonlyMap<string, Credential> = new Map([edKey, p256Key, privileged].map((c) => [c.id, c]))

const signEd = (bytes: Uint8Array, seed = SEED): Uint8Array => ed25519.sign(authorizationMessage(bytes), seed)
const byEd = (bytes: Uint8Array): Authorization => ({ credentialId: edKey.id, alg: 'ed25519', signature: signEd(bytes) })
const byP256 = (bytes: Uint8Array): Authorization => ({
  credentialId: p256Key.id,
  alg: 'p256',
  signature: p256.sign(authorizationMessage(bytes), SEED),
})

const bytes = encodeDocument(signDocument)
const digestDocument: Document = { ...signDocument, payload: { kind: 'digest', digest: new Uint8Array(32).fill(9) } }

/** Authorizes the document by the Ed25519 credential, unless told otherwise. */
function run(change: Partial<Parameters<typeof authorize>[0]> = {}, by: (bytes: Uint8Array) => Authorization = byEd): Credential {
  const document = change.document ?? signDocument
  const encoded = change.bytes ?? encodeDocument(document)
  return authorize({
    bytes: encoded,
    document,
    authorizations: [by(encoded)],
    credentials,
    audience: AUDIENCE_ID,
    now: NOW,
    curves,
    ...change,
  })
}

describe('what is hashed and signed', () => {
  it('is the prefix of api.md and the exact bytes', () => {
    expect(authorizationMessage(Uint8Array.of(1, 2))).toEqual(
      concatBytes(utf8ToBytes('quorate/request/v1\n'), Uint8Array.of(1, 2)),
    )
  })

  it('the request hash is the tagged hash of the bytes', () => {
    expect(requestHash(bytes)).toEqual(TH(TAGS.request, bytes))
    expect(requestHash(bytes)).toHaveLength(32)
    expect(requestHash(Uint8Array.of(...bytes, 0x20))).not.toEqual(requestHash(bytes))
  })
})

describe('authorize returns the credential', () => {
  it('of an Ed25519 and of a P-256 signature', () => {
    expect(run()).toBe(edKey)
    expect(run({}, byP256)).toBe(p256Key)
    expect(run({ document: keygenDocument })).toBe(edKey)
  })

  it('when it may sign digests', () => {
    expect(run({ document: digestDocument }, byP256)).toBe(p256Key)
    expect(run({ document: digestDocument }, (b) => ({ ...byEd(b), credentialId: privileged.id }))).toBe(privileged)
  })

  it('for a document in another spelling, when those bytes were signed', () => {
    const spelt = utf8ToBytes(JSON.stringify(JSON.parse(Buffer.from(bytes).toString()), null, 2))
    expect(run({ bytes: spelt, document: parseDocument(spelt) })).toBe(edKey)
  })
})

describe('the one error for a bad authorization', () => {
  const signature = signEd(bytes)
  const good = byEd(bytes)
  const { credentialId: _c, ...noCredential } = good
  const { alg: _a, ...noAlg } = good
  const { signature: _s, ...noSignature } = good

  it.each<[string, readonly Authorization[]]>([
    ['T-08 no authorization', []],
    ['T-08 empty authorization', [{}]],
    ['T-08 no credential', [noCredential]],
    ['T-08 no algorithm', [noAlg]],
    ['T-08 no signature', [noSignature]],
    ['T-08 empty signature', [{ ...good, signature: new Uint8Array() }]],
    ['unknown credential', [{ ...good, credentialId: 'cred_nobody' }]],
    ['C-10 credential of an inherited name', [{ ...good, credentialId: '__proto__' }]],
    ['algorithm of another credential', [{ ...good, alg: 'p256' }]],
    ['algorithm none', [{ ...good, alg: 'none' }]],
    ['D-05 algorithm in another case', [{ ...good, alg: 'Ed25519' }]],
    ['signature of all zeros', [{ ...good, signature: new Uint8Array(64) }]],
    ['signature of 63 bytes', [{ ...good, signature: signature.subarray(0, 63) }]],
    ['D-05 signature with a trailing byte', [{ ...good, signature: concatBytes(signature, Uint8Array.of(0)) }]],
    ['signature by another key', [{ ...good, signature: signEd(bytes, OTHER_SEED) }]],
    ['signature over the bytes without prefix', [{ ...good, signature: ed25519.sign(bytes, SEED) }]],
    ['signature over other bytes', [{ ...good, signature: signEd(concatBytes(bytes, Uint8Array.of(0x20))) }]],
    ['signature of another credential', [{ ...byP256(bytes), credentialId: edKey.id }]],
    ['Ed25519 signature named P-256', [{ credentialId: p256Key.id, alg: 'p256', signature }]],
    [
      'P-256 signature in DER',
      [{ ...byP256(bytes), signature: p256.sign(authorizationMessage(bytes), SEED, { format: 'der' }) }],
    ],
  ])('%s', (_name, authorizations) => {
    const error = expectRefusal(() => run({ authorizations }), 'authorization_invalid')
    // Word for word the same, so that it is no oracle for which credentials exist.
    expect(error.message).toBe('authorization_invalid: no valid authorization by a known credential')
  })

  it('also covers a credential that is configured wrongly', () => {
    for (const publicKey of [new Uint8Array(), edKey.publicKey.subarray(1), new Uint8Array(33), new Uint8Array(32).fill(255)]) {
      const broken = new Map<string, Credential>([[edKey.id, { ...edKey, publicKey }]])
      expectRefusal(() => run({ credentials: broken }), 'authorization_invalid')
    }
    const unknownAlg = new Map([[edKey.id, { ...edKey, alg: 'none' } as unknown as Credential]])
    expectRefusal(() => run({ credentials: unknownAlg }, (b) => ({ ...byEd(b), alg: 'none' })), 'authorization_invalid')
  })

  it('refuses more than one authorization, good ones too', () => {
    expectRefusal(() => run({ authorizations: [good, byP256(bytes)] }), 'malformed_request', '/authorizations')
    expectRefusal(() => run({ authorizations: [good, good] }), 'malformed_request', '/authorizations')
  })
})

describe('then, in this order', () => {
  const elsewhere = `set_${'00'.repeat(32)}`

  it('the audience', () => {
    expectRefusal(() => run({ audience: elsewhere }), 'authorization_invalid', '/audience')
    expectRefusal(() => run({ audience: '' }), 'authorization_invalid', '/audience')
  })

  it.each<[string, number, '/issued_at' | '/expires_at' | null]>([
    ['issued exactly 30 s ahead', NOW - 30_000, null],
    ['issued 30 s and 1 ms ahead', NOW - 30_001, '/issued_at'],
    ['just issued', NOW, null],
    ['expired for 29.999 s', signDocument.expiresAt + 29_999, null],
    ['expired for 30 s', signDocument.expiresAt + 30_000, '/expires_at'],
    ['D-10 clock at 0', 0, '/issued_at'],
    ['D-10 clock that is no number', Number.NaN, '/issued_at'],
    ['D-10 clock at infinity', Number.POSITIVE_INFINITY, '/expires_at'],
  ])('D-10 the time: %s', (_name, now, pointer) => {
    if (pointer === null) expect(run({ now })).toBe(edKey)
    else expectRefusal(() => run({ now }), 'request_expired', pointer)
  })

  it.each<[string, Partial<Document>]>([
    ['D-10 expiry null', { expiresAt: null as unknown as number }],
    ['T-08 expiry missing', { expiresAt: undefined as unknown as number }],
    ['D-10 expiry NaN', { expiresAt: Number.NaN }],
    ['D-10 far future', { expiresAt: NOW + MAX_LIFE_MS + 1 }],
    ['T-08 issue missing', { issuedAt: undefined as unknown as number }],
    ['D-10 issue at the beginning of time', { issuedAt: 0 }],
  ])('D-10 the time of a document that never went through the parser: %s', (_name, change) => {
    const document = { ...signDocument, ...change } as Document
    expectRefusal(() => run({ bytes, document }), 'request_expired')
  })

  it('S-07 the privilege for digests', () => {
    expectRefusal(() => run({ document: digestDocument }), 'raw_digest_forbidden', '/payload/kind')
    const truthy = new Map([[edKey.id, { ...edKey, digest: 'false' } as unknown as Credential]])
    expectRefusal(() => run({ document: digestDocument, credentials: truthy }), 'raw_digest_forbidden')
  })

  it('and the first failure is the one reported', () => {
    const late = signDocument.expiresAt + MAX_LIFE_MS
    expectRefusal(
      () => run({ document: digestDocument, authorizations: [], audience: elsewhere, now: late }),
      'authorization_invalid',
    )
    const audience = expectRefusal(
      () => run({ document: digestDocument, audience: elsewhere, now: late }),
      'authorization_invalid',
    )
    expect(audience.pointer).toBe('/audience')
    expectRefusal(() => run({ document: digestDocument, now: late }), 'request_expired')
  })
})

describe('properties', () => {
  it.each([
    ['Ed25519', byEd],
    ['P-256', byP256],
  ])('a signed document with one changed byte never authorises (%s)', (_name, by) => {
    const authorizations = [by(bytes)]
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.with(at, (bytes[at] as number) ^ flip)
        // Whoever parses the changed bytes, and whoever wrongly kept the old parse: both are refused.
        expect(() => run({ bytes: changed, document: parseDocument(changed), authorizations })).toThrow(RequestError)
        expectRefusal(() => run({ bytes: changed, authorizations }), 'authorization_invalid')
      }),
      { numRuns: 60 },
    )
  })

  it('a signature with one changed bit never authorises', () => {
    const { signature, ...rest } = byEd(bytes)
    fc.assert(
      fc.property(fc.nat({ max: 511 }), (bit) => {
        const changed = Uint8Array.from(signature as Uint8Array, (b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b))
        expectRefusal(() => run({ authorizations: [{ ...rest, signature: changed }] }), 'authorization_invalid')
      }),
      { numRuns: 60 },
    )
  })

  it('Z-03 a signature for one request is none for a request it is a prefix of', () => {
    const padded = concatBytes(bytes, utf8ToBytes('\n'))
    expect(parseDocument(padded)).toEqual(signDocument)
    expectRefusal(() => run({ bytes: padded, authorizations: [byEd(bytes)] }), 'authorization_invalid')
  })
})
