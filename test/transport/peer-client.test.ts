import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { authority } from './fixture/certificates.ts'
import { bareConnection, bytes, call, coordinator, failure, signer, startSigner, stranger, text } from './fixture/set.ts'

const IN_TIME = { timeoutMs: 5000 }

/** A TLS server below HTTP, for what our own server never does. */
async function bareServer(onConnection: (socket: TLSSocket) => void, options: TlsOptions = {}) {
  const sockets = new Set<TLSSocket>()
  const server = createTlsServer({ key: signer.key, cert: signer.cert, ...options }, (socket) => {
    sockets.add(socket.on('error', () => undefined))
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port, url: `https://127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}

const answer = (body: string, more = '') =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/msgpack\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`

describe('the peer must be the one that is pinned', () => {
  it('sends nothing to another certificate', async () => {
    let received = ''
    await using server = await bareServer((socket) => socket.on('data', (chunk) => (received += chunk)), {
      key: stranger.key,
      cert: stranger.cert,
    })
    await using peer = call(server.url)
    const end = { kind: 'identity', peer: 'signer-1', code: 'CERTIFICATE' }
    expect(await failure(peer.post('/echo', bytes('secret'), IN_TIME))).toEqual(end)
    expect(await failure(peer.post('/echo', bytes('secret'), IN_TIME))).toEqual(end)
    expect(received).toBe('')
  })

  it('checks the certificate on every new connection: no resumed session stands in for it', async () => {
    // The impostor holds the signer's ticket keys, so a resuming client would skip the certificate altogether.
    const ticketKeys = Buffer.alloc(48, 7)
    const hangUp = (socket: TLSSocket) => socket.once('data', () => socket.end(answer('ok', 'Connection: close\r\n')))
    await using genuine = await bareServer(hangUp, { ticketKeys })
    await using impostor = await bareServer(hangUp, { ticketKeys, key: stranger.key, cert: stranger.cert })
    const first = await bareConnection(genuine.port)
    first.resume().write('x')
    const [session] = (await once(first, 'session')) as [Buffer]
    const fooled = await bareConnection(impostor.port, { session })
    expect(fooled.isSessionReused()).toBe(true) // so the danger is real
    fooled.destroy()

    let target = genuine.port
    await using front = await relay(() => target)
    await using peer = call(front.url, { connections: 1 })
    expect(text(await peer.post('/a', bytes('x'), IN_TIME))).toBe('ok')
    expect(text(await peer.post('/a', bytes('x'), IN_TIME))).toBe('ok')
    target = impostor.port
    expect(await failure(peer.post('/a', bytes('x'), IN_TIME))).toMatchObject({ kind: 'identity' })
  })

  it('refuses a pin that could never match', () => {
    expect(() => call('https://127.0.0.1:1', { pin: signer.fingerprint.toUpperCase() })).toThrow(RangeError)
    expect(() => call('https://127.0.0.1:1', { pin: '' })).toThrow(RangeError)
  })

  it('speaks TLS 1.3 and nothing older', async () => {
    await using server = await bareServer((socket) => socket.end(answer('x')), { maxVersion: 'TLSv1.2' })
    await using peer = call(server.url)
    expect(await failure(peer.post('/echo', bytes('x'), IN_TIME))).toMatchObject({ kind: 'unreachable' })
  })

  it('with an authority: takes its certificate for this address only', async () => {
    const [ours, theirs] = await Promise.all([authority(), authority()])
    for (const [issuer, ip, end] of [
      [ours, '127.0.0.1', 'ok'],
      [ours, '127.0.0.2', 'identity'],
      [theirs, '127.0.0.1', 'identity'],
    ] as const) {
      const { key, cert } = await issuer.issue(ip)
      await using server = await bareServer((socket) => socket.once('data', () => socket.write(answer('ok'))), { key, cert })
      await using peer = call(server.url, { pin: { ca: ours.ca } })
      const post = peer.post('/echo', bytes('x'), IN_TIME)
      expect(end === 'ok' ? text(await post) : (await failure(post)).kind).toBe(end)
    }
  })
})

/** Passes TCP connections on to whatever port is current, after a delay: one address, changing hosts behind it. */
async function relay(target: () => number, delayMs = 0) {
  const server = createTcpServer(async (inside) => {
    inside.on('error', () => inside.destroy())
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    const outside = connect(target(), '127.0.0.1').on('error', () => inside.destroy())
    inside.once('close', () => outside.destroy())
    inside.pipe(outside).pipe(inside)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, [Symbol.asyncDispose]: async () => void server.close() }
}

async function signerProcess(): Promise<{ child: ChildProcess; url: string; port: number }> {
  const child = fork(new URL('fixture/signer-process.ts', import.meta.url), { execArgv: [] })
  child.send({ signer, coordinator: coordinator.fingerprint })
  const [port] = (await once(child, 'message')) as [number]
  return { child, port, url: `https://127.0.0.1:${port}` }
}

describe('a peer that fails', () => {
  it('is noticed at once when it is killed, and found again when it is back', async () => {
    const { child, url, port } = await signerProcess()
    await using peer = call(url)
    await peer.post('/echo', bytes('warm'), IN_TIME)
    const pending = [1, 2, 3].map(() => failure(peer.post('/never', bytes('x'), { timeoutMs: 20_000 })))
    await once(child, 'message')
    const killed = performance.now()
    child.kill('SIGKILL')
    expect((await Promise.all(pending)).map((end) => end.kind)).toEqual(Array(3).fill('unreachable'))
    expect(await failure(peer.post('/echo', bytes('x'), IN_TIME))).toMatchObject({ kind: 'unreachable' })
    expect(performance.now() - killed).toBeLessThan(3000)
    await using _reborn = await startSigner({ port })
    expect(text(await peer.post('/echo', bytes('back'), IN_TIME))).toBe('back')
  })

  it('is not taken for silent when it was us who did not listen', async () => {
    const { child, url } = await signerProcess()
    await using peer = call(url)
    await peer.post('/echo', bytes('warm'), IN_TIME)
    const answer = peer.post('/echo', bytes('in time'), { timeoutMs: 100 })
    await new Promise(setImmediate)
    // Somebody's large request keeps this host's only thread busy, past the deadlines of all its calls.
    const until = performance.now() + 400
    while (performance.now() < until);
    expect(text(await answer)).toBe('in time')
    child.kill('SIGKILL')
  })

  it('ends as timeout when it is frozen', async () => {
    const { child, url } = await signerProcess()
    await using peer = call(url)
    await peer.post('/echo', bytes('warm'), IN_TIME)
    child.kill('SIGSTOP')
    expect(await failure(peer.post('/echo', bytes('x'), { timeoutMs: 100 }))).toEqual({
      kind: 'timeout',
      peer: 'signer-1',
      code: 'DEADLINE',
    })
    child.kill('SIGKILL')
  })

  it('ends as unreachable when it accepts connections but never speaks TLS', async () => {
    const mute = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    await using peer = call(`https://127.0.0.1:${(mute.address() as AddressInfo).port}`, { connectTimeoutMs: 100 })
    const end = { kind: 'unreachable', peer: 'signer-1', code: 'CONNECT_TIMEOUT' }
    expect(await failure(peer.post('/echo', bytes('x'), IN_TIME))).toEqual(end)
    expect(await failure(peer.post('/echo', bytes('x'), { timeoutMs: 20 }))).toMatchObject({ kind: 'timeout' })
    mute.close()
  })

  it.each([
    ['an error status', 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy', 'HTTP_503'],
    ['a redirect', 'HTTP/1.1 307 There\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n', 'HTTP_307'],
    ['another content type', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi', 'CONTENT_TYPE'],
    ['something that is not HTTP', 'SSH-2.0-OpenSSH\r\n', 'HTTPParserError'],
    ['a declared body over the limit', answer('x'.repeat(65)), 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
    ['endless headers', `HTTP/1.1 200 OK\r\n${`X-More: ${'a'.repeat(1000)}\r\n`.repeat(20)}`, 'UND_ERR_HEADERS_OVERFLOW'],
  ])('ends as bad_response when it answers with %s', async (_what, response, code) => {
    await using server = await bareServer((socket) => socket.once('data', () => socket.write(response)))
    await using peer = call(server.url, { maxResponseBytes: 64 })
    expect(await failure(peer.post('/echo', bytes('x'), IN_TIME))).toMatchObject({ kind: 'bad_response', code })
  })

  it('is not believed when it hangs up in the middle of an answer', async () => {
    await using server = await bareServer((socket) => socket.once('data', () => socket.end(answer('complete').slice(0, -3))))
    await using peer = call(server.url)
    expect((await failure(peer.post('/echo', bytes('x'), IN_TIME))).kind).toMatch(/^(unreachable|bad_response)$/)
  })
})

describe('at most once', () => {
  it('never sends a request a second time, however the connection ends', async () => {
    const received = new Map<string, number>()
    // In turn: hang up without an answer; answer half; reset; answer, then hang up just as the next request is on its way.
    const endings: ((socket: TLSSocket) => void)[] = [
      (socket) => socket.end(),
      (socket) => socket.end(answer('long enough').slice(0, -4)),
      (socket) => socket.destroy(),
      (socket) => socket.write(answer('ok'), () => setImmediate(() => socket.end())),
      (socket) => socket.end(answer('ok')),
      (socket) => socket.write(answer('ok')),
    ]
    let turn = 0
    await using server = await bareServer((socket) => {
      let rest = ''
      socket.on('data', (chunk) => {
        rest += chunk.toString('latin1')
        for (let found = /id-\d+;/.exec(rest); found; found = /id-\d+;/.exec(rest)) {
          rest = rest.slice(found.index + found[0].length)
          received.set(found[0], (received.get(found[0]) ?? 0) + 1)
          endings[turn++ % endings.length]?.(socket)
        }
      })
    })
    await using peer = call(server.url, { connections: 3 })
    const ends = await Promise.allSettled(Array.from({ length: 300 }, (_, i) => peer.post('/echo', bytes(`id-${i};`), IN_TIME)))
    expect([...received.values()].filter((times) => times !== 1)).toEqual([])
    expect(ends.filter((end) => end.status === 'fulfilled').length).toBeGreaterThan(50)
    expect(ends.filter((end) => end.status === 'rejected').length).toBeGreaterThan(50)
  })

  it('never gives a late answer to another request', async () => {
    const late = Promise.withResolvers<Uint8Array>()
    await using server = await startSigner({ handlers: { '/late': () => late.promise, '/echo': async (body) => body } })
    await using peer = call(server.url, { connections: 1 })
    expect(await failure(peer.post('/late', bytes('x'), { timeoutMs: 50 }))).toMatchObject({ kind: 'timeout' })
    expect(text(await peer.post('/echo', bytes('mine'), IN_TIME))).toBe('mine') // the only connection is free again
    late.resolve(bytes('late'))
    expect(text(await peer.post('/echo', bytes('mine too'), IN_TIME))).toBe('mine too')
  })

  it('keeps a call that ended while connecting off the wire', async () => {
    const seen: string[] = []
    const remember = async (body: Uint8Array) => {
      seen.push(text(body))
      return body
    }
    await using server = await startSigner({ handlers: { '/echo': remember } })
    await using front = await relay(() => server.port, 100)
    await using peer = call(front.url, { connections: 1 })
    expect(await failure(peer.post('/echo', bytes('first'), { timeoutMs: 20 }))).toMatchObject({ kind: 'timeout' })
    expect(text(await peer.post('/echo', bytes('second'), IN_TIME))).toBe('second')
    expect(seen).toEqual(['second'])
  })

  it('keeps a call that ended while waiting off the wire', async () => {
    const seen: string[] = []
    const slow = async (body: Uint8Array) => {
      seen.push(text(body))
      await new Promise((resolve) => setTimeout(resolve, 100))
      return body
    }
    await using server = await startSigner({ handlers: { '/slow': slow } })
    await using peer = call(server.url, { connections: 1 })
    const first = peer.post('/slow', bytes('first'), IN_TIME)
    const second = failure(peer.post('/slow', bytes('second'), { timeoutMs: 20 }))
    const cancel = new AbortController()
    const third = failure(peer.post('/slow', bytes('third'), { ...IN_TIME, signal: cancel.signal }))
    cancel.abort()
    expect([(await second).kind, await third]).toEqual(['timeout', { kind: 'aborted', peer: 'signer-1', code: 'SIGNAL' }])
    expect(text(await first)).toBe('first')
    expect(text(await peer.post('/slow', bytes('fourth'), IN_TIME))).toBe('fourth')
    expect(seen).toEqual(['first', 'fourth'])
  })
})

describe('many calls', () => {
  it('carries a thousand at once, each with its own answer', async () => {
    await using server = await startSigner()
    await using peer = call(server.url)
    const words = Array.from({ length: 1000 }, (_, i) => `call ${i}`)
    const answers = await Promise.all(words.map((word) => peer.post('/echo', bytes(word), { timeoutMs: 20_000 })))
    expect(answers.map(text)).toEqual(words)
  })

  it('refuses more than may wait', async () => {
    await using server = await startSigner()
    await using peer = call(server.url, { connections: 1, maxCalls: 2 })
    const [one, two, three] = ['1', '2', '3'].map((word) => peer.post('/echo', bytes(word), IN_TIME))
    expect(await failure(three as Promise<unknown>)).toEqual({ kind: 'aborted', peer: 'signer-1', code: 'TOO_MANY_CALLS' })
    expect(await Promise.all([one, two]).then((both) => both.map((body) => text(body as Uint8Array)))).toEqual(['1', '2'])
  })

  it('serves JSON interfaces too: any method, any status', async () => {
    await using server = await bareServer((socket) =>
      socket.once('data', (chunk) => {
        const line = chunk.toString().split('\r\n')[0] ?? ''
        const body = JSON.stringify({ line })
        socket.write(
          `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nX-A: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
      }),
    )
    await using peer = call(server.url)
    const { status, headers, body } = await peer.request({ method: 'GET', path: '/keys?limit=1', ...IN_TIME })
    expect([status, headers['x-a'], JSON.parse(text(body))]).toEqual([404, '1', { line: 'GET /keys?limit=1 HTTP/1.1' }])
  })

  it("does not dress a caller's mistake up as a network's", async () => {
    await using peer = call('https://127.0.0.1:1')
    await expect(peer.post('no slash', bytes('x'), IN_TIME)).rejects.toMatchObject({ code: 'UND_ERR_INVALID_ARG' })
  })
})

describe('close', () => {
  it('ends all calls as aborted, also those to come', async () => {
    const never = () => new Promise<Uint8Array>(() => undefined)
    await using server = await startSigner({ handlers: { '/never': never } })
    await using peer = call(server.url, { connections: 2 })
    const pending = [1, 2, 3, 4].map(() => failure(peer.post('/never', bytes('x'), IN_TIME)))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await Promise.all([peer.close(), peer.close()])
    const closed = { kind: 'aborted', peer: 'signer-1', code: 'CLOSED' }
    expect(await Promise.all(pending)).toEqual(Array(4).fill(closed))
    expect(await failure(peer.post('/never', bytes('x'), IN_TIME))).toEqual(closed)
  })

  it('leaves nothing open that would keep a process alive', async () => {
    const child = fork(new URL('fixture/clean-exit.ts', import.meta.url), { execArgv: [], silent: true })
    let printed = ''
    child.stdout?.on('data', (chunk) => (printed += chunk))
    child.stderr?.on('data', (chunk) => (printed += chunk))
    child.disconnect()
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(20_000) })
    expect(printed).toBe('timeout unreachable identity unreachable\naborted aborted aborted aborted\n')
    expect(code).toBe(0)
  })
})
