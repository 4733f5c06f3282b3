import { ed25519 } from '@noble/curves/ed25519.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { beforeEach, describe, expect, it } from 'vitest'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import type { Client } from '../../../src/host/api/coordinator-service.ts'
import { ApiProblem, PROBLEM_CODES, PROBLEMS } from '../../../src/host/api/problem.ts'
import { BatchResult, Key, KeyPage, Problem, SetState, Signature } from '../../../src/host/api/schemas.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { keygen, logSink, newRequestId, post, requester, signing } from './requests.ts'
import { wholeKeySet } from './whole-key-set.ts'

const wallet = requester('cred_wallet')
const stranger = requester('cred_stranger')

let set: ReturnType<typeof wholeKeySet>
let client: Client | null
let sink: ReturnType<typeof logSink>
let app: ReturnType<typeof createCoordinatorApp>

beforeEach(() => {
  set = wholeKeySet([wallet.credential, stranger.credential])
  client = { name: 'wallet-server', credentials: ['cred_wallet'] }
  sink = logSink()
  app = appWith({})
})

const appWith = (changes: Partial<Parameters<typeof createCoordinatorApp>[0]>) =>
  createCoordinatorApp({
    service: set.service,
    clientOf: () => client,
    metrics: createMetrics({ role: 'coordinator', name: 'test' }),
    log: sink.log,
    info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
    ...changes,
  })

async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  const body = (await answer.json()) as Record<string, unknown>
  expect(Problem.safeParse(body).success).toBe(true)
  expect(body['status']).toBe(answer.status)
  return body
}

async function newKey(changes: Parameters<typeof keygen>[1] = {}) {
  const answer = await app.request('/api/v1/keys', post(wallet.signed(keygen(set.audience, changes))))
  expect(answer.status).toBe(201)
  return Key.parse(await answer.json())
}

describe('keys', () => {
  it('are created, read and listed in the documented form', async () => {
    const answer = await app.request('/api/v1/keys', post(wallet.signed(keygen(set.audience, { label: 'Kasse 1' }))))
    expect(answer.status).toBe(201)
    const key = Key.parse(await answer.json())
    expect(answer.headers.get('location')).toBe(`/api/v1/keys/${key.id}`)
    expect(key).toMatchObject({
      scheme: 'ecdsa-secp256k1',
      label: 'Kasse 1',
      state: 'active',
      threshold: 2,
      parties: 3,
      epoch: 1,
    })
    expect(Object.keys(key.addresses)).toEqual(['evm', 'bitcoin_p2wpkh'])

    const solana = await newKey({ scheme: 'eddsa-ed25519' })
    expect(Object.keys(solana.addresses)).toEqual(['solana'])
    expect((await newKey({ scheme: 'schnorr-secp256k1' })).addresses).toEqual({})

    expect(await (await app.request(`/api/v1/keys/${key.id}`)).json()).toEqual(key)
    const first = KeyPage.parse(await (await app.request('/api/v1/keys?limit=2')).json())
    expect(first.keys.map(({ id }) => id)).toEqual([key.id, solana.id])
    const second = KeyPage.parse(await (await app.request(`/api/v1/keys?limit=2&cursor=${first.next_cursor}`)).json())
    expect(second.next_cursor).toBeNull()
    const labelled = KeyPage.parse(await (await app.request('/api/v1/keys?label=Kasse%201&scheme=ecdsa-secp256k1')).json())
    expect(labelled.keys).toEqual([key])
  })

  it('of other credentials do not exist', async () => {
    const key = await newKey()
    client = { name: 'other', credentials: ['cred_stranger'] }
    expect(await problemOf(await app.request(`/api/v1/keys/${key.id}`))).toMatchObject({ status: 404, code: 'key_not_found' })
    expect(await (await app.request('/api/v1/keys')).json()).toEqual({ keys: [], next_cursor: null })
  })
})

