import { utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import {
  encodeDocument,
  MAX_DOCUMENT_BYTES,
  MAX_LIFE_MS,
  MAX_MESSAGE_BYTES,
  type Payload,
  parseDocument,
  type Scheme,
  type SignDocument,
} from '../../../src/protocol/request/document.ts'
import type { RequestCode } from '../../../src/protocol/request/request-error.ts'
import { formatTime } from '../../../src/protocol/request/time.ts'
import {
  expectRefusal,
  KEY_TEXT,
  keygenDocument,
  keygenJson,
  NOW,
  parseJson,
  signDocument,
  signJson,
  updateDocument,
  updateJson,
} from './fixtures.ts'

const digest32 = `0x${'11'.repeat(32)}`
const without = (object: Record<string, unknown>, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([n]) => n !== name))

describe('a document', () => {
  it('of each type is read', () => {
    expect(parseJson(signJson)).toEqual(signDocument)
    expect(parseJson(keygenJson)).toEqual(keygenDocument)
    expect(parseJson(updateJson)).toEqual(updateDocument)
    expect(parseJson({ ...updateJson, label: null })).toEqual({ ...updateDocument, label: null })
  })

  it('may leave out path, reference, metadata and label, or have them', () => {
    expect(parseJson(without(signJson, 'path'))).toEqual(signDocument)
    const metadata = { 'order.id': '17', constructor: 'x', '10': 'ten' }
    expect(parseJson({ ...signJson, reference: 'invoice 12', metadata })).toEqual({
      ...signDocument,
      reference: 'invoice 12',
      metadata,
    })
    expect(parseJson({ ...keygenJson, label: 'Schatzkästchen 财' })).toEqual({ ...keygenDocument, label: 'Schatzkästchen 财' })
  })

  it('C-10 has metadata without inherited members', () => {
    const { metadata } = parseJson({ ...signJson, metadata: { a: 'b' } })
    expect(metadata).toBeDefined()
    expect('toString' in (metadata ?? {})).toBe(false)
    expect(metadata?.['constructor']).toBeUndefined()
  })

  it('may be spelt with white space, in any order, with escapes and upper-case hex', () => {
    const reversed = Object.fromEntries(
      Object.entries({ ...signJson, payload: { hash: 'keccak256', bytes: '0x00FF', kind: 'message' } }).reverse(),
    )
    const text = JSON.stringify(reversed, null, 2).replace('"req_1"', '"\\u0072eq_1"')
    expect(parseDocument(utf8ToBytes(text))).toEqual(signDocument)
  })

  it('takes every payload that the README promises', () => {
    const takes: [Scheme, Record<string, unknown>, Payload][] = [
      [
        'ecdsa-secp256k1',
        { kind: 'message', bytes: '0x', hash: 'sha256d' },
        { kind: 'message', message: new Uint8Array(), hash: 'sha256d' },
      ],
      ['ecdsa-secp256k1', { kind: 'digest', digest: digest32 }, { kind: 'digest', digest: new Uint8Array(32).fill(0x11) }],
      ['ecdsa-p256', { kind: 'digest', digest: digest32 }, { kind: 'digest', digest: new Uint8Array(32).fill(0x11) }],
      [
        'ecdsa-p256',
        { kind: 'message', bytes: '0x', hash: 'sha256' },
        { kind: 'message', message: new Uint8Array(), hash: 'sha256' },
      ],
      ['schnorr-secp256k1', { kind: 'digest', digest: digest32 }, { kind: 'digest', digest: new Uint8Array(32).fill(0x11) }],
      [
        'schnorr-secp256k1',
        { kind: 'message', bytes: '0x01', hash: 'sha256' },
        { kind: 'message', message: Uint8Array.of(1), hash: 'sha256' },
      ],
      ['eddsa-ed25519', { kind: 'message', bytes: '0x' }, { kind: 'message', message: new Uint8Array() }],
    ]
    for (const [scheme, payload, expected] of takes) {
      const document = parseJson({ ...signJson, scheme, payload }) as SignDocument
      expect(document.payload).toEqual(expected)
    }
  })

  it('of the largest kind fits the bound, and no byte more', () => {
    const message = new Uint8Array(MAX_MESSAGE_BYTES).fill(0xee)
    const largest: SignDocument = {
      ...signDocument,
      requestId: `req_${'a'.repeat(64)}`,
      payload: { kind: 'message', message, hash: 'keccak256' },
      reference: '财'.repeat(128),
      metadata: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`.padEnd(64, 'x'), '财'.repeat(256)])),
    }
    const bytes = encodeDocument(largest)
    expect(parseDocument(bytes)).toEqual(largest)
    const padded = new Uint8Array(MAX_DOCUMENT_BYTES + 1).fill(0x20)
    padded.set(bytes)
    expect(parseDocument(padded.subarray(0, MAX_DOCUMENT_BYTES))).toEqual(largest)
    expectRefusal(() => parseDocument(padded), 'payload_too_large')
  })
})

describe('D-06 members', () => {
  const documents = [
    ['sign.v1', signJson, ['path']],
    ['keygen.v1', keygenJson, []],
    ['key-update.v1', updateJson, []],
  ] as const

  for (const [type, document, optional] of documents) {
    for (const name of Object.keys(document)) {
      it(`${type}: ${name} missing`, () => {
        if ((optional as readonly string[]).includes(name)) expect(parseJson(without(document, name))).toBeDefined()
        else expectRefusal(() => parseJson(without(document, name)), 'malformed_request', `/${name}`)
      })

      it.each([[null], [0], [-1], [true], [[]], [{}], ['x'], ['']])(`${type}: ${name} is %j`, (value) => {
        // The values that these members may have.
        if (type === 'key-update.v1' && name === 'label' && (value === null || value === 'x')) return
        const error = expectRefusal(
          () => parseJson({ ...document, [name]: value }),
          name === 'path'
            ? 'path_unsupported'
            : name === 'payload' && value !== null && typeof value === 'object' && !Array.isArray(value)
              ? 'payload_invalid'
              : 'malformed_request',
        )
        expect(error.pointer?.startsWith(`/${name}`)).toBe(true)
      })
    }
    for (const name of [
      'unknown',
      'keyId',
      'Request_id',
      'request_id\u200b',
      'reqüest_id',
      '__proto__',
      'constructor',
      '',
      'a/b',
      'x'.repeat(5000),
    ]) {
      it(`${type}: unknown member ${JSON.stringify(name.slice(0, 20))}`, () => {
        const text = `{${JSON.stringify(name)}:1,${JSON.stringify(document).slice(1)}`
        const error = expectRefusal(() => parseDocument(utf8ToBytes(text)), 'malformed_request')
        expect(error.message.length).toBeLessThan(200)
      })
    }
  }

  it.each([
    ['key_id', keygenJson, KEY_TEXT],
    ['payload', keygenJson, signJson.payload],
    ['path', keygenJson, 'm'],
    ['payload', updateJson, signJson.payload],
    ['path', updateJson, 'm'],
    ['parties', updateJson, 3],
    ['state', signJson, 'frozen'],
    ['revision', keygenJson, 1],
    ['threshold', signJson, 2],
    ['label', signJson, 'x'],
  ])('%s belongs to the other type', (name, document, value) => {
    expectRefusal(() => parseJson({ ...document, [name]: value }), 'malformed_request', `/${name}`)
  })

  it.each([
    ['null', null],
    ['an array', [signJson]],
    ['a string', 'sign.v1'],
    ['a number', 1],
  ])('the document is %s', (_name, value) => {
    expectRefusal(() => parseJson(value), 'malformed_request', '')
  })

  it('D-05 a member stands twice, also when the second is spelt with an escape', () => {
    const text = JSON.stringify(signJson)
    for (const again of ['"request_id":"req_1"', '"request_i\\u0064":"req_1"']) {
      expectRefusal(() => parseDocument(utf8ToBytes(`${text.slice(0, -1)},${again}}`)), 'malformed_request')
    }
    const payload = '"payload":{"kind":"digest","digest":"0x00","digest":"0x01"}'
    expectRefusal(() => parseDocument(utf8ToBytes(text.replace(/"payload":\{.*?\}/, payload))), 'malformed_request')
  })
})

it('a mistake of the caller’s is thrown as it is, and no document comes of it', () => {
  const wrong = { ...signDocument, metadata: { amount: 1n } } as unknown as SignDocument
  expect(() => encodeDocument(wrong)).toThrow(/BigInt/)
})

describe('a key update', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['revision 0, which a new key has', { revision: 0 }, '/revision'],
    ['revision beyond 32 bits', { revision: 2 ** 32 }, '/revision'],
    ['revision as text', { revision: '1' }, '/revision'],
    ['state that does not exist', { state: 'pending' }, '/state'],
    ['C-10 state of an inherited name', { state: 'constructor' }, '/state'],
    ['empty label', { label: '' }, '/label'],
    ['label of 65', { label: 'x'.repeat(65) }, '/label'],
    ['C-10 label with a bidi override', { label: 'a\u202eb' }, '/label'],
  ])('%s', (_name, change, pointer) => {
    expectRefusal(() => parseJson({ ...updateJson, ...change }), 'malformed_request', pointer)
  })
})

describe('D-06, D-10, D-11, F-14, C-10 each rule', () => {
  const rules: [string, Record<string, unknown>, RequestCode, string][] = [
    ['type of a later version', { type: 'sign.v2' }, 'malformed_request', '/type'],
    ['request id without prefix', { request_id: '1' }, 'malformed_request', '/request_id'],
    ['request id of nothing', { request_id: 'req_' }, 'malformed_request', '/request_id'],
    ['request id of 65', { request_id: `req_${'a'.repeat(65)}` }, 'malformed_request', '/request_id'],
    ['request id with a newline', { request_id: 'req_a\n' }, 'malformed_request', '/request_id'],
    ['C-10 request id with a look-alike', { request_id: 'req_\u0430' }, 'malformed_request', '/request_id'],
    ['C-10 request id with a full-width letter', { request_id: 'req_\uff41' }, 'malformed_request', '/request_id'],
    ['audience of 31 bytes', { audience: `set_${'5e'.repeat(31)}` }, 'malformed_request', '/audience'],
    ['D-05 audience in upper case', { audience: `set_${'5E'.repeat(32)}` }, 'malformed_request', '/audience'],
    ['key id of 33 bytes', { key_id: `key_${'ab'.repeat(33)}` }, 'malformed_request', '/key_id'],
    ['D-05 key id in upper case', { key_id: `key_${'AB'.repeat(32)}` }, 'malformed_request', '/key_id'],
    ['key id of another kind', { key_id: `set_${'ab'.repeat(32)}` }, 'malformed_request', '/key_id'],
    ['scheme that does not exist', { scheme: 'ecdsa-p384' }, 'malformed_request', '/scheme'],
    ['H-03 derivation', { path: 'm/0/7' }, 'path_unsupported', '/path'],
    ['H-03 empty path', { path: '' }, 'path_unsupported', '/path'],
    ['H-03 upper-case path', { path: 'M' }, 'path_unsupported', '/path'],
    ['D-06 null path', { path: null }, 'path_unsupported', '/path'],
    ['D-10 expires when issued', { expires_at: '2026-01-31T12:00:00Z' }, 'malformed_request', '/expires_at'],
    ['D-10 expires before issued', { expires_at: '2026-01-31T11:59:59.999Z' }, 'malformed_request', '/expires_at'],
    ['D-10 lives 24 h and 1 ms', { expires_at: formatTime(NOW + MAX_LIFE_MS + 1) }, 'malformed_request', '/expires_at'],
    ['D-10 far future', { expires_at: '9999-12-31T23:59:59Z' }, 'malformed_request', '/expires_at'],
    ['D-10 expiry 0', { expires_at: 0 }, 'malformed_request', '/expires_at'],
    ['D-10 expiry as a number', { expires_at: NOW + 1000 }, 'malformed_request', '/expires_at'],
    ['D-10 31 February', { issued_at: '2026-02-31T12:00:00Z' }, 'malformed_request', '/issued_at'],
    ['D-10 an offset', { issued_at: '2026-01-31T13:00:00+01:00' }, 'malformed_request', '/issued_at'],
    ['D-10 before 1970', { issued_at: '1969-12-31T23:59:59Z' }, 'malformed_request', '/issued_at'],
    ['empty reference', { reference: '' }, 'malformed_request', '/reference'],
    ['reference of 129', { reference: 'r'.repeat(129) }, 'malformed_request', '/reference'],
    ['D-06 null reference', { reference: null }, 'malformed_request', '/reference'],
    ['reference with a newline', { reference: 'a\nb' }, 'malformed_request', '/reference'],
    ['C-10 reference with a bidi override', { reference: 'pay \u202eecila' }, 'malformed_request', '/reference'],
    ['C-10 reference with a zero-width space', { reference: 'a\u200bb' }, 'malformed_request', '/reference'],
    ['C-10 reference with a line separator', { reference: 'a\u2028b' }, 'malformed_request', '/reference'],
    ['C-10 reference that is not NFC', { reference: 'e\u0301' }, 'malformed_request', '/reference'],
    ['metadata as a list', { metadata: ['a'] }, 'malformed_request', '/metadata'],
    ['D-06 null metadata', { metadata: null }, 'malformed_request', '/metadata'],
    [
      'metadata with 17 members',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) },
      'malformed_request',
      '/metadata',
    ],
    ['metadata with a number', { metadata: { a: 1 } }, 'malformed_request', '/metadata/a'],
    ['metadata with an object', { metadata: { a: {} } }, 'malformed_request', '/metadata/a'],
    ['metadata with null', { metadata: { a: null } }, 'malformed_request', '/metadata/a'],
    ['metadata with an empty value', { metadata: { a: '' } }, 'malformed_request', '/metadata/a'],
    ['metadata with a value of 257', { metadata: { a: 'v'.repeat(257) } }, 'malformed_request', '/metadata/a'],
    ['metadata with a name of 65', { metadata: { ['n'.repeat(65)]: 'v' } }, 'malformed_request', '/metadata'],
    ['metadata with an empty name', { metadata: { '': 'v' } }, 'malformed_request', '/metadata'],
    ['C-10 metadata with __proto__', { metadata: JSON.parse('{"__proto__":"v"}') }, 'malformed_request', '/metadata'],
    ['C-10 metadata with a name beyond ASCII', { metadata: { é: 'v' } }, 'malformed_request', '/metadata'],
    ['payload of an unknown kind', { payload: { kind: 'evm_transaction' } }, 'payload_invalid', '/payload/kind'],
    ['payload without kind', { payload: { bytes: '0x00', hash: 'sha256' } }, 'payload_invalid', '/payload/kind'],
    ['C-10 payload kind of an inherited name', { payload: { kind: 'constructor' } }, 'payload_invalid', '/payload/kind'],
    ['message without bytes', { payload: { kind: 'message', hash: 'sha256' } }, 'malformed_request', '/payload/bytes'],
    [
      'message with a digest',
      { payload: { kind: 'message', bytes: '0x', hash: 'sha256', digest: digest32 } },
      'malformed_request',
      '/payload/digest',
    ],
    [
      'digest with a hash',
      { payload: { kind: 'digest', digest: digest32, hash: 'sha256' } },
      'malformed_request',
      '/payload/hash',
    ],
    [
      'message of an odd number of digits',
      { payload: { kind: 'message', bytes: '0x0', hash: 'sha256' } },
      'malformed_request',
      '/payload/bytes',
    ],
    ['message without 0x', { payload: { kind: 'message', bytes: '00', hash: 'sha256' } }, 'malformed_request', '/payload/bytes'],
    ['message with 0X', { payload: { kind: 'message', bytes: '0X00', hash: 'sha256' } }, 'malformed_request', '/payload/bytes'],
    [
      'message in base64',
      { payload: { kind: 'message', bytes: '0xAA==', hash: 'sha256' } },
      'malformed_request',
      '/payload/bytes',
    ],
    [
      'message of 64 KiB and 1',
      { payload: { kind: 'message', bytes: `0x${'00'.repeat(MAX_MESSAGE_BYTES + 1)}`, hash: 'sha256' } },
      'payload_too_large',
      '/payload/bytes',
    ],
    [
      'hash that does not exist',
      { payload: { kind: 'message', bytes: '0x', hash: 'md5' } },
      'malformed_request',
      '/payload/hash',
    ],
    ['D-06 null hash', { payload: { kind: 'message', bytes: '0x', hash: null } }, 'malformed_request', '/payload/hash'],
    ['ECDSA message without hash', { payload: { kind: 'message', bytes: '0x' } }, 'payload_invalid', '/payload/hash'],
    ['BIP-340 with keccak256', { scheme: 'schnorr-secp256k1' }, 'payload_invalid', '/payload/hash'],
    ['F-14 Ed25519 with a hash', { scheme: 'eddsa-ed25519' }, 'payload_invalid', '/payload/hash'],
    [
      'F-14 Ed25519 with a digest',
      { scheme: 'eddsa-ed25519', payload: { kind: 'digest', digest: digest32 } },
      'payload_invalid',
      '/payload/kind',
    ],
    ...[
      '',
      '11'.repeat(31),
      '11'.repeat(33),
      '11'.repeat(64),
      '00'.repeat(32),
      'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141',
    ].map((hex): [string, Record<string, unknown>, RequestCode, string] => [
      `D-11 digest of ${hex.length / 2} bytes ${hex.slice(0, 4)}`,
      { payload: { kind: 'digest', digest: `0x${hex}` } },
      'payload_invalid',
      '/payload/digest',
    ]),
  ]
  it.each(rules)('%s', (_name, change, code, pointer) => {
    expectRefusal(() => parseJson({ ...signJson, ...change }), code, pointer)
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['threshold 1', { threshold: 1 }, '/threshold'],
    ['threshold 0', { threshold: 0 }, '/threshold'],
    ['threshold above parties', { threshold: 4 }, '/threshold'],
    ['threshold as text', { threshold: '2' }, '/threshold'],
    ['parties 1', { parties: 1, threshold: 1 }, '/parties'],
    ['parties 17', { parties: 17 }, '/parties'],
    ['parties -3', { parties: -3 }, '/parties'],
    ['label of 65', { label: 'x'.repeat(65) }, '/label'],
    ['empty label', { label: '' }, '/label'],
    ['C-10 label with a control character', { label: 'a\u0007' }, '/label'],
    ['C-10 label with a lone surrogate', { label: '\ud800' }, ''],
    ['D-10 lives too long', { expires_at: '2026-02-01T12:00:00.001Z' }, '/expires_at'],
  ])('key generation: %s', (_name, change, pointer) => {
    const error = expectRefusal(() => parseJson({ ...keygenJson, ...change }), 'malformed_request')
    expect(error.pointer ?? '').toBe(pointer)
  })

  it.each([
    ['2.0', '"threshold":2.0'],
    ['2e0', '"threshold":2e0'],
    ['02', '"threshold":02'],
  ])('D-05 threshold spelt %s', (_name, member) => {
    expectRefusal(
      () => parseDocument(utf8ToBytes(JSON.stringify(keygenJson).replace('"threshold":2', member))),
      'malformed_request',
    )
  })

  it('takes the bounds themselves', () => {
    expect(parseJson({ ...keygenJson, threshold: 16, parties: 16, label: 'x'.repeat(64) })).toMatchObject({
      threshold: 16,
      parties: 16,
    })
    expect(parseJson({ ...keygenJson, threshold: 2, parties: 2 })).toMatchObject({ threshold: 2, parties: 2 })
    expect(parseJson({ ...signJson, expires_at: formatTime(NOW + MAX_LIFE_MS) })).toMatchObject({ expiresAt: NOW + MAX_LIFE_MS })
    expect(parseJson({ ...signJson, metadata: {} })).toMatchObject({ metadata: {} })
  })
})
