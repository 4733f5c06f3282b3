import { connect as connectTcp } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { type ClientPolicy, peerFingerprint, serveTls } from '../../src/transport/tls-server.ts'
import { until } from '../host/set/until.ts'
import {
  bareConnection,
  bytes,
  call,
  coordinator,
  failure,
  signer,
  startSigner,
  stranger,
  text,
  untilClosed,
} from './fixture/set.ts'

const IN_TIME = { timeoutMs: 5000 }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
const GET_WHO = 'GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

/** A server with one route, which tells the client who it is. */
async function whoAmI(clients: ClientPolicy) {
  const app = new Hono().get('/who', (c) => c.text(peerFingerprint(c) ?? 'nobody'))
  const server = await serveTls({ fetch: app.fetch, host: '127.0.0.1', port: 0, tls: signer, clients, limits: { drainMs: 200 } })
  return { ...server, [Symbol.asyncDispose]: server.close }
}

/** The body of the answer to one request; '' if the connection was closed instead. */
async function ask(socket: TLSSocket): Promise<string> {
  const received = untilClosed(socket)
  socket.write(GET_WHO)
  return (await received).split('\r\n').at(-1) ?? ''
}

/** The ticket of a full handshake by the coordinator, null if the server gives none. */
async function ticketFrom(port: number, options: ConnectionOptions = {}): Promise<Buffer | null> {
  const socket = await bareConnection(port, options)
  let ticket: Buffer | null = null
  socket.on('session', (session) => {
    ticket = session
  })
  await ask(socket)
  return ticket
}

