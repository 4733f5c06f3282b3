import { expect, it } from 'vitest'
import { peerRoutes, UnreadableMessage } from '../../src/transport/inbound.ts'
import { serveTls } from '../../src/transport/tls-server.ts'
import { bareConnection, bytes, call, failure, signer, startSigner, text } from './fixture/set.ts'

const IN_TIME = { timeoutMs: 5000 }
const MSGPACK = { 'content-type': 'application/msgpack' }

function counter() {
  const count = { calls: 0 }
  const echo = async (body: Uint8Array) => {
    count.calls++
    return body
  }
  return { count, echo }
}

it('carries octets unchanged, none and many, in memory of their own', async () => {
  await using server = await startSigner({ maxBytes: 2 ** 20 })
  await using peer = call(server.url)
  for (const length of [0, 1, 500, 2 ** 16, 2 ** 20]) {
    const body = Uint8Array.from({ length }, (_, i) => (i * 31) % 251)
    const answer = await peer.post('/echo', body, IN_TIME)
    expect(Buffer.compare(answer, body)).toBe(0)
    expect(answer.buffer.byteLength).toBe(length)
  }
})

it.each([
  ['an unknown path', 404, { path: '/other', headers: MSGPACK, body: bytes('x') }],
  ['another method', 404, { path: '/echo', method: 'PUT', headers: MSGPACK, body: bytes('x') }],
  ['another content type', 415, { path: '/echo', headers: { 'content-type': 'application/json' }, body: bytes('{}') }],
  ['no content type', 415, { path: '/echo', body: bytes('x') }],
  ['a body over the limit', 413, { path: '/echo', headers: MSGPACK, body: new Uint8Array(4097) }],
])('answers %s with %d and nothing else', async (_what, status, request) => {
  const { count, echo } = counter()
  await using server = await startSigner({ handlers: { '/echo': echo } })
  await using peer = call(server.url)
  const answer = await peer.request({ method: 'POST', ...request, ...IN_TIME })
  expect([answer.status, answer.body.length]).toEqual([status, 0])
  expect(count.calls).toBe(0)
  expect(server.errors).toEqual([])
})

it('lets nobody in as nobody, even behind a server that takes clients without a certificate', async () => {
  const { count, echo } = counter()
  const app = peerRoutes({ handlers: { '/echo': echo }, maxBytes: 100, onError: () => undefined })
  const server = await serveTls({ fetch: app.fetch, host: '127.0.0.1', port: 0, tls: signer, clients: { mode: 'request' } })
  await using anonymous = call(server.url, { as: 'anonymous' })
  await using known = call(server.url)
  expect(await failure(anonymous.post('/echo', bytes('x'), IN_TIME))).toMatchObject({ kind: 'bad_response', status: 403 })
  expect(count.calls).toBe(0)
  expect(text(await known.post('/echo', bytes('x'), IN_TIME))).toBe('x')
  await server.close()
})

it('keeps what a handler throws to itself', async () => {
  const secret = new Error('the share is 42')
  const handlers = {
    '/rejects': () => Promise.reject(secret),
    '/throws': () => {
      throw secret
    },
  }
  await using server = await startSigner({ handlers })
  await using peer = call(server.url)
  for (const path of Object.keys(handlers)) {
    const answer = await peer.request({ method: 'POST', path, headers: MSGPACK, body: bytes('x'), ...IN_TIME })
    expect([answer.status, answer.body.length]).toEqual([500, 0])
    expect(JSON.stringify(answer.headers)).not.toContain('share')
  }
  expect(server.errors).toEqual([secret, secret])
})

it('answers a message that its handler cannot read with 400, which is no error of ours', async () => {
  const handlers = { '/read': () => Promise.reject(new UnreadableMessage()) }
  await using server = await startSigner({ handlers })
  await using peer = call(server.url)
  const answer = await peer.request({ method: 'POST', path: '/read', headers: MSGPACK, body: bytes('x'), ...IN_TIME })
  expect([answer.status, answer.body.length, server.errors]).toEqual([400, 0, []])
})

it('bounds the requests in hand and says 503 beyond, at once', async () => {
  const gate = Promise.withResolvers<void>()
  let waiting = 0
  const wait = async (body: Uint8Array) => {
    waiting++
    await gate.promise
    return body
  }
  await using server = await startSigner({ handlers: { '/wait': wait }, maxConcurrent: 3 })
  await using peer = call(server.url)
  const admitted = ['a', 'b', 'c'].map((word) => peer.post('/wait', bytes(word), IN_TIME))
  await expect.poll(() => waiting).toBe(3)
  const overload = { kind: 'bad_response', peer: 'signer-1', code: 'HTTP_503', status: 503 }
  expect(await failure(peer.post('/wait', bytes('d'), IN_TIME))).toEqual(overload)
  gate.resolve()
  expect((await Promise.all(admitted)).map(text)).toEqual(['a', 'b', 'c'])
  expect(text(await peer.post('/wait', bytes('d'), IN_TIME))).toBe('d')
})

it('T-17 counts answers that nobody reads among them, until the connection is gone', async () => {
  const answer = new Uint8Array(32 << 20)
  const handlers = { '/large': async () => answer, '/echo': async (body: Uint8Array) => body }
  await using server = await startSigner({ handlers, maxBytes: 1000, maxHeldBytes: 2000 })
  await using peer = call(server.url)
  const deaf = await bareConnection(server.port)
  deaf.pause()
  deaf.write('POST /large HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\nContent-Length: 1\r\n\r\nx')
  const again = (): Promise<unknown> => peer.post('/echo', bytes('x'), IN_TIME).then(text, ({ status }) => status)
  await expect.poll(again).toBe(503)
  deaf.destroy()
  await expect.poll(again).toBe('x')
  // Those that are read count no longer than that.
  for (let i = 0; i < 3; i++) expect(await peer.post('/echo', new Uint8Array(900), IN_TIME)).toHaveLength(900)
})

it('bounds the bytes of bodies in hand, counted as announced, and gives them back', async () => {
  const gate = Promise.withResolvers<void>()
  let waiting = 0
  const wait = async (body: Uint8Array) => {
    waiting++
    await gate.promise
    return body.subarray(0, 1)
  }
  await using server = await startSigner({ handlers: { '/wait': wait }, maxBytes: 1000, maxHeldBytes: 1500 })
  await using peer = call(server.url)
  const large = peer.post('/wait', new Uint8Array(1000), IN_TIME)
  await expect.poll(() => waiting).toBe(1)
  expect(await failure(peer.post('/wait', new Uint8Array(501), IN_TIME))).toMatchObject({ status: 503 })
  const small = peer.post('/wait', new Uint8Array(500), IN_TIME)
  await expect.poll(() => waiting).toBe(2)
  gate.resolve()
  await Promise.all([large, small])
  // Too large is refused as such, and counts for nothing.
  for (let i = 0; i < 3; i++)
    expect(await failure(peer.post('/wait', new Uint8Array(1001), IN_TIME))).toMatchObject({ status: 413 })
  expect(await peer.post('/wait', new Uint8Array(1000), IN_TIME)).toHaveLength(1)
})
