import type { Database } from './database.ts'

/** What is remembered of a request outlives `expires_at` by this much; after that it is answered 410 (decisions.md 9). */
export const RETENTION_MS = 24 * 60 * 60 * 1000

/** Rows that one call removes: bounds how long it holds the event loop. The host calls again while it gets this many. */
export const PRUNE_LIMIT = 200

export interface Pruned {
  readonly rows: number
  /** The latest `expires_at` among the removed rows; 0 when none was removed. */
  readonly until: number
}

/** Removes the oldest rows of a table whose `expires_at` (indexed, milliseconds) is at least 24 hours before `now`. */
export function expiry(database: Database, table: string): (now: number, limit?: number) => Pruned {
  const remove = database.statement<{ readonly expiresAt: number }>(`
    DELETE FROM ${table} WHERE rowid IN
      (SELECT rowid FROM ${table} WHERE expires_at <= :cutoff ORDER BY expires_at LIMIT :limit)
    RETURNING expires_at AS expiresAt`)
  return (now, limit = PRUNE_LIMIT) => {
    const removed = remove.all({ cutoff: now - RETENTION_MS, limit })
    return { rows: removed.length, until: removed.reduce((latest, row) => Math.max(latest, row.expiresAt), 0) }
  }
}
