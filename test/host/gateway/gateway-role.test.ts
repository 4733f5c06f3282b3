import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import { Key, SetState, Signature } from '../../../src/host/api/schemas.ts'
import type { GatewayConfig } from '../../../src/host/config/config.ts'
import { createCredentialFile } from '../../../src/host/config/credential-file.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { startGateway } from '../../../src/host/roles/gateway.ts'
import { createSelfSigned } from '../../../src/host/tls/certificates.ts'
import { fingerprintOf } from '../../../src/host/tls/tls-files.ts'
import { createPeerClient, type PeerClient } from '../../../src/transport/peer-client.ts'
import { serveTls, type TlsServer } from '../../../src/transport/tls-server.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { logSink } from '../api/requests.ts'
import { type WholeKeySet, wholeKeySet } from '../api/whole-key-set.ts'

const LOOPBACK = '127.0.0.1'
let directory: string
let set: WholeKeySet
let coordinator: TlsServer
let gateway: Awaited<ReturnType<typeof startGateway>>
let config: GatewayConfig
let token: string
let anonymous: PeerClient
let withCertificate: PeerClient
let certificates: Record<'coordinator' | 'gateway' | 'user' | 'stranger', Awaited<ReturnType<typeof createSelfSigned>>>
const sink = logSink()

const pair = ({ certificate, key }: { certificate: string; key: string }) => ({ cert: certificate, key })

