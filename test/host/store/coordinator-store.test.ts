import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type CoordinatorStore,
  type DirectoryKey,
  openCoordinatorStore,
  type StoredSignature,
} from '../../../src/host/store/coordinator-store.ts'
import { KEY_PAGE_SQL, type KeyCursor, type KeyQuery } from '../../../src/host/store/key-page.ts'
import { hash, LATER, NOW } from './drivers.ts'
import { scratch } from './scratch.ts'

const at = scratch()
let store: CoordinatorStore
beforeEach(() => {
  store = openCoordinatorStore(at('coordinator.db'))
})
afterEach(() => store.database.close())

function reopen(): void {
  store.database.close()
  store = openCoordinatorStore(at('coordinator.db'))
}

const key = (i: number, changes: Partial<DirectoryKey> = {}): DirectoryKey => ({
  keyId: hash(i),
  scheme: 'ecdsa-secp256k1',
  label: null,
  threshold: 2,
  parties: 3,
  epoch: 1,
  publicKey: new Uint8Array(33).fill(2),
  certificate: new Uint8Array(192).fill(i),
  owner: 'cred_a',
  requestId: `req_${i}`,
  requestHash: hash(i, 1),
  createdAt: NOW + i,
  ...changes,
})

/** Of a key that nobody updated. */
const NEW = { usage: 'active', revision: 0, settled: 1, updateHash: null } as const

describe('the directory', () => {
  it('holds a key as pending until every signer has its certificate', () => {
    expect(store.putKey(key(1), [1, 2, 3])).toEqual({ type: 'new' })
    reopen()
    expect(store.getKey(hash(1))).toEqual({ ...key(1), ...NEW, state: 'pending' })
    expect(store.keyByRequest('cred_a', 'req_1')).toEqual({ ...key(1), ...NEW, state: 'pending' })
    expect(store.undelivered(10)).toEqual([{ keyId: hash(1), certificate: key(1).certificate, signers: [1, 2, 3] }])
    expect([store.acknowledge(hash(1), 3), store.acknowledge(hash(1), 3), store.acknowledge(hash(1), 1)]).toEqual([2, 2, 1])
    expect(store.undelivered(10)[0]?.signers).toEqual([2])
    reopen()
    expect(store.getKey(hash(1))?.state).toBe('pending')
    expect(store.acknowledge(hash(1), 2)).toBe(0)
    reopen()
    expect(store.getKey(hash(1))?.state).toBe('active')
    expect(store.undelivered(10)).toEqual([])
    expect(store.acknowledge(hash(1), 2)).toBe(0)
  })

  it('is not made active by an acknowledgement of nothing', () => {
    expect(store.acknowledge(hash(9), 1)).toBe(0)
    store.putKey(key(1), [1])
    expect(store.acknowledge(hash(1), 2)).toBe(1)
    expect(store.getKey(hash(1))?.state).toBe('pending')
  })

  it('makes one key for a request', () => {
    store.putKey(key(1), [1])
    const row = { ...key(1), ...NEW, state: 'pending' }
    expect(store.putKey(key(2, { requestId: 'req_1', requestHash: hash(1, 1) }), [1])).toEqual({ type: 'same', row })
    expect(store.putKey(key(2, { requestId: 'req_1' }), [1])).toEqual({ type: 'conflict', row })
    expect(store.putKey(key(2, { requestId: 'req_1', owner: 'cred_b' }), [1])).toEqual({ type: 'new' })
  })

  it('lists what is to be delivered in pages', () => {
    for (const i of [3, 1, 2]) store.putKey(key(i), [1, 2])
    expect(store.undelivered(2).map(({ keyId }) => keyId)).toEqual([hash(1), hash(2)])
    expect(store.undelivered(2, hash(2)).map(({ keyId }) => keyId)).toEqual([hash(3)])
  })

  it('can be rebuilt from what signers report', () => {
    store.putKey(key(1), [2])
    expect(store.restoreKeys([key(1), key(2, { label: 'x' }), key(3)])).toBe(2)
    expect(store.restoreKeys([key(3), key(2)])).toBe(0)
    expect([1, 2, 3].map((i) => store.getKey(hash(i))?.state)).toEqual(['pending', 'active', 'active'])
    expect(store.getKey(hash(2))?.label).toBe('x')
  })

  it('remembers to whom a key that came back is still to be brought', () => {
    store.restoreKeys([key(1)], [2, 3])
    expect(store.getKey(hash(1))?.state).toBe('active')
    expect(store.missing(hash(1))).toEqual([2, 3])
    expect(store.undelivered(9).map(({ signers }) => signers)).toEqual([[2, 3]])
    expect(store.acknowledge(hash(1), 2)).toBe(1)
    expect(store.acknowledge(hash(1), 3)).toBe(0)
    expect([store.missing(hash(1)), store.missing(hash(7))]).toEqual([[], []])
  })
})