describe('signatures', () => {
  it('ECDSA: r, s, parity, r || s || v and DER agree with the key', async () => {
    const key = await newKey()
    const document = signing(set.audience, key)
    const answer = await app.request('/api/v1/sign', post(wallet.signed(document)))
    expect(answer.status).toBe(200)
    const view = Signature.parse(await answer.json())
    expect(view).toMatchObject({
      request_id: document.requestId,
      state: 'signed',
      key_id: key.id,
      path: 'm',
      engine: 'hm',
      signers: [1, 2, 3],
    })
    const { r, s, y_parity, serialized, der } = view.signature as {
      r: string
      s: string
      y_parity: number
      serialized: string
      der: string
    }
    expect(serialized).toBe(`${r}${s.slice(2)}${(27 + y_parity).toString(16)}`)
    const digest = Buffer.from((view.digest as string).slice(2), 'hex')
    const publicKey = Buffer.from(key.public_key.slice(2), 'hex')
    expect(secp256k1.verify(Buffer.from(der.slice(2), 'hex'), digest, publicKey, { prehash: false, format: 'der' })).toBe(true)
    const recovered = secp256k1.Signature.fromHex(r.slice(2) + s.slice(2), 'compact')
      .addRecoveryBit(y_parity)
      .recoverPublicKey(digest)
    expect(`0x${recovered.toHex(true)}`).toBe(key.public_key)
  })

  it('BIP-340 and Ed25519: 64 bytes and nothing else', async () => {
    const taproot = await newKey({ scheme: 'schnorr-secp256k1' })
    const answer = await app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(set.audience, taproot, { scheme: 'schnorr-secp256k1' }))),
    )
    const view = Signature.parse(await answer.json())
    const bytes = (text: string | null) => Buffer.from((text ?? '').slice(2), 'hex')
    expect(Object.keys(view.signature ?? {})).toEqual(['serialized'])
    expect(schnorr.verify(bytes(view.signature?.serialized ?? ''), bytes(view.digest), bytes(taproot.public_key))).toBe(true)

    const solana = await newKey({ scheme: 'eddsa-ed25519' })
    const message = new TextEncoder().encode('hello')
    const signed = await app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(set.audience, solana, { scheme: 'eddsa-ed25519', payload: { kind: 'message', message } }))),
    )
    const edwards = Signature.parse(await signed.json())
    expect(edwards.digest).toBeNull()
    expect(ed25519.verify(bytes(edwards.signature?.serialized ?? ''), message, bytes(solana.public_key))).toBe(true)
  })

  it('are 202 with their place until they are ready', async () => {
    const key = await newKey()
    set.bend.signature = (view) => ({ ...view, state: 'pending_signing', signature: null })
    const answer = await app.request('/api/v1/sign?wait_ms=0', post(wallet.signed(signing(set.audience, key))))
    expect(answer.status).toBe(202)
    const pending = Signature.parse(await answer.json())
    expect(pending).toMatchObject({ state: 'pending_signing', signature: null })
    expect(answer.headers.get('location')).toBe(`/api/v1/signatures/${pending.id}`)
    set.bend.signature = (view) => view
    const later = await app.request(`${answer.headers.get('location')}?wait_ms=100`)
    expect(Signature.parse(await later.json()).state).toBe('signed')
  })

  it('the wait reaches the service, 5 seconds if none is given', async () => {
    const key = await newKey()
    const waits: number[] = []
    const sign: typeof set.service.sign = (request, who, waitMs) => {
      waits.push(waitMs)
      return set.service.sign(request, who, waitMs)
    }
    app = appWith({ service: { ...set.service, sign } })
    await app.request('/api/v1/sign?wait_ms=17', post(wallet.signed(signing(set.audience, key))))
    await app.request('/api/v1/sign', post(wallet.signed(signing(set.audience, key))))
    expect(waits).toEqual([17, 5000])
  })

  it('in a batch: one outcome per item, in order, and a bad item costs the others nothing', async () => {
    const key = await newKey()
    const unknown = { id: `key_${'0'.repeat(64)}` }
    const documents = [signing(set.audience, key), signing(set.audience, unknown), signing(set.audience, key)]
    const items: unknown[] = documents.map((document) => wallet.signed(document))
    items.push({ request: 'AAAA' }, stranger.signed(signing(set.audience, key)))
    const answer = await app.request('/api/v1/sign/batch', post({ items }))
    expect(answer.status).toBe(200)
    const result = BatchResult.parse(await answer.json()).items
    expect(result.map(({ status }) => status)).toEqual([200, 404, 200, 400, 403])
    expect(result[0]).toMatchObject({ signature: { request_id: documents[0]?.requestId } })
    expect(result[1]).toMatchObject({ problem: { code: 'key_not_found' } })
    expect(result[2]).toMatchObject({ signature: { request_id: documents[2]?.requestId } })
    expect(result[3]).toMatchObject({ problem: { code: 'malformed_request', errors: [{ pointer: '/items/3/authorizations' }] } })
    expect(result[4]).toMatchObject({ problem: { code: 'authorization_invalid' } })
  })

  it('a batch has 1 to 256 items', async () => {
    const items = (count: number) => Array.from({ length: count }, () => ({}))
    expect((await app.request('/api/v1/sign/batch', post({ items: items(256) }))).status).toBe(200)
    for (const count of [0, 257]) {
      const problem = await problemOf(await app.request('/api/v1/sign/batch', post({ items: items(count) })))
      expect(problem).toMatchObject({ code: 'malformed_request', errors: [{ pointer: '/items' }] })
    }
  })
})

