import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openDataKey } from '../../../src/host/kms/data-key.ts'
import { createMasterKey, fileKms } from '../../../src/host/kms/file-kms.ts'
import type { KmsProvider } from '../../../src/host/kms/kms-provider.ts'
import { openRecord, sealRecord } from '../../../src/host/kms/sealing.ts'
import { openSignerStore, type SignerStore } from '../../../src/host/store/signer-store.ts'
import { hash, NOW } from '../store/drivers.ts'
import { scratch } from '../store/scratch.ts'

const at = scratch()
const CONTEXT = { set: 'set_1', party: '2' }
const PLACE = { table: 'keys', keyId: hash(1), party: 2, epoch: 1 }
const SHARE = new Uint8Array(64).fill(6)

async function using<T>(work: (store: SignerStore) => Promise<T>): Promise<T> {
  const store = openSignerStore(at('signer.db'))
  try {
    return await work(store)
  } finally {
    store.database.close()
  }
}

function insert(store: SignerStore, sealedShare: Uint8Array): void {
  store.insertPending({
    keyId: hash(1),
    credentialId: 'cred_a',
    tenant: '',
    requestId: 'req_1',
    requestHash: hash(2),
    label: null,
    publicPackage: new Uint8Array(1),
    sealedShare,
    ownSignature: new Uint8Array(64),
    createdAt: NOW,
  })
}

describe('the data key', () => {
  it('is made for a new store, and is the same at every start', async () => {
    createMasterKey(at('master'))
    const first = await using(async (store) => {
      const key = await openDataKey(store, fileKms(at('master')), CONTEXT)
      insert(store, sealRecord(key, PLACE, SHARE))
      return key
    })
    const second = await using(async (store) => {
      const key = await openDataKey(store, fileKms(at('master')), CONTEXT)
      expect(openRecord(key, PLACE, store.getKey(hash(1))?.sealedShare ?? new Uint8Array(0))).toEqual(SHARE)
      return key
    })
    expect(first.length).toBe(32)
    expect(second).toEqual(first)
  })

  it('of one store is not that of another', async () => {
    createMasterKey(at('master'))
    const one = await using((store) => openDataKey(store, fileKms(at('master')), CONTEXT))
    rmSync(at('signer.db'))
    expect(await using((store) => openDataKey(store, fileKms(at('master')), CONTEXT))).not.toEqual(one)
  })

  it('that is missing while there are shares stops the start and is not replaced', async () => {
    createMasterKey(at('master'))
    await using(async (store) => {
      insert(store, new Uint8Array(93))
      await expect(openDataKey(store, fileKms(at('master')), CONTEXT)).rejects.toMatchObject({ code: 'DATA_KEY_MISSING' })
      expect(store.wrappedDataKey()).toBeUndefined()
    })
  })

  it('that does not open stops the start and is not replaced', async () => {
    createMasterKey(at('master'))
    createMasterKey(at('other'))
    await using(async (store) => {
      const key = await openDataKey(store, fileKms(at('master')), CONTEXT)
      const wrapped = store.wrappedDataKey()
      for (const filled of [false, true]) {
        if (filled) insert(store, new Uint8Array(93))
        const refused = { code: 'UNWRAP_FAILED' }
        await expect(openDataKey(store, fileKms(at('other')), CONTEXT)).rejects.toMatchObject(refused)
        await expect(openDataKey(store, fileKms(at('master')), { ...CONTEXT, party: '3' })).rejects.toMatchObject(refused)
      }
      expect(store.wrappedDataKey()).toEqual(wrapped)
      expect(await openDataKey(store, fileKms(at('master')), CONTEXT)).toEqual(key)
    })
  })

  it('is not stored when the provider does not give back what it was given', async () => {
    createMasterKey(at('master'))
    const kms = fileKms(at('master'))
    const forgetful: KmsProvider = { ...kms, wrap: (_, context) => kms.wrap(new Uint8Array(32), context) }
    const short: KmsProvider = { ...kms, wrap: (_, context) => kms.wrap(new Uint8Array(31), context) }
    await using(async (store) => {
      for (const broken of [forgetful, short]) {
        await expect(openDataKey(store, broken, CONTEXT)).rejects.toMatchObject({ code: 'UNWRAP_FAILED' })
        expect(store.wrappedDataKey()).toBeUndefined()
      }
      store.insertWrappedDataKey(await kms.wrap(new Uint8Array(31), CONTEXT))
      await expect(openDataKey(store, kms, CONTEXT)).rejects.toMatchObject({ code: 'UNWRAP_FAILED' })
    })
  })

  it('is wiped when it cannot be stored', async () => {
    createMasterKey(at('master'))
    const kms = fileKms(at('master'))
    let seen = new Uint8Array(0) as Uint8Array
    const watching: KmsProvider = {
      ...kms,
      wrap: (dataKey, context) => {
        seen = dataKey
        return kms.wrap(dataKey, context)
      },
    }
    await using(async (store) => {
      const full = {
        wrappedDataKey: () => undefined,
        holdsSealedRecords: () => false,
        insertWrappedDataKey: (wrapped: Uint8Array) => {
          store.insertWrappedDataKey(wrapped)
          store.insertWrappedDataKey(wrapped)
        },
      }
      await expect(openDataKey(full, watching, CONTEXT)).rejects.toMatchObject({ code: 'CONSTRAINT' })
      expect(seen).toEqual(new Uint8Array(32))
    })
  })
})
