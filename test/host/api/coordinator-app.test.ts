import { ed25519 } from '@noble/curves/ed25519.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { BatchResult, Key, KeyPage, Signature } from '../../../src/host/api/schemas.ts'
import { coordinator, problemOf, stranger, wallet } from './coordinator.ts'
import { keygen, post, signing } from './requests.ts'

const c = coordinator()

describe('keys', () => {
  it('are created, read and listed in the documented form', async () => {
    const answer = await c.app.request('/api/v1/keys', post(wallet.signed(keygen(c.set.audience, { label: 'Kasse 1' }))))
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

    const solana = await c.newKey({ scheme: 'eddsa-ed25519' })
    expect(Object.keys(solana.addresses)).toEqual(['solana'])
    expect((await c.newKey({ scheme: 'schnorr-secp256k1' })).addresses).toEqual({})

    expect(await (await c.app.request(`/api/v1/keys/${key.id}`)).json()).toEqual(key)
    const first = KeyPage.parse(await (await c.app.request('/api/v1/keys?limit=2')).json())
    expect(first.keys.map(({ id }) => id)).toEqual([key.id, solana.id])
    const second = KeyPage.parse(await (await c.app.request(`/api/v1/keys?limit=2&cursor=${first.next_cursor}`)).json())
    expect(second.next_cursor).toBeNull()
    const labelled = KeyPage.parse(await (await c.app.request('/api/v1/keys?label=Kasse%201&scheme=ecdsa-secp256k1')).json())
    expect(labelled.keys).toEqual([key])
  })

  it('of other credentials do not exist', async () => {
    const key = await c.newKey()
    c.client = { name: 'other', credentials: ['cred_stranger'] }
    expect(await problemOf(await c.app.request(`/api/v1/keys/${key.id}`))).toMatchObject({ status: 404, code: 'key_not_found' })
    expect(await (await c.app.request('/api/v1/keys')).json()).toEqual({ keys: [], next_cursor: null })
  })
})

describe('signatures', () => {
  it('ECDSA: r, s, parity, r || s || v and DER agree with the key', async () => {
    const key = await c.newKey()
    const document = signing(c.set.audience, key)
    const answer = await c.app.request('/api/v1/sign', post(wallet.signed(document)))
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
    const taproot = await c.newKey({ scheme: 'schnorr-secp256k1' })
    const answer = await c.app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(c.set.audience, taproot, { scheme: 'schnorr-secp256k1' }))),
    )
    const view = Signature.parse(await answer.json())
    const bytes = (text: string | null) => Buffer.from((text ?? '').slice(2), 'hex')
    expect(Object.keys(view.signature ?? {})).toEqual(['serialized'])
    expect(schnorr.verify(bytes(view.signature?.serialized ?? ''), bytes(view.digest), bytes(taproot.public_key))).toBe(true)

    const solana = await c.newKey({ scheme: 'eddsa-ed25519' })
    const message = new TextEncoder().encode('hello')
    const signed = await c.app.request(
      '/api/v1/sign',
      post(wallet.signed(signing(c.set.audience, solana, { scheme: 'eddsa-ed25519', payload: { kind: 'message', message } }))),
    )
    const edwards = Signature.parse(await signed.json())
    expect(edwards.digest).toBeNull()
    expect(ed25519.verify(bytes(edwards.signature?.serialized ?? ''), message, bytes(solana.public_key))).toBe(true)
  })

  it('are 202 with their place until they are ready', async () => {
    const key = await c.newKey()
    c.set.bend.signature = (view) => ({ ...view, state: 'pending_signing', signature: null })
    const answer = await c.app.request('/api/v1/sign?wait_ms=0', post(wallet.signed(signing(c.set.audience, key))))
    expect(answer.status).toBe(202)
    const pending = Signature.parse(await answer.json())
    expect(pending).toMatchObject({ state: 'pending_signing', signature: null })
    expect(answer.headers.get('location')).toBe(`/api/v1/signatures/${pending.id}`)
    c.set.bend.signature = (view) => view
    const later = await c.app.request(`${answer.headers.get('location')}?wait_ms=100`)
    expect(Signature.parse(await later.json()).state).toBe('signed')
  })

  it('the wait reaches the service, 5 seconds if none is given', async () => {
    const key = await c.newKey()
    const waits: number[] = []
    const sign: typeof c.set.service.sign = (request, who, waitMs) => {
      waits.push(waitMs)
      return c.set.service.sign(request, who, waitMs)
    }
    c.app = c.appWith({ service: { ...c.set.service, sign } })
    await c.app.request('/api/v1/sign?wait_ms=17', post(wallet.signed(signing(c.set.audience, key))))
    await c.app.request('/api/v1/sign', post(wallet.signed(signing(c.set.audience, key))))
    expect(waits).toEqual([17, 5000])
  })

  it('in a batch: one outcome per item, in order, and a bad item costs the others nothing', async () => {
    const key = await c.newKey()
    const unknown = { id: `key_${'0'.repeat(64)}` }
    const documents = [signing(c.set.audience, key), signing(c.set.audience, unknown), signing(c.set.audience, key)]
    const items: unknown[] = documents.map((document) => wallet.signed(document))
    items.push({ request: 'AAAA' }, stranger.signed(signing(c.set.audience, key)))
    const answer = await c.app.request('/api/v1/sign/batch', post({ items }))
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
    expect((await c.app.request('/api/v1/sign/batch', post({ items: items(256) }))).status).toBe(200)
    for (const count of [0, 257]) {
      const problem = await problemOf(await c.app.request('/api/v1/sign/batch', post({ items: items(count) })))
      expect(problem).toMatchObject({ code: 'malformed_request', errors: [{ pointer: '/items' }] })
    }
  })
})