describe('who calls', () => {
  it('is nobody without a known certificate, whatever the route', async () => {
    client = null
    const calls: [string, RequestInit?][] = [
      ['/api/v1/keys'],
      ['/api/v1/keys', post(wallet.signed(keygen(set.audience)))],
      [`/api/v1/keys/key_${'0'.repeat(64)}`],
      ['/api/v1/sign', post('not even JSON')],
      ['/api/v1/sign/batch', post({})],
      [`/api/v1/signatures/sig_${'0'.repeat(32)}`],
      ['/api/v1/set'],
      ['/ready'],
      ['/metrics'],
    ]
    for (const [path, init] of calls) {
      expect(await problemOf(await app.request(path, init)), path).toMatchObject({ status: 401, code: 'authentication_failed' })
    }
    expect(set.received).toEqual([])
    for (const path of ['/health', '/openapi.json', '/docs']) expect((await app.request(path)).status).toBe(200)
  })

  it('submits requests of its own credentials only', async () => {
    for (const [path, document] of [
      ['/api/v1/keys', keygen(set.audience)],
      ['/api/v1/sign', signing(set.audience, { id: `key_${'0'.repeat(64)}` })],
    ] as const) {
      const problem = await problemOf(await app.request(path, post(stranger.signed(document))))
      expect(problem).toMatchObject({ status: 403, code: 'authorization_invalid', outcome: 'none' })
    }
    expect(set.received).toEqual([])
  })
})