describe('pages of keys', () => {
  const SCHEMES = ['ecdsa-secp256k1', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
  const all = Array.from({ length: 60 }, (_, i) =>
    key(i, {
      owner: `cred_${'abc'[i % 3]}`,
      scheme: SCHEMES[(i >> 1) % 3] ?? 'ecdsa-secp256k1',
      label: i % 4 === 0 ? null : `label ${i % 4}`,
      // Several keys of one millisecond, in another order than their ids.
      createdAt: NOW + Math.floor(((i * 7) % 60) / 5),
    }),
  )
  beforeEach(() => {
    store.restoreKeys(all)
  })

  const walk = (query: Omit<KeyQuery, 'limit' | 'after'>, limit: number): string[] => {
    const seen: string[] = []
    for (let after: KeyCursor | undefined; ; ) {
      const page = store.listKeys({ ...query, limit, ...(after !== undefined && { after }) })
      expect(page.length).toBeLessThanOrEqual(limit)
      seen.push(...page.map(({ requestId }) => requestId))
      after = page.at(-1)
      if (after === undefined) return seen
    }
  }
  const expected = (query: Omit<KeyQuery, 'limit' | 'after'>): string[] =>
    all
      .filter(({ owner }) => query.owners.includes(owner))
      .filter(({ scheme }) => query.scheme === undefined || scheme === query.scheme)
      .filter(({ label }) => query.label === undefined || label === query.label)
      .sort((a, b) => a.createdAt - b.createdAt || Buffer.compare(a.keyId, b.keyId))
      .map(({ requestId }) => requestId)

  it.each<Omit<KeyQuery, 'limit' | 'after'>>([
    { owners: ['cred_a'] },
    { owners: ['cred_c', 'cred_a', 'cred_a'] },
    { owners: ['cred_a', 'cred_b'], scheme: 'eddsa-ed25519' },
    { owners: ['cred_b', 'cred_c'], label: 'label 1' },
    { owners: ['cred_a', 'cred_b', 'cred_c'], label: 'label 2', scheme: 'schnorr-secp256k1' },
  ])('show every key of %o once, oldest first', (query) => {
    const keys = expected(query)
    expect(keys.length).toBeGreaterThan(3)
    for (const limit of [1, 3, 7, 100]) expect(walk(query, limit)).toEqual(keys)
  })

  it('show nothing of others', () => {
    expect(walk({ owners: [] }, 10)).toEqual([])
    expect(walk({ owners: ['cred_d'] }, 10)).toEqual([])
    expect(walk({ owners: ['cred_a'], label: 'label' }, 10)).toEqual([])
  })

  it('cost the same however many keys there are: no scan and no sort', () => {
    for (const sql of Object.values(KEY_PAGE_SQL)) {
      const plan = store.database.statement<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all({})
      const steps = plan.map(({ detail }) => detail)
      expect(steps).toHaveLength(1)
      expect(steps[0]).toMatch(/^SEARCH keys USING (COVERING )?INDEX keys_by_/)
    }
  })
})

const signature = (i: number, changes: Partial<StoredSignature> = {}): StoredSignature => ({
  id: `sig_${i}`,
  requestHash: hash(i),
  credentialId: 'cred_a',
  requestId: `req_${i}`,
  response: new Uint8Array(300).fill(i),
  createdAt: NOW,
  expiresAt: LATER,
  ...changes,
})

describe('signatures', () => {
  it('are found by id, by request hash and by request', () => {
    expect(store.putSignatures([signature(1), signature(2)])).toEqual([{ type: 'new' }, { type: 'new' }])
    reopen()
    expect(store.getSignature('sig_1')).toEqual(signature(1))
    expect(store.signatureByRequest('cred_a', 'req_1')).toEqual(signature(1))
    expect(store.signatureByRequest('cred_b', 'req_1')).toBeUndefined()
    expect(store.getSignature('sig_3')).toBeUndefined()
  })

  it('answer a repeated request with what was stored first', () => {
    store.putSignatures([signature(1)])
    const again = signature(1, { id: 'sig_other', response: new Uint8Array(1) })
    expect(store.putSignatures([again, signature(2), signature(1, { requestHash: hash(9), id: 'sig_9' })])).toEqual([
      { type: 'same', row: signature(1) },
      { type: 'new' },
      { type: 'conflict', row: signature(1) },
    ])
    expect(store.getSignature('sig_other')).toBeUndefined()
    expect(store.putSignatures([signature(3), signature(3)])).toEqual([{ type: 'new' }, { type: 'same', row: signature(3) }])
  })

  it('are stored all or none', () => {
    store.putSignatures([signature(1)])
    const clash = signature(3, { id: 'sig_1' })
    expect(() => store.putSignatures([signature(2), clash])).toThrow(/^CONSTRAINT/)
    expect(store.getSignature('sig_2')).toBeUndefined()
  })

  it('are forgotten 24 hours after their requests expired, so many at a time', () => {
    store.putSignatures(Array.from({ length: 10 }, (_, i) => signature(i, { expiresAt: NOW + i })))
    const day = 24 * 60 * 60 * 1000
    expect([store.prune(NOW + day - 1), store.prune(NOW + day + 4, 3), store.prune(NOW + day + 4, 3)]).toEqual([0, 3, 2])
    expect(Array.from({ length: 10 }, (_, i) => store.getSignature(`sig_${i}`) === undefined).lastIndexOf(true)).toBe(4)
  })
})
