import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toHex } from '../engine/bytes.ts'
import { MAX_PARTIES } from '../engine/party.ts'
import { assertPayload } from './digest.ts'
import { type Fields, openFields, printable } from './fields.ts'
import { AUDIENCE, formatKeyId, parseKeyId, REQUEST_ID } from './ids.ts'
import { RequestError } from './request-error.ts'
import { parseStrictJson } from './strict-json.ts'
import { formatTime } from './time.ts'

export const SCHEMES = ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
export type Scheme = (typeof SCHEMES)[number]
/** They differ in nothing but the curve. */
export type EcdsaScheme = Extract<Scheme, `ecdsa-${string}`>
export const isEcdsa = (scheme: string): scheme is EcdsaScheme => scheme === 'ecdsa-secp256k1' || scheme === 'ecdsa-p256'

const HASH_NAMES = ['keccak256', 'sha256', 'sha256d'] as const
export type MessageHash = (typeof HASH_NAMES)[number]

/** Bound of a whole document; a message of the largest size takes 128 KiB of hex. */
export const MAX_DOCUMENT_BYTES = 160 * 1024
export const MAX_MESSAGE_BYTES = 64 * 1024
/** Longest time from `issued_at` to `expires_at` (decisions.md 11); ledgers keep request ids about as long. */
export const MAX_LIFE_MS = 24 * 60 * 60 * 1000
const MAX_LABEL = 64
const MAX_REFERENCE = 128
const MAX_METADATA = 16
const MAX_METADATA_VALUE = 256

/** What is to be signed. `digest` is a privilege (decisions.md 12): nobody can tell what stands behind a bare hash. */
export type Payload =
  | { readonly kind: 'message'; readonly message: Uint8Array; readonly hash?: MessageHash }
  | { readonly kind: 'digest'; readonly digest: Uint8Array }

interface Common {
  /** `req_` and 1..64 of `A-Za-z0-9_-`. */
  readonly requestId: string
  /** `set_` and 64 hex digits. */
  readonly audience: string
  /** Milliseconds since the Unix epoch, as is `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** The requester's own words; signed, shown and logged, never interpreted. At most 128 printable characters. */
  readonly reference?: string
  /** As `reference`: at most 16 members, values of at most 256 printable characters. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface SignDocument extends Common {
  readonly type: 'sign.v1'
  /** 32 bytes. */
  readonly keyId: Uint8Array
  /** `m` until derivation exists (decisions.md 14). */
  readonly path: 'm'
  readonly scheme: Scheme
  readonly payload: Payload
}

export interface KeygenDocument extends Common {
  readonly type: 'keygen.v1'
  readonly scheme: Scheme
  readonly threshold: number
  readonly parties: number
  /** At most 64 printable characters. */
  readonly label?: string
}

export const USAGES = ['active', 'frozen', 'archived'] as const
/** Whether signers take part for a key: only while `active`; `archived` is for ever. */
export type Usage = (typeof USAGES)[number]
/** Revisions are counted in 32 bits everywhere. */
export const MAX_REVISION = 2 ** 32 - 1

/**
 * The whole of what can be changed about a key, under its number. Whole, so that a signer which missed one document is right again
 * with the next; numbered, so that nobody in between can bring an old one back or change their order.
 */
export interface KeyUpdateDocument extends Common {
  readonly type: 'key-update.v1'
  /** 32 bytes. */
  readonly keyId: Uint8Array
  readonly scheme: Scheme
  /** Greater than that of every document before; a new key has revision 0. */
  readonly revision: number
  readonly state: Usage
  readonly label: string | null
}

export type Document = SignDocument | KeygenDocument | KeyUpdateDocument

const COMMON = ['type', 'request_id', 'audience', 'scheme', 'issued_at', 'expires_at'] as const
const MEMBERS = {
  'sign.v1': { required: [...COMMON, 'key_id', 'payload'], optional: ['path', 'reference', 'metadata'] },
  'keygen.v1': { required: [...COMMON, 'threshold', 'parties'], optional: ['label', 'reference', 'metadata'] },
  'key-update.v1': { required: [...COMMON, 'key_id', 'revision', 'state', 'label'], optional: ['reference', 'metadata'] },
} as const
type DocumentType = keyof typeof MEMBERS

function readMetadata(fields: Fields): Readonly<Record<string, string>> {
  const record = openFields(fields.json('metadata'), '/metadata')
  if (record.names.length > MAX_METADATA) {
    throw new RequestError('malformed_request', `more than ${MAX_METADATA} members`, '/metadata')
  }
  // Without a prototype a member called `constructor` is a member and nothing else (attacks.md C-10).
  const metadata: Record<string, string> = Object.create(null)
  for (const name of record.names) {
    metadata[name] = record.text(name, printable(MAX_METADATA_VALUE), `printable text of 1..${MAX_METADATA_VALUE} characters`)
  }
  return metadata
}

function readCommon(fields: Fields): Common & { readonly scheme: Scheme } {
  const common = {
    requestId: fields.text('request_id', (t) => REQUEST_ID.test(t), 'req_ and 1..64 of A-Z a-z 0-9 _ -'),
    audience: fields.text('audience', (t) => AUDIENCE.test(t), 'set_ and 64 lower-case hex digits'),
    scheme: fields.choice('scheme', SCHEMES),
    issuedAt: fields.time('issued_at'),
    expiresAt: fields.time('expires_at'),
  }
  const life = common.expiresAt - common.issuedAt
  if (life <= 0 || life > MAX_LIFE_MS) {
    throw new RequestError('malformed_request', 'expires_at is later than issued_at, by 24 hours at most', '/expires_at')
  }
  return {
    ...common,
    ...(fields.has('reference') && {
      reference: fields.text('reference', printable(MAX_REFERENCE), `printable text of 1..${MAX_REFERENCE} characters`),
    }),
    ...(fields.has('metadata') && { metadata: readMetadata(fields) }),
  }
}

