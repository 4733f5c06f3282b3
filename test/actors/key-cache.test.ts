import { describe, expect, it } from 'vitest'
import { KeyCache, type KeyRow } from '../../src/actors/key-cache.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { actorSet } from './actor-set.ts'

const set = actorSet({ seed: 'key cache' })
const rows = Array.from({ length: 6 }, (_, i) => set.storeKey('eddsa-ed25519', `key ${i}`).rows.get(2) as KeyRow)
const verifyingSharesOf = ({ publicPackage }: KeyRow): ReadonlyMap<number, Uint8Array> => {
  const { parties, verificationShares } = PUBLIC_PACKAGE.decode(publicPackage)
  return new Map(parties.map((id, i) => [id, verificationShares[i] as Uint8Array]))
}
const row = (n: number): KeyRow => rows[n] as KeyRow

function cache(capacity: number) {
  const opened: KeyRow[] = []
  const unsealed: Uint8Array[] = []
  const keys = new KeyCache({
    self: 2,
    curves: set.curves,
    capacity,
    unseal: (sealed, keyId) => {
      opened.push(rows.find((r) => r.keyId === keyId) as KeyRow)
      const plain = Uint8Array.from(sealed)
      unsealed.push(plain)
      return plain
    },
  })
  return { keys, opened: () => opened.map((r) => rows.indexOf(r)), unsealed }
}

describe('the cache of unsealed shares', () => {
  it('opens a record once, and wipes what it was opened into', () => {
    const { keys, opened, unsealed } = cache(3)
    expect(keys.load(row(0))).toBe(true)
    expect(keys.load(row(0))).toBe(true)
    expect(opened()).toEqual([0])
    expect(unsealed.every((plain) => plain.every((b) => b === 0))).toBe(true)
    expect(keys.get(row(0).keyId)).toMatchObject({ credentialId: 'cred_alice', tenant: 'alice', threshold: 2 })
    expect(keys.get(row(0).keyId)?.share.some((b) => b !== 0)).toBe(true)
    expect([...(keys.get(row(0).keyId)?.verifyingShares ?? [])]).toEqual([...verifyingSharesOf(row(0))])
  })

  it('lets the least recently used go first, wiped', () => {
    const { keys, opened } = cache(2)
    for (const n of [0, 1]) keys.load(row(n))
    const share = keys.get(row(1).keyId)?.share as Uint8Array
    keys.get(row(0).keyId)
    keys.load(row(2))
    expect([keys.size, keys.get(row(1).keyId)]).toEqual([2, undefined])
    expect(share.every((b) => b === 0)).toBe(true)
    keys.load(row(1))
    expect(opened()).toEqual([0, 1, 2, 1])
  })

  it('never evicts what a batch has loaded for the rest of the batch', () => {
    const { keys } = cache(3)
    for (const n of [0, 1, 2]) keys.load(row(n))
    // Key 0 is the oldest, and one of the next batch.
    const batch = [0, 3, 4]
    for (const n of batch) keys.load(row(n))
    expect(batch.map((n) => keys.get(row(n).keyId) !== undefined)).toEqual([true, true, true])
  })

  it('K-13, D-07 does not take a share that is not this signer’s for this key', () => {
    const { keys, unsealed } = cache(3)
    const foreign = set.storeKey('eddsa-ed25519', 'key 0').rows.get(1) as KeyRow
    expect(keys.load({ ...row(0), sealedShare: foreign.sealedShare })).toBe(false)
    expect(keys.load({ ...row(0), publicPackage: row(1).publicPackage })).toBe(false)
    expect([keys.size, unsealed.length]).toEqual([0, 2])
    expect(unsealed.every((plain) => plain.every((b) => b === 0))).toBe(true)
  })

  it('C-05 wipes every share at its end', () => {
    const { keys } = cache(6)
    for (const r of rows) keys.load(r)
    const shares = rows.map((r) => keys.get(r.keyId)?.share as Uint8Array)
    keys.wipe()
    expect(keys.size).toBe(0)
    expect(shares.every((share) => share.every((b) => b === 0))).toBe(true)
  })
})
