import { isDeepStrictEqual } from 'node:util'
import {
  type Document,
  encodeDocument,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  SCHEMES,
} from '../../../src/protocol/request/document.ts'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { type Json, parseStrictJson } from '../../../src/protocol/request/strict-json.ts'
import { AUDIENCE, keygenDocument, signDocument, updateDocument } from '../signer-trio.ts'
import { type FuzzTarget, outcomeOf, promise } from '../target.ts'

/** What `JSON.parse` would give; a member called `__proto__` is a member there too. */
const plain = (value: Json): unknown =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([name, v]) => [name, plain(v)]))
    : Array.isArray(value)
      ? value.map(plain)
      : value

const membersIn = (value: Json): number =>
  value instanceof Map
    ? [...value.values()].reduce((sum: number, v) => sum + 1 + membersIn(v), 0)
    : Array.isArray(value)
      ? value.reduce((sum: number, v) => sum + membersIn(v), 0)
      : 0

const withoutTimes = ({ issuedAt, expiresAt, ...rest }: Document): unknown => rest

/** The bytes that users sign and every signer reads. */
export function open(): FuzzTarget {
  return {
    maxLength: 8192,
    dictionary: [
      AUDIENCE,
      'sign.v1',
      'keygen.v1',
      'key-update.v1',
      'archived',
      'message',
      'digest',
      'sha256d',
      ...SCHEMES,
      '2026-02-29T23:59:60Z',
      '"metadata":{"a":"b"},',
    ],
    seeds: () => {
      const all = SCHEMES.flatMap((scheme) => [
        keygenDocument(scheme, { label: 'Treasury' }),
        signDocument(scheme, new Uint8Array(32), { reference: 'Invoice 7', metadata: { order: '4711' } }),
        updateDocument(scheme, new Uint8Array(32), { label: 'Savings', revision: 2 }),
      ])
      const whole = Buffer.from(encodeDocument(signDocument('eddsa-ed25519', new Uint8Array(32)))).toString()
      return new Map([
        ['member-twice', Buffer.from(whole.replace('"path":"m"', '"path":"m","path":"m"'))],
        ['no-such-day', Buffer.from(whole.replaceAll(/"20[0-9-]{8}T/g, '"2026-02-31T'))],
        ...all.map((document) => [`${document.type}-${document.scheme}`, encodeDocument(document)] as const),
      ])
    },
    reaches: ['sign.v1', 'keygen.v1', 'key-update.v1'],
    run: (input) => {
      const refusal = (error: unknown): string | undefined =>
        error instanceof RequestError ? `${error.code}: ${error.detail.slice(0, 40)}` : undefined
      return outcomeOf(() => {
        const json = parseStrictJson(input, MAX_DOCUMENT_BYTES)
        // The strict reader is a subset of everybody's: what it takes, any JSON reader takes, and reads the same.
        promise(isDeepStrictEqual(plain(json), JSON.parse(new TextDecoder().decode(input))), 'JSON.parse reads something else')
        // Readers differ in which of two members of one name they take.
        const marks = new TextDecoder().decode(input).replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
        promise(marks.split(':').length - 1 === membersIn(json), 'a member stands twice')
        const document = parseDocument(input)
        const again = encodeDocument(document)
        promise(isDeepStrictEqual(parseDocument(again), document), 'a document changes when it is written and read again')
        const fields = plain(json) as { readonly issued_at: string; readonly expires_at: string }
        promise(Date.parse(fields.issued_at) === document.issuedAt, 'Date reads another issued_at')
        // Date takes 31 February for 3 March.
        promise(new Date(document.issuedAt).toISOString().startsWith(fields.issued_at.slice(0, 19)), 'a date that does not exist')
        promise(Date.parse(fields.expires_at) === document.expiresAt, 'Date reads another expires_at')
        promise(isDeepStrictEqual(withoutTimes(parseDocument(again)), withoutTimes(document)), 'a field is lost')
        return document.type
      }, refusal)
    },
  }
}
