import { equalBytes } from '../../protocol/engine/bytes.ts'
import type { Scheme, Usage } from '../../protocol/request/document.ts'
import { type Database, openDatabase, type Schema } from './database.ts'
import { KEY_BATCHES, type KeyBatchRow, type KeyBatchStore, keyBatches, type NewKeyBatch } from './key-batches.ts'
import { KEY_PAGE_INDEXES_1, KEY_STATE_COLUMNS, type KeyQuery, keyPager } from './key-page.ts'
import { expiry, PRUNE_LIMIT } from './retention.ts'

/** What the gateway signed for a user, kept so that a retry sends the same bytes (decisions.md 10). Times in milliseconds. */
export interface GatewayRequest {
  /** The authenticated user, together with its tenant where users of several tenants could share a name. */
  readonly principal: string
  /** As the user named it. */
  readonly requestId: string
  /** Digest of what the user asked for, 32 bytes: another body under this id is a conflict. */
  readonly bodyHash: Uint8Array
  /** The request document, byte for byte. */
  readonly document: Uint8Array
  /** The gateway's signature over it, in whatever form the gateway sends it. */
  readonly authorization: Uint8Array
  /** The signature that it will bring about, which only this principal may read; null for other requests. */
  readonly signatureId: string | null
  readonly createdAt: number
  readonly expiresAt: number
}

/** `same`: send these stored bytes again, not new ones. */
export type Remembered =
  | { readonly type: 'new' }
  | { readonly type: 'same'; readonly request: GatewayRequest }
  | { readonly type: 'conflict' }

/** `same`: this batch is under way or done. */
export type BatchRemembered = { readonly type: 'new' | 'same'; readonly batch: KeyBatchRow } | { readonly type: 'conflict' }

/** A key whose certificate the gateway has verified, and the tenant it belongs to. */
export interface GatewayKey {
  /** 32 bytes. */
  readonly keyId: Uint8Array
  /** The tenant. */
  readonly owner: string
  readonly scheme: Scheme
  readonly label: string | null
  /** Whatever the gateway needs to answer with and to verify signatures under. */
  readonly record: Uint8Array
  readonly createdAt: number
}

/** What can change about a key, as far as this gateway knows. */
export interface GatewayKeyState {
  readonly label: string | null
  readonly usage: Usage
  readonly revision: number
  /** Whether it holds the receipts of all signers for this revision. */
  readonly settled: 0 | 1
}

export type StoredGatewayKey = GatewayKey & GatewayKeyState

/** What a gateway must not forget. Writes are on the disk when a method returns. Every method throws StoreError. */
export interface GatewayStore {
  /** For groupCommit and for closing. */
  readonly database: Database
  readonly batches: KeyBatchStore

  /** Stores requests before they are forwarded, in one transaction. A conflict does not spoil the other rows. */
  remember(rows: readonly GatewayRequest[]): Remembered[]
  /** Stores a batch of keys and the request that it is, which takes its id among all requests of this principal. */
  rememberBatch(request: GatewayRequest, batch: NewKeyBatch): BatchRemembered
  getRequest(principal: string, requestId: string): GatewayRequest | undefined
  requestBySignature(signatureId: string): GatewayRequest | undefined
  /** Forgets requests and batches 24 hours after they expired. @returns how many; call again while it is `limit` */
  prune(now: number, limit?: number): number

  /** Records whose key it is. A key keeps its first owner: `taken` when that is another. */
  addKey(key: GatewayKey): 'stored' | 'same' | 'taken'
  /** A later revision takes the place of an earlier one, and a settled one that of the same unsettled; anything else changes nothing. */
  changeKey(keyId: Uint8Array, state: GatewayKeyState): void
  getKey(keyId: Uint8Array): StoredGatewayKey | undefined
  listKeys(query: KeyQuery): StoredGatewayKey[]
}

