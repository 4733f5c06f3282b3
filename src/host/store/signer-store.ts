import { equalBytes } from '../../protocol/engine/bytes.ts'
import type { Usage } from '../../protocol/request/document.ts'
import { BanFile } from './ban-file.ts'
import { type Database, openDatabase, type Schema } from './database.ts'
import { PAIR_SCHEMA, type PairStore, pairStore } from './pair-store.ts'
import { expiry } from './retention.ts'
import {
  COMPACT_KEYS,
  type RequestKey,
  type SignerKey,
  type SigningRow,
  type StoredSignerKey,
  signerKeys,
} from './signer-keys.ts'

/** An update to be stored; the row is the request that it uses up. */
export interface SignerKeyUpdate extends LedgerRow {
  readonly keyId: Uint8Array
  readonly usage: Usage
  readonly revision: number
  readonly label: string | null
  readonly receipt: Uint8Array
}

/** `stored` also for what is there already, byte for byte. */
export type Updated = 'stored' | 'key_not_found' | 'key_frozen' | 'revision_conflict' | 'request_replayed' | 'request_expired'

export interface LedgerRow extends RequestKey {
  /** 32 bytes. */
  readonly requestHash: Uint8Array
  readonly expiresAt: number
  readonly firstSentAt: number
}

/** `forgotten`: it expired so long ago that the ledger no longer knows whether it was used. */
export type Claim = 'new' | 'same' | 'conflict' | 'forgotten'

/** What a signer must not forget. Writes are on the disk when a method returns. Every method throws StoreError. */
export interface SignerStore {
  /** For groupCommit and for closing. */
  readonly database: Database
  /** Set-ups, checks and bans of DKLs23. */
  readonly pairs: PairStore

  /** Stores a new key as PENDING, before the certificate signature leaves. One request makes one key, ever (decisions.md 3). */
  insertPending(key: SignerKey): 'stored' | { readonly existing: StoredSignerKey }
  /** PENDING to ACTIVE. Idempotent: the first certificate stays. `unknown` when there is no such key. */
  activate(keyId: Uint8Array, certificate: Uint8Array): 'activated' | 'already' | 'unknown'
  getKey(keyId: Uint8Array): StoredSignerKey | undefined
  keyByRequest(request: RequestKey): StoredSignerKey | undefined
  /** An active key, whatever its usage, without what only its certificate needs. */
  keyForSigning(keyId: Uint8Array): SigningRow | undefined
  /** Keys that wait for their certificate, in the order of their ids, those above `after` only. */
  pendingKeyIds(limit: number, after?: Uint8Array): Uint8Array[]
  /** Active keys with ids above `after`, in the order of their ids: for rebuilding a coordinator's directory. */
  activeKeyIds(limit: number, after?: Uint8Array): Uint8Array[]

  /** The request hash under which each id was used, null where it was not. */
  lookup(requests: readonly RequestKey[]): (Uint8Array | null)[]
  /** Marks requests as used, in one transaction, before any share leaves (decisions.md 9). Refused rows do not spoil the others. */
  claim(rows: readonly LedgerRow[]): Claim[]
  /** Whether every one of these keys is there to be signed with. */
  usable(keyIds: readonly Uint8Array[]): boolean
  /** Stores what an update says if its revision is above the key's own, and uses up its request id; archived keys stay as they are. */
  updateKey(update: SignerKeyUpdate): Updated
  /** Forgets requests 24 hours after they expired. @returns how many; call again while it is `limit` */
  prune(now: number, limit?: number): number

  /** 1, 2, 3, .. over the life of the store: no two starts of this signer share a number (decisions.md 18). */
  nextBoot(): number

  /** The data key as the KMS wrapped it; see kms/data-key.ts. */
  wrappedDataKey(): Uint8Array | undefined
  /** Once in the life of a store. @throws StoreError CONSTRAINT the second time */
  insertWrappedDataKey(wrapped: Uint8Array): void
  holdsSealedRecords(): boolean
}

/** Exported for the test that opens stores of before. */
export const SIGNER_SCHEMA: Schema = {
  applicationId: 0x51725369,
  migrations: [
    `
    CREATE TABLE keys (
      key_id BLOB PRIMARY KEY CHECK (length(key_id) = 32),
      scheme TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('pending', 'active')),
      epoch INTEGER NOT NULL,
      threshold INTEGER NOT NULL,
      parties INTEGER NOT NULL,
      credential_id TEXT NOT NULL,
      tenant TEXT NOT NULL,
      request_id TEXT NOT NULL,
      request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
      label TEXT,
      public_package BLOB NOT NULL,
      sealed_share BLOB NOT NULL,
      own_signature BLOB NOT NULL,
      certificate BLOB CHECK ((certificate IS NULL) = (state = 'pending')),
      created_at INTEGER NOT NULL,
      UNIQUE (credential_id, tenant, request_id)
    ) STRICT;
    CREATE INDEX keys_pending ON keys (key_id) WHERE state = 'pending';

    CREATE TABLE ledger (
      credential_id TEXT NOT NULL,
      tenant TEXT NOT NULL,
      request_id TEXT NOT NULL,
      request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
      expires_at INTEGER NOT NULL,
      first_sent_at INTEGER NOT NULL,
      PRIMARY KEY (credential_id, tenant, request_id)
    ) STRICT;
    CREATE INDEX ledger_expiry ON ledger (expires_at);

    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    INSERT INTO counters VALUES ('boot', 0), ('ledger_floor', 0);

    CREATE TABLE data_key (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped BLOB NOT NULL) STRICT;
    `,
    `
    ALTER TABLE keys ADD COLUMN usage TEXT NOT NULL DEFAULT 'active' CHECK (usage IN ('active', 'frozen', 'archived'));
    ALTER TABLE keys ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE keys ADD COLUMN update_hash BLOB CHECK ((update_hash IS NULL) = (revision = 0));
    ALTER TABLE keys ADD COLUMN update_receipt BLOB CHECK ((update_receipt IS NULL) = (revision = 0));
    `,
    PAIR_SCHEMA,
    COMPACT_KEYS,
  ],
}