describe('who calls', () => {
  it('is nobody without a known certificate, whatever the route', async () => {
    c.client = null
    const calls: [string, RequestInit?][] = [
      ['/api/v1/keys'],
      ['/api/v1/keys', post(wallet.signed(keygen(c.set.audience)))],
      [`/api/v1/keys/key_${'0'.repeat(64)}`],
      ['/api/v1/sign', post('not even JSON')],
      ['/api/v1/sign/batch', post({})],
      [`/api/v1/signatures/sig_${'0'.repeat(32)}`],
      ['/api/v1/set'],
      ['/ready'],
      ['/metrics'],
    ]
    for (const [path, init] of calls) {
      expect(await problemOf(await c.app.request(path, init)), path).toMatchObject({ status: 401, code: 'authentication_failed' })
    }
    expect(c.set.received).toEqual([])
    for (const path of ['/health', '/openapi.json', '/docs']) expect((await c.app.request(path)).status).toBe(200)
  })

  it('submits requests of its own credentials only', async () => {
    for (const [path, document] of [
      ['/api/v1/keys', keygen(c.set.audience)],
      ['/api/v1/sign', signing(c.set.audience, { id: `key_${'0'.repeat(64)}` })],
    ] as const) {
      const problem = await problemOf(await c.app.request(path, post(stranger.signed(document))))
      expect(problem).toMatchObject({ status: 403, code: 'authorization_invalid', outcome: 'none' })
    }
    expect(c.set.received).toEqual([])
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
    const problem = await problemOf(await c.app.request('/api/v1/sign', post(body)))
    expect(problem).toMatchObject({ status: 400, code, outcome: 'none' })
    expect(c.set.received).toEqual([])
  })

  it('say where the mistake is, without repeating the caller’s words', async () => {
    const problem = await problemOf(await c.app.request('/api/v1/sign', post({ request: 5, authorizations: 'x', sEcReT: 1 })))
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
      const body = new Blob([JSON.stringify(wallet.signed(keygen(c.set.audience)))])
      const answer = await c.app.request('/api/v1/keys', { method: 'POST', body, headers: { 'content-type': type } })
      expect(await problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: 'header/content-type' }] })
    },
  )

  it('may name their character set', async () => {
    const answer = await c.app.request(
      '/api/v1/keys',
      post(wallet.signed(keygen(c.set.audience)), { 'content-type': 'application/json; charset=utf-8' }),
    )
    expect(answer.status).toBe(201)
  })

  it('above the limit are 413, whether they say so or not', async () => {
    const body = `{"request":"${'A'.repeat(256 * 1024)}"}`
    expect(
      await problemOf(await c.app.request('/api/v1/sign', post(body, { 'content-length': String(body.length) }))),
    ).toMatchObject({
      status: 413,
      code: 'payload_too_large',
      outcome: 'none',
    })
    expect(await problemOf(await c.app.request('/api/v1/sign', post(body)))).toMatchObject({ code: 'payload_too_large' })
    // The batch has a limit of its own.
    expect(await problemOf(await c.app.request('/api/v1/sign/batch', post(body)))).toMatchObject({ code: 'malformed_request' })
  })

  it('compressed are refused', async () => {
    const answer = await c.app.request('/api/v1/sign', post('{}', { 'content-encoding': 'gzip' }))
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
    expect(await problemOf(await c.app.request(path))).toMatchObject({ status: 400, code: 'malformed_request' })
  })

  it('that lead nowhere are 404', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/api/v1/nothing'],
      ['DELETE', '/api/v1/keys'],
      ['GET', '/api/v1/sign'],
    ] as const) {
      expect(await problemOf(await c.app.request(path, { method }))).toMatchObject({ status: 404, code: 'not_found' })
    }
    const missing = await c.app.request(`/api/v1/signatures/sig_${'0'.repeat(32)}`)
    expect(await problemOf(missing)).toMatchObject({ status: 404, code: 'not_found' })
  })
})
