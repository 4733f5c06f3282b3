import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { BatchResult, Signature } from '../../../src/host/api/schemas.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()
const digest = () => ({ kind: 'digest', digest: `0x${randomBytes(32).toString('hex')}` })
const bytesOf = (text: string | null | undefined) => Buffer.from((text ?? '').slice(2), 'hex')

describe('a signature', () => {
  it('comes back verified, under the names that the user knows', async () => {
    const key = await g.newKey()
    const payload = digest()
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, path: 'm', payload, request_id: 'req_pay-1' }))
    expect(answer.status).toBe(200)
    const view = Signature.parse(await answer.json())
    expect(view).toMatchObject({
      request_id: 'req_pay-1',
      state: 'signed',
      key_id: key.id,
      path: 'm',
      public_key: key.public_key,
      digest: payload.digest,
    })
    const { r, s } = view.signature as { r: string; s: string }
    expect(secp256k1.verify(bytesOf(r + s.slice(2)), bytesOf(payload.digest), bytesOf(key.public_key), { prehash: false })).toBe(
      true,
    )
    const again = await g.call(`/api/v1/signatures/${view.id}`)
    expect(await again.json()).toEqual(view)
  })

  it('of a message is one of the hash that was named; Ed25519 signs the message itself', async () => {
    const ecdsa = await g.newKey()
    const message = { kind: 'message', bytes: '0x68656c6c6f' }
    const hashed = Signature.parse(
      await (await g.call('/api/v1/sign', post({ key_id: ecdsa.id, payload: { ...message, hash: 'sha256' } }))).json(),
    )
    expect(hashed.digest).toBe('0x2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
    const solana = await g.newKey('eddsa-ed25519')
    const plain = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: solana.id, payload: message }))).json())
    expect(plain.digest).toBeNull()
    expect(ed25519.verify(bytesOf(plain.signature?.serialized), bytesOf(message.bytes), bytesOf(solana.public_key))).toBe(true)
  })

  it('that is not ready is 202, with its place', async () => {
    const key = await g.newKey()
    g.set.bend.signature = (view) => ({ ...view, state: 'pending_signing', signature: null })
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest(), wait_ms: 0 }))
    expect(answer.status).toBe(202)
    const place = answer.headers.get('location') as string
    const pending = Signature.parse(await answer.json())
    expect(pending).toMatchObject({ state: 'pending_signing', signature: null })
    expect(place).toBe(`/api/v1/signatures/${pending.id}`)
    g.set.bend.signature = (view) => view
    expect(Signature.parse(await (await g.call(`${place}?wait_ms=10`)).json())).toMatchObject({ id: pending.id, state: 'signed' })
  })

  it('is shown only to the one who asked for it', async () => {
    const key = await g.newKey()
    const view = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest() }))).json())
    for (const claims of [{ sub: 'bob' }, { sub: 'bob', tenant: 'other' }]) {
      const answer = await g.call(`/api/v1/signatures/${view.id}`, {}, await g.token(claims))
      expect(await g.problemOf(answer)).toMatchObject({ status: 404, code: 'not_found' })
    }
  })
})

