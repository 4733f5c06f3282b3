import { describe, expect, it } from 'vitest'
import { ApiProblem, PROBLEM_CODES, PROBLEMS } from '../../../src/host/api/problem.ts'
import { SetState } from '../../../src/host/api/schemas.ts'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { coordinator, problemOf, wallet } from './coordinator.ts'
import { newRequestId, post, signing } from './requests.ts'

const c = coordinator()

describe('problems', () => {
  it.each(PROBLEM_CODES)('%s goes out as RFC 9457 says, with everything known about it', async (code) => {
    const requestId = newRequestId()
    c.app = c.appWith({
      service: {
        ...c.set.service,
        sign: async () => {
          throw new ApiProblem(code, 'a sentence', {
            requestId,
            retryAfterMs: 1500,
            errors: [{ pointer: '/a', reason: 'b' }],
            missing: ['signer-3'],
            culprits: ['signer-2'],
            cause: new Error('of another layer'),
          })
        },
      },
    })
    const answer = await c.app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(c.set.audience, { id: `key_${'0'.repeat(64)}` }))),
    )
    const { title, status, retryable, outcome } = PROBLEMS[code]
    expect(await problemOf(answer)).toEqual({
      type: `/docs#problem-${code}`,
      title,
      status,
      detail: 'a sentence',
      code,
      request_id: requestId,
      retryable,
      retry_after_ms: 1500,
      errors: [{ pointer: '/a', reason: 'b' }],
      missing: ['signer-3'],
      culprits: ['signer-2'],
      outcome,
    })
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.headers.get('ratelimit')).toBe(code === 'rate_limited' ? '"principal";r=0;t=2' : null)
  })

  it.each([
    [new RequestError('payload_invalid', 'a digest has 32 bytes', '/payload/digest'), 'payload_invalid'],
    [new RequestError('request_expired', 'the request has expired', '/expires_at'), 'request_expired'],
    [new PeerError('unreachable', 'coordinator', 'ECONNREFUSED'), 'quorum_unavailable'],
    [new PeerError('timeout', 'coordinator', 'DEADLINE'), 'quorum_unavailable'],
    [new PeerError('identity', 'coordinator', 'CERTIFICATE'), 'quorum_unavailable'],
    [new PeerError('bad_response', 'coordinator', 'HTTP_502', 502), 'quorum_unavailable'],
    [new PeerError('aborted', 'coordinator', 'TOO_MANY_CALLS'), 'overloaded'],
  ])('%s becomes %s', async (error, code) => {
    c.app = c.appWith({ service: { ...c.set.service, getSignature: () => Promise.reject(error) } })
    const problem = await problemOf(await c.app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`))
    expect(problem['code']).toBe(code)
    // A GET releases nothing, so it has no outcome.
    expect(problem).not.toHaveProperty('outcome')
    expect(JSON.stringify(problem)).not.toMatch(/ECONN|HTTP_502|DEADLINE/)
  })

  it('of unknown origin say nothing, and the log has them under the same id', async () => {
    const bug = new Error('password is hunter2')
    const told: unknown[] = []
    c.app = c.appWith({
      service: { ...c.set.service, sign: () => Promise.reject(bug) },
      onUnexpected: (error) => told.push(error),
    })
    const answer = await c.app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(c.set.audience, { id: `key_${'0'.repeat(64)}` }))),
    )
    const text = await answer.clone().text()
    const problem = await problemOf(answer)
    expect(problem).toMatchObject({ status: 500, code: 'internal', outcome: 'unknown' })
    expect(text).not.toContain('hunter2')
    const id = answer.headers.get('x-request-id')
    expect(problem['request_id']).toBe(id)
    expect(c.sink.lines().find((line) => line['msg'] === 'call failed')).toMatchObject({ reqId: id, level: 50 })
    expect(told).toEqual([bug])
  })
})

describe('every answer', () => {
  it('has an id, which is in the access log with the caller', async () => {
    for (const path of ['/api/v1/set', '/api/v1/keys?limit=x', '/nowhere', '/health', '/openapi.json']) {
      const answer = await c.app.request(path)
      const line = c.sink.lines().findLast((l) => l['msg'] === 'call')
      expect(line).toMatchObject({
        reqId: answer.headers.get('x-request-id'),
        method: 'GET',
        path: path.split('?')[0],
        status: answer.status,
      })
    }
    expect(c.sink.lines()[0]).toMatchObject({ caller: 'wallet-server' })
  })

  it('is 503 at once when too many calls are open, but never for /health', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    c.app = c.appWith({
      admission: { maxCalls: 1, maxBodyBytes: 1000 },
      service: {
        ...c.set.service,
        getSignature: (id, who, waitMs) => held.then(() => c.set.service.getSignature(id, who, waitMs)),
      },
    })
    const waiting = c.app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`)
    const refused = await c.app.request('/api/v1/set')
    expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'overloaded', retry_after_ms: 1000 })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await c.app.request('/health')).status).toBe(200)
    release()
    await waiting
    expect((await c.app.request('/api/v1/set')).status).toBe(200)
    // The bytes that calls hold are bounded too, and come back.
    const body = post({}, { 'content-length': '1001' })
    expect(await problemOf(await c.app.request('/api/v1/sign', body))).toMatchObject({ code: 'overloaded' })
    expect(await problemOf(await c.app.request('/api/v1/sign', post({}, { 'content-length': '2' })))).toMatchObject({
      code: 'malformed_request',
    })
  })
})

describe('operations', () => {
  it('set, health, ready and metrics', async () => {
    const state = SetState.parse(await (await c.app.request('/api/v1/set')).json())
    expect(state.signers.map(({ name, state: s, rtt_ms }) => [name, s, rtt_ms])).toEqual([
      ['signer-1', 'up', 0.4],
      ['signer-2', 'up', 0.4],
      ['signer-3', 'down', null],
    ])
    expect(await (await c.app.request('/health')).json()).toEqual({
      status: 'ok',
      role: 'coordinator',
      version: '0.1.0',
      platform: 'test',
    })
    expect(await (await c.app.request('/ready')).json()).toEqual({ status: 'ready' })
    c.set.bend.ready = false
    expect(await problemOf(await c.app.request('/ready'))).toMatchObject({ status: 503, code: 'quorum_unavailable' })
    await c.app.request(`/api/v1/keys/key_${'0'.repeat(64)}`)
    const metrics = await (await c.app.request('/metrics')).text()
    expect(metrics).toContain('route="/api/v1/keys/:id"')
    // With its prefix: a sum of fractions of a second has zeros of its own.
    expect(metrics).not.toContain('key_0000000000')
  })
})
