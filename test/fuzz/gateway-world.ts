import { ed25519 } from '@noble/curves/ed25519.js'
import { importJWK, SignJWT } from 'jose'
import { pino } from 'pino'
import { createCoordinatorApp } from '../../src/host/api/coordinator-app.ts'
import { ApiProblem } from '../../src/host/api/problem.ts'
import { Key, SetState } from '../../src/host/api/schemas.ts'
import { createCoordinatorClient } from '../../src/host/gateway/coordinator-client.ts'
import { createGatewayApp } from '../../src/host/gateway/gateway-app.ts'
import { gatewayMetrics } from '../../src/host/gateway/gateway-metrics.ts'
import { createKeyAdmin } from '../../src/host/gateway/key-admin.ts'
import { createKeyBatchDesk } from '../../src/host/gateway/key-batch-desk.ts'
import { KeyBatchRunner } from '../../src/host/gateway/key-batch-runner.ts'
import { createKeyDirectory } from '../../src/host/gateway/key-directory.ts'
import { createKeyMaker } from '../../src/host/gateway/key-maker.ts'
import { createAuthenticator } from '../../src/host/gateway/principal.ts'
import { createSessionReader } from '../../src/host/gateway/read-session.ts'
import { createRequestBook } from '../../src/host/gateway/request-book.ts'
import { createSigningDesk } from '../../src/host/gateway/signing-desk.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import { openGatewayStore } from '../../src/host/store/gateway-store.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import { SCHEMES, type Scheme } from '../../src/protocol/request/document.ts'
import { wholeKeySet } from '../host/api/whole-key-set.ts'
import { bytes32 } from '../protocol/signing/dealt-key.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { nativeCurves } from '../simulator/world.ts'
import { JSON_TYPE } from './http-exchange.ts'
import type { Names } from './key-names.ts'
import { scratchFolder } from './scratch-folder.ts'
import { NOW } from './signer-trio.ts'

const ISSUER = 'https://login.example'
const AUDIENCE = 'quorate'
const SEED = bytes32('gateway-http/credential')
const LOGIN_SEED = bytes32('gateway-http/login')
/** Tokens end in the year 2100, so that those in the corpus stay good. */
const FOREVER = 4_102_444_800
export const CLAIMS = {
  sub: 'alice',
  tenant: 'acme',
  scope: 'keys:read keys:write keys:manage sign digest',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: FOREVER,
}
const jwk = {
  kty: 'OKP',
  crv: 'Ed25519',
  kid: 'one',
  alg: 'EdDSA',
  x: Buffer.from(ed25519.getPublicKey(LOGIN_SEED)).toString('base64url'),
}

async function issuer(): Promise<(claims: Uint8Array) => Promise<string | null>> {
  const key = await importJWK({ ...jwk, d: Buffer.from(LOGIN_SEED).toString('base64url') }, 'EdDSA')
  return async (claims) => {
    try {
      return await new SignJWT(JSON.parse(Buffer.from(claims).toString()))
        .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
        .sign(key)
    } catch {
      return null
    }
  }
}

/** What a malicious coordinator answers with. */
export interface Lie {
  readonly status: number
  readonly body: Uint8Array
}

export interface GatewayWorld {
  readonly names: Names
  /** A token that opens everything. */
  readonly token: string
  /** The token of these claims, or null if they are no claims. */
  readonly tokenOf: (claims: Uint8Array) => Promise<string | null>
  /** @throws what the application did not expect. */
  readonly fetch: (request: Request, lie: Lie | undefined) => Promise<Response>
  readonly close: () => void
}

