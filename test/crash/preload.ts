import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
import { watchDurableWrites } from './durable-writes.ts'

/**
 * Given to a real host by `node --import`: the program itself has no such switch. The host then kills itself at a durable write, or has a
 * disk as small as a file says.
 */
const { CRASH_AT, CRASH_MOMENT, DISK_PAGES_FILE } = process.env

if (isMainThread && CRASH_AT !== undefined) {
  let seen = 0
  watchDurableWrites(({ moment }) => {
    if (moment === 'before') seen += 1
    // Not process.exit: no handler runs, no file is closed, as when the machine goes away.
    if (seen === Number(CRASH_AT) && moment === CRASH_MOMENT) process.kill(process.pid, 'SIGKILL')
  })
}

if (isMainThread && DISK_PAGES_FILE !== undefined) {
  const file = DISK_PAGES_FILE
  const { prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...given: Parameters<typeof prepare>) {
    const statement = prepare.apply(this, given)
    if (!/^\s*BEGIN\b/i.test(given[0])) return statement
    const run = statement.run.bind(statement)
    const begin = (): ReturnType<typeof run> => {
      // SQLite never takes less than what the file has: then the disk is full as it stands.
      this.exec(`PRAGMA max_page_count = ${Number(readFileSync(file, 'utf8'))}`)
      return run()
    }
    Object.defineProperty(statement, 'run', { value: begin })
    return statement
  }
}
