import { compareBytes } from '../../protocol/engine/bytes.ts'
import type { Scheme, Usage } from '../../protocol/request/document.ts'
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
  /** Keys in this state; else all but archived ones. */
  readonly usage?: Usage
  readonly after?: KeyCursor
  readonly limit: number
}

/** Indexes of the first schemas; a released migration never changes. */
export const KEY_PAGE_INDEXES_1 = `
  CREATE INDEX keys_by_owner ON keys (owner, created_at, key_id);
  CREATE INDEX keys_by_scheme ON keys (owner, scheme, created_at, key_id);
  CREATE INDEX keys_by_label ON keys (owner, label, created_at, key_id) WHERE label IS NOT NULL;
`

/**
 * What the second schemas add to a table of keys, and the indexes that {@link keyPager} needs there. The state comes first in each: a
 * page of active and frozen keys then never walks over archived ones.
 */
export const KEY_STATE_COLUMNS = `
  ALTER TABLE keys ADD COLUMN usage TEXT NOT NULL DEFAULT 'active' CHECK (usage IN ('active', 'frozen', 'archived'));
  ALTER TABLE keys ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE keys ADD COLUMN settled INTEGER NOT NULL DEFAULT 1 CHECK (settled IN (0, 1));
  DROP INDEX keys_by_owner;
  DROP INDEX keys_by_scheme;
  DROP INDEX keys_by_label;
  CREATE INDEX keys_by_owner ON keys (owner, usage, created_at, key_id);
  CREATE INDEX keys_by_scheme ON keys (owner, usage, scheme, created_at, key_id);
  CREATE INDEX keys_by_label ON keys (owner, usage, label, created_at, key_id) WHERE label IS NOT NULL;
`

/** The statements, exported for the test which asserts that none of them scans or sorts. */
export const KEY_PAGE_SQL = (() => {
  const page = (filter: string): string => `
    SELECT created_at AS createdAt, key_id AS keyId FROM keys
    WHERE owner = :owner AND usage = :usage ${filter} AND (created_at, key_id) > (:createdAt, :keyId)
    ORDER BY created_at, key_id LIMIT :limit`
  return {
    byOwner: page(''),
    byScheme: page('AND scheme = :scheme'),
    byLabel: page('AND label = :label AND (:scheme IS NULL OR scheme = :scheme)'),
  }
})()

const FROM_THE_START: KeyCursor = { createdAt: -1, keyId: new Uint8Array(0) }

const SHOWN: readonly Usage[] = ['active', 'frozen']

/**
 * Finds a page of keys by keyset, whose cost does not grow with the number of keys: `limit` index entries for each owner and state,
 * merged. (One query over all owners would sort every key they have.)
 */
export function keyPager(database: Database): (query: KeyQuery) => KeyCursor[] {
  const byOwner = database.statement<KeyCursor>(KEY_PAGE_SQL.byOwner)
  const byScheme = database.statement<KeyCursor>(KEY_PAGE_SQL.byScheme)
  const byLabel = database.statement<KeyCursor>(KEY_PAGE_SQL.byLabel)
  return ({ owners, scheme, label, usage: wanted, after = FROM_THE_START, limit }) => {
    const pageOf = (owner: string, usage: Usage): KeyCursor[] => {
      const from = { owner, usage, createdAt: after.createdAt, keyId: after.keyId, limit }
      if (label !== undefined) return byLabel.all({ ...from, label, scheme: scheme ?? null })
      return scheme === undefined ? byOwner.all(from) : byScheme.all({ ...from, scheme })
    }
    return [...new Set(owners)]
      .flatMap((owner) => (wanted === undefined ? SHOWN : [wanted]).flatMap((usage) => pageOf(owner, usage)))
      .sort((a, b) => a.createdAt - b.createdAt || compareBytes(a.keyId, b.keyId))
      .slice(0, limit)
  }
}
