import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newRequestId } from '../host/api/requests.ts'
import { makeKey, payloadOf, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { sleep, until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { type Edge, type EdgeHosts, edgeHosts } from './edge-hosts.ts'
import { answersIn, heldBy, requestText, type Wire } from './wire.ts'

const directory = sharedDirectory()
let hosts: EdgeHosts
let key: TestKey
beforeAll(async () => {
  hosts = await edgeHosts(directory)
  key = await makeKey(hosts.set, 'eddsa-ed25519')
})
afterAll(() => hosts.close())

const HOSTS = ['coordinator', 'gateway'] as const
const noCallIn = (metrics: string): boolean => /http_calls_open\{[^}]*\} 0\n/.test(metrics)
const health = (edge: Edge) => edge.call({ method: 'GET', path: '/health' })

describe('a client that goes away while its request is worked on', () => {
  const phases: Readonly<Record<string, (wire: Wire, request: string) => Promise<void>>> = {
    'when all is sent': async (wire, request) => {
      await new Promise((resolve) => wire.socket.write(request, resolve))
      wire.socket.destroy()
    },
    'while the signers work': async (wire, request) => {
      wire.send(request)
      await sleep(5)
      wire.socket.destroy()
    },
    'after its last word': async (wire, request) => {
      wire.socket.end(request)
      await sleep(15)
      wire.socket.destroy()
    },
  }

  it.each(Object.keys(phases))('%s: the same bytes have the one signature', async (phase) => {
    const body = hosts.signed(
      hosts.set.sign(key.scheme, key.keyId, payloadOf(key.scheme, someMessage())),
      'cred_alice',
      newRequestId(),
    )
    const sent = { method: 'POST', path: '/api/v1/sign', body }
    await (phases[phase] as (typeof phases)[string])(await hosts.coordinator.open(), requestText(sent))
    const [first, second] = [await hosts.coordinator.call(sent), await hosts.coordinator.call(sent)]
    expect(first.json).toMatchObject({ state: 'signed' })
    expect(second.json).toEqual(first.json)
    const read = await hosts.coordinator.call({ method: 'GET', path: `/api/v1/signatures/${first.json.id}` })
    expect(read.json).toEqual(first.json)
  })

  it('in its body: nothing is left of it', async () => {
    for (const name of HOSTS) {
      const edge = hosts[name]
      const before = heldBy(edge.port)
      const whole = requestText({
        method: 'POST',
        path: '/api/v1/sign',
        headers: edge.headers,
        body: { key_id: 'x'.repeat(5000) },
      })
      for (let at = 10; at < whole.length; at += 500) {
        const wire = await edge.open()
        wire.send(whole.slice(0, at))
        if (at % 1000 > 500) await sleep(3)
        wire.socket.destroy()
      }
      await until('all connections are gone', () => heldBy(edge.port) <= before)
      await until('no call is open', async () => noCallIn((await edge.call({ method: 'GET', path: '/metrics' })).text))
    }
  })
})

describe.each(HOSTS)('a flood at the %s', (name) => {
  it('of pipelined requests gets its answers in order or the end of its connection, and others theirs meanwhile', async () => {
    const edge = hosts[name]
    const own = Object.entries(edge.headers).map(([header, value]) => `${header}: ${value}\r\n`)
    const wire = await edge.open()
    wire.send(`GET /api/v1/keys?limit=1 HTTP/1.1\r\nHost: x\r\n${own.join('')}\r\n`.repeat(1000))
    wire.send(requestText({ method: 'GET', path: '/nowhere' }))
    const started = performance.now()
    expect((await health(edge)).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(5000)
    const statuses = answersIn(await wire.ended).map(({ status }) => status)
    // Node's parser gives up on a connection whose answers pile up: what did come is whole and in order.
    expect(statuses.length).toBeGreaterThan(0)
    if (statuses.length === 1001) expect(statuses.pop()).toBe(404)
    expect(statuses.every((status) => status === 200)).toBe(true)
    await until('no call is open', async () => noCallIn((await edge.call({ method: 'GET', path: '/metrics' })).text))
  })

  it('of connections is served, and leaves nothing', async () => {
    const edge = hosts[name]
    const before = heldBy(edge.port)
    const wires = await Promise.all(Array.from({ length: 150 }, () => edge.open()))
    expect((await health(edge)).status).toBe(200)
    for (const wire of wires) wire.socket.destroy()
    await until('all connections are gone', () => heldBy(edge.port) <= before)
  })

  it('of bodies that never come holds no other client up', async () => {
    const edge = hosts[name]
    const own = Object.entries(edge.headers).map(([header, value]) => `${header}: ${value}\r\n`)
    const bytes = (name === 'coordinator' ? 8 : 5) * 2 ** 20
    const wires = await Promise.all(Array.from({ length: 30 }, () => edge.open()))
    for (const wire of wires) {
      wire.send(
        `POST /api/v1/sign/batch HTTP/1.1\r\nHost: x\r\n${own.join('')}Content-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`,
      )
    }
    // What is beyond the client's half of all bytes is refused at once; the other half is everybody else's.
    await until('refusals', () => wires.filter((wire) => wire.received().startsWith('HTTP/1.1 503')).length >= 10)
    const other =
      name === 'gateway'
        ? await edge.call({
            method: 'POST',
            path: '/api/v1/sign/batch',
            headers: { authorization: `Bearer ${await hosts.token({ sub: 'bob' })}` },
            body: { items: [{}] },
          })
        : await hosts.gateway.call({ method: 'POST', path: '/api/v1/keys', body: { scheme: 'eddsa-ed25519' } })
    expect(other.status).toBeLessThan(300)
    for (const wire of wires) wire.socket.destroy()
  })
})
