import type { Database } from './database.ts'
import { RETENTION_MS } from './retention.ts'

/** Keys that one user asked for at once. Times are milliseconds since the Unix epoch. */
export interface NewKeyBatch {
  /** `op_` and 32 hex digits. */
  readonly id: string
  /** Who asked, and whose keys they become, in whatever form the gateway reads again. */
  readonly caller: string
  readonly principal: string
  /** As the user named it. */
  readonly requestId: string
  /** What was asked for, in whatever form the gateway reads again. */
  readonly wish: Uint8Array
  /** How many keys. */
  readonly total: number
  readonly createdAt: number
  /** From then on nothing new is begun for it. */
  readonly expiresAt: number
}

export interface KeyBatchRow extends NewKeyBatch {
  /** Short for `id`, within this store. */
  readonly number: number
  readonly made: number
  readonly failed: number
  /** null while keys are still to be made. */
  readonly endedAt: number | null
}

/** What became of one key of a batch: exactly one of `keyId` and `problem`. */
export interface KeyBatchItem {
  /** From 0. */
  readonly position: number
  readonly keyId: Uint8Array | null
  /** In whatever form the gateway reads again. */
  readonly problem: string | null
}

export interface EndedItem extends KeyBatchItem {
  /** 1, 2, .. in the order in which the items of the batch ended. */
  readonly place: number
}

/** Writes are on the disk when a method returns. Every method throws StoreError. */
export interface KeyBatchStore {
  get(id: string): KeyBatchRow | undefined
  byRequest(principal: string, requestId: string): KeyBatchRow | undefined
  /** Those with keys still to be made, the oldest first. */
  open(): KeyBatchRow[]
  insert(batch: NewKeyBatch): KeyBatchRow
  /** An item has ended; with the last one the batch has. Idempotent. @returns the batch as it is now */
  end(number: number, item: KeyBatchItem, now: number): KeyBatchRow
  /** Items that ended after that place, in the order in which they ended. */
  ended(number: number, after: number, limit: number): EndedItem[]
  /** Forgets batches 24 hours after they expired, so many items at a time. @returns how many rows; call again while it is `limit` */
  prune(now: number, limit: number): number
}

export const KEY_BATCHES = `
  CREATE TABLE key_batches (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    principal TEXT NOT NULL,
    caller TEXT NOT NULL,
    request_id TEXT NOT NULL,
    wish BLOB NOT NULL,
    total INTEGER NOT NULL,
    made INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (principal, request_id)
  ) STRICT;
  CREATE INDEX key_batches_open ON key_batches (number) WHERE ended_at IS NULL;
  CREATE INDEX key_batches_expiry ON key_batches (expires_at) WHERE ended_at IS NOT NULL;
  CREATE TABLE key_batch_items (
    batch INTEGER NOT NULL REFERENCES key_batches (number),
    place INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key_id BLOB,
    problem TEXT CHECK ((problem IS NULL) = (key_id IS NOT NULL)),
    PRIMARY KEY (batch, place),
    UNIQUE (batch, position)
  ) STRICT, WITHOUT ROWID;
`

const BATCH = `SELECT number, id, principal, caller, request_id AS requestId, wish, total, made, failed, created_at AS createdAt,
  expires_at AS expiresAt, ended_at AS endedAt FROM key_batches`

/** The batches of an open gateway store. */
export function keyBatches(database: Database): KeyBatchStore {
  const byId = database.statement<KeyBatchRow>(`${BATCH} WHERE id = :id`)
  const byNumber = database.statement<KeyBatchRow>(`${BATCH} WHERE number = :number`)
  const byRequest = database.statement<KeyBatchRow>(`${BATCH} WHERE principal = :principal AND request_id = :requestId`)
  const open = database.statement<KeyBatchRow>(`${BATCH} WHERE ended_at IS NULL ORDER BY number`)
  const insert = database.statement(`
    INSERT INTO key_batches (id, principal, caller, request_id, wish, total, created_at, expires_at)
    VALUES (:id, :principal, :caller, :requestId, :wish, :total, :createdAt, :expiresAt)`)
  const insertItem = database.statement(`
    INSERT INTO key_batch_items VALUES (:number, :place, :position, :keyId, :problem) ON CONFLICT (batch, position) DO NOTHING`)
  const count = database.statement(`
    UPDATE key_batches SET made = made + :made, failed = failed + 1 - :made,
      ended_at = CASE WHEN made + failed + 1 >= total THEN :now END
    WHERE number = :number`)
  const ended = database.statement<EndedItem>(`
    SELECT place, position, key_id AS keyId, problem FROM key_batch_items
    WHERE batch = :number AND place > :after ORDER BY place LIMIT :limit`)
  const oldest = database.statement<{ readonly number: number }>(`
    SELECT number FROM key_batches WHERE ended_at IS NOT NULL AND expires_at <= :cutoff ORDER BY expires_at LIMIT 1`)
  const removeItems = database.statement(`
    DELETE FROM key_batch_items WHERE batch = :number AND place IN
      (SELECT place FROM key_batch_items WHERE batch = :number ORDER BY place LIMIT :limit)`)
  const remove = database.statement('DELETE FROM key_batches WHERE number = :number')

  const at = (number: number): KeyBatchRow => byNumber.get({ number }) as KeyBatchRow

  return {
    get: (id) => byId.get({ id }),
    byRequest: (principal, requestId) => byRequest.get({ principal, requestId }),
    open: () => open.all(),
    insert: (batch) =>
      database.transaction(() => {
        insert.run(batch)
        return byId.get({ id: batch.id }) as KeyBatchRow
      }),
    end: (number, { position, keyId, problem }, now) =>
      database.transaction(() => {
        const { made, failed } = at(number)
        if (insertItem.run({ number, place: made + failed + 1, position, keyId, problem }) === 1) {
          count.run({ number, made: keyId === null ? 0 : 1, now })
        }
        return at(number)
      }),
    ended: (number, after, limit) => ended.all({ number, after, limit }),
    prune: (now, limit) =>
      database.transaction(() => {
        const batch = oldest.get({ cutoff: now - RETENTION_MS })
        if (batch === undefined) return 0
        const items = removeItems.run({ number: batch.number, limit })
        // Others may be waiting: the one that is gone counts as the rest of this call.
        if (items < limit) remove.run({ number: batch.number })
        return limit
      }),
  }
}
