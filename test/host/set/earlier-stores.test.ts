import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { openSignerStore } from '../../../src/host/store/signer-store.ts'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import { CERTIFICATE } from '../../../src/protocol/keygen/certificate.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import { earlierSet } from './earlier-set.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { askFor, expectWorks, isValid, problemOf, sign, someMessage, type TestKey } from './signing-keys.ts'
import { until } from './until.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
let set: TestSet | undefined
let dir = ''
afterEach(() => {
  set?.close()
  set = undefined
  rmSync(dir, { recursive: true, force: true })
})
const unpacked = (folder = 'stores-1') => {
  const earlier = earlierSet(folder)
  dir = earlier.dir
  return earlier
}

describe.each([
  ['stores-1', 'schema 1', 'hm', 0],
  // The ban in it leaves ECDSA this engine and two pairs.
  ['stores-2', 'stores-2', 'dkls23', 2],
] as const)('D-08 %s', (folder, by, engine, pairs) => {
  it('D-08 load: every key signs, what was signed has the same outcome, labels are there, request ids stay used', async () => {
    const earlier = unpacked(folder)
    const running = await inProcessSet({ founded: earlier, config: { ecdsaEngines: [engine] } })
    set = running
    await until('pairs known', () => running.service.set().pairs.ready === pairs)
    const from = set.reports.length
    for (const scheme of earlier.schemes) {
      const key = earlier.keys[scheme]
      await expectWorks(set, key)
      // Ledger and outcomes came along: other bytes under a used id are refused by the signers too.
      const again = askFor(set, key, text('something else'), `req_used-${scheme}`)
      expect((await problemOf(set.service.sign(again, set.client, 5000))).code).toBe('request_replayed')
      const { response, id } = set.store.signatureByRequest('cred_alice', `req_used-${scheme}`) ?? { response: null, id: '' }
      expect(response).not.toBeNull()
      const view = await set.service.getSignature(id, set.client, 0)
      expect(Buffer.from(view.signature?.compact ?? []).toString('hex')).toBe(earlier.signed[scheme]?.signature)
      expect(isValid(key, text(`signed by ${by} with ${scheme}`), view.signature)).toBe(true)
      for (const { store } of set.signers) expect(store.getKey(key.keyId)).toMatchObject({ usage: 'active', revision: 0 })
    }
    expect(set.reports.length - from).toBe(earlier.schemes.length)
    set.store.database.statement('DELETE FROM signatures').run()
    const replay = askFor(set, earlier.keys['ecdsa-secp256k1'], text('x'), 'req_used-ecdsa-secp256k1')
    expect((await problemOf(set.service.sign(replay, set.client, 5000))).code).toBe('request_replayed')
    expect(set.service.getKey(earlier.labelled, set.client).label).toBe('kept')
    const found = set.service.listKeys({ limit: 9, label: 'kept' }, set.client).keys
    expect(found.map((k) => k.id)).toEqual([earlier.labelled])
  })

  it('D-08 of a gateway load, with whose keys they are', () => {
    const earlier = unpacked(folder)
    const store = openGatewayStore(join(dir, 'gateway.db'))
    const keys = store.listKeys({ owners: ['tenant'], limit: 9 })
    expect(keys.filter((k) => k.label === 'kept')).toHaveLength(1)
    for (const scheme of earlier.schemes) {
      const row = store.getKey(earlier.keys[scheme].keyId)
      expect(CERTIFICATE.decode(row?.record ?? new Uint8Array(0)).key.scheme).toBe(scheme)
    }
    store.database.close()
  })
})

describe('D-08 stores of the second schema', () => {
  it('D-08 hold what owners made of their keys: a frozen key stays so, and its owner thaws it', async () => {
    const earlier = unpacked('stores-2')
    const key = { scheme: 'schnorr-secp256k1', id: earlier.frozen as string } as const
    const keyId = parseKeyId(key.id) as Uint8Array
    const gateway = openGatewayStore(join(dir, 'gateway.db'))
    expect(gateway.getKey(keyId)).toMatchObject({ usage: 'frozen', revision: 1, settled: 1 })
    expect(parseDocument(gateway.getRequest('principal', 'req_frozen')?.document ?? new Uint8Array(0))).toMatchObject({
      state: 'frozen',
      revision: 1,
    })
    gateway.database.close()
    set = await inProcessSet({ founded: earlier })
    const { publicKey } = set.service.getKey(key.id, set.client)
    const cold: TestKey = { ...key, keyId, publicKey: fromHex(publicKey.slice(2)) }
    expect((await problemOf(sign(set, cold, someMessage()))).code).toBe('key_frozen')
    const thaw = { type: 'key-update.v1', scheme: key.scheme, keyId, revision: 2, state: 'active', label: null } as const
    const thawed = await set.service.updateKey(key.id, 'unfreeze', set.request('cred_alice', thaw), set.client)
    expect(thawed).toMatchObject({ state: 'active', settled: true })
    await expectWorks(set, cold)
  })

  it('D-08, O-10 hold set-ups of pairs, which multiply, and bans, which bind', async () => {
    const earlier = unpacked('stores-2')
    const running = await inProcessSet({ founded: earlier, config: { ecdsaEngines: ['dkls23'] } })
    set = running
    const { pairs } = running.signerOf(1)
    expect(pairs.row(2)).toMatchObject({ status: 'ok', signatures: 1 })
    expect(pairs.row(3)).toMatchObject({ status: 'banned', setup: null, ban: { code: 'EC_CHECK_V' } })
    expect(running.signerOf(2).pairs.row(3)).toMatchObject({ status: 'ok', strikes: 1 })
    await until('pairs known', () => running.service.set().pairs.ready === 2)
    for (const scheme of ['ecdsa-secp256k1', 'ecdsa-p256'] as const)
      for (let i = 0; i < 2; i++) expect((await expectWorks(running, earlier.keys[scheme])).signers).not.toEqual([1, 3])
    expect(pairs.row(2).signatures).toBeGreaterThan(1)
    // The files beside the databases are a part of it.
    rmSync(join(dir, 'signer-1.db.bans'))
    running.restart(1)
    expect(running.signerOf(1).pairs.row(3).status).toBe('banned')
  })
})

describe('D-08 stores of the first schema', () => {
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
