import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { KeyBatch, MAX_BATCH_KEYS } from '../../../src/host/gateway/schemas.ts'
import { post } from '../api/requests.ts'
import { sleep, until } from '../set/until.ts'
import { batchesOf, keyOf, positions, some, upTo } from './batches.ts'
import { gateway } from './harness.ts'

const g = gateway()
const { ask, begin, done, existing, read, through } = batchesOf(g)

describe('a batch of keys', () => {
  it('is taken on at once, made in the background, and shows keys as they are', async () => {
    const items = [
      { scheme: 'ecdsa-secp256k1', count: 3, label: 'hot' },
      { scheme: 'eddsa-ed25519' },
      { scheme: 'schnorr-secp256k1', count: 2, threshold: 3 },
    ]
    const answer = await ask({ items, request_id: 'req_many' })
    expect(answer.status).toBe(202)
    expect(answer.headers.get('idempotency-key')).toBe('req_many')
    const taken = KeyBatch.parse(await answer.json())
    expect(taken).toMatchObject({ request_id: 'req_many', state: 'running', total: 6, failed: 0, ended_at: null })
    expect(answer.headers.get('location')).toBe(`/api/v1/keys/batch/${taken.id}`)
    const batch = await done(taken.id)
    expect(batch).toMatchObject({
      id: taken.id,
      state: 'done',
      total: 6,
      made: 6,
      failed: 0,
      keys_per_second: null,
      next_cursor: null,
    })
    expect(positions(batch)).toEqual(upTo(6))
    for (const item of batch.items) {
      const key = keyOf(item)
      const wish = [items[0], items[0], items[0], items[1], items[2], items[2]][item.position]
      expect(key).toMatchObject({
        scheme: wish?.scheme,
        label: wish?.label ?? null,
        threshold: wish?.threshold ?? 2,
        state: 'active',
      })
      expect(await (await g.call(`/api/v1/keys/${key.id}`)).json()).toEqual(key)
    }
  })

  it('is waited for if asked: 200 with its keys', async () => {
    const answer = await ask({ items: some(3), wait_ms: 20_000 })
    expect(answer.status).toBe(200)
    const batch = KeyBatch.parse(await answer.json())
    expect(batch.state).toBe('done')
    expect(positions(batch)).toEqual([0, 1, 2])
    expect(answer.headers.get('idempotency-key')).toMatch(/^req_[0-9a-f]{32}$/)
    // No longer than asked for.
    through(() => () => new Promise(() => {}))
    expect((await ask({ items: some(1), wait_ms: 50 })).status).toBe(202)
  })

  it('is paged in the order in which its keys were made, so that nothing is missed while it runs', async () => {
    const release: (() => void)[] = []
    through((send) => async (request) => {
      await new Promise<void>((resolve) => void release.push(resolve))
      return send(request)
    })
    const { id } = await begin({ items: some(7) })
    const seen: number[] = []
    let cursor = ''
    for (let made = 1; made <= 7; made++) {
      await until('asked', () => release.length > 0)
      // The later of two first.
      release.pop()?.()
      await until('made', async () => (await read(id)).made === made)
      const page = await read(id, `?limit=2${cursor}`)
      if (page.next_cursor === null) continue
      seen.push(...page.items.map(({ position }) => position))
      cursor = `&cursor=${page.next_cursor}`
    }
    const last = await read(id, `?limit=200${cursor}`)
    seen.push(...last.items.map(({ position }) => position))
    expect(last.state).toBe('done')
    expect(seen).not.toEqual(upTo(7))
    expect(seen.sort()).toEqual(upTo(7))
  })

  it('tells how fast it goes and how long it will take', async () => {
    through((send) => async (request) => {
      await sleep(60)
      return send(request)
    })
    const { id } = await begin({ items: some(20) })
    await until('half', async () => (await read(id)).made >= 6)
    const { keys_per_second, remaining_ms, made } = await read(id, '?limit=1')
    // Four at a time, 60 ms and more each.
    expect(keys_per_second).toBeGreaterThan(1)
    expect(keys_per_second).toBeLessThan(67)
    expect(remaining_ms).toBeGreaterThan(((20 - made - 1) * 1000) / 67)
  })

  it('keeps a few keys under way and no more, with several batches each in turn', async () => {
    let [now, most] = [0, 0]
    through((send) => async (request) => {
      most = Math.max(most, ++now)
      await sleep(5)
      now -= 1
      return send(request)
    })
    const batches = [await begin({ items: some(30) }), await begin({ items: some(10) })]
    const [long, short] = [batches[0]?.id as string, batches[1]?.id as string]
    await done(short)
    const { made } = await read(long)
    expect(most).toBe(4)
    expect(made).toBeGreaterThan(5)
    expect(made).toBeLessThan(20)
  })
})

