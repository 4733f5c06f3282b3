import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/host/store/database.ts'
import type { SignerKey, StoredSignerKey } from '../../../src/host/store/signer-keys.ts'
import {
  type LedgerRow,
  openSignerStore,
  SIGNER_SCHEMA,
  type SignerKeyUpdate,
  type SignerStore,
} from '../../../src/host/store/signer-store.ts'
import { hash, LATER, NOW } from './drivers.ts'
import { madeKey } from './made-keys.ts'
import { scratch } from './scratch.ts'

const at = scratch()
let store: SignerStore
beforeEach(() => {
  store = openSignerStore(at('signer.db'))
})
afterEach(() => store.database.close())

function reopen(): void {
  store.database.close()
  store = openSignerStore(at('signer.db'))
}

const key = (i: number, changes: Partial<SignerKey> = {}): SignerKey => ({
  keyId: hash(i),
  credentialId: 'cred_a',
  tenant: '',
  requestId: `req_${i}`,
  requestHash: hash(i, 1),
  label: null,
  publicPackage: new Uint8Array(150).fill(1),
  sealedShare: new Uint8Array(93).fill(2),
  ownSignature: new Uint8Array(64).fill(3),
  createdAt: NOW,
  ...changes,
})
/** Of a key that nobody updated. */
const NEW = { usage: 'active', revision: 0, updateHash: null, updateReceipt: null } as const
const CERTIFICATE = new Uint8Array(192).fill(4)

describe('keys', () => {
  it('are stored as pending and become active once', () => {
    expect(store.insertPending(key(1, { label: 'hot' }))).toBe('stored')
    reopen()
    expect(store.getKey(hash(1))).toEqual({ ...key(1, { label: 'hot' }), ...NEW, state: 'pending', certificate: null })
    expect(store.pendingKeyIds(10)).toEqual([hash(1)])
    expect(store.activate(hash(1), CERTIFICATE)).toBe('activated')
    expect(store.activate(hash(1), new Uint8Array(192))).toBe('already')
    expect(store.activate(hash(2), CERTIFICATE)).toBe('unknown')
    reopen()
    expect(store.getKey(hash(1))).toEqual({ ...key(1, { label: 'hot' }), ...NEW, state: 'active', certificate: CERTIFICATE })
    expect(store.pendingKeyIds(10)).toEqual([])
    expect(store.getKey(hash(2))).toBeUndefined()
  })

  it('are made once by a request, of one credential and tenant', () => {
    expect(store.insertPending(key(1))).toBe('stored')
    expect(store.insertPending(key(2, { requestId: 'req_1' }))).toEqual({
      existing: { ...key(1), ...NEW, state: 'pending', certificate: null },
    })
    store.activate(hash(1), CERTIFICATE)
    expect(store.insertPending(key(2, { requestId: 'req_1' }))).toMatchObject({ existing: { keyId: hash(1), state: 'active' } })
    expect(store.getKey(hash(2))).toBeUndefined()
    expect(store.insertPending(key(2, { requestId: 'req_1', tenant: 'other' }))).toBe('stored')
    expect(store.insertPending(key(3, { requestId: 'req_1', credentialId: 'cred_b' }))).toBe('stored')
    expect(store.keyByRequest({ credentialId: 'cred_a', tenant: 'other', requestId: 'req_1' })?.keyId).toEqual(hash(2))
    expect(store.keyByRequest({ credentialId: 'cred_b', tenant: 'other', requestId: 'req_1' })).toBeUndefined()
  })

  it('never change hands: an id that is taken is an error of ours', () => {
    store.insertPending(key(1))
    expect(() => store.insertPending(key(1, { requestId: 'req_2' }))).toThrow(/^CONSTRAINT/)
    expect(() => store.insertPending(key(2, { keyId: new Uint8Array(31) }))).toThrow(/^CONSTRAINT/)
    expect(store.getKey(hash(1))?.requestId).toBe('req_1')
  })

  it('come back byte for byte when they are in the form of real ones', () => {
    for (const i of [1, 2]) {
      const { key: real, certificate } = madeKey(i, { scheme: i === 1 ? 'eddsa-ed25519' : 'ecdsa-p256', parties: 3 + i })
      store.insertPending(real)
      expect(store.getKey(real.keyId)).toEqual({ ...real, ...NEW, state: 'pending', certificate: null })
      expect(store.keyForSigning(real.keyId)).toBeUndefined()
      store.activate(real.keyId, certificate)
      expect(store.getKey(real.keyId)).toEqual({ ...real, ...NEW, state: 'active', certificate })
      expect(store.keyByRequest(real)?.certificate).toEqual(certificate)
      const { keyId, credentialId, tenant, publicPackage, sealedShare } = real
      const row = { keyId, credentialId, tenant, publicPackage, sealedShare, usage: 'active' }
      expect([store.keyForSigning(keyId), store.keyForSigning(keyId)]).toEqual([row, row])
      const receipt = new Uint8Array(64)
      store.updateKey({
        ...real,
        requestId: `req_freeze-${i}`,
        expiresAt: LATER,
        firstSentAt: NOW,
        revision: 1,
        usage: 'frozen',
        receipt,
      })
      expect(store.keyForSigning(keyId)).toEqual({ ...row, usage: 'frozen' })
    }
  })

  it('are listed in pages that leave out nothing and repeat nothing', () => {
    for (const i of [5, 3, 1, 4, 2, 6]) store.insertPending(key(i))
    for (const i of [1, 2, 3, 5, 6]) store.activate(hash(i), CERTIFICATE)
    const pages: Uint8Array[][] = []
    for (let after: Uint8Array = new Uint8Array(0); ; ) {
      const page = store.activeKeyIds(2, after)
      if (page.length === 0) break
      pages.push(page)
      after = page.at(-1) as Uint8Array
    }
    expect(pages).toEqual([[hash(1), hash(2)], [hash(3), hash(5)], [hash(6)]])
    expect(store.pendingKeyIds(10)).toEqual([hash(4)])
  })
})

