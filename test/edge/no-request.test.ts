import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedDirectory } from '../host/temporary.ts'
import { type Edge, type EdgeHosts, edgeHosts } from './edge-hosts.ts'
import { expectSafe } from './expect-safe.ts'
import { answersIn, requestText } from './wire.ts'

const directory = sharedDirectory()
let hosts: EdgeHosts
let every: readonly Edge[]
beforeAll(async () => {
  hosts = await edgeHosts(directory)
  every = [hosts.coordinator, hosts.gateway, hosts.signer]
})
afterAll(() => hosts.close())

/** A refusal comes at once, and nobody waits for a limit of time. */
const SOON_MS = 5_000
const CLOSED = 0
const E = '\r\n'
const BYE = `Host: x${E}Connection: close${E}`
/** What must not be taken for a second request, wherever one reader of a message might see its end earlier than another one. */
const SMUGGLED = `GET /smuggled HTTP/1.1${E}Host: x${E}${E}`

/** Bytes, and the statuses with which a connection may end on them; `CLOSED`: without a word. */
const BYTES: Readonly<Record<string, readonly [bytes: string | Uint8Array, ...statuses: number[]]>> = {
  'no HTTP at all': ['hello\r\n\r\n', 400],
  'TLS in TLS': [Uint8Array.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), 400],
  'the preface of HTTP/2': [`PRI * HTTP/2.0${E}${E}SM${E}${E}`, 400, 505],
  'a version that does not exist': [`GET /health HTTP/3.7${E}${BYE}${E}`, 400, 505],
  'HTTP/0.9': [`GET /health${E}${E}`, 400],
  'HTTP/1.0 without Host': [`GET /health HTTP/1.0${E}${E}`, 400],
  'HTTP/1.1 without Host': [`GET /health HTTP/1.1${E}Connection: close${E}${E}`, 400],
  'two hosts': [`GET /health HTTP/1.1${E}Host: a${E}${BYE}${E}`, 400],
  'a host that is none': [`GET /health HTTP/1.1${E}Host: a b/../c${E}Connection: close${E}${E}`, 400],
  'a method of a thousand letters': [`${'A'.repeat(1000)} /health HTTP/1.1${E}${BYE}${E}`, 400],
  'a URL of 16 KiB': [`GET /${'a'.repeat(17_000)} HTTP/1.1${E}${BYE}${E}`, 431],
  'an endless query': [`GET /health?${'a=1&'.repeat(5_000)} HTTP/1.1${E}${BYE}${E}`, 431],
  'one header of 20 KB': [`GET /health HTTP/1.1${E}${BYE}X: ${'a'.repeat(20_000)}${E}${E}`, 431],
  'a name of a header of 20 KB': [`GET /health HTTP/1.1${E}${BYE}${'a'.repeat(20_000)}: x${E}${E}`, 431],
  '101 headers': [`GET /health HTTP/1.1${E}${BYE}${`a: b${E}`.repeat(99)}${E}`, 431],
  '2,500 headers': [`GET /health HTTP/1.1${E}${BYE}${`a:b${E}`.repeat(2_500)}${E}`, 431],
  'a header without colon': [`GET /health HTTP/1.1${E}${BYE}nonsense${E}${E}`, 400],
  'a space before the colon': [`GET /health HTTP/1.1${E}${BYE}Content-Length : 5${E}${E}`, 400],
  'a folded header': [`GET /health HTTP/1.1${E}${BYE}X: a${E} b${E}${E}`, 400],
  'a zero byte in a header': [`GET /health HTTP/1.1${E}${BYE}X: a\0b${E}${E}`, 400],
  'a carriage return in a header': [`GET /health HTTP/1.1${E}${BYE}X: a\rb${E}${E}`, 400],
  'bare line feeds': ['GET /health HTTP/1.1\nHost: x\nConnection: close\n\n', 400],
  'both lengths': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 4${E}Transfer-Encoding: chunked${E}${E}0${E}${E}${SMUGGLED}`, 400],
  'both lengths, the other way round': [
    `POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}Content-Length: 4${E}${E}0${E}${E}${SMUGGLED}`,
    400,
  ],
  'two lengths': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 0${E}Content-Length: 44${E}${E}${SMUGGLED}`, 400],
  'the same length twice': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 0${E}Content-Length: 0${E}${E}${SMUGGLED}`, 400],
  'a list of lengths': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 0, 44${E}${E}${SMUGGLED}`, 400],
  'a negative length': [`POST /a HTTP/1.1${E}${BYE}Content-Length: -1${E}${E}${SMUGGLED}`, 400],
  'a signed length': [`POST /a HTTP/1.1${E}${BYE}Content-Length: +4${E}${E}${SMUGGLED}`, 400],
  'a length in hex': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 0x4${E}${E}${SMUGGLED}`, 400],
  'a length beyond 64 bits': [`POST /a HTTP/1.1${E}${BYE}Content-Length: 99999999999999999999${E}${E}`, 400],
  'an encoding that is not chunked': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: gzip${E}${E}${SMUGGLED}`, 400],
  'chunked, but not last': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked, identity${E}${E}0${E}${E}${SMUGGLED}`, 400],
  'chunked, misspelt': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: xchunked${E}${E}0${E}${E}${SMUGGLED}`, 400],
  'chunked behind a vertical tab': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: \x0bchunked${E}${E}0${E}${E}${SMUGGLED}`, 400],
  'a chunk longer than it says': [
    `POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}2${E}abcdef${E}0${E}${E}`,
    400,
    404,
  ],
  'a chunk size that is no number': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}xyz${E}${E}`, 400, 404],
  'a chunk size beyond 64 bits': [
    `POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}fffffffffffffffff${E}a${E}`,
    400,
    404,
  ],
  'a chunk ended by a line feed': [
    `POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}1\na\n0\n\n${SMUGGLED}`,
    400,
    404,
  ],
  'an endless chunk extension': [
    `POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}1;${'a'.repeat(40_000)}`,
    413,
    404,
    400,
  ],
  'endless trailers': [`POST /a HTTP/1.1${E}${BYE}Transfer-Encoding: chunked${E}${E}0${E}${`a: b${E}`.repeat(5_000)}`, 431, 404],
  CONNECT: [`CONNECT example.com:443 HTTP/1.1${E}${BYE}${E}`, CLOSED],
  'an unknown expectation': [`POST /a HTTP/1.1${E}${BYE}Expect: a-miracle${E}Content-Length: 0${E}${E}`, 417],
  'Upgrade to a websocket': [
    `GET /nowhere HTTP/1.1${E}Host: x${E}Connection: Upgrade, close${E}Upgrade: websocket${E}Sec-WebSocket-Version: 13${E}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==${E}${E}`,
    404,
  ],
  'Upgrade to HTTP/2': [
    `GET /nowhere HTTP/1.1${E}Host: x${E}Connection: Upgrade, HTTP2-Settings, close${E}Upgrade: h2c${E}HTTP2-Settings: AAA${E}${E}`,
    404,
  ],
  'the target *': [`OPTIONS * HTTP/1.1${E}${BYE}${E}`, 400, 404],
  'a target without slash': [`GET health HTTP/1.1${E}${BYE}${E}`, 400],
  'an absolute target of another host': [`GET https://evil.example/nowhere HTTP/1.1${E}${BYE}${E}`, 404],
  'an absolute target of another scheme': [`GET ftp://x/health HTTP/1.1${E}${BYE}${E}`, 400],
  'an absolute target that is none': [`GET http://[:::1 HTTP/1.1${E}${BYE}${E}`, 400],
  'a fragment': [`GET /health/x#y HTTP/1.1${E}${BYE}${E}`, 400, 404],
  'a backslash': [`GET /\\..\\x HTTP/1.1${E}${BYE}${E}`, 400, 404],
  'raw UTF-8 in the target': [`GET /\xff\xfe HTTP/1.1${E}${BYE}${E}`, 400, 404],
  'percent signs of nothing': [`GET /api/v1/%zz%/%c0%af%00 HTTP/1.1${E}${BYE}${E}`, 404, 401],
}

