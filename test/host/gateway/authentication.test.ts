import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { createAuthenticator } from '../../../src/host/gateway/principal.ts'
import { post } from '../api/requests.ts'
import { AUDIENCE, gateway, ISSUER } from './harness.ts'

const g = gateway()
const KEY = `key_${'0'.repeat(64)}`

describe('a bearer token', () => {
  it('of the issuer, for us, in time, opens the routes of its scopes', async () => {
    expect((await g.call('/api/v1/keys')).status).toBe(200)
    // The second time from the cache of verified tokens, with the same result.
    const token = await g.token()
    for (let i = 0; i < 2; i++) expect((await g.call('/api/v1/keys', {}, token)).status).toBe(200)
  })

  const claims = (changes: Record<string, unknown> = {}) => ({
    sub: 'alice',
    scope: 'keys:read',
    iss: ISSUER,
    aud: AUDIENCE,
    ...changes,
  })
  const inFiveMinutes = Math.floor(Date.now() / 1000) + 300
  const refused: [string, Record<string, unknown>][] = [
    ['of another issuer', { iss: 'https://evil.example', exp: inFiveMinutes }],
    ['for somebody else', { aud: 'other', exp: inFiveMinutes }],
    ['that expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['without an end', {}],
    ['that is not valid yet', { nbf: inFiveMinutes, exp: inFiveMinutes + 60 }],
    ['without a subject', { sub: undefined, exp: inFiveMinutes }],
    ['whose subject is no text', { sub: 7, exp: inFiveMinutes }],
    ['whose subject has control characters', { sub: 'a\nb', exp: inFiveMinutes }],
    ['whose tenant is no text', { tenant: ['acme', 'other'], exp: inFiveMinutes }],
    ['whose scope is a list', { scope: ['sign'], exp: inFiveMinutes }],
  ]
  it.each(refused)('%s is 401', async (_what, changes) => {
    const keys = await generateKeyPair('ES256')
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kty: 'EC', alg: 'ES256' }] }
    g.restart({ authenticate: createAuthenticator({ jwt: { issuer: ISSUER, audience: AUDIENCE, jwks }, principals: [] }) })
    const make = (payload: Record<string, unknown>) =>
      new SignJWT(payload).setProtectedHeader({ alg: 'ES256' }).sign(keys.privateKey)
    // The fixture itself is right: without the change the token passes.
    expect((await g.call('/api/v1/keys', {}, await make(claims({ exp: inFiveMinutes })))).status).toBe(200)
    const answer = await g.call('/api/v1/keys', {}, await make(claims(changes)))
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="quorate", error="invalid_token"')
    expect(await g.problemOf(answer)).toMatchObject({
      status: 401,
      code: 'authentication_failed',
      detail: 'the bearer token is not valid here',
    })
  })

  it('that expires while it is remembered stops working', async () => {
    const token = await g.token({}, 'keys:read')
    expect((await g.call('/api/v1/keys', {}, token)).status).toBe(200)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 60_000 })
    try {
      expect((await g.call('/api/v1/keys', {}, token)).status).toBe(401)
    } finally {
      vi.useRealTimers()
    }
  })

  it('with another signature than the remembered one is 401', async () => {
    const token = await g.token({}, 'keys:read')
    expect((await g.call('/api/v1/keys', {}, token)).status).toBe(200)
    const [head, body, signature] = token.split('.') as [string, string, string]
    const changed = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect((await g.call('/api/v1/keys', {}, changed)).status).toBe(401)
  })

  it('without a signature, or with an HMAC under a public text, is 401', async () => {
    const unsecured = new UnsecuredJWT({ scope: 'keys:read' })
      .setSubject('alice')
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .encode()
    const hmac = await new SignJWT({ scope: 'keys:read' })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setSubject('alice')
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode('a public key is no secret, so this must not pass'))
    for (const token of [unsecured, hmac, 'nonsense', 'a.b.c', 'x'.repeat(9000)]) {
      expect((await g.call('/api/v1/keys', {}, token)).status, token.slice(0, 40)).toBe(401)
    }
  })

  it('of another key of the same kind is 401', async () => {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
    const token = await new SignJWT({ scope: 'keys:read' })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .setSubject('alice')
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(privateKey)
    expect((await g.call('/api/v1/keys', {}, token)).status).toBe(401)
  })

  it('is needed: no header, another scheme and an empty one are 401 with a challenge', async () => {
    for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer ' }, { authorization: 'Bearer a b' }]) {
      const answer = await g.app.request('/api/v1/keys', { headers })
      expect(answer.headers.get('www-authenticate')).toContain('Bearer')
      expect(await g.problemOf(answer)).toMatchObject({ code: 'authentication_failed' })
    }
  })

  it('is judged before the body is read', async () => {
    for (const path of ['/api/v1/keys', '/api/v1/sign', '/api/v1/sign/batch']) {
      expect((await g.app.request(path, post('not JSON'))).status).toBe(401)
    }
  })

  it('never reaches the log', async () => {
    const token = await g.token()
    await g.call('/api/v1/keys', {}, token)
    await g.call('/api/v1/keys', {}, `${token}x`)
    for (const part of token.split('.')) expect(g.sink.text()).not.toContain(part)
    expect(g.sink.lines()).toContainEqual(expect.objectContaining({ msg: 'call', caller: 'alice' }))
  })
})

describe('scopes', () => {
  const body = { key_id: KEY, payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } }
  const routes: [string, string, RequestInit?][] = [
    ['keys:read', '/api/v1/keys'],
    ['keys:read', `/api/v1/keys/${KEY}`],
    ['keys:write', '/api/v1/keys', post({ scheme: 'ecdsa-secp256k1' })],
    ['sign', '/api/v1/sign', post(body)],
    ['sign', '/api/v1/sign/batch', post({ items: [body] })],
    ['sign', `/api/v1/signatures/sig_${'0'.repeat(32)}`],
  ]
  it.each(routes)('%s is needed for %s', async (scope, path, init) => {
    const others = ['keys:read', 'keys:write', 'sign', 'digest'].filter((s) => s !== scope).join(' ')
    for (const granted of [others, '', `${scope}x`]) {
      const answer = await g.call(path, init, await g.token({}, granted))
      expect(await g.problemOf(answer)).toMatchObject({ status: 403, code: 'authorization_invalid' })
    }
    expect((await g.call(path, init, await g.token({}, scope))).status).not.toBe(403)
  })
})