describe('who may connect', () => {
  it('lets the pinned certificate in and tells the handler who it is', async () => {
    const seen: string[] = []
    const remember = async (body: Uint8Array, peer: { fingerprint: string }) => {
      seen.push(peer.fingerprint)
      return body
    }
    await using server = await startSigner({ handlers: { '/who': remember } })
    await using peer = call(server.url)
    expect(text(await peer.post('/who', bytes('hello'), IN_TIME))).toBe('hello')
    expect(seen).toEqual([coordinator.fingerprint])
    expect(server.refusals).toEqual([])
  })

  it.each([
    ['another certificate', stranger, stranger.fingerprint],
    ['no certificate', 'anonymous', null],
  ] as const)('refuses %s before any handler runs', async (_what, as, fingerprint) => {
    let handled = 0
    const count = async (body: Uint8Array) => {
      handled++
      return body
    }
    await using server = await startSigner({ handlers: { '/echo': count } })
    await using intruder = call(server.url, { as })
    await using peer = call(server.url)
    expect(await failure(intruder.post('/echo', bytes('x'), IN_TIME))).toMatchObject({ kind: 'unreachable' })
    expect(handled).toBe(0)
    expect(server.refusals).toEqual([{ reason: 'certificate', address: '127.0.0.1', fingerprint }])
    await peer.post('/echo', bytes('x'), IN_TIME)
    expect(handled).toBe(1)
  })

  it('follows changes of the pinned set at the next handshake', async () => {
    const fingerprints = new Set([coordinator.fingerprint])
    await using server = await whoAmI({ mode: 'pinned', fingerprints })
    expect(await ask(await bareConnection(server.port))).toBe(coordinator.fingerprint)
    fingerprints.delete(coordinator.fingerprint)
    expect(await ask(await bareConnection(server.port))).toBe('')
  })

  it('refuses a pin that could never match', async () => {
    const fingerprints = new Set([coordinator.fingerprint.toUpperCase()])
    await expect(whoAmI({ mode: 'pinned', fingerprints })).rejects.toThrow(RangeError)
  })

  it('takes a certificate where it is optional, and knows who showed none', async () => {
    await using server = await whoAmI({ mode: 'request' })
    expect(await ask(await bareConnection(server.port))).toBe(coordinator.fingerprint)
    expect(await ask(await bareConnection(server.port, { key: undefined, cert: undefined }))).toBe('nobody')
  })

  it('never asks for a certificate where none is wanted', async () => {
    await using server = await whoAmI({ mode: 'none' })
    expect(await ask(await bareConnection(server.port))).toBe('nobody')
  })

  it('gives no session that could be resumed in place of a certificate', async () => {
    await using open = await whoAmI({ mode: 'none' })
    const ticket = await ticketFrom(open.port)
    if (ticket === null) throw new Error('tickets should work where certificates do not matter: nothing was tested')
    const resumed = await bareConnection(open.port, { session: ticket })
    expect(resumed.isSessionReused()).toBe(true)
    expect(await ask(resumed)).toBe('nobody')

    for (const clients of [{ mode: 'pinned', fingerprints: new Set([coordinator.fingerprint]) }, { mode: 'request' }] as const) {
      await using server = await whoAmI(clients)
      const session = await ticketFrom(server.port)
      // The trap this guards against: a resumed session would show the server the coordinator's certificate again.
      const thief = await bareConnection(server.port, { key: undefined, cert: undefined, ...(session ? { session } : {}) })
      expect(thief.isSessionReused()).toBe(false)
      expect(await ask(thief)).toBe(clients.mode === 'pinned' ? '' : 'nobody')
    }
  })

  it('speaks TLS 1.3 and nothing older', async () => {
    await using server = await startSigner()
    await expect(bareConnection(server.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/i)
    expect((await bareConnection(server.port)).getProtocol()).toBe('TLSv1.3')
    expect(server.refusals.map((refusal) => refusal.reason)).toEqual(['handshake'])
  })

  it('closes connections from outside the allowed networks before TLS', async () => {
    await using closed = await startSigner({ allowFrom: ['10.0.0.0/8', '2001:db8::1'] })
    await expect(bareConnection(closed.port)).rejects.toThrow()
    expect(closed.refusals).toEqual([{ reason: 'address', address: '127.0.0.1', fingerprint: null }])
    await using open = await startSigner({ allowFrom: ['127.0.0.0/8'] })
    expect((await bareConnection(open.port)).getProtocol()).toBe('TLSv1.3')
  })
})

describe('limits', () => {
  it('closes a connection whose headers trickle in', async () => {
    await using server = await startSigner({ limits: { headersTimeoutMs: 200 } })
    const socket = await bareConnection(server.port)
    const received = untilClosed(socket)
    const loris = setInterval(() => socket.write('a'), 20)
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    const started = performance.now()
    expect(await received).toMatch(/^HTTP\/1\.1 408 /)
    clearInterval(loris)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('closes a connection that says nothing, and one that does not even begin TLS', async () => {
    await using server = await startSigner({ limits: { headersTimeoutMs: 200, handshakeTimeoutMs: 200 } })
    const mute = untilClosed(await bareConnection(server.port))
    const raw = connectTcp(server.port, '127.0.0.1').resume()
    await Promise.all([mute, new Promise((resolve) => raw.once('close', resolve))])
    expect(server.refusals.map((refusal) => refusal.reason)).toEqual(['handshake'])
  })

  it('closes a connection whose body trickles in', async () => {
    await using server = await startSigner({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 300 } })
    const socket = await bareConnection(server.port)
    const received = untilClosed(socket)
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\nContent-Length: 100\r\n\r\n')
    const loris = setInterval(() => socket.write('a'), 50)
    expect(await received).not.toMatch(/ 200 /)
    clearInterval(loris)
    expect(server.errors).toEqual([])
  })

  it('refuses headers beyond the limit', async () => {
    await using server = await startSigner({ limits: { maxHeaderBytes: 2048 } })
    const socket = await bareConnection(server.port)
    const received = untilClosed(socket)
    socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\nX-Large: ${'a'.repeat(4000)}\r\n\r\n`)
    expect(await received).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('takes no more connections than allowed', async () => {
    await using server = await startSigner({ limits: { maxConnections: 2 } })
    await bareConnection(server.port)
    const second = await bareConnection(server.port)
    await expect(bareConnection(server.port)).rejects.toThrow()
    second.destroy()
    await expect
      .poll(() =>
        bareConnection(server.port).then(
          (socket) => socket.getProtocol(),
          () => null,
        ),
      )
      .toBe('TLSv1.3')
  })

  it('gives no address and no certificate more than its share of them', async () => {
    await using server = await startSigner({ limits: { maxConnectionsEach: 2 } })
    await bareConnection(server.port)
    const second = await bareConnection(server.port)
    await expect(bareConnection(server.port)).rejects.toThrow()
    expect(server.refusals).toEqual([{ reason: 'too_many', address: '127.0.0.1', fingerprint: null }])
    // Another address of this machine is somebody else, until it shows the certificate that has its share already.
    const elsewhere = untilClosed(await bareConnection(server.port, { localAddress: '127.0.0.2' } as object))
    expect(await elsewhere).toBe('')
    expect(server.refusals.at(-1)).toEqual({ reason: 'too_many', address: '127.0.0.2', fingerprint: coordinator.fingerprint })
    second.destroy()
    const greeted = async (): Promise<string> => {
      const socket = await bareConnection(server.port, { localAddress: '127.0.0.2' } as object)
      const received = untilClosed(socket)
      socket.write(GET_WHO)
      return await received
    }
    await expect.poll(greeted).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('makes a client connect anew after so many requests', async () => {
    await using server = await startSigner({ limits: { maxRequestsPerSocket: 2 } })
    await using peer = call(server.url, { connections: 1 })
    for (const word of ['one', 'two', 'three', 'four', 'five']) {
      expect(text(await peer.post('/echo', bytes(word), IN_TIME))).toBe(word)
    }
  })
})

describe('close', () => {
  it('lets requests under way finish and takes no new ones', async () => {
    const slow = async (body: Uint8Array) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return body
    }
    await using server = await startSigner({ handlers: { '/slow': slow }, limits: { drainMs: 5000 } })
    await using peer = call(server.url)
    const last = peer.post('/slow', bytes('last'), IN_TIME)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const started = performance.now()
    const closed = server.close()
    expect(text(await last)).toBe('last')
    await closed
    expect(performance.now() - started).toBeLessThan(3000) // the idle connection did not have to wait for the drain limit
    expect(await failure(peer.post('/slow', bytes('too late'), IN_TIME))).toMatchObject({
      kind: 'unreachable',
      code: expect.stringMatching(/^(ECONNREFUSED|UND_ERR_SOCKET)$/),
    })
  })

  it('cuts what is still open at the end of the drain time: busy, mute and half-connected', async () => {
    const never = () => new Promise<Uint8Array>(() => undefined)
    await using server = await startSigner({ handlers: { '/never': never }, limits: { drainMs: 100 } })
    await using peer = call(server.url)
    const lost = failure(peer.post('/never', bytes('x'), IN_TIME))
    const mute = untilClosed(await bareConnection(server.port))
    const raw = connectTcp(server.port, '127.0.0.1').resume()
    await new Promise((resolve) => raw.once('connect', resolve))
    await Promise.all([server.close(), server.close()])
    expect(await lost).toMatchObject({ kind: 'unreachable' })
    await mute
  })

  it('reports a port that is taken', async () => {
    await using server = await startSigner()
    await expect(startSigner({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('answers and requests of megabytes', () => {
  // Node pauses such a connection and its parser, and over TLS is then handed what was decrypted before it could stop: HPE_PAUSED.
  it('a large request that comes before a large answer is read off does not end the connection', async () => {
    const [longest, large] = [4 << 20, 700_000]
    let handled = 0
    const answer = async (): Promise<Uint8Array> => {
      handled += 1
      return new Uint8Array(longest)
    }
    await using server = await startSigner({ maxBytes: 2 ** 20, handlers: { '/large': answer } })
    const socket = await bareConnection(server.port)
    const request = (length: number): Buffer =>
      Buffer.concat([
        Buffer.from(`POST /large HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\nContent-Length: ${length}\r\n\r\n`),
        Buffer.alloc(length),
      ])
    let received = 0
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    for (let i = 1; i <= 3; i++) {
      socket.pause()
      socket.write(request(10))
      await until('the first is answered', () => handled === 2 * i - 1)
      await sleep(50)
      socket.write(request(large))
      await sleep(50)
      socket.resume()
      await until('both answers are read', () => received > 2 * i * longest)
    }
    expect(handled).toBe(6)
    socket.destroy()
  })
})