const paths = [
  '/../../etc/passwd',
  '/api/v1/../../metrics/../x',
  '/api/v1/keys/..%2f..%2fset',
  '/api/v1/keys/%2e%2e/set',
  '/api/v1/keys/%252e%252e%252fset',
  '/api//v1/set',
  '//api/v1/set',
  '/api/v1/set/',
  '/API/V1/SET',
  '/api/v1/set;x=y',
  '/api/v1/keys/key_%00',
  `/api/v1/keys/${'%41'.repeat(4000)}`,
  '/api/v1/keys/__proto__',
  '/api/v1/signatures/constructor?wait_ms=1&wait_ms=2',
  '/api/v1/signatures/sig_x?wait_ms=1e9&__proto__[x]=1&%=%',
]

describe.each(Object.keys(BYTES))('%s', (what) => {
  it('is refused at once by every host, once, with safe headers', async () => {
    const [bytes, ...statuses] = BYTES[what] as (typeof BYTES)[string]
    for (const edge of every) {
      const wire = await edge.open()
      wire.send(bytes)
      const answers = answersIn(await wire.ended)
      expect(await wire.lasted, edge.name).toBeLessThan(SOON_MS)
      // Two answers would mean that part of the first message was taken for a second one.
      expect(answers.length, edge.name).toBe(statuses[0] === CLOSED ? 0 : 1)
      for (const answer of answers) {
        expect(statuses, `${edge.name} ${answer.text}`).toContain(answer.status)
        expectSafe(answer, `${edge.name} ${what}`)
      }
    }
  })
})

