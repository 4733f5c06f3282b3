import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { leaveMark, takeMark } from './closed-mark.ts'
import { createDurableFile } from './durable-file.ts'
import { asStoreError, StoreError } from './store-error.ts'

export interface Schema {
  /** Marks whose file it is, so that a coordinator never opens a signer's. */
  readonly applicationId: number
  /** Script i takes version i to version i + 1. Append-only: a released script never changes. */
  readonly migrations: readonly string[]
}

/**
 * A prepared statement. Values go by parameter name, and a name that the SQL lacks is refused, so a row can be passed as it
 * is. Every table is STRICT: a column holds what its declaration says, and `Row` can be believed.
 */
export interface Statement<Row> {
  get(values?: object): Row | undefined
  all(values?: object): Row[]
  /** @returns the number of rows changed. */
  run(values?: object): number
}

type Values = Record<string, SQLInputValue>

/** One open file. Every method throws StoreError and, but for bugs of ours, nothing else. */
export interface Database {
  /** Prepares `sql` once; for the life of a store, not per call. */
  statement<Row = never>(sql: string): Statement<Row>
  /**
   * Runs `work` in one transaction: on return everything is on the disk, on a throw nothing is. Inside another transaction it
   * joins that one. `work` is synchronous and lets a StoreError pass, since SQLite may have rolled back already.
   */
  transaction<T>(work: () => T): T
  /** Folds the write-ahead log into the file and lets go of the lock. Idempotent. */
  close(): void
}

/** How long the process before us may take to let go of the file: a restart overlaps with the end of its predecessor. */
const LOCK_WAIT_MS = 1000

/**
 * locking_mode before journal_mode: then SQLite never makes shared memory and holds its lock for life, which is the guard
 * against a second host on this file. fullfsync: on macOS an fsync alone leaves the data in the drive. The size limit bounds
 * the log between checkpoints. secure_delete: what is deleted or replaced is overwritten with zeros and not left in free pages.
 */
const SETTINGS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -16384;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
  PRAGMA secure_delete = ON;
