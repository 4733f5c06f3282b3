import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, vi } from 'vitest'
import { openCoordinatorStore } from '../../../src/host/store/coordinator-store.ts'
import type { Database } from '../../../src/host/store/database.ts'
import { openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { openSignerStore } from '../../../src/host/store/signer-store.ts'
import { madeKey } from './made-keys.ts'
import { scratch } from './scratch.ts'

const at = scratch()
const STORES: Readonly<Record<string, (path: string) => { readonly database: Database }>> = {
  signer: openSignerStore,
  coordinator: openCoordinatorStore,
  gateway: openGatewayStore,
}

/** Steps that may look at a whole table, and why that is little. */
const SMALL: readonly (readonly [step: RegExp, why: string])[] = [
  [/^SCAN (pairs|pair_checks)( |$)/, 'a row for each peer, and for each check under way'],
  [/^SCAN keys/, 'whether there is any: ends at the first row'],
  [/^SCAN data_key/, 'one row'],
  [/^SCAN key_batches USING INDEX key_batches_open$/, 'at a start: those under way, of which there are 64'],
]

describe.each(Object.keys(STORES))('the statements of a %s', (role) => {
  it('look at no more rows however many there are: no scan and no sort', () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
    const { database } = (STORES[role] as (typeof STORES)[string])(at('data.db'))
    const statements = prepare.mock.calls
      .map(([sql]) => sql)
      .filter((sql) => /^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(sql) && !sql.includes('sqlite_schema'))
    prepare.mockRestore()
    expect(statements.length).toBeGreaterThan(8)
    const slow = statements.flatMap((sql) =>
      database
        .statement<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => detail)
        .filter((step) => /SCAN|TEMP B-TREE/.test(step) && !SMALL.some(([small]) => small.test(step)))
        .map((step) => `${step}: ${sql.replaceAll(/\s+/g, ' ').trim()}`),
    )
    expect(slow).toEqual([])
    database.close()
  })
})

describe('a signer with many keys', () => {
  function bytesPerKey(keys: number, label: (i: number) => string | null): number {
    const store = openSignerStore(at('keys.db'))
    store.database.transaction(() => {
      for (let i = 0; i < keys; i++) {
        const { key, certificate } = madeKey(i, { label: label(i) })
        store.insertPending(key)
        store.activate(key.keyId, certificate)
      }
    })
    store.database.close()
    return statSync(at('keys.db')).size / keys
  }

  it('takes 0.8 kB for each that a gateway had made, and the indexes with it', () => {
    expect(bytesPerKey(10_000, () => null)).toBeLessThan(800)
  })

  it('stays well below 1.5 kB for each with the longest label', () => {
    expect(bytesPerKey(2000, (i) => String(i).padStart(64, '0'))).toBeLessThan(1000)
  })
})