describe('keys of the third schema', () => {
  /** As its rows were written, before anything was packed. */
  function putOld(path: string, keys: readonly StoredSignerKey[]): void {
    const database = openDatabase(path, { ...SIGNER_SCHEMA, migrations: SIGNER_SCHEMA.migrations.slice(0, 3) })
    const insert = database.statement(`
      INSERT INTO keys VALUES (:keyId, 'ecdsa-secp256k1', :state, 1, 2, 3, :credentialId, :tenant, :requestId, :requestHash, :label,
        :publicPackage, :sealedShare, :ownSignature, :certificate, :createdAt, :usage, :revision, :updateHash, :updateReceipt)`)
    for (const row of keys) insert.run(row)
    database.close()
  }

  it('are what they were, by id and by request, and go on as any', () => {
    const [one, two] = [madeKey(1, { label: 'hot' }), madeKey(2)]
    const updated = { usage: 'frozen', revision: 3, updateHash: hash(8), updateReceipt: new Uint8Array(64).fill(9) } as const
    const rows: readonly StoredSignerKey[] = [
      { ...one.key, ...updated, state: 'active', certificate: one.certificate },
      { ...two.key, ...NEW, state: 'pending', certificate: null },
      { ...key(3), ...NEW, state: 'active', certificate: CERTIFICATE },
      {
        ...key(4, { tenant: 'other', requestId: 'req_3' }),
        ...NEW,
        usage: 'archived',
        state: 'active',
        certificate: CERTIFICATE,
      },
    ]
    putOld(at('old.db'), rows)
    const old = openSignerStore(at('old.db'))
    for (const row of rows) {
      expect(old.getKey(row.keyId)).toEqual(row)
      expect(old.keyByRequest(row)).toEqual(row)
    }
    expect(old.pendingKeyIds(9)).toEqual([two.key.keyId])
    expect(old.insertPending({ ...madeKey(5).key, requestId: two.key.requestId })).toEqual({ existing: rows[1] })
    expect(old.activate(two.key.keyId, two.certificate)).toBe('activated')
    expect(old.getKey(two.key.keyId)).toEqual({ ...two.key, ...NEW, state: 'active', certificate: two.certificate })
    expect(old.usable([hash(3)])).toBe(true)
    expect(old.usable([one.key.keyId])).toBe(false)
    old.database.close()
  })
})

