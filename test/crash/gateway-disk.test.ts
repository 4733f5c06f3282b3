import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Problem } from '../../src/host/api/schemas.ts'
import { fromHex } from '../../src/protocol/engine/bytes.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { type Edge, type EdgeHosts, edgeHosts } from '../edge/edge-hosts.ts'
import type { Answer } from '../edge/wire.ts'
import { newRequestId } from '../host/api/requests.ts'
import { isValid, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { connectionTo } from './durable-writes.ts'
import { armCrash, diskOf, putDisk, RESULTS } from './process-death.ts'

type Disk = ReturnType<typeof diskOf>

const directory = sharedDirectory()
const FILE = 'gateway.sqlite'
const SCHEME = 'eddsa-ed25519'
let hosts: EdgeHosts
let gateway: Edge
let key: TestKey
let undo: (() => unknown)[] = []

const post = (path: string, body: unknown) => gateway.call({ method: 'POST', path, body })
const get = (path: string) => gateway.call({ method: 'GET', path })
const keyOf = ({ json }: Answer): TestKey => ({
  scheme: SCHEME,
  id: json.id,
  keyId: parseKeyId(json.id) as Uint8Array,
  publicKey: fromHex(json.public_key.slice(2)),
})
const wish = (message: Uint8Array, request_id = newRequestId()) => ({
  key_id: key.id,
  request_id,
  payload: { kind: 'message', bytes: `0x${Buffer.from(message).toString('hex')}` },
})
const expectSigned = (answer: Answer, message: Uint8Array): void => {
  expect(answer.status).toBe(200)
  const signature = { scheme: SCHEME, compact: fromHex(answer.json.signature.serialized.slice(2)) } as const
  expect(isValid(key, message, signature)).toBe(true)
}
const expectProblem = (answer: Answer, fields: object): void => {
  expect(Problem.safeParse(answer.json).success).toBe(true)
  expect(answer.json).toMatchObject({ status: answer.status, ...fields })
}
const ledgers = (): readonly number[] =>
  hosts.set.signers.map(({ store }) => store.database.statement('SELECT request_id FROM ledger').all().length)
/** What the signers and the coordinator were asked for so far. */
const asked = (): unknown[] => [
  hosts.set.reports.length,
  ledgers(),
  hosts.set.signers.map(({ store }) => store.database.statement('SELECT key_id FROM keys').all().length),
]
/** The k-th write from now on fails. */
const fails = (k: number, moment: 'before' | 'after', result: number): ReturnType<typeof armCrash> => {
  const armed = armCrash({ file: FILE, k, moment, result }, () => {})
  undo.push(armed.stop)
  return armed
}
/** The keys of the tenant. */
const listed = async (): Promise<readonly string[]> =>
  (await get('/api/v1/keys?limit=99')).json.keys.map(({ id }: { readonly id: string }) => id)
const NO_ROOM = { status: 503, code: 'overloaded', retryable: true, retry_after_ms: 5000 }

beforeAll(async () => {
  hosts = await edgeHosts(directory)
  gateway = hosts.gateway
  key = keyOf(await post('/api/v1/keys', { scheme: SCHEME }))
})
afterAll(() => hosts.close())
afterEach(() => {
  for (const step of undo) step()
  undo = []
  vi.restoreAllMocks()
})

describe('S-01 a full disk at a gateway', () => {
  const raw = () => connectionTo(join(directory, FILE))
  const limit = (pages: number): unknown => raw().prepare(`PRAGMA max_page_count = ${pages}`).all()
  /** SQLite never takes less than what the file has; what is free within its pages goes to rows that are smaller than any of a user. */
  const fill = (): void => {
    limit(1)
    undo.push(() => limit(1_000_000))
    const small = raw().prepare(`INSERT INTO requests VALUES ('nobody', :id, :hash, x'00', x'00', NULL, 0, :end)`)
    for (let i = 0, failed = 0; failed < 20; i++) {
      try {
        small.run({ id: `req_${i}`, hash: new Uint8Array(32), end: Number.MAX_SAFE_INTEGER })
      } catch (error) {
        expect((error as { errcode?: number }).errcode).toBe(RESULTS.full)
        failed += 1
      }
    }
  }

  it('a new request is 503 and nothing else: not sent, not booked; what is booked, signed and known is answered; all goes on when there is room', async () => {
    const [message, other] = [someMessage(2000), someMessage(2000)]
    const before = wish(message)
    const first = await post('/api/v1/sign', before)
    expectSigned(first, message)
    fill()
    const from = asked()
    const late = wish(other)
    const answer = await post('/api/v1/sign', late)
    expectProblem(answer, { ...NO_ROOM, outcome: 'none', request_id: late.request_id })
    expect(answer.headers['retry-after']).toBe('5')
    const batch = await post('/api/v1/sign/batch', { items: [late, wish(other)] })
    for (const { problem } of batch.json.items) expect(problem).toMatchObject({ code: 'overloaded', outcome: 'none' })
    expectProblem(await post('/api/v1/keys', { scheme: SCHEME }), { ...NO_ROOM, outcome: 'none' })
    expectProblem(await post(`/api/v1/keys/${key.id}/freeze`, { request_id: newRequestId() }), { ...NO_ROOM, outcome: 'none' })
    expect(asked()).toEqual(from)
    // Reading writes nothing, and neither does a repetition.
    expect((await post('/api/v1/sign', before)).json).toEqual(first.json)
    expect((await get(`/api/v1/signatures/${first.json.id}`)).json.signature).toEqual(first.json.signature)
    expect((await get(`/api/v1/keys/${key.id}`)).json).toMatchObject({ state: 'active', revision: 0 })
    expect([(await get('/health')).status, (await get('/ready')).status]).toEqual([200, 200])
    for (const step of undo) step()
    // Had anything of it stayed, other content under its id would be another request.
    const content = someMessage(2000)
    const instead = wish(content, late.request_id)
    expectSigned(await post('/api/v1/sign', instead), content)
    expectProblem(await post('/api/v1/sign', late), { status: 409, code: 'request_replayed' })
    expect(gateway.log.text()).not.toContain('"level":"fatal"')
  })

  it('between the order of a key and its record: the same request brings the key when there is room', async () => {
    const body = { scheme: SCHEME, request_id: newRequestId() }
    const before = await listed()
    fails(2, 'before', RESULTS.full)
    expectProblem(await post('/api/v1/keys', body), { ...NO_ROOM, outcome: 'unknown', request_id: body.request_id })
    expect(await listed()).toEqual(before)
    const made = await post('/api/v1/keys', body)
    expect(made.status).toBe(201)
    expect(await listed()).toEqual([...before, made.json.id])
    expect((await post('/api/v1/keys', body)).json).toEqual(made.json)
  })

  it('between a freeze and its record: it is named, never shown as settled before, and the same request brings it', async () => {
    const of = keyOf(await post('/api/v1/keys', { scheme: SCHEME }))
    const path = `/api/v1/keys/${of.id}`
    const body = { request_id: newRequestId() }
    fails(2, 'before', RESULTS.full)
    expectProblem(await post(`${path}/freeze`, body), { ...NO_ROOM, outcome: 'unknown', request_id: body.request_id })
    expect((await get(path)).json).toMatchObject({ state: 'active', revision: 0 })
    expect(hosts.set.signers.map(({ store }) => store.getKey(of.keyId)?.usage)).toEqual(Array(3).fill('frozen'))
    // An old view of the key lets nothing out: the signers decide.
    expectProblem(await post('/api/v1/sign', { ...wish(someMessage()), key_id: of.id }), { status: 409, code: 'key_frozen' })
    expect((await post(`${path}/freeze`, body)).json).toMatchObject({ state: 'frozen', revision: 1, settled: true })
    expect((await post(`${path}/unfreeze`, {})).json).toMatchObject({ state: 'active', revision: 2, settled: true })
  })
})

describe('S-01 a disk that fails a gateway', () => {
  it.each(['before', 'after'] as const)(
    '%s a booking: the host ends, and after its start the same request has one outcome',
    async (moment) => {
      const ended: unknown[] = []
      vi.spyOn(process, 'exit').mockImplementation(((code: unknown) => void ended.push(code)) as never)
      const message = someMessage()
      const body = wish(message)
      const from = asked()
      fails(1, moment, RESULTS.failedSync)
      expectProblem(await post('/api/v1/sign', body), { status: 500, code: 'internal', outcome: 'none' })
      expect(ended).toEqual([1])
      // Whatever it is asked until it has ended: nothing, for nobody knows what the disk holds.
      expect((await post('/api/v1/sign', body)).status).toBe(500)
      expect((await get('/api/v1/keys')).status).toBe(500)
      expect(asked()).toEqual(from)
      expect(gateway.log.text()).toContain('the store is unusable until this host is started again')
      gateway = await hosts.restartGateway()
      const signed = await post('/api/v1/sign', body)
      expectSigned(signed, message)
      expect((await post('/api/v1/sign', body)).json).toEqual(signed.json)
      await until('all up', () => hosts.set.monitor.up().length === 3)
    },
  )
})

describe('S-02 an old copy of the store of a gateway', () => {
  it('knows neither requests nor keys that were made since, signs nothing twice, and shows nothing that it did not order', async () => {
    const key = (await post('/api/v1/keys', { scheme: SCHEME })).json
    const cold = (await post('/api/v1/keys', { scheme: SCHEME })).json
    const known = await listed()
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
    const from = [ledgers(), hosts.set.reports.length]
    // The id is used, whatever it is used for, at whoever counts: the coordinator here, the signers if that is an old copy too.
    for (let i = 0; i < 2; i++) {
      const again = await post('/api/v1/sign', wish)
      expect(again.json).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none', request_id: wish.request_id })
      expect((await post('/api/v1/keys', create)).json).toMatchObject({ status: 409, code: 'request_replayed' })
    }
    expect((await get(`/api/v1/signatures/${signed.id}`)).status).toBe(404)
    for (const answer of [await get(`/api/v1/keys/${made.id}`), await post('/api/v1/sign', { key_id: made.id, payload })])
      expect(answer.json).toMatchObject({ status: 404, code: 'key_not_found' })
    expect(await listed()).toEqual(known)
    expect([ledgers(), hosts.set.reports.length]).toEqual(from)

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
    const from = ledgers()
    for (const payload of [wish.payload, { kind: 'message', bytes: '0x02' }]) {
      const again = await post('/api/v1/sign', { ...wish, payload })
      expect(again.json).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none' })
    }
    expect(ledgers()).toEqual(from)
  })
})