it('beside signatures keys are made one at a time', async () => {
  let [now, most] = [0, 0]
  through((send) => async (request) => {
    most = Math.max(most, ++now)
    await sleep(2)
    now -= 1
    return send(request)
  })
  g.signing = true
  await begin({ items: some(6), wait_ms: 20_000 })
  expect(most).toBe(1)
  g.signing = false
  await begin({ items: some(6), wait_ms: 20_000 })
  expect(most).toBe(4)
})

describe('the same request id', () => {
  it('with the same content is the same batch, with other content a conflict', async () => {
    const body = { items: some(4), request_id: 'req_one', wait_ms: 20_000 }
    const first = await begin(body)
    const same = [{ scheme: 'eddsa-ed25519', count: 4, threshold: 2 }]
    for (const again of [body, { ...body, wait_ms: 0 }, { ...body, items: same }]) expect(await begin(again)).toEqual(first)
    const header = await g.call('/api/v1/keys/batch', post({ items: some(4) }, { 'idempotency-key': 'one' }))
    expect(KeyBatch.parse(await header.json()).id).toBe(first.id)
    for (const items of [some(5), [{ ...some(4)[0], label: 'x' }], [...some(3), ...some(1)]]) {
      const problem = await g.problemOf(await ask({ ...body, items }))
      expect(problem).toMatchObject({ status: 409, code: 'request_replayed', request_id: 'req_one', outcome: 'none' })
    }
    expect(existing()).toHaveLength(4)
    // Another user's is another one.
    expect((await begin(body, await g.token({ sub: 'bob' }))).id).not.toBe(first.id)
  })

  it('is one among all requests of a user', async () => {
    const { items } = await begin({ items: some(1), request_id: 'req_batch', wait_ms: 20_000 })
    const { id } = keyOf(items[0])
    await g.call('/api/v1/keys', post({ scheme: 'eddsa-ed25519', request_id: 'req_key' }))
    const payload = { kind: 'message', bytes: '0x00' }
    for (const answer of [
      await ask({ items: some(1), request_id: 'req_key' }),
      await g.call('/api/v1/keys', post({ scheme: 'eddsa-ed25519', request_id: 'req_batch' })),
      await g.call('/api/v1/sign', post({ key_id: id, payload, request_id: 'req_batch' })),
      await g.call(`/api/v1/keys/${id}/freeze`, post({ request_id: 'req_batch' })),
    ]) {
      expect(await g.problemOf(answer)).toMatchObject({ status: 409, code: 'request_replayed' })
    }
  })

  it('sent many times at once makes one batch', async () => {
    const body = { items: some(5), request_id: 'req_crowd' }
    const ids = new Set((await Promise.all(upTo(20).map(() => begin(body)))).map(({ id }) => id))
    expect(ids.size).toBe(1)
    await done([...ids][0] as string)
    expect(existing()).toHaveLength(5)
  })
})

describe('a key of a batch that cannot be made', () => {
  it('is a problem of its own, and costs the others nothing', async () => {
    g.set.bend.refuse = ({ reference }) =>
      reference === 'req_some/1' ? new ApiProblem('policy_denied', 'not this one') : undefined
    const batch = await begin({ items: some(4), request_id: 'req_some', wait_ms: 20_000 })
    expect(batch).toMatchObject({ state: 'done', made: 3, failed: 1 })
    const [failed] = batch.items.filter((item) => 'problem' in item)
    expect(failed).toMatchObject({ position: 1, status: 403, problem: { code: 'policy_denied', outcome: 'none' } })
    g.restart()
    expect((await done(batch.id)).items.filter((item) => 'problem' in item)).toMatchObject([
      { position: 1, problem: { code: 'policy_denied' } },
    ])
  })

  it('for nobody’s reason is given up after a few tries, and the host is told', async () => {
    g.set.bend.key = (view) => ({ ...view, id: 'key_none', certificate: '' })
    const batch = await begin({ items: some(1), wait_ms: 300 })
    expect(batch).toMatchObject({ state: 'running', made: 0 })
    g.set.bend.key = (view) => view
    expect(await done(batch.id)).toMatchObject({ state: 'done', made: 1 })
    g.peer = { request: () => Promise.reject(new TypeError('a bug')) }
    const other = await begin({ items: some(1), wait_ms: 20_000 })
    expect(other).toMatchObject({
      state: 'done',
      failed: 1,
      items: [{ status: 500, problem: { code: 'internal', outcome: 'unknown' } }],
    })
    expect(g.unexpected).toHaveLength(3)
  })

  it('is never shown unless all signers stand for it', async () => {
    g.set.bend.certify = (key) => ({ ...key, requestHash: new Uint8Array(32) })
    const batch = await begin({ items: some(2), wait_ms: 300 })
    expect(batch).toMatchObject({ made: 0, items: [] })
  })
})

