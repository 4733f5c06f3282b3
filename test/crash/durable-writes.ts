import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** One moment at which a store is about to change on the disk, or has just changed there and nobody knows it yet. */
export interface DurableWrite {
  /** Of the database, also when it is the file of bans beside it that changes. */
  readonly path: string
  readonly moment: 'before' | 'after'
  /** Ends the connection as the end of its process does: without a word to whoever uses it. */
  readonly raw: DatabaseSync
}

export type WriteWatch = (write: DurableWrite) => void

const { prepare, exec, close } = DatabaseSync.prototype
const { renameSync } = fs
/** The open connections, by path. */
const connections = new Map<string, DatabaseSync>()
const watches = new Set<WriteWatch>()
/** Rows changed by a connection when its transaction began: a transaction that changes nothing writes nothing. */
const changesBefore = new WeakMap<DatabaseSync, unknown>()

const changes = (raw: DatabaseSync): unknown => Object.values(prepare.call(raw, 'SELECT total_changes()').get() ?? {})[0]

function around<T>(raw: DatabaseSync, work: () => T): T {
  const path = raw.location() ?? ''
  for (const watch of watches) watch({ path, moment: 'before', raw })
  const result = work()
  for (const watch of watches) watch({ path, moment: 'after', raw })
  return result
}

/** Whether running `sql` changes the disk: the end of a transaction that wrote, or a write outside of any. */
function isDurable(raw: DatabaseSync, sql: string): boolean {
  if (/^\s*COMMIT\b/i.test(sql)) return changes(raw) !== changesBefore.get(raw)
  if (/;\s*COMMIT\b/i.test(sql) || /PRAGMA\s+(application_id|user_version)\s*=/i.test(sql)) return true
  return !raw.isTransaction && /^\s*(INSERT|UPDATE|DELETE)\b/i.test(sql)
}

function watched(raw: DatabaseSync, sql: string, statement: StatementSync): StatementSync {
  for (const name of ['run', 'get', 'all'] as const) {
    const original = statement[name].bind(statement) as (...values: unknown[]) => unknown
    const call = (...values: unknown[]): unknown => {
      if (/^\s*BEGIN\b/i.test(sql)) changesBefore.set(raw, changes(raw))
      return isDurable(raw, sql) ? around(raw, () => original(...values)) : original(...values)
    }
    Object.defineProperty(statement, name, { value: call, configurable: true })
  }
  return statement
}

// From the import on: a statement that was prepared before would never be seen.
DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...given: Parameters<typeof prepare>) {
  connections.set(this.location() ?? '', this)
  return watched(this, given[0], prepare.apply(this, given))
}
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  return isDurable(this, sql) ? around(this, () => exec.call(this, sql)) : exec.call(this, sql)
}
DatabaseSync.prototype.close = function (this: DatabaseSync) {
  connections.delete(this.location() ?? '')
  return around(this, () => close.call(this))
}
fs.renameSync = (from, to) => {
  const raw = connections.get(/^(.+)\.bans$/.exec(String(to))?.[1] ?? '')
  return raw === undefined ? renameSync(from, to) : around(raw, () => renameSync(from, to))
}
syncBuiltinESMExports()

/**
 * Tells of every durable write of every database of this process: each COMMIT that has something to commit, each write outside of a
 * transaction, each migration, each close, which folds the log into the file, and each change of the file of bans. It changes
 * node:sqlite and node:fs from outside, so that nothing in the program knows of crash points and none can be set off there. What a watch throws is what the write ends with.
 * @returns a function that ends it
 */
export function watchDurableWrites(watch: WriteWatch): () => void {
  watches.add(watch)
  return () => void watches.delete(watch)
}

/** The real close, unseen by watches. */
export const closeUnseen = (raw: DatabaseSync): void => close.call(raw)

/** The connection that has this database open. */
export function connectionTo(path: string): DatabaseSync {
  const raw = connections.get(path)
  if (raw === undefined) throw new Error(`nobody has ${path} open`)
  return raw
}
