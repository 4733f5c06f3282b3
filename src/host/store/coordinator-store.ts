import { equalBytes } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import type { Scheme, Usage } from '../../protocol/request/document.ts'
import { type Database, openDatabase, type Schema } from './database.ts'
import { KEY_PAGE_INDEXES_1, KEY_STATE_COLUMNS, type KeyQuery, keyPager } from './key-page.ts'
import { expiry } from './retention.ts'

/** One entry of the key directory; all of it is public. Times are milliseconds since the Unix epoch. */
export interface DirectoryKey {
  /** 32 bytes. */
  readonly keyId: Uint8Array
  readonly scheme: Scheme
  readonly label: string | null
  readonly threshold: number
  readonly parties: number
  readonly epoch: number
  readonly publicKey: Uint8Array
  readonly certificate: Uint8Array
  /** The credential whose request made the key. */
  readonly owner: string
  readonly requestId: string
  /** 32 bytes. */
  readonly requestHash: Uint8Array
  readonly createdAt: number
}

export interface StoredDirectoryKey extends DirectoryKey {
  /** `pending` until every signer has acknowledged the certificate. */
  readonly state: 'pending' | 'active'
  /** What the newest update made of the key that any signer has; `active` and revision 0 before the first. */
  readonly usage: Usage
  readonly revision: number
  /** Whether every signer has that revision. */
  readonly settled: 0 | 1
  /** Of its document; null before the first update, and in a directory that was rebuilt. */
  readonly updateHash: Uint8Array | null
}

/** State of a key as the signers report it to a directory that was lost. */
export type RestoredKey = DirectoryKey & Partial<Pick<StoredDirectoryKey, 'usage' | 'revision' | 'settled'>>

/** A key update that some signers lack, as its owner signed it. */
export interface OpenUpdate {
  readonly keyId: Uint8Array
  readonly requestId: string
  readonly document: Uint8Array
  readonly credentialId: string
  readonly alg: string
  readonly signature: Uint8Array
  readonly expiresAt: number
}

export interface AppliedUpdate extends OpenUpdate {
  readonly hash: Uint8Array
  readonly revision: number
  readonly usage: Usage
  readonly label: string | null
}

/** A finished signature, as it is answered. */
export interface StoredSignature {
  /** `sig_` and 32 hex digits. */
  readonly id: string
  /** 32 bytes. */
  readonly requestHash: Uint8Array
  readonly credentialId: string
  readonly requestId: string
  readonly response: Uint8Array
  readonly createdAt: number
  readonly expiresAt: number
}

/** What became of a row: `same` and `conflict` come with the row that was there first, which is the one to answer with. */
export type Stored<Row> = { readonly type: 'new' } | { readonly type: 'same' | 'conflict'; readonly row: Row }

/** A certificate that some signers have not acknowledged. */
export interface Delivery {
  readonly keyId: Uint8Array
  readonly certificate: Uint8Array
  /** Ascending. */
  readonly signers: readonly PartyId[]
}

/** What a coordinator must not forget. Writes are on the disk when a method returns. Every method throws StoreError. */
export interface CoordinatorStore {
  /** For groupCommit and for closing. */
  readonly database: Database

  /**
   * Stores a key as PENDING with a delivery to each of `signers`. One request of a credential makes one key: `same` is that
   * request, `conflict` another document under its id.
   */
  putKey(key: RestoredKey, signers: readonly PartyId[]): Stored<StoredDirectoryKey>
  /**
   * Stores keys that a signer reported as ACTIVE, each with a delivery to those of `missing`, who may hold it as pending; known ones stay
   * as they are. @returns how many were unknown
   */
  restoreKeys(keys: readonly RestoredKey[], missing?: readonly PartyId[]): number
  hasKey(keyId: Uint8Array): boolean
  getKey(keyId: Uint8Array): StoredDirectoryKey | undefined
  keyByRequest(owner: string, requestId: string): StoredDirectoryKey | undefined
  listKeys(query: KeyQuery): StoredDirectoryKey[]

