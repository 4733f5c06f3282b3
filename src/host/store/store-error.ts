/** Why the store refused. Append-only; each is explained in README.md beside this file. */
export type StoreErrorCode =
  | 'LOCKED'
  | 'CORRUPT'
  | 'NEWER_SCHEMA'
  | 'WRONG_FILE'
  | 'PERMISSIONS'
  | 'READ_ONLY'
  | 'FULL'
  | 'IO'
  | 'CONSTRAINT'
  | 'OVERLOADED'
  | 'CLOSED'
  | 'INTERNAL'

/** The only error that a disk or a database file can produce. Its text names files and columns, never a stored value. */
export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'StoreError'
    this.code = code
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html); the upper bits of an extended code say more and decide nothing. */
const BY_RESULT_CODE: ReadonlyMap<number, StoreErrorCode> = new Map([
  [5, 'LOCKED'],
  [6, 'LOCKED'],
  [8, 'READ_ONLY'],
  [10, 'IO'],
  [11, 'CORRUPT'],
  [13, 'FULL'],
  [14, 'IO'],
  [19, 'CONSTRAINT'],
  [26, 'CORRUPT'],
])

const BY_SYSTEM_CODE: ReadonlyMap<string, StoreErrorCode> = new Map([
  ['EACCES', 'PERMISSIONS'],
  ['EPERM', 'PERMISSIONS'],
  ['EROFS', 'READ_ONLY'],
  ['ENOSPC', 'FULL'],
  ['EDQUOT', 'FULL'],
  ['EIO', 'IO'],
])

/** What node:sqlite or node:fs threw, as a StoreError about `path`. Anything else is a bug of ours and comes back untouched. */
export function asStoreError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error
  const { code, errcode, syscall } = error as { code?: unknown; errcode?: unknown; syscall?: unknown }
  if (code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number') {
    return new StoreError(
      BY_RESULT_CODE.get(errcode & 0xff) ?? 'INTERNAL',
      `${error.message} (${path}, SQLite ${errcode})`,
      error,
    )
  }
  if (typeof code === 'string' && typeof syscall === 'string') {
    return new StoreError(BY_SYSTEM_CODE.get(code) ?? 'IO', error.message, error)
  }
  return error
}