`

function connect(path: string): DatabaseSync {
  const raw = new DatabaseSync(path, { timeout: LOCK_WAIT_MS, enableForeignKeyConstraints: true })
  try {
    raw.exec(SETTINGS)
    if (pragma(raw, 'journal_mode') !== 'wal') throw new StoreError('IO', `${path}: this file system has no write-ahead log`)
    return raw
  } catch (error) {
    raw.close()
    throw error
  }
}

const pragma = (raw: DatabaseSync, name: string): unknown => Object.values(raw.prepare(`PRAGMA ${name}`).get() ?? {})[0]

function migrate(raw: DatabaseSync, schema: Schema, path: string): void {
  const version = pragma(raw, 'user_version') as number
  if (version > schema.migrations.length) {
    throw new StoreError(
      'NEWER_SCHEMA',
      `${path} has schema ${version}, this program knows ${schema.migrations.length}: update it`,
    )
  }
  schema.migrations.slice(version).forEach((script, i) => {
    raw.exec(`BEGIN IMMEDIATE; ${script}; PRAGMA user_version = ${version + i + 1}; COMMIT`)
  })
}

const schemaText = (raw: DatabaseSync): string =>
  JSON.stringify(raw.prepare('SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name').all())

/** SQLite checks pages, not whether a table still has the columns it was made with: a bit that changed in a name would look like a bug of ours. */
function checkSchema(raw: DatabaseSync, schema: Schema, path: string): void {
  const whole = new DatabaseSync(':memory:')
  try {
    for (const script of schema.migrations) whole.exec(script)
    if (schemaText(raw) !== schemaText(whole)) {
      throw new StoreError('CORRUPT', `${path} is damaged, restore it from a backup: its tables are not those of its schema`)
    }
  } finally {
    whole.close()
  }
}

function createFile(path: string, schema: Schema): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  createDurableFile(path, (temporary) => {
    const raw = connect(temporary)
    try {
      raw.exec(`PRAGMA application_id = ${schema.applicationId}`)
      migrate(raw, schema, path)
    } finally {
      // The last connection folds the log into the file and syncs it.
      raw.close()
    }
  })
}

/** The file is ours alone. Its name must not be replaceable by others; loose modes on it are tightened, since it holds no secret in clear. */
function checkFile(path: string): void {
  if ((statSync(dirname(path)).mode & 0o022) !== 0) {
    throw new StoreError('PERMISSIONS', `${dirname(path)} can be written by others: chmod go-w`)
  }
  const { size } = statSync(path)
  // We create files whole, so an empty one lost its contents. Taken for a new store it would forget every key and request.
  if (size === 0) throw new StoreError('CORRUPT', `${path} is empty: restore it from a backup`)
  for (const name of [path, `${path}-wal`]) {
    if (existsSync(name) && (statSync(name).mode & 0o077) !== 0) chmodSync(name, 0o600)
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    accessSync(dirname(path), constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StoreError('READ_ONLY', `${path} or its directory cannot be written`, error)
  }
}

/** @param asLeft in order, by a host that had it open, and not written to since: then it is not read through again. */
function checkContents(raw: DatabaseSync, path: string, asLeft: boolean): void {
  // SQLite fills a page that the file holds in part with zeros and carries on; so the file is made to hold all pages, and measured.
  pragma(raw, 'wal_checkpoint(TRUNCATE)')
  const bytes = (pragma(raw, 'page_count') as number) * (pragma(raw, 'page_size') as number)
  const whole = (): unknown => (asLeft ? 'ok' : pragma(raw, 'quick_check(1)'))
  const found = statSync(path).size === bytes ? whole() : `not ${bytes} bytes long`
  if (found !== 'ok') throw new StoreError('CORRUPT', `${path} is damaged, restore it from a backup: ${found}`)
}

function openFile(path: string, schema: Schema): DatabaseSync {
  if (!existsSync(path)) createFile(path, schema)
  checkFile(path)
  const asLeft = takeMark(path)
  const raw = connect(path)
  try {
    checkContents(raw, path, asLeft)
    if (pragma(raw, 'application_id') !== schema.applicationId) {
      throw new StoreError('WRONG_FILE', `${path} was written by another role or another program`)
    }
    migrate(raw, schema, path)
    checkSchema(raw, schema, path)
    return raw
  } catch (error) {
    raw.close()
    throw error
  }
}

/**
 * Opens the database at `path`, or creates it there with mode 0600 (and its directory with 0700). WAL with synchronous=FULL
 * (decisions.md 7). Until `close` no other process, and no other part of this one, can open it.
 * @throws StoreError LOCKED, CORRUPT, NEWER_SCHEMA, WRONG_FILE, PERMISSIONS, READ_ONLY, FULL or IO
 */
export function openDatabase(path: string, schema: Schema): Database {
  let raw: DatabaseSync
  try {
    raw = openFile(path, schema)
  } catch (error) {
    throw asStoreError(error, path)
  }
  let broken: StoreError | undefined

  const attempt = <T>(work: () => T): T => {
    if (!raw.isOpen) throw new StoreError('CLOSED', `${path} is closed`)
    if (broken !== undefined) throw new StoreError(broken.code, `${path} failed before and needs a restart`, broken)
    try {
      return work()
    } catch (error) {
      const failure = asStoreError(error, path)
      // After a failed sync nobody knows what the disk holds, and the next sync may well succeed. Only recovery can tell.
      if (failure instanceof StoreError && (failure.code === 'IO' || failure.code === 'CORRUPT')) broken = failure
      throw failure
    }
  }

  const begin = raw.prepare('BEGIN IMMEDIATE')
  const commit = raw.prepare('COMMIT')
  const rollback = raw.prepare('ROLLBACK')

  return {
    statement<Row>(sql: string): Statement<Row> {
      const prepared = attempt(() => raw.prepare(sql))
      return {
        get: (values = {}) => attempt(() => prepared.get(values as Values) as Row | undefined),
        all: (values = {}) => attempt(() => prepared.all(values as Values) as Row[]),
        run: (values = {}) => attempt(() => Number(prepared.run(values as Values).changes)),
      }
    },

    transaction<T>(work: () => T): T {
      if (attempt(() => raw.isTransaction)) return work()
      attempt(() => begin.run())
      try {
        const result = work()
        if (result instanceof Promise) throw new TypeError('the work of a transaction is synchronous')
        attempt(() => commit.run())
        return result
      } catch (error) {
        // SQLite has rolled back by itself when the disk is full or fails.
        if (raw.isOpen && raw.isTransaction) attempt(() => rollback.run())
        throw error
      }
    },

    close() {
      if (!raw.isOpen) return
      raw.close()
      if (broken === undefined) leaveMark(path)
    },
  }
}