const DAY = 24 * 60 * 60 * 1000
const row = (i: number, changes: Partial<LedgerRow> = {}): LedgerRow => ({
  credentialId: 'cred_a',
  tenant: '',
  requestId: `req_${i}`,
  requestHash: hash(i),
  expiresAt: LATER,
  firstSentAt: NOW,
  ...changes,
})

const update = (i: number, revision: number, changes: Partial<SignerKeyUpdate> = {}): SignerKeyUpdate => ({
  ...row(100 + revision),
  keyId: hash(i),
  revision,
  usage: 'frozen',
  label: null,
  receipt: new Uint8Array(64).fill(revision),
  ...changes,
})

describe('key updates', () => {
  beforeEach(() => {
    store.insertPending(key(1, { label: 'hot' }))
    store.activate(hash(1), CERTIFICATE)
  })
  const now = () => {
    const { usage, revision, label, updateHash, updateReceipt } = store.getKey(hash(1)) ?? { ...key(1), ...NEW }
    return { usage, revision, label, updateHash, updateReceipt } as Record<string, unknown>
  }

  it('are stored whole, each above the one before, also over gaps, and survive', () => {
    expect(store.usable([hash(1)])).toBe(true)
    expect(store.updateKey(update(1, 1, { label: 'cold' }))).toBe('stored')
    reopen()
    expect(now()).toEqual({
      usage: 'frozen',
      revision: 1,
      label: 'cold',
      updateHash: hash(101),
      updateReceipt: new Uint8Array(64).fill(1),
    })
    expect(store.usable([hash(1)])).toBe(false)
    expect(store.updateKey(update(1, 9, { usage: 'active' }))).toBe('stored')
    expect(now()).toMatchObject({ usage: 'active', revision: 9, label: null })
    expect(store.usable([hash(1)])).toBe(true)
    expect(store.usable([hash(1), hash(2)])).toBe(false)
  })

  it('count once: the same again changes nothing, an older or equal one is a conflict and uses no request id', () => {
    store.updateKey(update(1, 5))
    expect(store.updateKey(update(1, 5))).toBe('stored')
    const before = now()
    for (const revision of [4, 5]) {
      const stale = update(1, revision, { usage: 'active', requestId: `req_late-${revision}`, requestHash: hash(revision, 7) })
      expect(store.updateKey(stale)).toBe('revision_conflict')
      expect(store.lookup([stale])).toEqual([null])
    }
    expect(now()).toEqual(before)
  })

  it('of an archived key there are none', () => {
    store.updateKey(update(1, 1, { usage: 'archived' }))
    expect(store.updateKey(update(1, 2, { usage: 'active' }))).toBe('key_frozen')
    expect(store.updateKey(update(1, 1, { usage: 'archived' }))).toBe('stored')
    expect(now()).toMatchObject({ usage: 'archived', revision: 1 })
  })

  it('use up a request id, and none that is used', () => {
    store.claim([row(1)])
    expect(store.updateKey(update(1, 1, { requestId: 'req_1' }))).toBe('request_replayed')
    expect(store.updateKey(update(1, 1))).toBe('stored')
    expect(store.claim([row(101, { requestHash: hash(9) })])).toEqual(['conflict'])
    store.claim([row(2, { expiresAt: NOW + 7 })])
    store.prune(NOW + DAY + 7)
    expect(store.updateKey(update(1, 2, { expiresAt: NOW + 7 }))).toBe('request_expired')
    expect(now()).toMatchObject({ revision: 1 })
  })

  it('are for keys that are finished', () => {
    store.insertPending(key(2))
    expect(store.updateKey(update(2, 1))).toBe('key_not_found')
    expect(store.updateKey(update(3, 1))).toBe('key_not_found')
  })
})