describe('bodies', () => {
  const refused: [string, string | object, string][] = [
    ['not JSON', '{', 'malformed_request'],
    ['a duplicate member', '{"request":"AAAA","request":"AAAB","authorizations":[]}', 'malformed_request'],
    ['an unknown member', { ...wallet.signed(keygen(`set_${'0'.repeat(64)}`)), wait_ms: 5 }, 'malformed_request'],
    ['an unknown member named __proto__', '{"__proto__":1,"request":"AAAA","authorizations":[]}', 'malformed_request'],
    ['null', 'null', 'malformed_request'],
    ['a list', '[]', 'malformed_request'],
    ['no authorization', { request: 'AAAA', authorizations: [] }, 'malformed_request'],
    ['base64 of the other alphabet', { ...wallet.signed(keygen(`set_${'0'.repeat(64)}`)), request: 'AA+/' }, 'malformed_request'],
    ['base64url with left-over bits', { ...wallet.signed(keygen(`set_${'0'.repeat(64)}`)), request: 'AB' }, 'malformed_request'],
    [
      'an unknown algorithm',
      { request: 'AAAA', authorizations: [{ credential_id: 'cred_wallet', alg: 'none', signature: 'A'.repeat(86) }] },
      'malformed_request',
    ],
    [
      'a short signature',
      { request: 'AAAA', authorizations: [{ credential_id: 'cred_wallet', alg: 'ed25519', signature: 'AAAA' }] },
      'malformed_request',
    ],
  ]
  it.each(refused)('%s is refused before the service is asked', async (_what, body, code) => {
    const problem = await problemOf(await app.request('/api/v1/sign', post(body)))
    expect(problem).toMatchObject({ status: 400, code, outcome: 'none' })
    expect(set.received).toEqual([])
  })

  it('say where the mistake is, without repeating the caller’s words', async () => {
    const problem = await problemOf(await app.request('/api/v1/sign', post({ request: 5, authorizations: 'x', sEcReT: 1 })))
    expect((problem['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
      '/request',
      '/authorizations',
      '',
    ])
    expect(JSON.stringify(problem)).not.toContain('sEcReT')
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', ''])(
    'of type "%s" are refused',
    async (type) => {
      const body = new Blob([JSON.stringify(wallet.signed(keygen(set.audience)))])
      const answer = await app.request('/api/v1/keys', { method: 'POST', body, headers: { 'content-type': type } })
      expect(await problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: 'header/content-type' }] })
    },
  )

  it('may name their character set', async () => {
    const answer = await app.request(
      '/api/v1/keys',
      post(wallet.signed(keygen(set.audience)), { 'content-type': 'application/json; charset=utf-8' }),
    )
    expect(answer.status).toBe(201)
  })

  it('above the limit are 413, whether they say so or not', async () => {
    const body = `{"request":"${'A'.repeat(256 * 1024)}"}`
    expect(
      await problemOf(await app.request('/api/v1/sign', post(body, { 'content-length': String(body.length) }))),
    ).toMatchObject({
      status: 413,
      code: 'payload_too_large',
      outcome: 'none',
    })
    expect(await problemOf(await app.request('/api/v1/sign', post(body)))).toMatchObject({ code: 'payload_too_large' })
    // The batch has a limit of its own.
    expect(await problemOf(await app.request('/api/v1/sign/batch', post(body)))).toMatchObject({ code: 'malformed_request' })
  })

  it('compressed are refused', async () => {
    const answer = await app.request('/api/v1/sign', post('{}', { 'content-encoding': 'gzip' }))
    expect(await problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: 'header/content-encoding' }] })
  })
})

describe('queries and paths', () => {
  it.each([
    '/api/v1/keys?limit=0',
    '/api/v1/keys?limit=201',
    '/api/v1/keys?limit=0x10',
    '/api/v1/keys?limit=1&limit=2',
    '/api/v1/keys?scheme=rsa',
    '/api/v1/keys?color=red',
    '/api/v1/keys/key_0',
    `/api/v1/keys/KEY_${'0'.repeat(64)}`,
    '/api/v1/signatures/sig_0',
    `/api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=30001`,
    `/api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=-1`,
  ])('%s is malformed', async (path) => {
    expect(await problemOf(await app.request(path))).toMatchObject({ status: 400, code: 'malformed_request' })
  })

  it('that lead nowhere are 404', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/api/v1/nothing'],
      ['DELETE', '/api/v1/keys'],
      ['GET', '/api/v1/sign'],
    ] as const) {
      expect(await problemOf(await app.request(path, { method }))).toMatchObject({ status: 404, code: 'not_found' })
    }
    const missing = await app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`)
    expect(await problemOf(missing)).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('problems', () => {
  it.each(PROBLEM_CODES)('%s goes out as RFC 9457 says, with everything known about it', async (code) => {
    const requestId = newRequestId()
    app = appWith({
      service: {
        ...set.service,
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
    const answer = await app.request('/api/v1/sign', post(wallet.signed(signing(set.audience, { id: `key_${'0'.repeat(64)}` }))))
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
    app = appWith({ service: { ...set.service, getSignature: () => Promise.reject(error) } })
    const problem = await problemOf(await app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`))
    expect(problem['code']).toBe(code)
    // A GET releases nothing, so it has no outcome.
    expect(problem).not.toHaveProperty('outcome')
    expect(JSON.stringify(problem)).not.toMatch(/ECONN|HTTP_502|DEADLINE/)
  })

  it('of unknown origin say nothing, and the log has them under the same id', async () => {
    app = appWith({ service: { ...set.service, sign: () => Promise.reject(new Error('password is hunter2')) } })
    const answer = await app.request('/api/v1/sign', post(wallet.signed(signing(set.audience, { id: `key_${'0'.repeat(64)}` }))))
    const text = await answer.clone().text()
    const problem = await problemOf(answer)
    expect(problem).toMatchObject({ status: 500, code: 'internal', outcome: 'unknown' })
    expect(text).not.toContain('hunter2')
    const id = answer.headers.get('x-request-id')
    expect(problem['request_id']).toBe(id)
    expect(sink.lines().find((line) => line['msg'] === 'call failed')).toMatchObject({ reqId: id, level: 50 })
  })
})

