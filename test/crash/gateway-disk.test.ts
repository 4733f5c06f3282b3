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
import { armCrash, RESULTS } from './process-death.ts'

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
/** What the signers and the coordinator were asked for so far. */
const asked = (): unknown[] => [
  hosts.set.reports.length,
  hosts.set.signers.map(({ store }) => store.database.statement('SELECT request_id FROM ledger').all().length),
  hosts.set.signers.map(({ store }) => store.database.statement('SELECT key_id FROM keys').all().length),
]
/** The k-th write from now on fails. */
const fails = (k: number, moment: 'before' | 'after', result: number): ReturnType<typeof armCrash> => {
  const armed = armCrash({ file: FILE, k, moment, result }, () => {})
  undo.push(armed.stop)
  return armed
}
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
    const listed = async (): Promise<readonly string[]> =>
      (await get('/api/v1/keys?limit=99')).json.keys.map(({ id }: { readonly id: string }) => id)
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