async function call(client: PeerClient, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await client.request({
    method,
    path,
    timeoutMs: 10_000,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = Buffer.from(answer.body).toString()
  return { status: answer.status, headers: answer.headers, json: () => JSON.parse(text) as Record<string, unknown> }
}

async function startCoordinator(port: number): Promise<TlsServer> {
  const app = createCoordinatorApp({
    service: set.service,
    curves: nativeCurves,
    clientOf: (fingerprint) =>
      fingerprint === fingerprintOf(certificates.gateway.certificate) ? { name: 'gateway', credentials: ['cred_gateway'] } : null,
    metrics: createMetrics({ role: 'coordinator', name: 'test' }),
    log: logSink().log,
    info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
  })
  return serveTls({ fetch: app.fetch, host: LOOPBACK, port, tls: pair(certificates.coordinator), clients: { mode: 'request' } })
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-gateway-role-'))
  const make = (name: string) => createSelfSigned({ name, hosts: [LOOPBACK], days: 1 })
  certificates = {
    coordinator: await make('coordinator'),
    gateway: await make('gateway'),
    user: await make('user'),
    stranger: await make('stranger'),
  }
  const file = (name: string) => join(directory, name)
  writeFileSync(file('tls.key'), certificates.gateway.key, { mode: 0o600 })
  writeFileSync(file('tls.crt'), certificates.gateway.certificate)
  const publicKey = createCredentialFile(file('credential.json'), 'cred_gateway')
  set = wholeKeySet([{ id: 'cred_gateway', tenant: 'gateway', alg: 'ed25519', publicKey, digest: true }])
  coordinator = await startCoordinator(0)
  const keys = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  token = await new SignJWT({ sub: 'alice', scope: 'keys:read keys:write sign digest' })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('issuer')
    .setAudience('quorate')
    .setExpirationTime('5m')
    .sign(keys.privateKey)
  config = {
    role: 'gateway',
    name: 'gateway',
    dataDir: directory,
    listen: { host: LOOPBACK, port: 0 },
    tls: { keyFile: file('tls.key'), certFile: file('tls.crt') },
    roster: { roster: set.roster, audience: set.audience, signers: [] },
    allowFrom: ['127.0.0.0/8'],
    logLevel: 'info',
    curve: 'native',
    storeFile: file('gateway.sqlite'),
    coordinator: { url: coordinator.url, fingerprint: fingerprintOf(certificates.coordinator.certificate) },
    credentialFile: file('credential.json'),
    jwt: {
      issuer: 'issuer',
      audience: 'quorate',
      jwks: { keys: [{ ...(await exportJWK(keys.publicKey)), kty: 'OKP', alg: 'EdDSA' }] },
    },
    principals: [
      { name: 'batch-job', fingerprint: fingerprintOf(certificates.user.certificate), scopes: ['keys:read', 'keys:write'] },
    ],
    ratePerSecond: 1000,
    maxCalls: 100,
    defaultThreshold: 2,
    requestLifeMs: 60_000,
  }
  gateway = await startGateway(config, sink.log)
  const pin = fingerprintOf(certificates.gateway.certificate)
  anonymous = createPeerClient({ url: gateway.url, name: 'gateway', pin })
  withCertificate = createPeerClient({ url: gateway.url, name: 'gateway', pin, tls: pair(certificates.user) })
})

afterAll(async () => {
  await Promise.all([anonymous.close(), withCertificate.close()])
  await gateway.close()
  await coordinator.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('a gateway on a real port', () => {
  const bearer = () => ({ authorization: `Bearer ${token}` })

  it('makes a key and signs with it, for a user with a token', async () => {
    const made = await call(anonymous, 'POST', '/api/v1/keys', { scheme: 'ecdsa-secp256k1' }, bearer())
    expect(made.status).toBe(201)
    const key = Key.parse(made.json())
    const payload = { kind: 'message', bytes: '0x68656c6c6f', hash: 'keccak256' }
    const signed = await call(anonymous, 'POST', '/api/v1/sign', { key_id: key.id, payload }, bearer())
    expect(signed.status).toBe(200)
    expect(Signature.parse(signed.json())).toMatchObject({ state: 'signed', key_id: key.id })
    expect(sink.text()).not.toContain(token)
  })

  it('knows a user by certificate, with scopes and keys of its own', async () => {
    const made = await call(withCertificate, 'POST', '/api/v1/keys', { scheme: 'eddsa-ed25519' })
    expect(made.status).toBe(201)
    const { id } = Key.parse(made.json())
    expect((await call(withCertificate, 'GET', `/api/v1/keys/${id}`)).status).toBe(200)
    expect((await call(anonymous, 'GET', `/api/v1/keys/${id}`, undefined, bearer())).json()).toMatchObject({
      code: 'key_not_found',
    })
    const signing = { key_id: id, payload: { kind: 'message', bytes: '0x00' } }
    expect((await call(withCertificate, 'POST', '/api/v1/sign', signing)).json()).toMatchObject({ code: 'authorization_invalid' })
    // A wrong token is not made good by a right certificate.
    const mixed = await call(withCertificate, 'GET', '/api/v1/keys', undefined, { authorization: 'Bearer wrong' })
    expect(mixed.json()).toMatchObject({ code: 'authentication_failed' })
  })

  it('does not know anybody else', async () => {
    const pin = fingerprintOf(certificates.gateway.certificate)
    const stranger = createPeerClient({ url: gateway.url, name: 'gateway', pin, tls: pair(certificates.stranger) })
    for (const client of [stranger, anonymous]) {
      expect((await call(client, 'GET', '/api/v1/keys')).json()).toMatchObject({ status: 401, code: 'authentication_failed' })
    }
    await stranger.close()
  })

  it('shows the set and measures', async () => {
    const state = await call(anonymous, 'GET', '/api/v1/set', undefined, bearer())
    expect(SetState.parse(state.json())).toMatchObject({ id: set.audience, quorum: 'degraded' })
    expect((await call(anonymous, 'GET', '/health')).json()).toMatchObject({ status: 'ok', role: 'gateway' })
    expect((await call(anonymous, 'GET', '/metrics')).status).toBe(200)
  })

  it('is ready while the coordinator is, and says within its word that nothing is known when it is gone', async () => {
    await expect.poll(async () => (await call(anonymous, 'GET', '/ready')).status, { timeout: 5_000 }).toBe(200)
    const key = Key.parse((await call(anonymous, 'POST', '/api/v1/keys', { scheme: 'ecdsa-secp256k1' }, bearer())).json())
    const body = { key_id: key.id, payload: { kind: 'message', bytes: '0x01', hash: 'sha256' }, request_id: 'req_gone' }
    const { port } = coordinator
    await coordinator.close()
    const lost = await call(anonymous, 'POST', '/api/v1/sign', body, bearer())
    expect(lost.json()).toMatchObject({ status: 503, code: 'quorum_unavailable', outcome: 'unknown', request_id: 'req_gone' })
    await expect.poll(async () => (await call(anonymous, 'GET', '/ready')).status, { timeout: 5_000 }).toBe(503)
    // Keys were verified before; showing them takes nobody else.
    expect((await call(anonymous, 'GET', `/api/v1/keys/${key.id}`, undefined, bearer())).status).toBe(200)
    coordinator = await startCoordinator(port)
    const again = await call(anonymous, 'POST', '/api/v1/sign', body, bearer())
    expect(Signature.parse(again.json())).toMatchObject({ state: 'signed', request_id: 'req_gone' })
  })

  it('trusts no other coordinator than the pinned one', async () => {
    const other = await startGateway(
      {
        ...config,
        storeFile: join(directory, 'other.sqlite'),
        coordinator: { ...config.coordinator, fingerprint: fingerprintOf(certificates.stranger.certificate) },
      },
      sink.log,
    )
    const client = createPeerClient({ url: other.url, name: 'gateway', pin: fingerprintOf(certificates.gateway.certificate) })
    const before = set.received.length
    const answer = await call(client, 'POST', '/api/v1/keys', { scheme: 'ecdsa-secp256k1' }, bearer())
    expect(answer.json()).toMatchObject({ status: 503, code: 'quorum_unavailable', outcome: 'none' })
    expect(set.received).toHaveLength(before)
    await client.close()
    await other.close()
  })
})
