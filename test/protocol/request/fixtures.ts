import { utf8ToBytes } from '@noble/hashes/utils.js'
import { expect } from 'vitest'
import {
  type Document,
  type KeygenDocument,
  type KeyUpdateDocument,
  parseDocument,
  type SignDocument,
} from '../../../src/protocol/request/document.ts'
import { type RequestCode, RequestError } from '../../../src/protocol/request/request-error.ts'

export const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)
export const AUDIENCE_ID = `set_${'5e'.repeat(32)}`
export const KEY_TEXT = `key_${'ab'.repeat(32)}`

/** A sign document as a requester would write it. */
export const signJson = {
  type: 'sign.v1',
  request_id: 'req_1',
  audience: AUDIENCE_ID,
  key_id: KEY_TEXT,
  path: 'm',
  scheme: 'ecdsa-secp256k1',
  payload: { kind: 'message', bytes: '0x00ff', hash: 'keccak256' },
  issued_at: '2026-01-31T12:00:00Z',
  expires_at: '2026-01-31T12:01:00.250Z',
}

export const keygenJson = {
  type: 'keygen.v1',
  request_id: 'req_2',
  audience: AUDIENCE_ID,
  scheme: 'eddsa-ed25519',
  threshold: 2,
  parties: 3,
  issued_at: '2026-01-31T12:00:00Z',
  expires_at: '2026-01-31T12:01:00Z',
}

export const signDocument: SignDocument = {
  type: 'sign.v1',
  requestId: 'req_1',
  audience: AUDIENCE_ID,
  keyId: new Uint8Array(32).fill(0xab),
  path: 'm',
  scheme: 'ecdsa-secp256k1',
  payload: { kind: 'message', message: Uint8Array.of(0, 255), hash: 'keccak256' },
  issuedAt: NOW,
  expiresAt: NOW + 60_250,
}

export const keygenDocument: KeygenDocument = {
  type: 'keygen.v1',
  requestId: 'req_2',
  audience: AUDIENCE_ID,
  scheme: 'eddsa-ed25519',
  threshold: 2,
  parties: 3,
  issuedAt: NOW,
  expiresAt: NOW + 60_000,
}

export const updateJson = {
  type: 'key-update.v1',
  request_id: 'req_3',
  audience: AUDIENCE_ID,
  key_id: KEY_TEXT,
  scheme: 'eddsa-ed25519',
  revision: 7,
  state: 'frozen',
  label: 'cold',
  issued_at: '2026-01-31T12:00:00Z',
  expires_at: '2026-01-31T12:01:00Z',
}

export const updateDocument: KeyUpdateDocument = {
  type: 'key-update.v1',
  requestId: 'req_3',
  audience: AUDIENCE_ID,
  keyId: new Uint8Array(32).fill(0xab),
  scheme: 'eddsa-ed25519',
  revision: 7,
  state: 'frozen',
  label: 'cold',
  issuedAt: NOW,
  expiresAt: NOW + 60_000,
}

export const json = (value: unknown): Uint8Array => utf8ToBytes(JSON.stringify(value))
export const parseJson = (value: unknown): Document => parseDocument(json(value))

/** Runs `action`, which must fail with a RequestError of this code, and of this pointer if one is given. */
export function expectRefusal(action: () => unknown, code: RequestCode, pointer?: string): RequestError {
  let error: unknown
  try {
    action()
  } catch (thrown) {
    error = thrown
  }
  if (!(error instanceof RequestError)) return expect.fail(`expected ${code}, got ${String(error)}`)
  expect(error.code).toBe(code)
  if (pointer !== undefined) expect(error.pointer).toBe(pointer)
  return error
}
