import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { createRateLimit } from '../../../src/host/gateway/rate-limit.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

describe('a rate limit', () => {
  let now = 0
  const refusal = (take: () => void): ApiProblem | undefined => {
    try {
      take()
      return undefined
    } catch (error) {
      return error as ApiProblem
    }
  }

  it('lets a second’s worth through at once, then as many as time gives back', () => {
    now = 0
    const take = createRateLimit(10, () => now)
    for (let i = 0; i < 10; i++) take('alice', 1)
    expect(refusal(() => take('alice', 1))).toMatchObject({ code: 'rate_limited', retryAfterMs: 100 })
    take('bob', 1)
    now = 100
    take('alice', 1)
    expect(refusal(() => take('alice', 1))).toBeInstanceOf(ApiProblem)
    now = 60_000
    for (let i = 0; i < 10; i++) take('alice', 1)
    expect(refusal(() => take('alice', 1))).toBeInstanceOf(ApiProblem)
  })

  it('takes a batch larger than itself when it is full, and is in debt afterwards', () => {
    now = 0
    const take = createRateLimit(10, () => now)
    take('alice', 30)
    now = 1_000
    expect(refusal(() => take('alice', 1))).toMatchObject({ retryAfterMs: 1100 })
    now = 2_100
    take('alice', 1)
  })

  it('remembers a bounded number of callers, the latest', () => {
    now = 0
    const take = createRateLimit(1, () => now)
    take('first', 1)
    for (let i = 0; i < 10_000; i++) take(`caller ${i}`, 1)
    expect(refusal(() => take('caller 9999', 1))).toBeInstanceOf(ApiProblem)
    take('first', 1)
  })
})

describe('on the gateway', () => {
  const g = gateway()

  it('it answers 429 with RateLimit and Retry-After, counts per user and counts a batch as its items', async () => {
    g.restart({ rateLimit: createRateLimit(4, () => 0) })
    const token = await g.token()
    const item = { key_id: `key_${'0'.repeat(64)}`, payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } }
    expect((await g.call('/api/v1/sign/batch', post({ items: [item, item, item] }), token)).status).toBe(200)
    expect((await g.call('/api/v1/keys', {}, token)).status).toBe(200)
    const refused = await g.call('/api/v1/keys', {}, token)
    expect(refused.headers.get('ratelimit')).toBe('"principal";r=0;t=1')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await g.problemOf(refused)).toMatchObject({ status: 429, code: 'rate_limited', retryable: true })
    expect((await g.call('/api/v1/keys', {}, await g.token({ sub: 'bob' }))).status).toBe(200)
  })
})