describe('batches', () => {
  it('are shown to who asked for them, and are nobody else’s', async () => {
    const { id } = await begin({ items: some(1), wait_ms: 20_000 })
    const others = [
      await g.token({ sub: 'bob' }),
      await g.token({ sub: 'alice', tenant: 'other' }),
      await g.token({ tenant: undefined }),
    ]
    for (const token of others) {
      const theirs = await g.problemOf(await g.call(`/api/v1/keys/batch/${id}`, {}, token))
      const nobodys = await g.problemOf(await g.call(`/api/v1/keys/batch/op_${'0'.repeat(32)}`, {}, token))
      expect({ ...theirs, request_id: '' }).toEqual({ ...nobodys, request_id: '' })
      expect(theirs).toMatchObject({ status: 404, code: 'not_found' })
    }
    const reader = await g.token({}, 'sign')
    expect((await g.call(`/api/v1/keys/batch/${id}`, {}, reader)).status).toBe(403)
    expect((await ask({ items: some(1) }, await g.token({}, 'keys:read'))).status).toBe(403)
  })

  it('are so many at a time for a tenant; the same one again is not one more', async () => {
    through(() => () => new Promise(() => {}))
    for (const i of upTo(4)) await begin({ items: some(2), request_id: `req_${i}` })
    for (const sub of ['alice', 'bob']) {
      const problem = await g.problemOf(await ask({ items: some(2) }, await g.token({ sub })))
      expect(problem).toMatchObject({ status: 503, code: 'overloaded', outcome: 'none', retryable: true })
    }
    await begin({ items: some(2), request_id: 'req_3' })
    await begin({ items: some(2) }, await g.token({ tenant: 'other' }))
    // Also when they come together.
    const token = await g.token({ tenant: 'third' })
    const statuses = (await Promise.all(upTo(9).map(() => ask({ items: some(1) }, token)))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 202)).toHaveLength(4)
  })

  it.each([
    [{}, '/items'],
    [{ items: [] }, '/items'],
    [{ items: [{ scheme: 'rsa' }] }, '/items/0/scheme'],
    [{ items: some(MAX_BATCH_KEYS + 1) }, '/items/0/count'],
    [{ items: [...some(MAX_BATCH_KEYS), ...some(1)] }, '/items'],
    [{ items: some(0) }, '/items/0/count'],
    [{ items: [{ scheme: 'eddsa-ed25519', threshold: 4 }] }, '/items/0/threshold'],
    [{ items: [{ scheme: 'eddsa-ed25519', label: 'a\u202eb' }] }, '/items/0/label'],
    [{ items: some(1), request_id: 'mine' }, '/request_id'],
    [{ items: some(1), wait_ms: 30_001 }, '/wait_ms'],
    [{ items: some(1), count: 1 }, ''],
  ])('%j is malformed at %s', async (body, pointer) => {
    const problem = await g.problemOf(await ask(body))
    expect(problem).toMatchObject({ status: 400, code: 'malformed_request', errors: [{ pointer }] })
    expect(g.set.received).toEqual([])
  })

  it.each(['?cursor=x', '?cursor=-1', '?limit=201', '?limit=0', '?wait_ms=30001', '?more=1'])(
    '%s is malformed',
    async (query) => {
      const { id } = await begin({ items: some(1), wait_ms: 20_000 })
      expect(await g.problemOf(await g.call(`/api/v1/keys/batch/${id}${query}`))).toMatchObject({ code: 'malformed_request' })
      expect((await g.call('/api/v1/keys/batch/op_1')).status).toBe(400)
    },
  )

  it('count as so many calls as they have keys', async () => {
    const costs: number[] = []
    g.restart({ rateLimit: (_principal, cost) => void costs.push(cost) })
    await begin({ items: some(7), wait_ms: 20_000 })
    expect(costs).toEqual([1, 6])
  })
})
