import { copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDatabase, type Schema } from '../../../src/host/store/database.ts'
import { otherProcess, outputOf, scratch } from './scratch.ts'

const at = scratch()
const SCHEMA: Schema = { applicationId: 7, migrations: ['CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT) STRICT'] }
let path = ''
beforeEach(() => {
  path = at('data.db')
  openDatabase(path, SCHEMA).close()
})
afterEach(() => void vi.restoreAllMocks())

/** Opens and closes it. @returns whether all of it was read through */
function readThrough(): boolean {
  const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
  openDatabase(path, SCHEMA).close()
  const asked = prepare.mock.calls.some(([sql]) => sql.includes('quick_check'))
  prepare.mockRestore()
  return asked
}

describe('a database is read through at its start', () => {
  it('unless its host closed it in order', () => {
    expect([readThrough(), readThrough()]).toEqual([false, false])
    expect(statSync(`${path}.closed`).mode & 0o777).toBe(0o600)
  })

  it('when its host was killed, whether it had written or not', async () => {
    for (const work of ['', `database.statement("INSERT INTO t (word) VALUES ('x')").run()`]) {
      const program = `const database = openDatabase(${JSON.stringify(path)}, ${JSON.stringify(SCHEMA)})
        ${work}
        process.kill(process.pid, 'SIGKILL')`
      await outputOf(otherProcess({ openDatabase: '../../../src/host/store/database.ts' }, program))
      expect(existsSync(`${path}.closed`)).toBe(false)
      expect([readThrough(), readThrough()]).toEqual([true, false])
    }
  })

  it('when anybody wrote to it, at once after and back to the same length and contents too', () => {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes)
    expect(readThrough()).toBe(true)
    const { atime } = statSync(path)
    utimesSync(path, atime, new Date(1_800_000_000_000))
    expect(readThrough()).toBe(true)
    copyFileSync(path, at('copy.db'))
    rmSync(path)
    copyFileSync(at('copy.db'), path)
    expect(readThrough()).toBe(true)
  })

  it('when there is a log, or no mark', () => {
    writeFileSync(`${path}-wal`, new Uint8Array(0))
    expect(readThrough()).toBe(true)
    rmSync(`${path}.closed`)
    expect(readThrough()).toBe(true)
    expect(readThrough()).toBe(false)
  })

  it('and its length is judged in any case', () => {
    const { atime, mtime, size } = statSync(path)
    truncateSync(path, size - 1)
    utimesSync(path, atime, mtime)
    expect(() => openDatabase(path, SCHEMA)).toThrow(/^CORRUPT/)
  })

  it('after it was found damaged, although it was closed', () => {
    const whole = readFileSync(path)
    const database = openDatabase(path, SCHEMA)
    writeFileSync(path, Uint8Array.from(whole).fill(0xff, 4096))
    expect(() => database.statement('SELECT word FROM t').all()).toThrow(/^CORRUPT/)
    database.close()
    expect(existsSync(`${path}.closed`)).toBe(false)
    writeFileSync(path, whole)
    expect(readThrough()).toBe(true)
  })
})