describe('a signature that does not verify never gets out', () => {
  const bends: [string, Parameters<typeof Object.assign>[0] & object][] = [
    ['another signature', { compact: new Uint8Array(64).fill(1) }],
    ['the other parity', {}],
  ]
  it.each(bends)('%s', async (what, change) => {
    const key = await g.newKey()
    g.set.bend.signature = (view) => {
      if (view.signature?.scheme !== 'ecdsa-secp256k1') throw new Error('an ECDSA signature was expected')
      const { recovery } = view.signature
      return { ...view, signature: { ...view.signature, ...(what === 'the other parity' ? { recovery: recovery ^ 1 } : change) } }
    }
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest(), request_id: 'req_b' }))
    expect(await g.problemOf(answer)).toMatchObject({
      status: 500,
      code: 'protocol_abort',
      outcome: 'unknown',
      request_id: 'req_b',
    })
    const batch = await g.call('/api/v1/sign/batch', post({ items: [{ key_id: key.id, payload: digest() }] }))
    expect(BatchResult.parse(await batch.json()).items).toMatchObject([{ status: 500, problem: { code: 'protocol_abort' } }])
    expect(g.sink.lines()).toContainEqual(expect.objectContaining({ code: 'protocol_abort', level: 40 }))
  })

  it('one for another digest, also when it is read later', async () => {
    const key = await g.newKey()
    const first = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest() }))).json())
    const second = await g.call('/api/v1/sign', post({ key_id: key.id, payload: digest() }))
    const { id } = Signature.parse(await second.json())
    const stolen = bytesOf(first.signature?.serialized)
    g.set.bend.signature = (view) => ({
      ...view,
      signature: {
        scheme: 'ecdsa-secp256k1',
        compact: new Uint8Array(stolen.subarray(0, 64)),
        recovery: (stolen[64] as number) - 27,
      },
    })
    expect(await g.problemOf(await g.call(`/api/v1/signatures/${id}`))).toMatchObject({ code: 'protocol_abort' })
  })

  it.each(['eddsa-ed25519', 'schnorr-secp256k1'] as const)('%s, a byte changed', async (scheme) => {
    const key = await g.newKey(scheme)
    g.set.bend.signature = (view) => {
      const compact = Uint8Array.from(view.signature?.compact ?? [])
      compact[40] = (compact[40] as number) ^ 1
      return { ...view, signature: { scheme, compact } }
    }
    const payload = scheme === 'eddsa-ed25519' ? { kind: 'message', bytes: '0x01' } : digest()
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload }))
    expect(await g.problemOf(answer)).toMatchObject({ code: 'protocol_abort' })
  })
})

describe('payloads', () => {
  it.each([
    [{ kind: 'digest', digest: `0x${'11'.repeat(31)}` }, 422, 'payload_invalid', '/payload/digest'],
    [{ kind: 'digest', digest: `0x${'11'.repeat(33)}` }, 422, 'payload_invalid', '/payload/digest'],
    [{ kind: 'digest', digest: '0x' }, 422, 'payload_invalid', '/payload/digest'],
    [{ kind: 'digest', digest: `0x${'00'.repeat(32)}` }, 422, 'payload_invalid', '/payload/digest'],
    [{ kind: 'digest', digest: '11'.repeat(32) }, 400, 'malformed_request', '/payload/digest'],
    [{ kind: 'digest' }, 400, 'malformed_request', '/payload/digest'],
    [{ kind: 'message', bytes: '0x00' }, 422, 'payload_invalid', '/payload/hash'],
    [{ kind: 'message', bytes: '0x00', hash: 'md5' }, 400, 'malformed_request', '/payload/hash'],
    [{ kind: 'message', bytes: `0x${'00'.repeat(65_537)}`, hash: 'sha256' }, 413, 'payload_too_large', '/payload/bytes'],
    [{ kind: 'evm_transaction', bytes: '0x00' }, 422, 'payload_invalid', '/payload/kind'],
  ])('%# ends as it should', async (payload, status, code, pointer) => {
    const key = await g.newKey()
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, payload }))
    expect(await g.problemOf(answer)).toMatchObject({ status, code, errors: [{ pointer }], outcome: 'none' })
    expect(g.set.received).toHaveLength(1)
  })

  it('digests need the scope digest, and Ed25519 has none', async () => {
    const key = await g.newKey()
    const answer = await g.call(
      '/api/v1/sign',
      post({ key_id: key.id, payload: digest() }),
      await g.token({}, 'keys:read keys:write sign'),
    )
    expect(await g.problemOf(answer)).toMatchObject({ status: 403, code: 'raw_digest_forbidden', outcome: 'none' })
    const solana = await g.newKey('eddsa-ed25519')
    expect(await g.problemOf(await g.call('/api/v1/sign', post({ key_id: solana.id, payload: digest() })))).toMatchObject({
      code: 'payload_invalid',
    })
  })

  it('other paths than m do not exist yet', async () => {
    const key = await g.newKey()
    const answer = await g.call('/api/v1/sign', post({ key_id: key.id, path: 'm/0/7', payload: digest(), request_id: 'req_p' }))
    expect(await g.problemOf(answer)).toMatchObject({ status: 422, code: 'path_unsupported', request_id: 'req_p' })
  })
})

