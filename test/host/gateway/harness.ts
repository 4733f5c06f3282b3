import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ed25519 } from '@noble/curves/ed25519.js'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import { Key, Problem } from '../../../src/host/api/schemas.ts'
import type { Jwks } from '../../../src/host/config/config.ts'
import { createCoordinatorClient, type HttpPeer } from '../../../src/host/gateway/coordinator-client.ts'
import { createGatewayApp, type GatewayAppOptions } from '../../../src/host/gateway/gateway-app.ts'
import { gatewayMetrics } from '../../../src/host/gateway/gateway-metrics.ts'
import { createKeyAdmin } from '../../../src/host/gateway/key-admin.ts'
import { createKeyBatchDesk } from '../../../src/host/gateway/key-batch-desk.ts'
import { KeyBatchRunner } from '../../../src/host/gateway/key-batch-runner.ts'
import { createKeyDirectory } from '../../../src/host/gateway/key-directory.ts'
import { createKeyMaker } from '../../../src/host/gateway/key-maker.ts'
import { createAuthenticator } from '../../../src/host/gateway/principal.ts'
import { createSessionReader } from '../../../src/host/gateway/read-session.ts'
import { createRequestBook } from '../../../src/host/gateway/request-book.ts'
import { createSigningDesk } from '../../../src/host/gateway/signing-desk.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { type GatewayStore, openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { logSink, post } from '../api/requests.ts'
import { type WholeKeySet, wholeKeySet } from '../api/whole-key-set.ts'

export const ISSUER = 'https://login.example'
export const AUDIENCE = 'quorate'
const ALL_SCOPES = 'keys:read keys:write keys:manage sign digest'

type App = ReturnType<typeof createGatewayApp>

/** A gateway with a store on the disk, before a coordinator's application, without sockets in between. */
export interface Gateway {
  app: App
  set: WholeKeySet
  store: GatewayStore
  /** Makes the keys of batches; stopped at the end of a test and at a restart. */
  runner: KeyBatchRunner
  /** Whether users have something signed just now, for the runner. */
  signing: boolean
  /** What the runner told nobody else. */
  unexpected: unknown[]
  sink: ReturnType<typeof logSink>
  /** What goes from gateway to coordinator; tests replace it to lose calls. */
  peer: HttpPeer
  /** Milliseconds by which the gateway's clock is ahead. */
  ahead: number
  /** Closes the gateway and starts another one on the same disk. */
  restart: (changes?: Partial<GatewayAppOptions>) => void
  token: (claims?: Record<string, unknown>, scope?: string) => Promise<string>
  /** A call with a bearer token; alice of tenant acme if none is given. */
  call: (path: string, init?: RequestInit, token?: string) => Promise<Response>
  newKey: (scheme?: string, token?: string) => Promise<ReturnType<typeof Key.parse>>
  problemOf: (answer: Response) => Promise<Record<string, unknown>>
}

export function gateway(): Gateway {
  const it = {} as Gateway
  let keys: Awaited<ReturnType<typeof generateKeyPair>>
  let jwks: Jwks
  let directory: string
  const seed = new Uint8Array(randomBytes(32))

  beforeAll(async () => {
    keys = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
    jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'EdDSA', kty: 'OKP' }] }
  })

  it.token = (claims = {}, scope = ALL_SCOPES) =>
    new SignJWT({ scope, sub: 'alice', tenant: 'acme', ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(keys.privateKey)
  it.call = async (path, init = {}, token) => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token ?? (await it.token())}` }
    return it.app.request(path, { ...init, headers })
  }
  it.problemOf = async (answer) => {
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    const body = (await answer.json()) as Record<string, unknown>
    expect(Problem.safeParse(body).success).toBe(true)
    expect(body['status']).toBe(answer.status)
    return body
  }
  it.newKey = async (scheme = 'ecdsa-secp256k1', token) => {
    const answer = await it.call('/api/v1/keys', post({ scheme }), token)
    expect(answer.status).toBe(201)
    return Key.parse(await answer.json())
  }
  it.restart = (changes = {}) => {
    void it.runner?.stop()
    it.store?.database.close()
    it.store = openGatewayStore(join(directory, 'gateway.sqlite'))
    const now = () => Date.now() + it.ahead
    const coordinator = createCoordinatorClient({ request: (request) => it.peer.request(request) })
    const commits = groupCommit(it.store.database)
    const book = createRequestBook({
      store: it.store,
      commits,
      signer: { id: 'cred_gateway', sign: (message) => ed25519.sign(message, seed) },
      audience: it.set.audience,
      lifeMs: 60_000,
      now,
      randomBytes,
    })
    const directoryOfKeys = createKeyDirectory({ store: it.store, roster: it.set.roster, curves: nobleCurves, now })
    const metrics = createMetrics({ role: 'gateway', name: 'test' })
    const makeKey = createKeyMaker({ coordinator, book, keys: directoryOfKeys })
    const onUnexpected = (error: unknown): void => void it.unexpected.push(error)
    it.runner = new KeyBatchRunner({
      store: it.store,
      commits,
      book,
      makeKey,
      parties: 3,
      now,
      onUnexpected,
      signing: () => it.signing,
    })
    const batches = createKeyBatchDesk({ store: it.store, commits, keys: directoryOfKeys, runner: it.runner, now, randomBytes })
    it.app = createGatewayApp({
      authenticate: createAuthenticator({ jwt: { issuer: ISSUER, audience: AUDIENCE, jwks }, principals: [] }),
      rateLimit: () => {},
      desk: createSigningDesk({
        coordinator,
        book,
        keys: directoryOfKeys,
        curves: nobleCurves,
        metrics: gatewayMetrics(metrics),
      }),
      makeKey,
      batches,
      changeKey: createKeyAdmin({ coordinator, book, keys: directoryOfKeys, roster: it.set.roster, curves: nobleCurves }),
      keys: directoryOfKeys,
      readSession: createSessionReader({ coordinator, book }),
      curves: nobleCurves,
      set: async () => (await coordinator.get('/api/v1/set', 1000)).json as never,
      ready: async () => true,
      parties: 3,
      defaultThreshold: 2,
      metrics,
      log: it.sink.log,
      info: { role: 'gateway', version: '0.1.0', platform: 'test' },
      ...changes,
    })
    batches.resume()
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-gateway-'))
    it.ahead = 0
    it.unexpected = []
    it.signing = false
    it.sink = logSink()
    it.set = wholeKeySet([
      { id: 'cred_gateway', tenant: 'gateway', alg: 'ed25519', publicKey: ed25519.getPublicKey(seed), digest: true },
    ])
    const coordinator = createCoordinatorApp({
      service: it.set.service,
      curves: nobleCurves,
      clientOf: () => ({ name: 'gateway', credentials: ['cred_gateway'] }),
      metrics: createMetrics({ role: 'coordinator', name: 'test' }),
      log: logSink().log,
      info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
    })
    it.peer = {
      request: async ({ method, path, headers = {}, body }) => {
        const answer = await coordinator.request(path, {
          method,
          headers,
          ...(body === undefined ? {} : { body: body as string }),
        })
        return { status: answer.status, headers: {}, body: new Uint8Array(await answer.arrayBuffer()) }
      },
    }
    it.restart()
  })
  afterEach(() => {
    void it.runner.stop()
    it.store.database.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return it
}