  /** Signers that have not acknowledged the key's certificate, ascending. */
  missing(keyId: Uint8Array): PartyId[]
  /** A signer holds the certificate. The last one makes the key ACTIVE. Idempotent. @returns how many are still missing */
  acknowledge(keyId: Uint8Array, signer: PartyId): number
  /** In the order of key ids, keys above `after` only. */
  undelivered(limit: number, after?: Uint8Array): Delivery[]

  /** A signer has an update: the key shows it, and `without` it go signers that it is still to be brought to. */
  applyUpdate(update: AppliedUpdate, without: readonly PartyId[]): void
  /** Updates that a signer lacks and may still be told. Expired ones are forgotten on the way. */
  openUpdates(signer: PartyId, now: number, limit: number): OpenUpdate[]
  /** No longer open for this signer, if it is still that document; with the last that took it the key is settled. */
  endUpdate(keyId: Uint8Array, document: Uint8Array, signer: PartyId, taken: boolean): void

  /** Stores finished signatures before they are answered (decisions.md 10), in one transaction. */
  putSignatures(rows: readonly StoredSignature[]): Stored<StoredSignature>[]
  getSignature(id: string): StoredSignature | undefined
  signatureByRequest(credentialId: string, requestId: string): StoredSignature | undefined
  /** Forgets signatures 24 hours after their requests expired. @returns how many; call again while it is `limit` */
  prune(now: number, limit?: number): number
}

const SCHEMA: Schema = {
  applicationId: 0x5172436f,
  migrations: [
    `
    CREATE TABLE keys (
      key_id BLOB PRIMARY KEY CHECK (length(key_id) = 32),
      scheme TEXT NOT NULL,
      label TEXT,
      state TEXT NOT NULL CHECK (state IN ('pending', 'active')),
      threshold INTEGER NOT NULL,
      parties INTEGER NOT NULL,
      epoch INTEGER NOT NULL,
      public_key BLOB NOT NULL,
      certificate BLOB NOT NULL,
      owner TEXT NOT NULL,
      request_id TEXT NOT NULL,
      request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
      created_at INTEGER NOT NULL,
      UNIQUE (owner, request_id)
    ) STRICT;
    ${KEY_PAGE_INDEXES_1}

    CREATE TABLE deliveries (
      key_id BLOB NOT NULL REFERENCES keys (key_id),
      signer INTEGER NOT NULL,
      PRIMARY KEY (key_id, signer)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE signatures (
      id TEXT PRIMARY KEY,
      request_hash BLOB NOT NULL UNIQUE CHECK (length(request_hash) = 32),
      credential_id TEXT NOT NULL,
      request_id TEXT NOT NULL,
      response BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      UNIQUE (credential_id, request_id)
    ) STRICT;
    CREATE INDEX signatures_expiry ON signatures (expires_at);
    `,
    `
    ${KEY_STATE_COLUMNS}
    ALTER TABLE keys ADD COLUMN update_hash BLOB;

    CREATE TABLE updates (
      key_id BLOB PRIMARY KEY REFERENCES keys (key_id) ON DELETE CASCADE,
      request_id TEXT NOT NULL,
      document BLOB NOT NULL,
      credential_id TEXT NOT NULL,
      alg TEXT NOT NULL,
      signature BLOB NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE update_deliveries (
      signer INTEGER NOT NULL,
      key_id BLOB NOT NULL REFERENCES updates (key_id) ON DELETE CASCADE,
      -- Whether it will never be taken: the key is then not settled before its next update.
      refused INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (signer, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX update_deliveries_by_key ON update_deliveries (key_id);
    `,
  ],
}

const KEY = `SELECT key_id AS keyId, scheme, label, state, threshold, parties, epoch, public_key AS publicKey, certificate, owner,
  request_id AS requestId, request_hash AS requestHash, created_at AS createdAt, usage, revision, settled, update_hash AS updateHash FROM keys`
/** Before its first update. */
const NEW_KEY = { usage: 'active', revision: 0, settled: 1 } as const

