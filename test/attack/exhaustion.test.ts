import { describe, expect, it } from 'vitest'
import { createAdmission } from '../../src/host/api/admission.ts'
import { createCoordinatorApp } from '../../src/host/api/coordinator-app.ts'
import { MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES } from '../../src/host/api/signed-request.ts'
import { MAX_JSON, parseJson } from '../../src/host/config/json-file.ts'
import { createRateLimit } from '../../src/host/gateway/rate-limit.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import { parseStrictJson } from '../../src/protocol/request/strict-json.ts'
import { logSink, post } from '../host/api/requests.ts'
import { wholeKeySet } from '../host/api/whole-key-set.ts'
import { gateway } from '../host/gateway/harness.ts'
import { nativeCurves } from '../simulator/world.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const fill = (unit: string, size: number): string => unit.repeat(Math.floor(size / unit.length))

describe('one body costs little, whatever is in it', () => {
  // Measured before there was a bound: 5.5 seconds of everybody's event loop for 5 MiB of empty objects.
  it.each([
    ['empty objects', `{"items":[${fill('{},', MAX_BATCH_BODY_BYTES - 20)}0]}`],
    ['empty arrays', `{"items":[${fill('[],', MAX_BATCH_BODY_BYTES - 20)}0]}`],
    ['numbers', `{"items":[${fill('0,', MAX_BATCH_BODY_BYTES - 20)}0]}`],
    ['members', `{${Array.from({ length: 700_000 }, (_, i) => `"${i.toString(36)}":0`).join()}}`],
  ])('D-02 a body of %s is refused early', (_, text) => {
    const body = bytes(text)
    const started = performance.now()
    expect(() => parseStrictJson(body, MAX_BATCH_BODY_BYTES)).toThrow('payload_too_large')
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('what the API takes at most is far below the bound, and so are files with thousands of entries', () => {
    const authorization = `{"credential_id":"c","alg":"a","signature":"s"}`
    const item = `{"request":"r","authorizations":[${fill(`${authorization},`, authorization.length * 4)}${authorization}]}`
    expect(parseStrictJson(bytes(`{"items":[${Array(256).fill(item).join()}]}`), MAX_BATCH_BODY_BYTES)).toBeInstanceOf(Map)
    const credential = `{"id":"i","tenant":"t","alg":"a","public_key":"k","digest":true}`
    const file = bytes(`{"credentials":[${Array(4096).fill(credential).join()}]}`)
    expect(file.length).toBeLessThan(MAX_JSON)
    expect(() => parseJson(file, { safeParse: () => ({ success: true, data: 1 }) } as never, 'file')).not.toThrow()
  })
})

describe('one caller leaves room for others', () => {
  it('body bytes that are only announced, and calls that only wait, count against a share', () => {
    const admission = createAdmission({ maxCalls: 8, maxBodyBytes: 1000 })
    const slow = Array.from({ length: 4 }, () => {
      const ticket = admission.enter()
      ticket.belongsTo('mallory')
      return ticket
    })
    expect(() => admission.enter().belongsTo('mallory')).toThrow('overloaded')
    slow[0]?.reserve(500)
    expect(() => slow[1]?.reserve(1)).toThrow('overloaded')
    const other = admission.enter()
    other.belongsTo('alice')
    expect(() => other.reserve(500)).not.toThrow()
    for (const ticket of slow) ticket.leave()
    const again = admission.enter()
    again.belongsTo('mallory')
    expect(() => again.reserve(500)).not.toThrow()
  })

  it('also over HTTP', async () => {
    let caller = 'mallory'
    const app = createCoordinatorApp({
      service: wholeKeySet([]).service,
      curves: nativeCurves,
      clientOf: () => ({ name: caller, credentials: [] }),
      metrics: createMetrics({ role: 'coordinator', name: 'test' }),
      log: logSink().log,
      info: { role: 'coordinator', version: '0', platform: 'test' },
      admission: { maxCalls: 100, maxBodyBytes: 2 * MAX_BODY_BYTES },
    })
    // Announces a whole body and sends nothing.
    const stalled = new ReadableStream<Uint8Array>({})
    const hold = app.request('/api/v1/sign', {
      ...post(''),
      headers: { 'content-type': 'application/json', 'content-length': String(MAX_BODY_BYTES) },
      body: stalled,
      duplex: 'half',
    } as RequestInit)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect((await app.request('/api/v1/sign', post({}))).status).toBe(503)
    caller = 'alice'
    expect((await app.request('/api/v1/sign', post({}))).status).toBe(400)
    void hold
  })
})

describe('a message is paid for by its length', () => {
  const g = gateway()

  // Measured before: 300 messages of 64 KiB in ten calls kept every user of a set from signing for ten seconds, for 300 calls' worth.
  it('so that one user’s longest messages do not take everybody’s hosts', async () => {
    let now = 0
    g.restart({ rateLimit: createRateLimit(100, () => now) })
    const bytes = (length: number) => `0x${'00'.repeat(length)}`
    const sign = (length: number, token?: string) => {
      const payload = { kind: 'message', bytes: bytes(length), hash: 'sha256' }
      return g.call('/api/v1/sign', post({ key_id: `key_${'0'.repeat(64)}`, payload }), token)
    }
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await sign(65_536)).status)
    // 33 calls' worth each: three are free, the fourth is paid afterwards, the fifth waits.
    expect(statuses).toEqual([404, 404, 404, 404, 429])
    expect((await sign(65_536, await g.token({ sub: 'bob' }))).status).toBe(404)
    now += 500
    expect((await sign(1)).status).toBe(404)
  })

  it('and whoever may make a call may make the largest batch', async () => {
    g.restart({ rateLimit: createRateLimit(10, () => 0) })
    const items = Array.from({ length: 256 }, () => ({}))
    expect((await g.call('/api/v1/sign/batch', post({ items }))).status).toBe(200)
    expect((await g.call('/api/v1/sign/batch', post({ items }))).status).toBe(429)
  })
})