const SCHEMA: Schema = {
  applicationId: 0x51724761,
  migrations: [
    `
    CREATE TABLE requests (
      principal TEXT NOT NULL,
      request_id TEXT NOT NULL,
      body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
      document BLOB NOT NULL,
      authorization BLOB NOT NULL,
      signature_id TEXT UNIQUE,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (principal, request_id)
    ) STRICT;
    CREATE INDEX requests_expiry ON requests (expires_at);

    CREATE TABLE keys (
      key_id BLOB PRIMARY KEY CHECK (length(key_id) = 32),
      owner TEXT NOT NULL,
      scheme TEXT NOT NULL,
      label TEXT,
      record BLOB NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    ${KEY_PAGE_INDEXES_1}
    `,
    KEY_STATE_COLUMNS,
    KEY_BATCHES,
  ],
}

const REQUEST = `SELECT principal, request_id AS requestId, body_hash AS bodyHash, document, authorization,
  signature_id AS signatureId, created_at AS createdAt, expires_at AS expiresAt FROM requests`

/** Opens a gateway's database, or creates it. @throws StoreError as openDatabase does */
export function openGatewayStore(path: string): GatewayStore {
  const database = openDatabase(path, SCHEMA)

  const insertRequest = database.statement(`
    INSERT INTO requests VALUES (:principal, :requestId, :bodyHash, :document, :authorization, :signatureId, :createdAt, :expiresAt)`)
  const requestById = database.statement<GatewayRequest>(`${REQUEST} WHERE principal = :principal AND request_id = :requestId`)
  const requestBySignature = database.statement<GatewayRequest>(`${REQUEST} WHERE signature_id = :signatureId`)
  const expire = expiry(database, 'requests')

  const insertKey = database.statement(
    `INSERT INTO keys VALUES (:keyId, :owner, :scheme, :label, :record, :createdAt, 'active', 0, 1)`,
  )
  const keyById = database.statement<StoredGatewayKey>(`
    SELECT key_id AS keyId, owner, scheme, label, record, created_at AS createdAt, usage, revision, settled FROM keys WHERE key_id = :keyId`)
  const changeKey = database.statement(`
    UPDATE keys SET usage = :usage, revision = :revision, label = :label, settled = :settled
    WHERE key_id = :keyId AND (revision < :revision OR (revision = :revision AND settled < :settled))`)
  const page = keyPager(database)

  const rememberOne = (row: GatewayRequest): Remembered => {
    const request = requestById.get({ principal: row.principal, requestId: row.requestId })
    if (request !== undefined)
      return equalBytes(request.bodyHash, row.bodyHash) ? { type: 'same', request } : { type: 'conflict' }
    insertRequest.run(row)
    return { type: 'new' }
  }

  const batches = keyBatches(database)

  return {
    database,
    batches,

    remember: (rows) => database.transaction(() => rows.map(rememberOne)),
    rememberBatch: (request, batch) =>
      database.transaction(() => {
        const known = batches.byRequest(batch.principal, batch.requestId)
        if (known !== undefined) return equalBytes(known.wish, batch.wish) ? { type: 'same', batch: known } : { type: 'conflict' }
        return rememberOne(request).type === 'new' ? { type: 'new', batch: batches.insert(batch) } : { type: 'conflict' }
      }),
    getRequest: (principal, requestId) => requestById.get({ principal, requestId }),
    requestBySignature: (signatureId) => requestBySignature.get({ signatureId }),
    prune: (now, limit = PRUNE_LIMIT) => Math.max(expire(now, limit).rows, batches.prune(now, limit)),

    addKey: (key) =>
      database.transaction(() => {
        const known = keyById.get({ keyId: key.keyId })
        if (known !== undefined) return known.owner === key.owner ? 'same' : 'taken'
        insertKey.run(key)
        return 'stored'
      }),
    changeKey: (keyId, { label, usage, revision, settled }) => {
      changeKey.run({ keyId, label, usage, revision, settled })
    },
    getKey: (keyId) => keyById.get({ keyId }),
    listKeys: (query) => page(query).flatMap(({ keyId }) => keyById.get({ keyId }) ?? []),
  }
}