/** A gateway and the coordinator behind it, with one key of each scheme. */
export async function gatewayWorld(): Promise<GatewayWorld> {
  const folder = scratchFolder()
  const store = openGatewayStore(folder.at('gateway.db'))
  const set = wholeKeySet(
    [{ id: 'cred_gateway', tenant: 'gateway', alg: 'ed25519', publicKey: ed25519.getPublicKey(SEED), digest: true }],
    () => NOW,
  )
  const behind = createCoordinatorApp({
    service: set.service,
    curves: nativeCurves,
    clientOf: () => ({ name: 'gateway', credentials: ['cred_gateway'] }),
    metrics: createMetrics({ role: 'coordinator', name: 'fuzz' }),
    log: pino({ level: 'silent' }),
    info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
  })
  let lie: Lie | undefined
  let unexpected: unknown
  const coordinator = createCoordinatorClient({
    request: async ({ method, path, headers = {}, body }) => {
      if (lie !== undefined) return { status: lie.status, headers: {}, body: Uint8Array.from(lie.body) }
      const answer = await behind.request(path, { method, headers, ...(body === undefined ? {} : { body: body as string }) })
      return { status: answer.status, headers: {}, body: new Uint8Array(await answer.arrayBuffer()) }
    },
  })
  const now = () => NOW
  const book = createRequestBook({
    store,
    commits: groupCommit(store.database),
    signer: { id: 'cred_gateway', sign: (message) => ed25519.sign(message, SEED) },
    audience: set.audience,
    lifeMs: 60_000,
    now,
    randomBytes: seededRng('gateway-http'),
  })
  const directory = createKeyDirectory({ store, roster: set.roster, curves: nativeCurves, now })
  const metrics = createMetrics({ role: 'gateway', name: 'fuzz' })
  const makeKey = createKeyMaker({ coordinator, book, keys: directory })
  const commits = groupCommit(store.database)
  const runner = new KeyBatchRunner({
    store,
    commits,
    book,
    makeKey,
    parties: 3,
    now,
    signing: () => false,
    onUnexpected: (error) => {
      unexpected = error
    },
  })
  const app = createGatewayApp({
    authenticate: createAuthenticator({ jwt: { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [jwk] } }, principals: [] }),
    rateLimit: () => {},
    desk: createSigningDesk({ coordinator, book, keys: directory, curves: nativeCurves, metrics: gatewayMetrics(metrics) }),
    makeKey,
    batches: createKeyBatchDesk({ store, commits, keys: directory, runner, now, randomBytes: seededRng('key-batches') }),
    changeKey: createKeyAdmin({ coordinator, book, keys: directory, roster: set.roster, curves: nativeCurves }),
    keys: directory,
    curves: nativeCurves,
    readSession: createSessionReader({ coordinator, book }),
    // As src/host/roles/gateway.ts does.
    set: async () => {
      const answer = SetState.safeParse((await coordinator.get('/api/v1/set', 1000)).json)
      if (answer.success) return answer.data
      throw new ApiProblem('quorum_unavailable', 'coordinator gave no usable answer', { cause: answer.error })
    },
    ready: async () => true,
    parties: 3,
    defaultThreshold: 2,
    metrics,
    log: pino({ level: 'silent' }),
    info: { role: 'gateway', version: '0.1.0', platform: 'test' },
    onUnexpected: (error) => {
      unexpected = error
    },
  })
  const tokenOf = await issuer()
  const token = (await tokenOf(Buffer.from(JSON.stringify(CLAIMS)))) as string
  const keys = new Map<Scheme, string>()
  for (const scheme of SCHEMES) {
    const headers = { ...JSON_TYPE, authorization: `Bearer ${token}` }
    const made = await app.request('/api/v1/keys', { method: 'POST', headers, body: JSON.stringify({ scheme }) })
    keys.set(scheme, Key.parse(await made.json()).id)
  }
  return {
    names: { audience: set.audience, keys },
    token,
    tokenOf,
    fetch: async (request, said) => {
      unexpected = undefined
      lie = said
      try {
        const answer = await app.fetch(request)
        if (unexpected !== undefined) throw unexpected
        return answer
      } finally {
        lie = undefined
        set.received.length = 0
      }
    },
    close: () => {
      store.database.close()
      folder.remove()
    },
  }
}
