import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { type Edge, type EdgeHosts, edgeHosts } from '../edge/edge-hosts.ts'
import { newRequestId } from '../host/api/requests.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { askFor, expectSigned, makeKey, problemOf, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { diskOf, putDisk } from './process-death.ts'

const SCHEME = 'eddsa-ed25519'
type Disk = ReturnType<typeof diskOf>
const requestIdOf = ({ document }: SignedRequest): string => JSON.parse(new TextDecoder().decode(document)).request_id
const ledgers = (set: TestSet): readonly number[] =>
  set.signers.map(({ store }) => store.database.statement('SELECT request_id FROM ledger').all().length)

describe('S-02 an old copy of the store of a coordinator', () => {
  let set: TestSet
  let old: TestKey
  beforeAll(async () => {
    set = await inProcessSet()
    old = await makeKey(set, SCHEME)
  })
  afterAll(() => set.close())

  it('has its keys back from the signers; what it signed since is signed for the same bytes only; what was frozen since stays frozen', async () => {
    let disk: Disk = []
    await set.restartCoordinator((file) => {
      disk = diskOf(file)
    })
    const create = set.request('cred_alice', set.keygen(SCHEME))
    const made = await set.service.createKey(create, set.client)
    const message = someMessage()
    const request = askFor(set, old, message, 'req_forgotten')
    const first = await set.service.sign(request, set.client, 8000)
    expectSigned(old, message, first)
    const frozen = await makeKey(set, 'schnorr-secp256k1')
    const change = (state: 'frozen' | 'active', revision: number, of = frozen): SignedRequest =>
      set.request('cred_alice', {
        type: 'key-update.v1',
        scheme: of.scheme,
        keyId: of.keyId,
        revision,
        state,
        label: null,
      } as never)
    const freeze = change('frozen', 1)
    await set.service.updateKey(frozen.id, 'freeze', freeze, set.client)
    const freezeOld = change('frozen', 1, old)
    await set.service.updateKey(old.id, 'freeze', freezeOld, set.client)

    await set.restartCoordinator((file) => putDisk(file, [disk[0], disk[1]]))
    expect(set.service.listKeys({ limit: 9 }, set.client).keys.map(({ id }) => id)).toEqual([old.id])
    await until('the keys are back', () => set.service.listKeys({ limit: 9 }, set.client).keys.length === 3)
    expect(set.service.getKey(made.id, set.client)).toMatchObject({
      publicKey: made.publicKey,
      state: 'active',
      owner: 'cred_alice',
    })
    expect((await set.service.createKey(create, set.client)).publicKey).toBe(made.publicKey)

    // Frozen: also where the copy is from before, and says otherwise. A key that it had forgotten comes with its state.
    expect(set.service.getKey(frozen.id, set.client)).toMatchObject({ state: 'frozen', revision: 1 })
    expect(set.service.getKey(old.id, set.client)).toMatchObject({ state: 'active', revision: 0 })
    for (const key of [frozen, old]) {
      const refused = await problemOf(set.service.sign(askFor(set, key, someMessage()), set.client, 8000))
      expect([refused.code, refused.outcome]).toEqual(['key_frozen', 'none'])
    }
    const thaw = await problemOf(set.service.updateKey(old.id, 'unfreeze', change('active', 1, old), set.client))
    expect([thaw.code, thaw.outcome]).toEqual(['revision_conflict', 'none'])
    const again = await set.service.updateKey(old.id, 'freeze', freezeOld, set.client)
    expect(again).toMatchObject({ state: 'frozen', revision: 1, settled: true })
    await set.service.updateKey(old.id, 'unfreeze', change('active', 2, old), set.client)

    expect((await problemOf(set.service.getSignature(first.id, set.client, 0))).code).toBe('not_found')
    const other = await problemOf(set.service.sign(askFor(set, old, someMessage(), 'req_forgotten'), set.client, 8000))
    expect([other.code, other.outcome]).toEqual(['request_replayed', 'none'])
    const second = await set.service.sign(request, set.client, 8000)
    expectSigned(old, message, second)
    expect(second.id).toBe(first.id)
    expect((await set.service.sign(request, set.client, 8000)).signature).toEqual(second.signature)
  })

  it('that is from between a key’s last round and its delivery brings the key to its end', async () => {
    let disk: Disk = []
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === 3 && (route === 'certificate' || route === 'round')) {
        disk = diskOf(join(set.dir, 'coordinator.db'))
        if (route === 'certificate') throw new Error('lost')
      }
      return await deliver(frame)
    }
    const create = set.request('cred_alice', set.keygen(SCHEME))
    const made = await set.service.createKey(create, set.client)
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    await set.restartCoordinator((file) => putDisk(file, [disk[0], disk[1]]))
    await until('the key is back', () => set.store.keyByRequest('cred_alice', requestIdOf(create))?.state === 'active')
    expect((await set.service.createKey(create, set.client)).publicKey).toBe(made.publicKey)
  })
})

