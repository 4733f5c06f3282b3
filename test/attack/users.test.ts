import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/host/gateway/principal.ts'
import { createRateLimit } from '../../src/host/gateway/rate-limit.ts'
import { newRequestId, post } from '../host/api/requests.ts'
import { AUDIENCE, gateway, ISSUER } from '../host/gateway/harness.ts'

// What users of one gateway can do to each other, and what a forger of tokens can do to it.
const g = gateway()

describe('a forged token', () => {
  const issuer = generateKeyPairSync('ed25519')
  const mallory = generateKeyPairSync('ed25519')
  const jwk = { ...issuer.publicKey.export({ format: 'jwk' }), kty: 'OKP', kid: 'one', alg: 'EdDSA', use: 'sig' }
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', tenant: 'acme', scope: 'keys:read', exp: 4_000_000_000 }
  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const signed = (header: unknown, payload: unknown = claims, key: KeyObject = issuer.privateKey): string => {
    const text = `${part(header)}.${part(payload)}`
    return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
  }
  const hmac = (secret: string | Buffer): string => {
    const text = `${part({ alg: 'HS256', kid: 'one' })}.${part(claims)}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  const good = { alg: 'EdDSA', kid: 'one' }
  const malloryJwk = mallory.publicKey.export({ format: 'jwk' })

  beforeEach(() => {
    g.restart({
      authenticate: createAuthenticator({ jwt: { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [jwk] } }, principals: [] }),
    })
  })
  const statusOf = async (token: string): Promise<number> => (await g.call('/api/v1/keys', {}, token)).status

  it('is none when the issuer made it', async () => {
    expect(await statusOf(signed(good))).toBe(200)
    expect(await statusOf(signed(good, { ...claims, aud: ['other', AUDIENCE] }))).toBe(200)
  })

  it.each<[string, () => string]>([
    ['an HMAC under the public key, raw', () => hmac(Buffer.from(jwk.x as string, 'base64url'))],
    [
      'an HMAC under the public key, PEM',
      () => hmac(createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })),
    ],
    ['an HMAC under the JWK', () => hmac(JSON.stringify(jwk))],
    ['an HMAC under nothing', () => hmac('')],
    ['no algorithm, spelt in other ways', () => `${part({ alg: 'nOnE', kid: 'one' })}.${part(claims)}.`],
    ['no algorithm named', () => signed({ kid: 'one' })],
    ['an algorithm of another kind of key', () => signed({ ...good, alg: 'ES256' })],
    ['a key that it brings along', () => signed({ ...good, jwk: malloryJwk }, claims, mallory.privateKey)],
    [
      'a key that it points to',
      () => signed({ ...good, jku: 'https://evil.example/jwks', x5u: 'https://evil.example' }, claims, mallory.privateKey),
    ],
    ['a key id that leads elsewhere', () => signed({ ...good, kid: '../../dev/null' })],
    ['a key id called __proto__', () => signed({ ...good, kid: '__proto__' })],
    ['a key id that is no text', () => signed({ ...good, kid: 1 })],
    ['an extension that must be understood', () => signed({ ...good, crit: ['exp2'], exp2: 1 })],
    ['an unencoded payload', () => signed({ ...good, crit: ['b64'], b64: false })],
    ['an end that is text', () => signed(good, { ...claims, exp: '4000000000' })],
    ['an end that is null', () => signed(good, { ...claims, exp: null })],
    ['no audience', () => signed(good, { ...claims, aud: [] })],
    ['a tenant of null', () => signed(good, { ...claims, tenant: null })],
    ['an empty tenant', () => signed(good, { ...claims, tenant: '' })],
    ['an invisible subject', () => signed(good, { ...claims, sub: 'al\u200bice' })],
    ['claims that are a list', () => signed(good, [claims])],
    ['a header that is no object', () => signed([good])],
    ['brackets ten thousand deep', () => `${part('['.repeat(5000))}.${part(claims)}.AA`],
    ['a fourth part', () => `${signed(good)}.AA`],
  ])('T-08 with %s is 401', async (_, make) => expect(await statusOf(make())).toBe(401))
})

describe('another user', () => {
  const message = { kind: 'message', bytes: '0x01', hash: 'sha256' }

  it('of the same tenant or another one neither reads a signature, nor meets its request id, nor finds another tenant’s key', async () => {
    const key = await g.newKey()
    const body = { key_id: key.id, payload: message, request_id: newRequestId() }
    const first = await g.call('/api/v1/sign', post(body))
    const { id } = (await first.json()) as { id: string }
    const colleague = await g.token({ sub: 'bob' })
    const stranger = await g.token({ sub: 'alice', tenant: 'other' })
    const namesake = await g.token({ sub: 'acme', tenant: undefined })
    for (const token of [colleague, stranger, namesake]) {
      expect((await g.call(`/api/v1/signatures/${id}`, {}, token)).status).toBe(404)
    }
    // The id is the colleague's own: with other content it is no conflict, and the outcome is another one.
    const other = await g.call('/api/v1/sign', post({ ...body, payload: { ...message, bytes: '0x02' } }), colleague)
    expect([other.status, ((await other.json()) as { id: string }).id === id]).toEqual([200, false])
    for (const token of [stranger, namesake]) {
      const unknown = await g.call('/api/v1/sign', post({ ...body, key_id: `key_${'0'.repeat(64)}` }), token)
      const hidden = await g.call('/api/v1/sign', post({ ...body, request_id: newRequestId() }), token)
      const strip = ({ request_id: _, ...rest }: Record<string, unknown>) => rest
      expect(strip(await g.problemOf(hidden))).toEqual(strip(await g.problemOf(unknown)))
      const batch = await g.call('/api/v1/sign/batch', post({ items: [{ key_id: key.id, payload: message }] }), token)
      expect(((await batch.json()) as { items: { status: number }[] }).items[0]?.status).toBe(404)
      expect(await (await g.call('/api/v1/keys', {}, token)).json()).toEqual({ keys: [], next_cursor: null })
    }
  })
})

describe('one user', () => {
  const message = { kind: 'message', bytes: '0x01', hash: 'sha256' }

  it('gets one outcome per request id, over routes, headers and places in a batch', async () => {
    const requestId = newRequestId()
    expect((await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', request_id: requestId }))).status).toBe(201)
    const key = await g.newKey()
    const sign = { key_id: key.id, payload: message }
    expect((await g.call('/api/v1/sign', post({ ...sign, request_id: requestId }))).status).toBe(409)
    const header = { 'idempotency-key': requestId.slice(4) }
    expect((await g.call('/api/v1/sign', post(sign, header))).status).toBe(409)
    expect((await g.call('/api/v1/sign', post({ ...sign, request_id: newRequestId() }, header))).status).toBe(400)
    const twice = newRequestId()
    const items = [
      { ...sign, request_id: twice },
      { ...sign, payload: { ...message, bytes: '0x02' }, request_id: twice },
      { ...sign, request_id: twice },
    ]
    const answer = (await (await g.call('/api/v1/sign/batch', post({ items }))).json()) as {
      items: { status: number; signature?: { id: string } }[]
    }
    expect(answer.items.map((item) => item.status)).toEqual([200, 409, 200])
    expect(answer.items[0]?.signature?.id).toBe(answer.items[2]?.signature?.id)
  })

  it('gets no bare digest signed by another door: batch, upper case, an extra member, a member twice', async () => {
    const key = await g.newKey()
    const token = await g.token({}, 'sign')
    const digest = `0x${'11'.repeat(32)}`
    const payloads = [
      { kind: 'digest', digest },
      { kind: 'DIGEST', digest },
      { kind: 'message', bytes: digest, hash: 'none' },
      { kind: 'message', bytes: digest },
      { kind: 'message', bytes: digest, hash: 'sha256', digest },
    ]
    const received = g.set.received.length
    for (const payload of payloads) {
      const single = await g.call('/api/v1/sign', post({ key_id: key.id, payload }), token)
      expect(single.status).toBeGreaterThanOrEqual(400)
      const batch = await g.call('/api/v1/sign/batch', post({ items: [{ key_id: key.id, payload }] }), token)
      expect(((await batch.json()) as { items: { status: number }[] }).items[0]?.status).toBeGreaterThanOrEqual(400)
    }
    const twice = `{"key_id":"${key.id}","payload":{"kind":"message","bytes":"0x","hash":"sha256","kind":"digest","digest":"${digest}"}}`
    expect((await g.call('/api/v1/sign', post(twice), token)).status).toBe(400)
    const polluted = `{"key_id":"${key.id}","__proto__":{"scopes":"digest"},"payload":{"kind":"digest","digest":"${digest}"}}`
    expect((await g.call('/api/v1/sign', post(polluted), token)).status).toBe(400)
    expect(g.set.received.length).toBe(received)
  })

  it('pays for every item of a batch, also of one that is refused item by item', async () => {
    let now = 0
    g.restart({ rateLimit: createRateLimit(10, () => now) })
    const items = Array.from({ length: 10 }, () => ({}))
    expect((await g.call('/api/v1/sign/batch', post({ items }))).status).toBe(200)
    expect((await g.call('/api/v1/keys')).status).toBe(429)
    // Another user is not held up.
    expect((await g.call('/api/v1/keys', {}, await g.token({ sub: 'bob' }))).status).toBe(200)
    now += 100
    expect((await g.call('/api/v1/keys')).status).toBe(200)
  })
})
