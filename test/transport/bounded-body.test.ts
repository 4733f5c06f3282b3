import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { expect, it } from 'vitest'
import { boundedBody } from '../../src/transport/bounded-body.ts'
import { serveTls } from '../../src/transport/tls-server.ts'
import { bareConnection, call, signer, untilClosed } from './fixture/set.ts'

const LIMIT = 1000

/** An application that answers with the length of the body; what it met is kept for inspection. */
async function measure() {
  const bodies: Uint8Array[] = []
  const failures: number[] = []
  const app = new Hono()
  app.onError((error, c) => {
    const status = error instanceof HTTPException ? error.status : 500
    failures.push(status)
    return c.body(null, status)
  })
  app.post('/', async (c) => {
    const body = await boundedBody(c, LIMIT)
    bodies.push(body)
    return c.text(`${body.length}`)
  })
  const server = await serveTls({ fetch: app.fetch, host: '127.0.0.1', port: 0, tls: signer, clients: { mode: 'none' } })
  return { ...server, bodies, failures, [Symbol.asyncDispose]: server.close }
}

async function send(port: number, ...parts: string[]): Promise<string> {
  const socket = await bareConnection(port)
  const received = untilClosed(socket)
  for (const part of parts) socket.write(part)
  return received
}

const declared = (length: number) => `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`
const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
const chunk = (length: number) => `${length.toString(16)}\r\n${'a'.repeat(length)}\r\n`

it('takes bodies up to the limit, declared or chunked, in memory of their own', async () => {
  await using server = await measure()
  expect(await send(server.port, declared(LIMIT), 'a'.repeat(LIMIT))).toMatch(/\r\n1000$/)
  expect(await send(server.port, CHUNKED, chunk(600), chunk(400), '0\r\n\r\n')).toMatch(/\r\n1000$/)
  expect(await send(server.port, declared(0))).toMatch(/\r\n0$/)
  for (const body of server.bodies) expect(body.buffer.byteLength).toBe(body.length)
})

it('refuses a declared length over the limit at once, without waiting for the body', async () => {
  await using server = await measure()
  const started = performance.now()
  expect(await send(server.port, declared(10 ** 12), 'a'.repeat(100))).toMatch(/^HTTP\/1\.1 413 /)
  expect(performance.now() - started).toBeLessThan(5000)
  expect(server.failures).toEqual([413])
})

it('stops reading a chunked body at the limit and still delivers the refusal', async () => {
  await using server = await measure()
  const socket = await bareConnection(server.port)
  const received = untilClosed(socket)
  socket.write(CHUNKED)
  // Without end: only the limit can stop it.
  const flood = setInterval(() => socket.write(chunk(400)), 5)
  expect(await received).toMatch(/^HTTP\/1\.1 413 /)
  clearInterval(flood)
  expect(server.failures).toEqual([413])
})

it('says 400 when the sender stops midway', async () => {
  await using server = await measure()
  for (const part of [declared(500), `${CHUNKED}${chunk(100)}`]) {
    const socket = await bareConnection(server.port)
    socket.write(part)
    setTimeout(() => socket.destroy(), 50)
  }
  await expect.poll(() => server.failures).toEqual([400, 400])
  expect(server.bodies).toEqual([])
})

it('leaves the connection usable for the next request after a refusal', async () => {
  await using server = await measure()
  await using client = call(server.url, { as: 'anonymous', connections: 1 })
  const post = (length: number) =>
    client.request({ method: 'POST', path: '/', body: new Uint8Array(length), timeoutMs: 5000 }).then((answer) => answer.status)
  expect(await post(LIMIT + 1)).toBe(413)
  expect(await post(LIMIT)).toBe(200)
})
