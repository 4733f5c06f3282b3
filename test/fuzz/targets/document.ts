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
      return new Map(all.map((document) => [`${document.type}-${document.scheme}`, encodeDocument(document)]))
    },
    reaches: ['sign.v1', 'keygen.v1', 'key-update.v1'],
    run: (input) => {
      const refusal = (error: unknown): string | undefined =>
        error instanceof RequestError ? `${error.code}: ${error.detail.slice(0, 40)}` : undefined
      return outcomeOf(() => {
        const json = parseStrictJson(input, MAX_DOCUMENT_BYTES)
        // The strict reader is a subset of everybody's: what it takes, any JSON reader takes, and reads the same.
        promise(isDeepStrictEqual(plain(json), JSON.parse(new TextDecoder().decode(input))), 'JSON.parse reads something else')
        const document = parseDocument(input)
        const again = encodeDocument(document)
        promise(isDeepStrictEqual(parseDocument(again), document), 'a document changes when it is written and read again')
        const fields = plain(json) as { readonly issued_at: string; readonly expires_at: string }
        promise(Date.parse(fields.issued_at) === document.issuedAt, 'Date reads another issued_at')
        promise(Date.parse(fields.expires_at) === document.expiresAt, 'Date reads another expires_at')
        promise(isDeepStrictEqual(withoutTimes(parseDocument(again)), withoutTimes(document)), 'a field is lost')
        return document.type
      }, refusal)
    },
  }
}
