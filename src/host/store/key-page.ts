import { compareBytes } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'
import type { Database } from './database.ts'

/** Where a page ended: the key it showed last. Pages run from the oldest key to the youngest, so new keys come at the end. */
export interface KeyCursor {
  readonly createdAt: number
  readonly keyId: Uint8Array
}

export interface KeyQuery {
  /** Keys of these only; an empty list finds nothing. */
  readonly owners: readonly string[]
  readonly scheme?: Scheme
  /** The whole label. */
  readonly label?: string
  readonly after?: KeyCursor
  readonly limit: number
}

/** Indexes that {@link keyPager} needs on a table `keys (key_id, owner, scheme, label, created_at, ..)`. */
export const KEY_PAGE_INDEXES = `
  CREATE INDEX keys_by_owner ON keys (owner, created_at, key_id);
  CREATE INDEX keys_by_scheme ON keys (owner, scheme, created_at, key_id);
  CREATE INDEX keys_by_label ON keys (owner, label, created_at, key_id) WHERE label IS NOT NULL;
`

/** The statements, exported for the test which asserts that none of them scans or sorts. */
export const KEY_PAGE_SQL = (() => {
  const page = (filter: string): string => `
    SELECT created_at AS createdAt, key_id AS keyId FROM keys
    WHERE owner = :owner ${filter} AND (created_at, key_id) > (:createdAt, :keyId)
    ORDER BY created_at, key_id LIMIT :limit`
  return {
    byOwner: page(''),
    byScheme: page('AND scheme = :scheme'),
    byLabel: page('AND label = :label AND (:scheme IS NULL OR scheme = :scheme)'),
  }
})()

const FROM_THE_START: KeyCursor = { createdAt: -1, keyId: new Uint8Array(0) }

/**
 * Finds a page of keys by keyset, whose cost does not grow with the number of keys: `limit` index entries for each owner,
 * merged. (One query over all owners would sort every key they have.)
 */
export function keyPager(database: Database): (query: KeyQuery) => KeyCursor[] {
  const byOwner = database.statement<KeyCursor>(KEY_PAGE_SQL.byOwner)
  const byScheme = database.statement<KeyCursor>(KEY_PAGE_SQL.byScheme)
  const byLabel = database.statement<KeyCursor>(KEY_PAGE_SQL.byLabel)
  return ({ owners, scheme, label, after = FROM_THE_START, limit }) => {
    const pageOf = (owner: string): KeyCursor[] => {
      const from = { owner, createdAt: after.createdAt, keyId: after.keyId, limit }
      if (label !== undefined) return byLabel.all({ ...from, label, scheme: scheme ?? null })
      return scheme === undefined ? byOwner.all(from) : byScheme.all({ ...from, scheme })
    }
    return [...new Set(owners)]
      .flatMap(pageOf)
      .sort((a, b) => a.createdAt - b.createdAt || compareBytes(a.keyId, b.keyId))
      .slice(0, limit)
  }
}
