import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { openSignerStore } from '../../../src/host/store/signer-store.ts'
import { CERTIFICATE } from '../../../src/protocol/keygen/certificate.ts'
import { EARLIER_SCHEMES, earlierSet } from './earlier-set.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { askFor, expectWorks, isValid, problemOf, sign, someMessage } from './signing-keys.ts'
import { until } from './until.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
let set: TestSet | undefined
let dir = ''
afterEach(() => {
  set?.close()
  set = undefined
  rmSync(dir, { recursive: true, force: true })
})
const unpacked = () => {
  const earlier = earlierSet('stores-1')
  dir = earlier.dir
  return earlier
}

describe('D-08 stores of the first schema', () => {
  it('D-08 load: every key signs, what was signed has the same outcome, labels are there, request ids stay used', async () => {
    const earlier = unpacked()
    set = await inProcessSet({ founded: earlier })
    const from = set.reports.length
    for (const scheme of EARLIER_SCHEMES) {
      const key = earlier.keys[scheme]
      await expectWorks(set, key)
      // Ledger and outcomes came along: other bytes under a used id are refused by the signers too.
      const again = askFor(set, key, text('something else'), `req_used-${scheme}`)
      expect((await problemOf(set.service.sign(again, set.client, 5000))).code).toBe('request_replayed')
      const { response, id } = set.store.signatureByRequest('cred_alice', `req_used-${scheme}`) ?? { response: null, id: '' }
      expect(response).not.toBeNull()
      const view = await set.service.getSignature(id, set.client, 0)
      expect(Buffer.from(view.signature?.compact ?? []).toString('hex')).toBe(earlier.signed[scheme].signature)
      expect(isValid(key, text(`signed by schema 1 with ${scheme}`), view.signature)).toBe(true)
      for (const { store } of set.signers) expect(store.getKey(key.keyId)).toMatchObject({ usage: 'active', revision: 0 })
    }
    expect(set.reports.length - from).toBe(3)
    set.store.database.statement('DELETE FROM signatures').run()
    const replay = askFor(set, earlier.keys['ecdsa-secp256k1'], text('x'), 'req_used-ecdsa-secp256k1')
    expect((await problemOf(set.service.sign(replay, set.client, 5000))).code).toBe('request_replayed')
    expect(set.service.getKey(earlier.labelled, set.client).label).toBe('kept')
    const found = set.service.listKeys({ limit: 9, label: 'kept' }, set.client).keys
    expect(found.map((k) => k.id)).toEqual([earlier.labelled])
  })

  it('D-08 of a gateway load, with whose keys they are', () => {
    const earlier = unpacked()
    const store = openGatewayStore(join(dir, 'gateway.db'))
    const keys = store.listKeys({ owners: ['tenant'], limit: 9 })
    expect(keys.map((k) => k.label).sort()).toEqual(['kept', null, null])
    for (const scheme of EARLIER_SCHEMES) {
      const row = store.getKey(earlier.keys[scheme].keyId)
      expect(CERTIFICATE.decode(row?.record ?? new Uint8Array(0)).key.scheme).toBe(scheme)
    }
    store.database.close()
  })

  it.each([
    [
      'a byte of a page changed',
      (file: string) => {
        const bytes = readFileSync(file)
        // The header of the first table's page: what SQLite's own check looks at.
        bytes.fill(0xff, 4096, 4120)
        writeFileSync(file, bytes)
      },
    ],
    ['half of it', (file: string) => truncateSync(file, readFileSync(file).length >> 1)],
    ['nothing of it', (file: string) => truncateSync(file, 0)],
  ])('D-08 corrupted do not load: %s', (_name, damage) => {
    unpacked()
    const file = join(dir, 'signer-1.db')
    damage(file)
    const before = readFileSync(file)
    expect(() => openSignerStore(file)).toThrow(/^CORRUPT/)
    expect(readFileSync(file)).toEqual(before)
  })

  it('D-08 a share whose bytes changed on the disk is no key of its signer, and the others sign without it', async () => {
    const earlier = unpacked()
    const key = earlier.keys['eddsa-ed25519']
    const store = openSignerStore(join(dir, 'signer-2.db'))
    const sealed = Uint8Array.from(store.getKey(key.keyId)?.sealedShare ?? [])
    sealed[40] = (sealed[40] as number) ^ 1
    store.database.statement('UPDATE keys SET sealed_share = :sealed WHERE key_id = :keyId').run({ sealed, keyId: key.keyId })
    store.database.close()
    const running = await inProcessSet({ founded: earlier })
    set = running
    await until('all up', () => running.monitor.up().length === 3)
    for (let i = 0; i < 4; i++) expect((await sign(running, key, someMessage())).signers).toEqual([1, 3])
  })
})
