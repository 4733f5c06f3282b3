import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedDirectory } from '../host/temporary.ts'
import { type Edge, type EdgeHosts, edgeHosts } from './edge-hosts.ts'
import { expectSafe } from './expect-safe.ts'
import { requestText } from './wire.ts'

const directory = sharedDirectory()
let hosts: EdgeHosts
beforeAll(async () => {
  hosts = await edgeHosts(directory)
})
afterAll(() => hosts.close())

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'trace', 'propfind', 'purge'] as const
/** Long enough for the widest path parameter, and no resource of anybody's. */
const STAND_IN = 'x'.repeat(80)

interface Operation {
  readonly method: string
  readonly path: string
}
interface DocumentedOperation extends Operation {
  /** Whether a path is this operation's, also by what it takes for a parameter: `batch` for a key. */
  readonly takes: (path: string) => boolean
}
/** Every operation of a host's own document: routes that come later are in these tests from their first day. */
async function operations(
  edge: Edge,
): Promise<{ readonly paths: readonly string[]; readonly known: readonly DocumentedOperation[] }> {
  const { json } = await edge.call({ method: 'GET', path: '/openapi.json' })
  const concrete = (path: string): string => path.replaceAll(/\{\w+\}/g, STAND_IN)
  const known = Object.entries(json.paths as Record<string, object>).flatMap(([path, item]) =>
    Object.keys(item).map((method) => {
      const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
      return { method, path: concrete(path), takes: (other: string) => pattern.test(other) }
    }),
  )
  expect(known.length).toBeGreaterThan(9)
  return { paths: Object.keys(json.paths).map(concrete), known }
}
const withBody = async (edge: Edge): Promise<readonly Operation[]> => {
  const { json } = await edge.call({ method: 'GET', path: '/openapi.json' })
  const found = Object.entries(json.paths as Record<string, Record<string, { requestBody?: unknown }>>).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation.requestBody !== undefined)
      .map(([method]) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, STAND_IN) })),
  )
  expect(found.length).toBeGreaterThan(2)
  return found
}

const HOSTS = ['coordinator', 'gateway'] as const

describe.each(HOSTS)('every route of the %s', (name) => {
  it('answers every method with what it has or 404, with safe headers, and never 5xx', async () => {
    const edge = hosts[name]
    const { paths, known } = await operations(edge)
    for (const path of [...paths, '/', '/api', '/api/v1', '/nowhere', '/.well-known/security.txt']) {
      for (const method of METHODS) {
        const place = `${method} ${path}`
        const answer = await edge.call({ method: method.toUpperCase(), path })
        // 503 is what /ready says of a set that has just begun.
        expectSafe(answer.status === 503 && path === '/ready' ? { ...answer, status: 200 } : answer, place)
        const exists = known.some(
          (operation) => operation.takes(path) && operation.method === (method === 'head' ? 'get' : method),
        )
        if (!exists) expect(answer.status, place).toBe(404)
        if (method === 'head') expect(answer.text, place).toBe('')
        else if (answer.status >= 400) {
          expect(answer.headers['content-type'], place).toBe('application/problem+json')
          expect(answer.json, place).toMatchObject({ status: answer.status })
        }
        expect(answer.headers['x-request-id'], place).toMatch(/^[0-9a-f-]{36}$/)
      }
    }
  })

  it('refuses each body that is not one JSON value of the documented form', async () => {
    const edge = hosts[name]
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
    const utf8 = (...parts: (string | number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part as string)))
    const bodies: readonly (readonly [string, string | Buffer])[] = [
      ['nothing', ''],
      ['white space', '  \n'],
      ['an array 10^5 deep', nested(100_000)],
      ['objects 10^5 deep, unfinished', '{"a":'.repeat(50_000)],
      ['a huge array', `[${'0,'.repeat(100_000)}0]`],
      ['a member twice', '{"items":[],"items":[]}'],
      ['a member twice, spelt differently', '{"request":"","\\u0072equest":""}'],
      ['__proto__', '{"__proto__":{"request":""}}'],
      ['a byte order mark', utf8([0xef, 0xbb, 0xbf], '{}')],
      ['UTF-16', Buffer.from('{"request":""}', 'utf16le')],
      ['bytes that are no UTF-8', utf8('{"request":"', [0xff, 0xfe, 0x80], '"}')],
      ['an overlong slash', utf8('{"request":"', [0xc0, 0xaf], '"}')],
      ['half a surrogate pair', '{"request":"\\ud800"}'],
      ['a number beyond all numbers', '{"wait_ms":1e999999}'],
      ['NaN', '{"wait_ms":NaN}'],
      ['two values', '{}{}'],
      ['a comment', '{}//'],
      ['a zero byte', '{}\0'],
      ['null', 'null'],
      ['a string', `"${'x'.repeat(200_000)}"`],
      ['a long number', `{"wait_ms":${'9'.repeat(200_000)}}`],
    ]
    for (const { method, path } of await withBody(edge)) {
      for (const [what, body] of bodies) {
        const place = `${method} ${path}: ${what}`
        const head = requestText({
          method,
          path,
          headers: { ...edge.headers, 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) },
        })
        const [answer, ...more] = await edge.raw(head, body)
        if (answer === undefined) throw new Error(`no answer: ${place}`)
        expect(more, place).toEqual([])
        expectSafe(answer, place)
        expect([400, 413, 422], `${place}: ${answer.text.slice(0, 200)}`).toContain(answer.status)
        expect(answer.text.length, place).toBeLessThan(4096)
      }
    }
  })

  it('takes nothing but plain application/json, declared once', async () => {
    const edge = hosts[name]
    const bomb = gzipSync(Buffer.alloc(2 ** 24, '['))
    for (const { method, path } of await withBody(edge)) {
      const kinds: readonly (readonly [string, string, string | Buffer])[] = [
        ['no type', '', '{}'],
        ['text', 'Content-Type: text/plain\r\n', '{}'],
        ['a form', 'Content-Type: application/x-www-form-urlencoded\r\n', 'a=1'],
        ['problem+json', 'Content-Type: application/problem+json\r\n', '{}'],
        ['another charset', 'Content-Type: application/json; charset=utf-16\r\n', '{}'],
        ['two types', 'Content-Type: application/json\r\nContent-Type: text/plain\r\n', '{}'],
        ['the right type twice', 'Content-Type: application/json\r\nContent-Type: application/json\r\n', '{}'],
        ['gzip', 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n', bomb],
        ['identity', 'Content-Type: application/json\r\nContent-Encoding: identity\r\n', '{}'],
      ]
      for (const [what, lines, body] of kinds) {
        const own = Object.entries(edge.headers).map(([header, value]) => `${header}: ${value}\r\n`)
        const [answer] = await edge.raw(
          `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${own.join('')}${lines}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`,
          body,
        )
        const place = `${method} ${path}: ${what}`
        if (answer === undefined) throw new Error(`no answer: ${place}`)
        expectSafe(answer, place)
        expect(answer.json, place).toMatchObject({ status: 400, code: 'malformed_request' })
      }
    }
  })
})

it('the signer answers its coordinator with a status alone, whatever the path and the method', async () => {
  for (const path of ['/', '/signer/v2/sign', '/signer/v2/nowhere', '/openapi.json', '/health']) {
    for (const method of METHODS) {
      const answer = await hosts.signer.call({ method: method.toUpperCase(), path })
      expectSafe(answer, `${method} ${path}`)
      expect([404, 415], `${method} ${path}`).toContain(answer.status)
      expect(answer.text).toBe('')
    }
  }
})
