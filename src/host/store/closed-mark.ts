import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'

/**
 * Remembers, in a small file beside it, how a database was left when its host closed it in order. Who finds the database as it was left need not
 * read all of it to know that it is whole: the host before had it open, and nobody has written to it since. A lost or old mark costs that reading,
 * never more, so it needs no sync.
 */
const markOf = (path: string): string => `${path}.closed`

const stateOf = (path: string): string => {
  const { size, mtimeNs } = statSync(path, { bigint: true })
  return `${size} ${mtimeNs}\n`
}

/** Below the time of any later write, however coarsely the system keeps time. */
const AGE_S = 1

/** To be called when the database is closed. */
export function leaveMark(path: string): void {
  try {
    const now = Date.now() / 1000
    utimesSync(path, now, now - AGE_S)
    writeFileSync(markOf(path), stateOf(path), { mode: 0o600 })
  } catch {
    // The next start reads it all.
  }
}

/** Whether the database is as its last host left it. Taken away by asking: a host that does not close in order leaves none. */
export function takeMark(path: string): boolean {
  try {
    // A log is folded in and gone when a host closes; this one came from elsewhere.
    return !existsSync(`${path}-wal`) && readFileSync(markOf(path), 'latin1') === stateOf(path)
  } catch {
    return false
  } finally {
    rmSync(markOf(path), { force: true })
  }
}
