import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { BatchResult, Signature } from '../../../src/host/api/schemas.ts'
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
