import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { Client } from 'undici'
import { peerRoutes } from '../src/transport/inbound.ts'
import { createPeerClient } from '../src/transport/peer-client.ts'
import { serveTls } from '../src/transport/tls-server.ts'
import { type Identity, selfSigned } from '../test/transport/fixture/certificates.ts'

/**
 * One client process, one server process, POST of 500 bytes echoed over mutual TLS with connections kept alive.
 * HTTP/1.1 is what src/transport ships. HTTP/2 runs the same handler and client library, without our checks, for comparison.
 */
const BODY = new Uint8Array(500).fill(7)
const WARM_UP_MS = 3000 // the first seconds of either process run uncompiled, at a third of the rate
const ROUND_MS = 600
const ROUNDS = 5

interface SetUp {
  readonly server: Identity
  readonly client: Identity
  readonly http2: boolean
}

type Post = () => Promise<Uint8Array>

process.once('message', async ({ server, client, http2 }: SetUp) => {
  const echo = async (body: Uint8Array) => body
  if (!http2) {
    const app = peerRoutes({ handlers: { '/echo': echo }, maxBytes: 4096, onError: () => undefined })
    const clients = { mode: 'pinned', fingerprints: new Set([client.fingerprint]) } as const
    process.send?.((await serveTls({ fetch: app.fetch, host: '127.0.0.1', port: 0, tls: server, clients })).port)
    return
  }
  const app = new Hono().post('/echo', async (c) => c.body(await c.req.arrayBuffer()))
  const serverOptions = {
    key: server.key,
    cert: server.cert,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
  } as const
  const listening = createAdaptorServer({ fetch: app.fetch, createServer: createSecureServer, serverOptions })
  listening.listen(0, '127.0.0.1', () => process.send?.((listening.address() as AddressInfo).port))
})

function http1(url: string, setUp: SetUp, connections: number): { post: Post; close: () => Promise<unknown> } {
  const peer = createPeerClient({ url, name: 'server', tls: setUp.client, pin: setUp.server.fingerprint, connections })
  return { post: () => peer.post('/echo', BODY, { timeoutMs: 10_000 }), close: peer.close }
}

function http2(url: string, setUp: SetUp): { post: Post; close: () => Promise<unknown> } {
  const { key, cert } = setUp.client
  const client = new Client(url, { allowH2: true, pipelining: 100, connect: { key, cert, rejectUnauthorized: false } })
  const post = async () =>
    new Uint8Array(await (await client.request({ method: 'POST', path: '/echo', body: BODY })).body.arrayBuffer())
  return { post, close: () => client.destroy() }
}

interface Sample {
  readonly rate: number
  /** Microseconds of this process per post: what stays the same when the machine is busy with other things. */
  readonly cpu: number
  readonly p50: number
  readonly p99: number
}

/** `inFlight` callers, each with one call after the other. */
async function round(post: Post, inFlight: number, ms: number): Promise<Sample> {
  const latencies: number[] = []
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  const caller = async () => {
    for (let now = performance.now(); now < start + ms; now = performance.now()) {
      if ((await post()).length !== BODY.length) throw new Error('wrong answer')
      latencies.push(performance.now() - now)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const { user, system } = process.cpuUsage(cpuBefore)
  const rate = (latencies.length / (performance.now() - start)) * 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  return { rate, cpu: (user + system) / latencies.length, p50: at(0.5), p99: at(0.99) }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

async function start(setUp: SetUp): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(new URL(import.meta.url))
  child.send(setUp)
  const [port] = (await once(child, 'message')) as [number]
  return { child, url: `https://127.0.0.1:${port}` }
}

async function main(): Promise<void> {
  const [server, client] = await Promise.all([selfSigned('server'), selfSigned('client')])
  const [setUp1, setUp2] = [false, true].map((http2) => ({ server, client, http2 })) as [SetUp, SetUp]
  const servers = await Promise.all([start(setUp1), start(setUp2)])
  const [url1, url2] = servers.map((started) => started.url) as [string, string]
  const running = [
    { name: 'HTTP/1.1, 1 connection', inFlight: 1, link: http1(url1, setUp1, 1) },
    { name: 'HTTP/1.1, 4 connections', inFlight: 16, link: http1(url1, setUp1, 4) },
    { name: 'HTTP/1.1, 8 connections', inFlight: 16, link: http1(url1, setUp1, 8) },
    { name: 'HTTP/1.1, 16 connections', inFlight: 16, link: http1(url1, setUp1, 16) },
    { name: 'HTTP/2, 1 connection', inFlight: 1, link: http2(url2, setUp2) },
    { name: 'HTTP/2, 1 connection', inFlight: 16, link: http2(url2, setUp2) },
  ].map((one) => ({ ...one, samples: [] as Sample[] }))
  for (const warm of [running[3], running[5]]) if (warm) await round(warm.link.post, warm.inFlight, WARM_UP_MS)
  // Interleaved, so that whatever else the machine does falls on all of them.
  for (let i = 0; i < ROUNDS; i++) {
    for (const { link, inFlight, samples } of running) samples.push(await round(link.post, inFlight, ROUND_MS))
  }
  console.table(
    running.map(({ name, inFlight, samples }) => ({
      transport: name,
      'in flight': inFlight,
      'posts/s': Math.round(median(samples.map((sample) => sample.rate))),
      'client CPU us/post': Math.round(median(samples.map((sample) => sample.cpu))),
      'p50 ms': Number(median(samples.map((sample) => sample.p50)).toFixed(3)),
      'p99 ms': Number(median(samples.map((sample) => sample.p99)).toFixed(3)),
    })),
  )
  await Promise.all(running.map(({ link }) => link.close()))
  for (const { child } of servers) child.kill()
}

// The server side is this same file, forked: only the parent has no channel to one.
if (process.send === undefined) await main()