function readPayload(fields: Fields, scheme: Scheme): Payload {
  // Opened loosely first, since the kind decides which members exist.
  const kind = openFields(fields.json('payload'), '/payload').json('kind')
  let payload: Payload
  if (kind === 'digest') {
    const members = openFields(fields.json('payload'), '/payload', { required: ['kind', 'digest'], optional: [] })
    payload = { kind, digest: members.bytes('digest') }
  } else if (kind === 'message') {
    const members = openFields(fields.json('payload'), '/payload', { required: ['kind', 'bytes'], optional: ['hash'] })
    const message = members.bytes('bytes')
    if (message.length > MAX_MESSAGE_BYTES) {
      throw new RequestError('payload_too_large', `a message has at most ${MAX_MESSAGE_BYTES} bytes`, '/payload/bytes')
    }
    payload = { kind, message, ...(members.has('hash') && { hash: members.choice('hash', HASH_NAMES) }) }
  } else {
    throw new RequestError('payload_invalid', 'one of message, digest is expected', '/payload/kind')
  }
  assertPayload(scheme, payload)
  return payload
}

const readKeyId = (fields: Fields): Uint8Array =>
  parseKeyId(fields.text('key_id', (t) => parseKeyId(t) !== undefined, 'key_ and 64 lower-case hex digits')) as Uint8Array

const readLabel = (fields: Fields): string =>
  fields.text('label', printable(MAX_LABEL), `printable text of 1..${MAX_LABEL} characters`)

function readSign(fields: Fields): SignDocument {
  const common = readCommon(fields)
  const keyId = readKeyId(fields)
  if (fields.has('path') && fields.json('path') !== 'm') {
    throw new RequestError('path_unsupported', 'derived keys do not exist yet: leave path out, or m', '/path')
  }
  return { type: 'sign.v1', ...common, keyId, path: 'm', payload: readPayload(fields, common.scheme) }
}

function readKeygen(fields: Fields): KeygenDocument {
  const parties = fields.integer('parties', 2, MAX_PARTIES)
  return {
    type: 'keygen.v1',
    ...readCommon(fields),
    threshold: fields.integer('threshold', 2, parties),
    parties,
    ...(fields.has('label') && { label: readLabel(fields) }),
  }
}

function readKeyUpdate(fields: Fields): KeyUpdateDocument {
  return {
    type: 'key-update.v1',
    ...readCommon(fields),
    keyId: readKeyId(fields),
    revision: fields.integer('revision', 1, MAX_REVISION),
    state: fields.choice('state', USAGES),
    // The one member that may be null: it has to be there, and a key without a label is a state of its own.
    label: fields.json('label') === null ? null : readLabel(fields),
  }
}

const READERS: Readonly<Record<DocumentType, (fields: Fields) => Document>> = {
  'sign.v1': readSign,
  'keygen.v1': readKeygen,
  'key-update.v1': readKeyUpdate,
}

/**
 * Reads the bytes that a requester signed. Everything the document says is checked here, once; what depends on who asks
 * and when is {@link authorize}'s business. The rules are a table in this folder's README.
 * @throws RequestError and nothing else, whatever the bytes.
 */
export function parseDocument(bytes: Uint8Array): Document {
  const json = parseStrictJson(bytes, MAX_DOCUMENT_BYTES)
  const type: DocumentType = openFields(json, '').choice('type', Object.keys(MEMBERS) as DocumentType[])
  return READERS[type](openFields(json, '', MEMBERS[type]))
}

const payloadJson = (payload: Payload): Record<string, string | undefined> =>
  payload.kind === 'digest'
    ? { kind: payload.kind, digest: `0x${toHex(payload.digest)}` }
    : { kind: payload.kind, bytes: `0x${toHex(payload.message)}`, hash: payload.hash }

function bodyJson(document: Document): Record<string, unknown> {
  const { scheme } = document
  switch (document.type) {
    case 'sign.v1':
      return { key_id: formatKeyId(document.keyId), path: document.path, scheme, payload: payloadJson(document.payload) }
    case 'keygen.v1':
      return { scheme, threshold: document.threshold, parties: document.parties, label: document.label }
    case 'key-update.v1': {
      const { keyId, revision, state, label } = document
      return { key_id: formatKeyId(keyId), scheme, revision, state, label }
    }
  }
}

function jsonOf(document: Document): Record<string, unknown> {
  const { type, requestId, audience } = document
  const head = { type, request_id: requestId, audience }
  const times = { issued_at: formatTime(document.issuedAt), expires_at: formatTime(document.expiresAt) }
  return { ...head, ...bodyJson(document), ...times, reference: document.reference, metadata: document.metadata }
}

/**
 * The compact JSON of a document, ready to be signed; `parseDocument` of it gives the document back.
 * @throws RequestError for a document that parsing would refuse: no caller signs what every signer will turn down.
 */
export function encodeDocument(document: Document): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = utf8ToBytes(JSON.stringify(jsonOf(document)))
  } catch (error) {
    if (error instanceof RangeError) throw new RequestError('malformed_request', error.message)
    throw error
  }
  parseDocument(bytes)
  return bytes
}
