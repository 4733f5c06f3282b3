import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { closeUnseen, type DurableWrite, watchDurableWrites } from './durable-writes.ts'

/** What the code of a host that has died ends with. Nobody outside sees it: the host's answers are dropped. */
export class ProcessDied extends Error {
  constructor(file: string) {
    super(`the process of ${file} has died`)
    this.name = 'ProcessDied'
  }
}

/** One durable write: the k-th of the host with this store file, counted from 1. */
export interface CrashPoint {
  readonly file: string
  readonly k: number
  readonly moment: DurableWrite['moment']
  /** The write ends with this result code of SQLite (sqlite.org/rescode.html) and the host goes on; absent: the host dies. */
  readonly result?: number
}

/** Result codes of SQLite. */
export const RESULTS = { full: 13, failedWrite: 778, failedSync: 1034 } as const

/** What node:sqlite throws when SQLite ends with that code. */
const sqliteError = (errcode: number): Error =>
  Object.assign(new Error(errcode === RESULTS.full ? 'database or disk is full' : 'disk I/O error'), {
    code: 'ERR_SQLITE_ERROR',
    errcode,
  })

const FILES = ['', '-wal', '.bans'] as const

/** What is on the disk, bit for bit. */
export const diskOf = (path: string): readonly (Uint8Array | undefined)[] =>
  FILES.map((end) => (existsSync(path + end) ? readFileSync(path + end) : undefined))

/** Files beyond those given stay as they are. */
export function putDisk(path: string, disk: readonly (Uint8Array | undefined)[]): void {
  for (const [i, bytes] of disk.entries()) {
    const end = FILES[i]
    if (bytes === undefined) rmSync(path + end, { force: true })
    else writeFileSync(path + end, bytes, { mode: 0o600 })
  }
}

/** The connection is gone and the disk is what it was at this instant: closing in order would still have folded the log into the file. */
function die({ path, raw }: DurableWrite): never {
  const disk = diskOf(path)
  closeUnseen(raw)
  putDisk(path, disk)
  throw new ProcessDied(basename(path))
}

/** How many durable writes each store saw while `work` ran. */
export async function countWrites(work: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  const stop = watchDurableWrites(({ path, moment }) => {
    if (moment === 'before') counts.set(basename(path), (counts.get(basename(path)) ?? 0) + 1)
  })
  try {
    await work()
    return counts
  } finally {
    stop()
  }
}

/**
 * From now on the host with that store dies at that write, or that write fails it.
 * @returns whether it has, a promise of it, and the end of it all
 */
export function armCrash({ file, k, moment, result }: CrashPoint, onDeath: () => void) {
  const death = Promise.withResolvers<void>()
  let seen = 0
  let dead = false
  const stop = watchDurableWrites((write) => {
    if (dead || basename(write.path) !== file) return
    if (write.moment === 'before') seen += 1
    if (seen !== k || write.moment !== moment) return
    dead = true
    onDeath()
    death.resolve()
    if (result === undefined) die(write)
    throw sqliteError(result)
  })
  return { dead: () => dead, death: death.promise, stop }
}