const SIGNATURE = `SELECT id, request_hash AS requestHash, credential_id AS credentialId, request_id AS requestId, response,
  created_at AS createdAt, expires_at AS expiresAt FROM signatures`

/** Opens a coordinator's database, or creates it. @throws StoreError as openDatabase does */
export function openCoordinatorStore(path: string): CoordinatorStore {
  const database = openDatabase(path, SCHEMA)

  const insertKey = database.statement(`
    INSERT INTO keys VALUES (:keyId, :scheme, :label, :state, :threshold, :parties, :epoch, :publicKey, :certificate, :owner,
      :requestId, :requestHash, :createdAt, :usage, :revision, :settled, NULL)`)
  const keyById = database.statement<StoredDirectoryKey>(`${KEY} WHERE key_id = :keyId`)
  const anyKey = database.statement<object>('SELECT 1 FROM keys WHERE key_id = :keyId')
  const keyByRequest = database.statement<StoredDirectoryKey>(`${KEY} WHERE owner = :owner AND request_id = :requestId`)
  const activate = database.statement(`UPDATE keys SET state = 'active' WHERE key_id = :keyId AND state = 'pending'`)
  const page = keyPager(database)

  const addDelivery = database.statement('INSERT INTO deliveries VALUES (:keyId, :signer)')
  const endDelivery = database.statement('DELETE FROM deliveries WHERE key_id = :keyId AND signer = :signer')
  const signersOf = database.statement<{ readonly signer: PartyId }>(
    'SELECT signer FROM deliveries WHERE key_id = :keyId ORDER BY signer',
  )
  const undelivered = database.statement<{ readonly keyId: Uint8Array; readonly certificate: Uint8Array }>(`
    SELECT key_id AS keyId, certificate FROM keys
    WHERE key_id IN (SELECT DISTINCT key_id FROM deliveries WHERE key_id > :after ORDER BY key_id LIMIT :limit)
    ORDER BY key_id`)

  const changeKey = database.statement(`
    UPDATE keys SET usage = :usage, revision = :revision, label = :label, update_hash = :hash, settled = :settled
    WHERE key_id = :keyId`)
  const settle = database.statement('UPDATE keys SET settled = 1 WHERE key_id = :keyId')
  const dropUpdate = database.statement('DELETE FROM updates WHERE key_id = :keyId')
  const addUpdate = database.statement(
    'INSERT INTO updates VALUES (:keyId, :requestId, :document, :credentialId, :alg, :signature, :expiresAt)',
  )
  const addUpdateDelivery = database.statement('INSERT INTO update_deliveries (signer, key_id) VALUES (:signer, :keyId)')
  const openUpdates = database.statement<OpenUpdate>(`
    SELECT u.key_id AS keyId, request_id AS requestId, document, credential_id AS credentialId, alg, signature, expires_at AS expiresAt
    FROM update_deliveries d JOIN updates u ON u.key_id = d.key_id
    WHERE d.signer = :signer AND d.refused = 0 ORDER BY d.key_id LIMIT :limit`)
  const documentOf = database.statement<{ readonly document: Uint8Array }>('SELECT document FROM updates WHERE key_id = :keyId')
  const endUpdateDelivery = database.statement('DELETE FROM update_deliveries WHERE signer = :signer AND key_id = :keyId')
  const refuseUpdate = database.statement('UPDATE update_deliveries SET refused = 1 WHERE signer = :signer AND key_id = :keyId')
  const anyUpdateDelivery = database.statement<object>('SELECT 1 FROM update_deliveries WHERE key_id = :keyId LIMIT 1')

  const insertSignature = database.statement(`
    INSERT INTO signatures VALUES (:id, :requestHash, :credentialId, :requestId, :response, :createdAt, :expiresAt)`)
  const signatureById = database.statement<StoredSignature>(`${SIGNATURE} WHERE id = :id`)
  const signatureByHash = database.statement<StoredSignature>(`${SIGNATURE} WHERE request_hash = :requestHash`)
  const signatureByRequest = database.statement<StoredSignature>(
    `${SIGNATURE} WHERE credential_id = :credentialId AND request_id = :requestId`,
  )
  const expire = expiry(database, 'signatures')

  const putSignature = (row: StoredSignature): Stored<StoredSignature> => {
    const { credentialId, requestId, requestHash } = row
    const first = signatureByRequest.get({ credentialId, requestId }) ?? signatureByHash.get({ requestHash })
    if (first !== undefined) return { type: equalBytes(first.requestHash, requestHash) ? 'same' : 'conflict', row: first }
    insertSignature.run(row)
    return { type: 'new' }
  }

  return {
    database,

    putKey: (key, signers) =>
      database.transaction(() => {
        const first = keyByRequest.get({ owner: key.owner, requestId: key.requestId })
        if (first !== undefined) return { type: equalBytes(first.requestHash, key.requestHash) ? 'same' : 'conflict', row: first }
        insertKey.run({ ...NEW_KEY, ...key, state: 'pending' })
        for (const signer of signers) addDelivery.run({ keyId: key.keyId, signer })
        return { type: 'new' }
      }),
    restoreKeys: (keys, missing = []) =>
      database.transaction(() => {
        const unknown = keys.filter(({ keyId }) => anyKey.get({ keyId }) === undefined)
        for (const key of unknown) {
          insertKey.run({ ...NEW_KEY, ...key, state: 'active' })
          for (const signer of missing) addDelivery.run({ keyId: key.keyId, signer })
        }
        return unknown.length
      }),
    hasKey: (keyId) => anyKey.get({ keyId }) !== undefined,
    getKey: (keyId) => keyById.get({ keyId }),
    keyByRequest: (owner, requestId) => keyByRequest.get({ owner, requestId }),
    listKeys: (query) => page(query).flatMap(({ keyId }) => keyById.get({ keyId }) ?? []),

    missing: (keyId) => signersOf.all({ keyId }).map(({ signer }) => signer),
    acknowledge: (keyId, signer) =>
      database.transaction(() => {
        endDelivery.run({ keyId, signer })
        const missing = signersOf.all({ keyId }).length
        if (missing === 0) activate.run({ keyId })
        return missing
      }),
    undelivered: (limit, after = new Uint8Array(0)) =>
      undelivered.all({ limit, after }).map(({ keyId, certificate }) => ({
        keyId,
        certificate,
        signers: signersOf.all({ keyId }).map(({ signer }) => signer),
      })),

    applyUpdate: ({ hash, revision, usage, label, ...update }, without) =>
      database.transaction(() => {
        const { keyId } = update
        changeKey.run({ keyId, usage, revision, label, hash, settled: without.length === 0 ? 1 : 0 })
        dropUpdate.run({ keyId })
        if (without.length === 0) return
        addUpdate.run(update)
        for (const signer of without) addUpdateDelivery.run({ signer, keyId })
      }),
    openUpdates: (signer, now, limit) =>
      openUpdates.all({ signer, limit }).filter(({ keyId, expiresAt }) => {
        if (expiresAt > now) return true
        dropUpdate.run({ keyId })
        return false
      }),
    endUpdate: (keyId, document, signer, taken) =>
      database.transaction(() => {
        const open = documentOf.get({ keyId })
        if (open === undefined || !equalBytes(open.document, document)) return
        if (!taken) return void refuseUpdate.run({ signer, keyId })
        endUpdateDelivery.run({ signer, keyId })
        if (anyUpdateDelivery.get({ keyId }) !== undefined) return
        dropUpdate.run({ keyId })
        settle.run({ keyId })
      }),

    putSignatures: (rows) => database.transaction(() => rows.map(putSignature)),
    getSignature: (id) => signatureById.get({ id }),
    signatureByRequest: (credentialId, requestId) => signatureByRequest.get({ credentialId, requestId }),
    prune: (now, limit) => expire(now, limit).rows,
  }
}