const BY_REQUEST = 'WHERE credential_id = :credentialId AND tenant = :tenant AND request_id = :requestId'

/** Below every id. */
const NO_KEY = new Uint8Array(0)

/** Only these: a statement refuses names that it does not have. */
const requestKey = ({ credentialId, tenant, requestId }: RequestKey): RequestKey => ({ credentialId, tenant, requestId })

/** Opens a signer's database and the file of bans beside it, or creates them. @throws StoreError as openDatabase does */
export function openSignerStore(path: string): SignerStore {
  const database = openDatabase(path, SIGNER_SCHEMA)
  let pairs: PairStore
  try {
    pairs = pairStore(database, new BanFile(`${path}.bans`))
  } catch (error) {
    database.close()
    throw error
  }

  const keys = signerKeys(database)
  const anySealed = database.statement<object>(
    'SELECT 1 FROM keys UNION ALL SELECT 1 FROM pairs WHERE sealed IS NOT NULL LIMIT 1',
  )

  const used = database.statement<{ readonly requestHash: Uint8Array }>(
    `SELECT request_hash AS requestHash FROM ledger ${BY_REQUEST}`,
  )
  const use = database.statement(
    'INSERT INTO ledger VALUES (:credentialId, :tenant, :requestId, :requestHash, :expiresAt, :firstSentAt)',
  )
  const expire = expiry(database, 'ledger')
  const counter = database.statement<{ readonly value: number }>('SELECT value FROM counters WHERE name = :name')
  const setCounter = database.statement('UPDATE counters SET value = :value WHERE name = :name')
  const countOf = (name: string): number => {
    const row = counter.get({ name })
    if (row === undefined) throw new Error(`no counter ${name}`)
    return row.value
  }

  const dataKey = database.statement<{ readonly wrapped: Uint8Array }>('SELECT wrapped FROM data_key')
  const insertDataKey = database.statement('INSERT INTO data_key VALUES (1, :wrapped)')

  const ledgerRow = ({ requestHash, expiresAt, firstSentAt, ...request }: LedgerRow): LedgerRow => ({
    ...requestKey(request),
    requestHash,
    expiresAt,
    firstSentAt,
  })
  const claimOne = (row: LedgerRow, floor: number): Claim => {
    const hash = hashOf(row)
    if (hash !== null) return equalBytes(hash, row.requestHash) ? 'same' : 'conflict'
    // A clock set back must not revive requests that the ledger no longer remembers.
    if (row.expiresAt <= floor) return 'forgotten'
    use.run(ledgerRow(row))
    return 'new'
  }

  const hashOf = (request: RequestKey): Uint8Array | null => used.get(requestKey(request))?.requestHash ?? null

  return {
    database,
    pairs,

    insertPending: (key) => database.transaction(() => keys.insertPending(key)),
    activate: (keyId, certificate) => database.transaction(() => keys.activate(keyId, certificate)),
    getKey: keys.get,
    keyByRequest: keys.getByRequest,
    keyForSigning: keys.forSigning,
    pendingKeyIds: (limit, after = NO_KEY) => keys.pendingIds(limit, after),
    activeKeyIds: (limit, after = NO_KEY) => keys.activeIds(limit, after),

    lookup: (requests) => requests.map(hashOf),
    claim: (rows) =>
      database.transaction(() => {
        const floor = countOf('ledger_floor')
        return rows.map((row) => claimOne(row, floor))
      }),
    usable: (keyIds) => keyIds.every((keyId) => keys.usageOf(keyId) === 'active'),
    updateKey: (update) =>
      database.transaction(() => {
        const { keyId, revision, usage, label, requestHash, receipt } = update
        const key = keys.get(keyId)
        if (key?.state !== 'active') return 'key_not_found'
        if (key.updateHash !== null && equalBytes(key.updateHash, requestHash)) return 'stored'
        const used = hashOf(update)
        if (used !== null && !equalBytes(used, requestHash)) return 'request_replayed'
        if (key.usage === 'archived') return 'key_frozen'
        if (revision <= key.revision) return 'revision_conflict'
        if (claimOne(update, countOf('ledger_floor')) === 'forgotten') return 'request_expired'
        keys.change({ keyId, revision, usage, label, requestHash, receipt })
        return 'stored'
      }),
    prune: (now, limit) =>
      database.transaction(() => {
        const { rows, until } = expire(now, limit)
        if (until > countOf('ledger_floor')) setCounter.run({ name: 'ledger_floor', value: until })
        return rows
      }),

    nextBoot: () =>
      database.transaction(() => {
        const value = countOf('boot') + 1
        setCounter.run({ name: 'boot', value })
        return value
      }),

    wrappedDataKey: () => dataKey.get()?.wrapped,
    insertWrappedDataKey: (wrapped) => {
      insertDataKey.run({ wrapped })
    },
    holdsSealedRecords: () => anySealed.get() !== undefined,
  }
}