it('no path leads anywhere but to its own route', async () => {
  for (const edge of every) {
    for (const path of paths) {
      // The same path, as somebody who may see everything, and as nobody.
      const known = await edge.call({ method: 'GET', path })
      const [nobody] = await edge.raw(requestText({ method: 'GET', path }))
      for (const answer of [known, nobody]) {
        if (answer === undefined) throw new Error(`no answer: ${path}`)
        expectSafe(answer, `${edge.name} ${path}`)
        expect([400, 401, 404], `${edge.name} ${path}`).toContain(answer.status)
      }
    }
  }
})

describe('headers that stand twice', () => {
  const twice = (path: string, method: string, ...lines: string[]) =>
    hosts.gateway.raw(`${method} ${path} HTTP/1.1${E}${BYE}${lines.map((line) => line + E).join('')}${E}`)

  it('Authorization: neither counts', async () => {
    const good = `Authorization: ${hosts.gateway.headers['authorization']}`
    expect((await twice('/api/v1/keys', 'GET', good))[0]?.status).toBe(200)
    for (const lines of [
      [good, good],
      [good, 'Authorization: Bearer x'],
      ['Authorization: Basic eDp4', good],
      [good, 'authorization:'],
    ]) {
      expect((await twice('/api/v1/keys', 'GET', ...lines))[0]?.status, lines.join()).toBe(401)
    }
  })

  it('Idempotency-Key: 400', async () => {
    const token = `Authorization: ${hosts.gateway.headers['authorization']}`
    const body = JSON.stringify({ scheme: 'eddsa-ed25519' })
    const [answer] = await hosts.gateway.raw(
      `POST /api/v1/keys HTTP/1.1${E}${BYE}${token}${E}Content-Type: application/json${E}Idempotency-Key: a${E}Idempotency-Key: b${E}Content-Length: ${body.length}${E}${E}${body}`,
    )
    expect(answer?.json).toMatchObject({ status: 400, code: 'malformed_request' })
  })
})

it('a body behind garbage: who pipelines waits in vain for nobody else’s answer', async () => {
  for (const edge of [hosts.coordinator, hosts.gateway]) {
    const own = Object.entries(edge.headers).map(([name, value]) => `${name}: ${value}${E}`)
    // The long poll is answered later than the garbage is met: a 400 now would be read as its answer.
    const poll = `GET /api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=500 HTTP/1.1${E}Host: x${E}${own.join('')}${E}`
    const wire = await edge.open()
    wire.send(`${poll}garbage${E}${E}`)
    for (const answer of answersIn(await wire.ended)) expect(answer.status, edge.name).toBe(404)
  }
})

it('every host serves as before after all of it, and met no error of its own', async () => {
  expect((await hosts.coordinator.call({ method: 'GET', path: '/api/v1/set' })).status).toBe(200)
  expect((await hosts.gateway.call({ method: 'GET', path: '/api/v1/keys' })).status).toBe(200)
  for (const edge of every) expect(edge.log.lines().filter((line) => (line['level'] as number) >= 50)).toEqual([])
})
