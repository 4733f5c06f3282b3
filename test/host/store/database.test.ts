import { existsSync, linkSync, readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Database, openDatabase, type Schema } from '../../../src/host/store/database.ts'
import { createDurableFile } from '../../../src/host/store/durable-file.ts'
import { otherProcess, outputOf, scratch } from './scratch.ts'

const at = scratch()
const FIRST = 'CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT'
const schema = (...migrations: string[]): Schema => ({ applicationId: 7, migrations: [FIRST, ...migrations] })

function using<T>(work: (database: Database) => T, used = schema(), name = 'data.db'): T {
  const database = openDatabase(at(name), used)
  try {
    return work(database)
  } finally {
    database.close()
  }
}
const words = (database: Database): string[] =>
  database
    .statement<{ word: string }>('SELECT word FROM t ORDER BY id')
    .all()
    .map(({ word }) => word)
const adder = (database: Database) => {
  const insert = database.statement('INSERT INTO t (word) VALUES (:word)')
  return (word: string): number => insert.run({ word })
}

it('runs with a write-ahead log and a sync per commit', () => {
  using((database) => {
    const pragma = (name: string): unknown => Object.values(database.statement<object>(`PRAGMA ${name}`).get() ?? {})[0]
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('locking_mode')).toBe('exclusive')
    expect(pragma('synchronous')).toBe(2)
    expect(pragma('fullfsync')).toBe(1)
    expect(pragma('checkpoint_fullfsync')).toBe(1)
    expect(pragma('foreign_keys')).toBe(1)
    expect(pragma('trusted_schema')).toBe(0)
    expect(pragma('busy_timeout')).toBe(1000)
  })
})

it('cannot be opened a second time in the same process', () => {
  using(() => {
    expect(() => openDatabase(at('data.db'), schema())).toThrow(/^LOCKED/)
  })
})

describe('a transaction', () => {
  it('applies all of its work or none', () => {
    using((database) => {
      const add = adder(database)
      expect(database.transaction(() => add('one') + add('two'))).toBe(2)
      const broken = (): never =>
        database.transaction(() => {
          add('three')
          throw new RangeError('stop')
        })
      expect(broken).toThrow(RangeError)
      expect(() => database.transaction(() => add('four') + add('one'))).toThrow(/^CONSTRAINT/)
      expect(words(database)).toEqual(['one', 'two'])
      add('five')
      expect(words(database)).toEqual(['one', 'two', 'five'])
    })
  })

  it('inside another one is part of it', () => {
    using((database) => {
      const add = adder(database)
      const outer = (): never =>
        database.transaction(() => {
          database.transaction(() => add('inner'))
          throw new RangeError('stop')
        })
      expect(outer).toThrow(RangeError)
      expect(words(database)).toEqual([])
    })
  })

  it('refuses work that would go on after it', () => {
    using((database) => {
      const add = adder(database)
      expect(() => database.transaction(async () => add('late'))).toThrow(TypeError)
      expect(words(database)).toEqual([])
    })
  })
})

it('refuses values that a statement has no name for, and values of another type than the column', () => {
  using((database) => {
    const insert = database.statement('INSERT INTO t (word) VALUES (:word)')
    expect(() => insert.run({ word: 'a', extra: 1 })).toThrow('extra')
    expect(() => insert.run({ word: new Uint8Array(1) })).toThrow(/^CONSTRAINT/)
    expect(() => insert.run({})).toThrow(/^CONSTRAINT/)
    expect(words(database)).toEqual([])
  })
})

it('returns blobs in memory of their own, empty ones too', () => {
  using((database) => {
    const row = database.statement<{ a: Uint8Array; b: Uint8Array }>(`SELECT x'0102' AS a, x'' AS b`).get()
    expect([row?.a.buffer.byteLength, row?.b]).toEqual([2, new Uint8Array(0)])
  })
})

describe('migrations', () => {
  it('run once each, in order', () => {
    using((database) => adder(database)('old'))
    const upgraded = schema(`ALTER TABLE t ADD COLUMN n INTEGER NOT NULL DEFAULT 1`, 'UPDATE t SET n = n + 1')
    for (let i = 0; i < 2; i++) {
      using((database) => {
        expect(database.statement<object>('SELECT word, n FROM t').all()).toEqual([{ word: 'old', n: 2 }])
      }, upgraded)
    }
    expect(() => openDatabase(at('data.db'), schema())).toThrow(/^NEWER_SCHEMA/)
  })

  it('that fail leave the version before them', () => {
    using((database) => adder(database)('old'))
    const broken = schema(`UPDATE t SET word = 'new'`, 'UPDATE t SET word = NULL')
    expect(() => openDatabase(at('data.db'), broken)).toThrow(/^CONSTRAINT/)
    expect(using(words, schema(`UPDATE t SET word = 'new'`))).toEqual(['new'])
  })
})

describe('creation', () => {
  it('that fails leaves no file behind, and the next one succeeds', () => {
    expect(() => openDatabase(at('data.db'), schema('CREATE TABLE t (id)'))).toThrow(/^INTERNAL/)
    expect(readdirSync(at('.'))).toEqual([])
    expect(using(words)).toEqual([])
    expect(readdirSync(at('.'))).toEqual(['data.db', 'data.db.closed'])
  })

  it('of a file that is there already changes nothing', () => {
    writeFileSync(at('file'), 'first')
    expect(createDurableFile(at('file'), (temporary) => writeFileSync(temporary, 'second'))).toBe(false)
    expect(createDurableFile(at('other'), () => linkSync(at('file'), at('other')))).toBe(false)
    expect(readdirSync(at('.')).sort()).toEqual(['file', 'other'])
  })

  it('by several processes at once makes one database', async () => {
    const program = `
      const add = () => {
        const database = openDatabase(${JSON.stringify(at('data.db'))}, ${JSON.stringify(schema())})
        database.statement('INSERT INTO t (word) VALUES (:word)').run({ word: String(process.pid) })
        database.close()
      }
      for (let done = false; !done; ) try { add(); done = true } catch (error) { if (error.code !== 'LOCKED') throw error }
      console.log(process.pid)`
    const pids = await Promise.all(
      [1, 2, 3].map(() => outputOf(otherProcess({ openDatabase: '../../../src/host/store/database.ts' }, program))),
    )
    expect(using(words).sort()).toEqual(pids.sort())
    expect(existsSync(at('data.db-wal'))).toBe(false)
  })
})