describe('a batch', () => {
  it('answers item by item, in order, and forwards what can be signed in one call', async () => {
    const [key, solana] = [await g.newKey(), await g.newKey('eddsa-ed25519')]
    const calls: string[] = []
    const { peer } = g
    g.peer = {
      request: (request) => {
        calls.push(request.path)
        return peer.request(request)
      },
    }
    const twice = { key_id: key.id, payload: digest(), request_id: 'req_twice' }
    const items = [
      { key_id: key.id, payload: digest(), request_id: 'req_0' },
      { key_id: `key_${'0'.repeat(64)}`, payload: digest(), request_id: 'req_1' },
      { key_id: solana.id, payload: { kind: 'message', bytes: '0x01' }, request_id: 'req_2' },
      { key_id: key.id, payload: { kind: 'nonsense' } },
      { key_id: key.id, payload: digest(), path: 'm/1' },
      twice,
      twice,
      { ...twice, payload: digest() },
      7,
    ]
    const answer = await g.call('/api/v1/sign/batch', post({ items }))
    expect(answer.status).toBe(200)
    const result = BatchResult.parse(await answer.json()).items
    expect(result.map(({ status }) => status)).toEqual([200, 404, 200, 422, 422, 200, 200, 409, 400])
    expect(result[0]).toMatchObject({ signature: { request_id: 'req_0', key_id: key.id } })
    expect(result[1]).toMatchObject({ problem: { code: 'key_not_found', request_id: 'req_1' } })
    expect(result[2]).toMatchObject({ signature: { request_id: 'req_2', key_id: solana.id } })
    expect(result[3]).toMatchObject({ problem: { code: 'payload_invalid', errors: [{ pointer: '/items/3/payload/kind' }] } })
    expect(result[4]).toMatchObject({ problem: { code: 'path_unsupported' } })
    expect(result[6]).toEqual(result[5])
    expect(result[7]).toMatchObject({ problem: { code: 'request_replayed', request_id: 'req_twice' } })
    expect(calls).toEqual(['/api/v1/sign/batch?wait_ms=5000'])
  })

  it('of 256 items works, of 257 does not', async () => {
    const key = await g.newKey('eddsa-ed25519')
    const items = Array.from({ length: 257 }, (_, i) => ({
      key_id: key.id,
      payload: { kind: 'message', bytes: `0x${i.toString(16).padStart(4, '0')}` },
    }))
    const answer = await g.call('/api/v1/sign/batch', post({ items: items.slice(1) }))
    const result = BatchResult.parse(await answer.json()).items
    expect(result).toHaveLength(256)
    expect(new Set(result.map((item) => ('signature' in item ? item.signature.id : '')).values()).size).toBe(256)
    expect(await g.problemOf(await g.call('/api/v1/sign/batch', post({ items })))).toMatchObject({
      status: 400,
      errors: [{ pointer: '/items' }],
    })
  })

  it('whose call gets lost fails item by item, each under its id', async () => {
    const key = await g.newKey()
    g.peer = { request: () => Promise.reject(new PeerError('timeout', 'coordinator', 'DEADLINE')) }
    const items = [
      { key_id: key.id, payload: digest(), request_id: 'req_a' },
      { key_id: key.id, payload: digest(), request_id: 'req_b' },
    ]
    const result = BatchResult.parse(await (await g.call('/api/v1/sign/batch', post({ items }))).json()).items
    expect(result).toMatchObject(
      ['req_a', 'req_b'].map((request_id) => ({
        status: 503,
        problem: { code: 'quorum_unavailable', outcome: 'unknown', request_id },
      })),
    )
  })

  it('takes no Idempotency-Key', async () => {
    const answer = await g.call('/api/v1/sign/batch', post({ items: [{}] }, { 'idempotency-key': 'x' }))
    expect(await g.problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: 'header/idempotency-key' }] })
  })
})

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
        stored = g.store.getRequest(JSON.stringify(['jwt', 'acme', 'alice']), 'req_lost') !== undefined
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
