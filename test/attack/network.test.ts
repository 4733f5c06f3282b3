import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DevSet, startDevSet } from '../e2e/dev-set.ts'
import { selfSigned } from '../transport/fixture/certificates.ts'

const LINUX = existsSync('/proc/self/environ')

// One running set, attacked by whoever reaches its ports or reads its files.
describe('a running set', () => {
  let set: DevSet
  let certificates: Record<string, ConnectionOptions>
  const portOf = (url: string): number => Number(new URL(url).port)
  const ports = () => ({
    gateway: portOf(set.line.gateway),
    coordinator: portOf(set.line.coordinator),
    signer: portOf(set.line.signers[0]?.url ?? ''),
  })
  const file = (name: string): Buffer => readFileSync(join(set.line.data, name))

  /** Everything the host says to these bytes until it hangs up (or for a second), or the code of the error. */
  const say = (port: number, text: string | Buffer, options: ConnectionOptions = {}): Promise<string> =>
    new Promise((resolve) => {
      let out = ''
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => socket.write(text))
      const end = (word = out): void => {
        clearTimeout(timer)
        socket.destroy()
        resolve(word)
      }
      const timer = setTimeout(end, 1000)
      socket.on('data', (chunk: Buffer) => {
        out += chunk.toString('latin1')
      })
      socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'))
      socket.on('close', () => end())
    })
  const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`
  const statusOf = (answer: string): string => /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? answer

  beforeAll(async () => {
    set = await startDevSet()
    const pair = (host: string): ConnectionOptions => ({ cert: file(`${host}/tls.crt`), key: file(`${host}/tls.key`) })
    const stranger = await selfSigned('coordinator')
    certificates = {
      none: {},
      client: { cert: file('client.crt'), key: file('client.key') },
      gateway: pair('gateway'),
      coordinator: pair('coordinator'),
      'signer-1': pair('signer-1'),
      stranger: { cert: stranger.cert, key: stranger.key },
    }
  }, 90_000)
  afterAll(async () => {
    expect(await set.stop()).toBe(0)
  }, 30_000)

  it('lets in over TLS 1.3 and HTTP/1.1 only, and behind the gateway only the certificates it knows', async () => {
    const welcome: Record<string, readonly string[]> = { coordinator: ['client', 'gateway'], signer: ['coordinator'] }
    for (const [host, port] of Object.entries(ports())) {
      const known = certificates[welcome[host]?.[0] ?? 'none'] as ConnectionOptions
      expect(await say(port, get('/health'), { ...known, maxVersion: 'TLSv1.2' }), host).toBe(
        'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      )
      expect(await say(port, get('/health'), { ...known, ALPNProtocols: ['h2'] }), host).toBe(
        'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      )
      for (const [name, certificate] of Object.entries(certificates)) {
        const answer = await say(port, get('/health'), certificate)
        const welcomed = host === 'gateway' || welcome[host]?.includes(name) === true
        // Whoever is not known is hung up on, without a byte of HTTP.
        if (welcomed) expect(statusOf(answer), `${name} at ${host}`).toMatch(/^(200|404)$/)
        else expect(answer, `${name} at ${host}`).not.toContain('HTTP')
      }
    }
  }, 30_000)

  it('answers one request per request: nothing can be hidden in another one’s body', async () => {
    const authorization = `Authorization: Bearer ${set.line.token}\r\nContent-Type: application/json\r\n`
    const head = `POST /api/v1/sign HTTP/1.1\r\nHost: x\r\n${authorization}`
    const hidden = get('/health')
    const smuggled = [
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${hidden}`,
      `${head}Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}${hidden}`,
      `${head}Content-Length: +2\r\n\r\n{}${hidden}`,
      `${head}Content-Length: 0x2\r\n\r\n{}${hidden}`,
      `${head}Content-Length : 2\r\n\r\n{}${hidden}`,
      `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
      `${head}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${head}X: a\r\n b\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}`,
      `GET /health HTTP/1.1\nHost: x\n\n${hidden}`,
    ]
    const answers = await Promise.all(smuggled.map((text) => say(ports().gateway, text)))
    for (const [i, answer] of answers.entries()) {
      expect(statusOf(answer), `${i}`).toBe('400')
      expect(answer.match(/HTTP\/1\.1/g), `${i}`).toHaveLength(1)
    }
    // Two authorizations are none.
    const two = `${authorization}Authorization: Bearer x\r\n`
    expect(statusOf(await say(ports().gateway, get('/api/v1/set', two)))).toBe('401')
  })

  it('serves no file, no other method and no other protocol', async () => {
    const { gateway } = ports()
    const paths = [
      '/docs/../../../../etc/passwd',
      '/docs/..%2f..%2fetc/passwd',
      '/docs/%2e%2e/token',
      '//api/v1/keys',
      '/.git/config',
      '/api/v1/keys/',
      '/docs/host.env',
    ]
    for (const path of paths) expect(statusOf(await say(gateway, get(path))), path).toMatch(/^40[0-4]$/)
    for (const method of ['OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH']) {
      const text = `${method} /api/v1/keys HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n`
      const answer = await say(gateway, text)
      expect(statusOf(answer), method).toBe('404')
      expect(answer.toLowerCase()).not.toContain('access-control')
    }
    expect(await say(gateway, 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n')).not.toContain('200')
    const upgrade = 'Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
    expect(statusOf(await say(gateway, `GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${upgrade}\r\n`))).toBe('200')
    expect(statusOf(await say(gateway, get('/health', `X: ${'a'.repeat(20_000)}\r\n`)))).toBe('431')
  })

  it('says nothing of tenants, keys or requests on the routes that are open to all', async () => {
    const made = await set.call('POST', '/api/v1/keys', {
      scheme: 'eddsa-ed25519',
      label: 'treasury',
      request_id: 'req_secret-name',
    })
    expect(made.status).toBe(201)
    const signed = await set.call('POST', '/api/v1/sign', { key_id: made.body.id, payload: { kind: 'message', bytes: '0x01' } })
    const texts = await Promise.all(
      ['/metrics', '/health', '/ready', '/docs', '/openapi.json'].map((path) => say(ports().gateway, get(path))),
    )
    const signer = await say(ports().signer, get('/metrics'), certificates['coordinator'])
    for (const text of [...texts, signer]) {
      expect(statusOf(text)).toBe('200')
      for (const secret of [
        made.body.id,
        made.body.public_key,
        signed.body.id,
        'treasury',
        'req_secret-name',
        'developer',
        'cred_',
        set.line.data,
        set.line.token,
      ]) {
        expect(text).not.toContain(secret)
      }
    }
  })

  it('leaves secrets in no file that others can read, no argument and no environment', () => {
    const secret = /\.key$|^token$|^credential\.json$|\.sqlite(-wal)?$|\.log$|\.lock(-wal)?$/
    const walk = (dir: string): string[] =>
      readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [join(dir, entry.name), ...walk(join(dir, entry.name))] : [join(dir, entry.name)],
      )
    const modes = [set.line.data, ...walk(set.line.data)].map((path) => ({ path, mode: statSync(path).mode }))
    for (const { path, mode } of modes) {
      const directory = (mode & 0o170000) === 0o040000
      if (directory) expect(mode & 0o777, path).toBe(0o700)
      else if (secret.test(path.split('/').at(-1) ?? '')) expect(mode & 0o777, path).toBe(0o600)
      else expect(mode & 0o022, path).toBe(0)
    }
    expect(modes.filter(({ path }) => secret.test(path.split('/').at(-1) ?? '')).length).toBeGreaterThan(20)
    if (!LINUX) return
    const needles = [
      set.line.token,
      ...['credential.json', 'gateway/credential.json'].map((name) => JSON.parse(file(name).toString()).seed as string),
    ]
    for (const pid of [set.line.gateway_pid, set.line.coordinator_pid, ...set.line.signers.map((s) => s.pid)]) {
      const shown = readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      for (const needle of needles) expect(shown.includes(needle)).toBe(false)
    }
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes(set.line.token)).toBe(false)
  })

  it('outlives what is no HTTP, no TLS or half of either', async () => {
    const pids = { gateway: set.line.gateway_pid, coordinator: set.line.coordinator_pid, signer: set.line.signers[0]?.pid ?? 0 }
    const known: Record<string, ConnectionOptions> = {
      gateway: {},
      coordinator: certificates['client'] ?? {},
      signer: certificates['coordinator'] ?? {},
    }
    const headers = `Host: x\r\nAuthorization: Bearer ${set.line.token}\r\nContent-Type: application/json\r\n`
    const shots = [
      `POST /api/v1/sign HTTP/1.1\r\n${headers}Content-Length: 1000\r\n\r\n{"a"`,
      `POST /api/v1/sign HTTP/1.1\r\n${headers}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{`,
      `POST /api/v1/sign HTTP/1.1\r\n${headers}Content-Length: 2\r\n\r\n{}`.repeat(20),
      get('/health').replace('close', 'keep-alive').repeat(30),
      'GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n',
      Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 167) % 256)),
    ]
    for (const [host, port] of Object.entries(ports())) {
      await Promise.all(
        shots.map(
          (shot) =>
            new Promise<void>((resolve) => {
              const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...known[host] }, () =>
                socket.write(shot, () => setTimeout(() => socket.destroy(), 10)),
              )
              socket.on('error', () => undefined).on('close', () => resolve())
            }),
        ),
      )
      await Promise.all(
        ['GET / HTTP/1.0\r\n\r\n', '\x16\x03\x01\x00\x05\x01', ''].map(
          (bytes) =>
            new Promise<void>((resolve) => {
              const socket = connectPlain(port, '127.0.0.1', () =>
                socket.write(bytes, 'latin1', () => setTimeout(() => socket.resetAndDestroy(), 10)),
              )
              socket.on('error', () => undefined).on('close', () => resolve())
            }),
        ),
      )
      expect(() => process.kill(pids[host as keyof typeof pids], 0), host).not.toThrow()
    }
    expect((await set.call('POST', '/api/v1/keys', { scheme: 'schnorr-secp256k1' })).status).toBe(201)
  })
})
