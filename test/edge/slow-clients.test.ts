import { type AddressInfo, createServer } from 'node:net'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep, until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { type Edge, type EdgeHosts, edgeHosts } from './edge-hosts.ts'
import { expectSafe } from './expect-safe.ts'
import { answersIn, heldBy, open, openTcp, type Wire } from './wire.ts'

/** A hundredth of what hosts have in earnest (src/transport/tls-server.ts). */
const LIMITS = {
  handshakeTimeoutMs: 400,
  headersTimeoutMs: 400,
  requestTimeoutMs: 800,
  keepAliveTimeoutMs: 2500,
  idleTimeoutMs: 1500,
}
/** Far beyond every limit above, and far below waiting for ever. */
const SOON_MS = 8_000
/** How long anybody else waits for an answer meanwhile: generous, since the machine may be busy. */
const PROMPT_MS = 4_000

const directory = sharedDirectory()
let hosts: EdgeHosts
let every: readonly Edge[]
beforeAll(async () => {
  hosts = await edgeHosts(directory, { limits: LIMITS })
  every = [hosts.coordinator, hosts.gateway, hosts.signer]
})
afterAll(() => hosts.close())

const MSGPACK = 'Content-Type: application/msgpack\r\n'
const JSON_TYPE = 'Content-Type: application/json\r\n'
/** The beginning of an ordinary call with a body, up to the empty line. */
const head = (edge: Edge, lines: string): string => {
  const path = edge.name === 'signer' ? '/signer/v2/status' : '/api/v1/sign'
  const own = Object.entries(edge.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${edge.name === 'signer' ? MSGPACK : JSON_TYPE}${own.join('')}${lines}\r\n`
}
const get = (edge: Edge, extra = ''): string =>
  `GET ${edge.name === 'signer' ? '/metrics' : '/health'} HTTP/1.1\r\nHost: x\r\n${extra}\r\n`

/** Bytes one at a time until the other side has had enough. */
function trickle(
  socket: Pick<Wire['socket'], 'write' | 'writable' | 'once'>,
  bytes: Iterable<number> | 'for ever',
  everyMs = 20,
): void {
  const source = bytes === 'for ever' ? undefined : bytes[Symbol.iterator]()
  const timer = setInterval(() => {
    const next = source === undefined ? { value: 0x61, done: false } : source.next()
    if (next.done || !socket.writable) clearInterval(timer)
    else socket.write(Buffer.of(next.value as number))
  }, everyMs)
  socket.once('close', () => clearInterval(timer))
}

/** The first flight of a TLS client, as it goes over the wire. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => undefined)
  const hello = await new Promise<Buffer>((resolve) => server.once('connection', (socket) => socket.once('data', resolve)))
  client.destroy()
  server.close()
  return hello
}

/** What a host said to a client that it hung up on: nothing, or a refusal. */
function expectRefusal(received: string, place: string): void {
  for (const answer of answersIn(received)) {
    expectSafe(answer, place)
    expect(answer.status, place).toBeGreaterThanOrEqual(400)
  }
}

/** Each a way to hold a connection, which ends when the host has had enough. */
const SLOW: Readonly<Record<string, (edge: Edge) => Promise<{ readonly lasted: number; readonly received: string }>>> = {
  'never begins TLS': async ({ port }) => ({ lasted: await (await openTcp(port)).ended, received: '' }),
  'begins TLS and stops': async ({ port }) => {
    const { socket, ended } = await openTcp(port)
    socket.write((await clientHello()).subarray(0, 100))
    return { lasted: await ended, received: '' }
  },
  'sends its part of the TLS handshake byte by byte': async ({ port }) => {
    const { socket, ended } = await openTcp(port)
    trickle(socket as Wire['socket'], await clientHello())
    return { lasted: await ended, received: '' }
  },
  'says hello in TLS and never finishes': async ({ port }) => {
    const { socket, ended } = await openTcp(port)
    socket.write(await clientHello())
    return { lasted: await ended, received: '' }
  },
  'is silent after TLS': async (edge) => end(await edge.open()),
  'sends its headers byte by byte': async (edge) => {
    const wire = await edge.open()
    wire.send('POST /api/v1/sign HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    trickle(wire.socket, 'for ever')
    return end(wire)
  },
  'sends header after header': async (edge) => {
    const wire = await edge.open()
    wire.send('GET /health HTTP/1.1\r\nHost: x\r\n')
    trickle(wire.socket, Buffer.from('a:b\r\n'.repeat(10_000)))
    return end(wire)
  },
  'sends empty lines before its request': async (edge) => {
    const wire = await edge.open()
    trickle(wire.socket, Buffer.from('\r\n'.repeat(10_000)))
    return end(wire)
  },
  'sends its body byte by byte': async (edge) => {
    const wire = await edge.open()
    wire.send(head(edge, 'Content-Length: 10000\r\n'))
    trickle(wire.socket, 'for ever')
    return end(wire)
  },
  'sends its body chunk by chunk': async (edge) => {
    const wire = await edge.open()
    wire.send(head(edge, 'Transfer-Encoding: chunked\r\n'))
    trickle(wire.socket, Buffer.from('1\r\na\r\n'.repeat(10_000)))
    return end(wire)
  },
  'sends no body after announcing it': async (edge) => {
    const wire = await edge.open()
    wire.send(head(edge, 'Content-Length: 10000\r\n'))
    return end(wire)
  },
  'is asked to go on, and does not': async (edge) => {
    const wire = await edge.open()
    wire.send(head(edge, 'Expect: 100-continue\r\nContent-Length: 10000\r\n'))
    const { lasted, received } = await end(wire)
    return { lasted, received: received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '') }
  },
}
const end = async (wire: Wire) => ({ received: await wire.ended, lasted: await wire.lasted })

describe.each(Object.keys(SLOW))('a client that %s', (what) => {
  it('is hung up on by every host, without 5xx', async () => {
    await Promise.all(
      every.map(async (edge) => {
        const { lasted, received } = await (SLOW[what] as (typeof SLOW)[string])(edge)
        expect(lasted, edge.name).toBeLessThan(SOON_MS)
        expectRefusal(received, `${edge.name}: ${what}`)
      }),
    )
  })
})

describe('a connection that was good once', () => {
  it('ends when it is idle, and when its second request is slow', async () => {
    await Promise.all(
      every.map(async (edge) => {
        const idle = await edge.open()
        const slow = await edge.open()
        for (const wire of [idle, slow]) {
          wire.send(get(edge))
          await until('the first answer', () => wire.received().includes('\r\n\r\n'))
        }
        trickle(slow.socket, Buffer.from(get(edge, `X: ${'x'.repeat(5000)}\r\n`)))
        for (const wire of [idle, slow]) expect(await wire.lasted, edge.name).toBeLessThan(SOON_MS)
        const [first, ...rest] = answersIn(slow.received())
        expect(first?.status).toBe(200)
        for (const answer of rest) expect([408, edge.name]).toContain(answer.status)
      }),
    )
  })

  it('ends when its reader does not read, and holds no more than its buffers', async () => {
    for (const edge of [hosts.coordinator, hosts.gateway]) {
      const before = heldBy(edge.port)
      const wire = await edge.open()
      wire.socket.pause()
      const served = () => edge.log.lines().filter((line) => line['path'] === '/openapi.json').length
      // Whole requests only: the limit on their own time has nothing to say here.
      for (let sent = 20; sent <= 2000; sent += 20) {
        wire.send('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20))
        for (let wait = 0; wait < 20 && served() < sent; wait++) await sleep(10)
        if (served() < sent) break
      }
      expect(heldBy(edge.port)).toBe(before + 1)
      await until('the host hangs up', () => heldBy(edge.port) === before)
      expect(served(), edge.name).toBeLessThan(1500)
      wire.socket.destroy()
    }
  })
})

describe('half a connection', () => {
  it('still carries the answer to what was asked before the client said its last word', async () => {
    for (const edge of every) {
      const wire = await edge.open()
      wire.socket.end(get(edge))
      expect(
        answersIn(await wire.ended).map(({ status }) => status),
        edge.name,
      ).toEqual([200])
    }
  })

  it('ends when the client says its last word too early: in TLS, headers, body', async () => {
    for (const edge of every) {
      const { socket, ended } = await openTcp(edge.port)
      socket.end((await clientHello()).subarray(0, 50))
      expect(await ended).toBeLessThan(SOON_MS)
      for (const words of [
        '',
        'GET /hea',
        head(edge, 'Content-Length: 100\r\n'),
        `${head(edge, 'Transfer-Encoding: chunked\r\n')}5\r\nab`,
      ]) {
        const wire = await edge.open()
        wire.socket.end(words)
        const { lasted, received } = await end(wire)
        expect(lasted, `${edge.name}: ${words}`).toBeLessThan(SOON_MS)
        expectRefusal(received, `${edge.name}: ${words}`)
      }
    }
  })

  it('ends on the host’s side although the client never closes its own', async () => {
    for (const edge of every) {
      const before = heldBy(edge.port)
      const wire = await open(edge.port, edge.client, { allowHalfOpen: true } as object)
      wire.send(get(edge, 'Connection: close\r\n'))
      await until('the answer', () => wire.received() !== '')
      await until('the host has closed', () => heldBy(edge.port) === before)
      wire.socket.destroy()
    }
  })
})

it('others are served meanwhile, and nothing is left when all of it is over', async () => {
  const health = (edge: Edge) => edge.call({ method: 'GET', path: edge.name === 'signer' ? '/metrics' : '/health' })
  await Promise.all(every.map(health))
  const held = () => every.map(({ port }) => heldBy(port))
  // The gateway keeps connections to the coordinator.
  const before = held()
  const mob = every.flatMap((edge) =>
    Object.values(SLOW).flatMap((way) => Array.from({ length: 4 }, () => way(edge).then(({ lasted }) => lasted))),
  )
  const waits: number[] = []
  for (let i = 0; i < 10; i++) {
    for (const edge of every) {
      const started = performance.now()
      expect((await health(edge)).status).toBe(200)
      waits.push(performance.now() - started)
    }
  }
  expect(Math.max(...waits)).toBeLessThan(PROMPT_MS)
  for (const lasted of await Promise.all(mob)) expect(lasted).toBeLessThan(SOON_MS)
  await until('all connections are gone', () => held().every((count, i) => count <= (before[i] as number)))
  for (const edge of every) expect(edge.log.lines().filter((line) => (line['level'] as number) >= 50)).toEqual([])
})
