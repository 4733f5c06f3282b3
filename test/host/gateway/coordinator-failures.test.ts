import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()
const digest = () => ({ kind: 'digest', digest: `0x${randomBytes(32).toString('hex')}` })

describe('failures of the coordinator', () => {
  it.each([
    ['unreachable', 'ECONNREFUSED', 503, 'quorum_unavailable', 'unknown'],
    ['timeout', 'DEADLINE', 503, 'quorum_unavailable', 'unknown'],
    ['identity', 'CERTIFICATE', 503, 'quorum_unavailable', 'none'],
    ['bad_response', 'HPE_INVALID', 503, 'quorum_unavailable', 'unknown'],
    ['aborted', 'TOO_MANY_CALLS', 503, 'overloaded', 'unknown'],
  ] as const)('%s (%s)', async (kind, code, status, becomes, outcome) => {
    const key = await g.newKey()
    g.peer = { request: () => Promise.reject(new PeerError(kind, 'coordinator', code)) }
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest(), request_id: 'req_lost' }))
    expect(answer.headers.get('retry-after')).toBe('1')
    const problem = await g.problemOf(answer)
    expect(problem).toMatchObject({ status, code: becomes, outcome, retryable: true, request_id: 'req_lost' })
    expect(JSON.stringify(problem)).not.toContain(code)
  })

  it('keep code, names and outcome, and lose their text', async () => {
    const key = await g.newKey()
    g.set.bend.refuse = () =>
      new ApiProblem('quorum_unavailable', 'secret of another layer', {
        missing: ['signer-3', 'signer-2', 'no <name>'],
        culprits: ['signer-1'],
        retryAfterMs: 2500,
        outcome: 'none',
      })
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest(), request_id: 'req_q' }))
    const text = await answer.clone().text()
    expect(await g.problemOf(answer)).toMatchObject({
      status: 503,
      code: 'quorum_unavailable',
      missing: ['signer-3', 'signer-2'],
      culprits: ['signer-1'],
      retry_after_ms: 2500,
      outcome: 'none',
      request_id: 'req_q',
    })
    expect(text).not.toContain('another layer')
  })

  it.each([
    ['authentication_failed', 500, 'internal'],
    ['malformed_request', 500, 'internal'],
    ['policy_denied', 403, 'policy_denied'],
    ['request_expired', 410, 'request_expired'],
    ['idempotency_in_flight', 409, 'idempotency_in_flight'],
    ['engine_unavailable', 422, 'engine_unavailable'],
    ['protocol_abort', 500, 'protocol_abort'],
    ['signing_timeout', 504, 'signing_timeout'],
    ['overloaded', 503, 'overloaded'],
  ] as const)('%s becomes %i %s', async (code, status, becomes) => {
    const key = await g.newKey()
    g.set.bend.refuse = () => new ApiProblem(code, 'x')
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest() }))
    expect(await g.problemOf(answer)).toMatchObject({ status, code: becomes })
  })

  it.each([
    ['no JSON', 200, '<html>'],
    ['a failure that is no problem', 502, '{"message":"bad gateway"}'],
    ['a code nobody knows', 418, '{"code":"teapot"}'],
    ['a code that is a member of every object', 418, '{"code":"constructor"}'],
  ])('%s is quorum_unavailable', async (_what, status, body) => {
    const key = await g.newKey()
    g.peer = { request: async () => ({ status, headers: {}, body: new TextEncoder().encode(body) }) }
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest() }))
    expect(await g.problemOf(answer)).toMatchObject({ code: 'quorum_unavailable', outcome: 'unknown' })
  })
})
