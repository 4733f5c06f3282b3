import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../../src/host/store/database.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { scratch } from './scratch.ts'

const at = scratch()
const SCHEMA = { applicationId: 7, migrations: ['CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT'] }

/** A real database whose transactions are counted. */
function counted(): { database: Database; transactions: () => number; add: (n: number) => () => number; rows: () => number } {
  const database = openDatabase(at('data.db'), SCHEMA)
  const insert = database.statement('INSERT INTO t VALUES (:n)')
  const count = database.statement<{ rows: number }>('SELECT count(*) AS rows FROM t')
  let transactions = 0
  return {
    database: {
      ...database,
      transaction: (work) => {
        transactions += 1
        return database.transaction(work)
      },
    },
    transactions: () => transactions,
    add: (n) => () => {
      insert.run({ n })
      return n
    },
    rows: () => count.get()?.rows ?? -1,
  }
}

describe('a group commit', () => {
  it('puts the writes of one turn into one transaction and answers each caller', async () => {
    const { database, transactions, add, rows } = counted()
    const { commit } = groupCommit(database)
    const answers = [3, 1, 2].map((n) => commit(add(n)))
    // Asked for later in the same turn, from other microtasks.
    answers.push(Promise.resolve().then(() => commit(add(4))))
    expect(rows()).toBe(0)
    expect(await Promise.all(answers)).toEqual([3, 1, 2, 4])
    expect([transactions(), rows()]).toEqual([1, 4])
    expect(await commit(add(5))).toBe(5)
    expect(transactions()).toBe(2)
    database.close()
  })

  it('that fails applies nothing, rejects all of its callers and spares the next', async () => {
    const { database, add, rows } = counted()
    const { commit } = groupCommit(database)
    await commit(add(1))
    const doomed = await Promise.allSettled([commit(add(2)), commit(add(1)), commit(add(3))])
    expect(doomed.map((outcome) => (outcome as PromiseRejectedResult).reason.code)).toEqual(Array(3).fill('CONSTRAINT'))
    expect(rows()).toBe(1)
    await Promise.all([commit(add(2)), commit(add(3))])
    expect(rows()).toBe(3)
    database.close()
  })

  it('resolves nobody before the commit', async () => {
    const { database, add } = counted()
    let committed = false
    const watching: Database = {
      ...database,
      transaction: (work) => {
        const result = database.transaction(work)
        committed = true
        return result
      },
    }
    const seen = await groupCommit(watching).commit(() => {
      add(1)()
      return committed
    })
    expect([seen, committed]).toEqual([false, true])
    database.close()
  })

  it('refuses callers beyond its bound', async () => {
    const { database, add, rows } = counted()
    const { commit } = groupCommit(database, 2)
    const outcomes = await Promise.allSettled([commit(add(1)), commit(add(2)), commit(add(3))])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect((outcomes[2] as PromiseRejectedResult).reason.code).toBe('OVERLOADED')
    expect(rows()).toBe(2)
    database.close()
  })

  it('of more writes than a transaction holds takes several, in order, with turns in between', async () => {
    const { database, transactions, add, rows } = counted()
    const { commit } = groupCommit(database)
    const order: number[] = []
    const answers = Array.from({ length: 1200 }, (_, n) => commit(add(n)).then((answer) => order.push(answer)))
    await turn()
    await turn()
    expect(transactions()).toBeLessThan(3)
    await Promise.all(answers)
    expect([transactions(), rows()]).toEqual([3, 1200])
    expect(order).toEqual(Array.from({ length: 1200 }, (_, n) => n))
    database.close()
  })

  it('is finished by flush', async () => {
    const { database, add, rows } = counted()
    const { commit, flush } = groupCommit(database)
    const answers = Array.from({ length: 600 }, (_, n) => commit(add(n)))
    flush()
    expect(rows()).toBe(600)
    database.close()
    expect((await Promise.all(answers)).length).toBe(600)
  })
})