describe('S-02 an old copy of the store of a gateway', () => {
  const directory = sharedDirectory()
  let hosts: EdgeHosts
  let gateway: Edge
  const post = (path: string, body: unknown) => gateway.call({ method: 'POST', path, body })
  const get = (path: string) => gateway.call({ method: 'GET', path })
  beforeAll(async () => {
    hosts = await edgeHosts(directory)
    gateway = hosts.gateway
  })
  afterAll(() => hosts.close())

  it('knows neither requests nor keys that were made since, signs nothing twice, and shows nothing that it did not order', async () => {
    const key = (await post('/api/v1/keys', { scheme: SCHEME })).json
    const cold = (await post('/api/v1/keys', { scheme: SCHEME })).json
    let disk: Disk = []
    gateway = await hosts.restartGateway((file) => {
      disk = diskOf(file)
    })
    const payload = { kind: 'message', bytes: '0x6d79206f776e' }
    const wish = { key_id: key.id, request_id: newRequestId(), payload }
    const signed = (await post('/api/v1/sign', wish)).json
    expect(signed.state).toBe('signed')
    const create = { scheme: SCHEME, request_id: newRequestId() }
    const made = (await post('/api/v1/keys', create)).json
    expect((await post(`/api/v1/keys/${cold.id}/freeze`, {})).status).toBe(200)

    gateway = await hosts.restartGateway((file) => putDisk(file, [disk[0], disk[1]]))
    const from = [ledgers(hosts.set), hosts.set.reports.length]
    // The id is used, whatever it is used for, at whoever counts: the coordinator here, the signers if that is an old copy too.
    for (let i = 0; i < 2; i++) {
      const again = await post('/api/v1/sign', wish)
      expect(again.json).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none', request_id: wish.request_id })
      expect((await post('/api/v1/keys', create)).json).toMatchObject({ status: 409, code: 'request_replayed' })
    }
    expect((await get(`/api/v1/signatures/${signed.id}`)).status).toBe(404)
    for (const answer of [await get(`/api/v1/keys/${made.id}`), await post('/api/v1/sign', { key_id: made.id, payload })])
      expect(answer.json).toMatchObject({ status: 404, code: 'key_not_found' })
    expect((await get('/api/v1/keys')).json.keys.map(({ id }: { readonly id: string }) => id)).toEqual([key.id, cold.id])
    expect([ledgers(hosts.set), hosts.set.reports.length]).toEqual(from)

    // A coordinator that offers the key all the same is not believed: it is certified for another order.
    const { createKey } = hosts.service
    const offered = hosts.set.service.getKey(made.id, { name: 'gateway', credentials: ['cred_gateway'] })
    hosts.service.createKey = async () => offered
    expect((await post('/api/v1/keys', { scheme: SCHEME })).json).toMatchObject({ status: 500, code: 'protocol_abort' })
    hosts.service.createKey = createKey
    expect((await get(`/api/v1/keys/${made.id}`)).status).toBe(404)

    // Under another id everything goes on.
    expect((await post('/api/v1/sign', { ...wish, request_id: newRequestId() })).json).toMatchObject({ state: 'signed' })
    expect((await post('/api/v1/keys', { scheme: SCHEME })).status).toBe(201)
    // What was frozen since is shown as it was, signs nothing, and is settled again after two tries: one step at a time.
    expect((await get(`/api/v1/keys/${cold.id}`)).json).toMatchObject({ state: 'active', revision: 0 })
    expect((await post('/api/v1/sign', { key_id: cold.id, payload })).json).toMatchObject({ status: 409, code: 'key_frozen' })
    expect((await post(`/api/v1/keys/${cold.id}/unfreeze`, {})).json).toMatchObject({ status: 409, code: 'revision_conflict' })
    expect((await get(`/api/v1/keys/${cold.id}`)).json).toMatchObject({ revision: 1, settled: false })
    expect((await post('/api/v1/sign', { key_id: cold.id, payload })).json).toMatchObject({ code: 'key_frozen' })
    expect((await post(`/api/v1/keys/${cold.id}/unfreeze`, {})).json).toMatchObject({
      state: 'active',
      revision: 2,
      settled: true,
    })
    expect((await post('/api/v1/sign', { key_id: cold.id, payload })).json).toMatchObject({ state: 'signed' })
  })

  it('together with one of the coordinator’s: the signers know what was used', async () => {
    const key = (await post('/api/v1/keys', { scheme: SCHEME })).json
    let disks: Disk[] = []
    gateway = await hosts.restartGateway((file) => {
      disks = [diskOf(file)]
    })
    await hosts.set.restartCoordinator((file) => disks.push(diskOf(file)))
    Object.assign(hosts.service, hosts.set.service)
    await until('all up', () => hosts.set.monitor.up().length === 3)
    const wish = { key_id: key.id, request_id: newRequestId(), payload: { kind: 'message', bytes: '0x01' } }
    expect((await post('/api/v1/sign', wish)).json.state).toBe('signed')
    gateway = await hosts.restartGateway((file) => putDisk(file, disks[0]?.slice(0, 2) ?? []))
    await hosts.set.restartCoordinator((file) => putDisk(file, disks[1]?.slice(0, 2) ?? []))
    Object.assign(hosts.service, hosts.set.service)
    await until('all up', () => hosts.set.monitor.up().length === 3)
    const from = ledgers(hosts.set)
    for (const payload of [wish.payload, { kind: 'message', bytes: '0x02' }]) {
      const again = await post('/api/v1/sign', { ...wish, payload })
      expect(again.json).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none' })
    }
    expect(ledgers(hosts.set)).toEqual(from)
  })
})
