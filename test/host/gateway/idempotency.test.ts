import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Signature } from '../../../src/host/api/schemas.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()
const digest = () => ({ kind: 'digest', digest: `0x${randomBytes(32).toString('hex')}` })

describe('idempotency', () => {
  it('sends the very same bytes for the same request, before and after a restart', async () => {
    const key = await g.newKey()
    const body = { key_id: key.id, payload: digest(), request_id: 'req_once' }
    const first = await (await g.call('/api/v1/sign', post(body))).json()
    g.ahead = 5_000
    // Another wait and another spelling are the same request.
    expect(await (await g.call('/api/v1/sign', post({ ...body, wait_ms: 7, path: 'm' }))).json()).toEqual(first)
    g.restart()
    const upper = { kind: 'digest', digest: body.payload.digest.toUpperCase().replace('0X', '0x') }
    expect(await (await g.call('/api/v1/sign', post({ ...body, payload: upper }))).json()).toEqual(first)
    const [, a, b, c] = g.set.received
    expect(b).toEqual(a)
    expect(c).toEqual(a)
  })

  it('refuses other content under the same id before anything is sent', async () => {
    const [key, other] = [await g.newKey(), await g.newKey()]
    const body = { key_id: key.id, payload: digest(), request_id: 'req_once' }
    await g.call('/api/v1/sign', post(body))
    const before = g.set.received.length
    for (const changed of [
      { ...body, payload: digest() },
      { ...body, key_id: other.id },
      { ...body, payload: { kind: 'message', bytes: '0x', hash: 'sha256' } },
    ]) {
      const problem = await g.problemOf(await g.call('/api/v1/sign', post(changed)))
      expect(problem).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none', request_id: 'req_once' })
    }
    const keygen = await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', request_id: 'req_once' }))
    expect(await g.problemOf(keygen)).toMatchObject({ code: 'request_replayed' })
    expect(g.set.received).toHaveLength(before)
  })

  it('keeps the request on the disk before it is sent, so that a lost answer can be had again', async () => {
    const key = await g.newKey()
    const { peer } = g
    let stored = false
    g.peer = {
      request: async (request) => {
        stored = g.store.getRequest(JSON.stringify(['jwt', 'tenant', 'acme', 'alice']), 'req_lost') !== undefined
        await peer.request(request)
        throw new PeerError('unreachable', 'coordinator', 'ECONNRESET')
      },
    }
    const body = post({ key_id: key.id, payload: digest(), request_id: 'req_lost' })
    expect(await g.problemOf(await g.call('/api/v1/sign', body))).toMatchObject({ outcome: 'unknown', request_id: 'req_lost' })
    expect(stored).toBe(true)
    g.peer = peer
    g.restart()
    expect(Signature.parse(await (await g.call('/api/v1/sign', body)).json()).state).toBe('signed')
    expect(g.set.received[2]).toEqual(g.set.received[1])
  })

  it('counts ids per user: the same id of two users is two requests', async () => {
    const bob = await g.token({ sub: 'bob' })
    const key = await g.newKey()
    const body = (payload: unknown) => post({ key_id: key.id, payload, request_id: 'req_1' })
    expect((await g.call('/api/v1/sign', body(digest()))).status).toBe(200)
    expect((await g.call('/api/v1/sign', body(digest()), bob)).status).toBe(200)
    const [, a, b] = g.set.received.map((bytes) => parseDocument(bytes).requestId)
    expect(a).not.toBe(b)
  })

  it('sends a request that expired meanwhile all the same, and lets the set say so', async () => {
    const key = await g.newKey()
    g.ahead = -3_600_000
    const body = post({ key_id: key.id, payload: digest(), request_id: 'req_old' })
    const late = await g.call('/api/v1/sign', body)
    expect(await g.problemOf(late)).toMatchObject({ status: 410, code: 'request_expired' })
    g.ahead = 0
    expect(await g.problemOf(await g.call('/api/v1/sign', body))).toMatchObject({ code: 'request_expired' })
    expect(g.set.received[2]).toEqual(g.set.received[1])
  })

  it('takes an Idempotency-Key for a request id, if both agree', async () => {
    const key = await g.newKey()
    const body = { key_id: key.id, payload: digest() }
    const ids: unknown[] = []
    for (const header of [
      '4f2b8a80-7d0e-4a55-9d0c-2a6f0d7f0e11',
      'req_4f2b8a80-7d0e-4a55-9d0c-2a6f0d7f0e11',
      '"4f2b8a80-7d0e-4a55-9d0c-2a6f0d7f0e11"',
    ]) {
      const answer = await g.call('/api/v1/sign', post(body, { 'idempotency-key': header }))
      ids.push(Signature.parse(await answer.json()).request_id)
    }
    expect(new Set(ids)).toEqual(new Set(['req_4f2b8a80-7d0e-4a55-9d0c-2a6f0d7f0e11']))
    expect((await g.call('/api/v1/sign', post({ ...body, request_id: 'req_a' }, { 'idempotency-key': 'a' }))).status).toBe(200)
    for (const [header, request_id] of [
      ['b', 'req_a'],
      ['a b', undefined],
      ['x'.repeat(65), undefined],
      ['', undefined],
    ] as const) {
      const answer = await g.call(
        '/api/v1/sign',
        post({ ...body, ...(request_id && { request_id }) }, { 'idempotency-key': header }),
      )
      expect(await g.problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: 'header/idempotency-key' }] })
    }
  })
})