describe('the ledger', () => {
  it('knows the bytes that an id was first used with', () => {
    expect(store.lookup([row(1), row(2)])).toEqual([null, null])
    expect(store.claim([row(1), row(2)])).toEqual(['new', 'new'])
    reopen()
    expect(store.claim([row(3), row(1), row(2, { requestHash: hash(9) })])).toEqual(['new', 'same', 'conflict'])
    expect(store.lookup([row(1), row(2), row(3), row(4)])).toEqual([hash(1), hash(2), hash(3), null])
    expect(store.claim([])).toEqual([])
  })

  it('counts an id for each credential and tenant', () => {
    const others = [row(1, { credentialId: 'cred_b' }), row(1, { tenant: 'x' })].map((r, i) => ({
      ...r,
      requestHash: hash(50 + i),
    }))
    expect(store.claim([row(1), ...others])).toEqual(['new', 'new', 'new'])
    // Separate columns: no two of them run together into one name.
    expect(store.claim([row(1, { credentialId: 'cred_', tenant: 'a', requestHash: hash(60) })])).toEqual(['new'])
  })

  it('judges an id that stands twice in one batch', () => {
    expect(store.claim([row(1), row(1), row(1, { requestHash: hash(2) })])).toEqual(['new', 'same', 'conflict'])
    expect(store.lookup([row(1)])).toEqual([hash(1)])
  })

  it('claims nothing of a batch that fails', () => {
    expect(() => store.claim([row(1), row(2, { requestHash: new Uint8Array(31) })])).toThrow(/^CONSTRAINT/)
    expect(store.lookup([row(1), row(2)])).toEqual([null, null])
  })

  it('forgets a request 24 hours after it expired, so many at a time, the oldest first', () => {
    const rows = Array.from({ length: 10 }, (_, i) => row(i, { expiresAt: NOW + i }))
    store.claim(rows.toReversed())
    expect(store.prune(NOW + DAY - 1)).toBe(0)
    expect(store.prune(NOW + DAY + 4, 3)).toBe(3)
    expect(store.lookup(rows).map((found) => found === null)).toEqual([true, true, true, ...Array(7).fill(false)])
    expect([store.prune(NOW + DAY + 4, 3), store.prune(NOW + DAY + 4, 3)]).toEqual([2, 0])
    expect(store.lookup(rows).filter((found) => found === null).length).toBe(5)
  })

  it('refuses what it may have forgotten, whatever the clock says', () => {
    store.claim([row(1, { expiresAt: NOW }), row(2, { expiresAt: NOW + 5 })])
    store.prune(NOW + DAY)
    reopen()
    expect(store.claim([row(1, { expiresAt: NOW })])).toEqual(['forgotten'])
    expect(store.claim([row(3, { expiresAt: NOW + 1 }), row(2, { expiresAt: NOW + 5 })])).toEqual(['new', 'same'])
  })

  it('is not shut by one visit of a wrong clock', () => {
    store.claim([row(1)])
    expect(store.prune(NOW + 1000 * DAY)).toBe(1)
    expect(store.claim([row(2, { expiresAt: LATER + 1 })])).toEqual(['new'])
  })
})

describe('the boot counter', () => {
  it('never repeats a number', () => {
    const boots = [store.nextBoot(), store.nextBoot()]
    reopen()
    boots.push(store.nextBoot())
    expect(boots).toEqual([1, 2, 3])
  })
})

describe('the wrapped data key', () => {
  it('is stored once', () => {
    expect(store.wrappedDataKey()).toBeUndefined()
    store.insertWrappedDataKey(Uint8Array.of(1, 2))
    expect(() => store.insertWrappedDataKey(Uint8Array.of(3))).toThrow(/^CONSTRAINT/)
    reopen()
    expect(store.wrappedDataKey()).toEqual(Uint8Array.of(1, 2))
  })

  it('is needed as soon as there is a key', () => {
    store.nextBoot()
    store.claim([row(1)])
    expect(store.holdsSealedRecords()).toBe(false)
    store.insertPending(key(1))
    expect(store.holdsSealedRecords()).toBe(true)
  })
})
