import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { type Logger, pino } from 'pino'
import { authorizationMessage, type Credential } from '../../../src/protocol/request/authorize.ts'
import { type Document, encodeDocument, type KeygenDocument, type SignDocument } from '../../../src/protocol/request/document.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'

/** A requester with a credential of its own. */
export interface Requester {
  readonly credential: Credential
  /** The coordinator form of a document. */
  readonly signed: (document: Document) => {
    request: string
    authorizations: { credential_id: string; alg: string; signature: string }[]
  }
}

export function requester(id: string, digest = true): Requester {
  const seed = new Uint8Array(randomBytes(32))
  return {
    credential: { id, tenant: 'acme', alg: 'ed25519', publicKey: ed25519.getPublicKey(seed), digest },
    signed: (document) => {
      const bytes = encodeDocument(document)
      const signature = ed25519.sign(authorizationMessage(bytes), seed)
      return {
        request: Buffer.from(bytes).toString('base64url'),
        authorizations: [{ credential_id: id, alg: 'ed25519', signature: Buffer.from(signature).toString('base64url') }],
      }
    },
  }
}

const times = () => ({ issuedAt: Date.now(), expiresAt: Date.now() + 60_000 })
export const newRequestId = (): string => `req_${randomBytes(8).toString('hex')}`

export const keygen = (audience: string, changes: Partial<KeygenDocument> = {}): KeygenDocument => ({
  type: 'keygen.v1',
  requestId: newRequestId(),
  audience,
  scheme: 'ecdsa-secp256k1',
  threshold: 2,
  parties: 3,
  ...times(),
  ...changes,
})

export const signing = (audience: string, key: { id: string }, changes: Partial<SignDocument> = {}): SignDocument => ({
  type: 'sign.v1',
  requestId: newRequestId(),
  audience,
  keyId: parseKeyId(key.id) as Uint8Array,
  path: 'm',
  scheme: 'ecdsa-secp256k1',
  payload: { kind: 'digest', digest: new Uint8Array(randomBytes(32)) },
  ...times(),
  ...changes,
})

/** JSON over POST. A string is sent as it is. */
export const post = (body: unknown, headers: Readonly<Record<string, string>> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

/** Log lines as objects. */
export function logSink(): {
  readonly log: Logger
  readonly lines: () => Record<string, unknown>[]
  readonly text: () => string
} {
  let written = ''
  const append = (line: string): void => {
    written += line
  }
  const log: Logger = pino({ level: 'trace' }, { write: append })
  return {
    log,
    text: () => written,
    lines: () =>
      written
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  }
}