describe('every answer', () => {
  it('has an id, which is in the access log with the caller, and headers that keep it from being kept or rendered', async () => {
    for (const path of ['/api/v1/set', '/api/v1/keys?limit=x', '/nowhere', '/health', '/openapi.json']) {
      const answer = await app.request(path)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
      const line = sink.lines().findLast((l) => l['msg'] === 'call')
      expect(line).toMatchObject({
        reqId: answer.headers.get('x-request-id'),
        method: 'GET',
        path: path.split('?')[0],
        status: answer.status,
      })
    }
    expect(sink.lines()[0]).toMatchObject({ caller: 'wallet-server' })
  })

  it('is 503 at once when too many calls are open, but never for /health', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    app = appWith({
      admission: { maxCalls: 1, maxBodyBytes: 1000 },
      service: { ...set.service, getSignature: (id, who, waitMs) => held.then(() => set.service.getSignature(id, who, waitMs)) },
    })
    const waiting = app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`)
    const refused = await app.request('/api/v1/set')
    expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'overloaded', retry_after_ms: 1000 })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await app.request('/health')).status).toBe(200)
    release()
    await waiting
    expect((await app.request('/api/v1/set')).status).toBe(200)
    // The bytes that calls hold are bounded too, and come back.
    const body = post({}, { 'content-length': '1001' })
    expect(await problemOf(await app.request('/api/v1/sign', body))).toMatchObject({ code: 'overloaded' })
    expect(await problemOf(await app.request('/api/v1/sign', post({}, { 'content-length': '2' })))).toMatchObject({
      code: 'malformed_request',
    })
  })
})

describe('operations', () => {
  it('set, health, ready and metrics', async () => {
    const state = SetState.parse(await (await app.request('/api/v1/set')).json())
    expect(state.signers.map(({ name, state: s, rtt_ms }) => [name, s, rtt_ms])).toEqual([
      ['signer-1', 'up', 0.4],
      ['signer-2', 'up', 0.4],
      ['signer-3', 'down', null],
    ])
    expect(await (await app.request('/health')).json()).toEqual({
      status: 'ok',
      role: 'coordinator',
      version: '0.1.0',
      platform: 'test',
    })
    expect(await (await app.request('/ready')).json()).toEqual({ status: 'ready' })
    set.bend.ready = false
    expect(await problemOf(await app.request('/ready'))).toMatchObject({ status: 503, code: 'quorum_unavailable' })
    await app.request(`/api/v1/keys/key_${'0'.repeat(64)}`)
    const metrics = await (await app.request('/metrics')).text()
    expect(metrics).toContain('route="/api/v1/keys/:id"')
    expect(metrics).not.toContain('0000000000')
  })
})
