import { ed25519 } from '@noble/curves/ed25519.js'
import { importJWK, SignJWT } from 'jose'
import { pino } from 'pino'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { Key, SetState } from '../../../src/host/api/schemas.ts'
import { createCoordinatorClient } from '../../../src/host/gateway/coordinator-client.ts'
import { createGatewayApp } from '../../../src/host/gateway/gateway-app.ts'
import { createKeyAdmin } from '../../../src/host/gateway/key-admin.ts'
import { createKeyDirectory } from '../../../src/host/gateway/key-directory.ts'
import { createKeyMaker } from '../../../src/host/gateway/key-maker.ts'
import { createAuthenticator } from '../../../src/host/gateway/principal.ts'
import { createSessionReader } from '../../../src/host/gateway/read-session.ts'
import { createRequestBook } from '../../../src/host/gateway/request-book.ts'
import { createSigningDesk } from '../../../src/host/gateway/signing-desk.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { SCHEMES, type Scheme } from '../../../src/protocol/request/document.ts'
import { wholeKeySet } from '../../host/api/whole-key-set.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { headOf, JSON_TYPE, judged, NO_SESSION, requestOf, verifyBodies } from '../http-exchange.ts'
import { NAMELESS_SET, type Names, named, namedBytes, namelessKey } from '../key-names.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { NOW } from '../signer-trio.ts'
import { type FuzzTarget, promise } from '../target.ts'

const ISSUER = 'https://login.example'
const AUDIENCE = 'quorate'
const SEED = bytes32('gateway-http/credential')
const LOGIN_SEED = bytes32('gateway-http/login')
/** Tokens end in the year 2100, so that those in the corpus stay good. */
const FOREVER = 4_102_444_800
const CLAIMS = {
  sub: 'alice',
  tenant: 'acme',
  scope: 'keys:read keys:write sign digest',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: FOREVER,
}
/** What a malicious coordinator may answer with, by bits 4 to 7 of the mode. */
const STATUSES = [200, 201, 202, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504, 204, 302]

const jwk = {
  kty: 'OKP',
  crv: 'Ed25519',
  kid: 'one',
  alg: 'EdDSA',
  x: Buffer.from(ed25519.getPublicKey(LOGIN_SEED)).toString('base64url'),
}

async function signer(): Promise<(claims: Uint8Array) => Promise<string | null>> {
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

/**
 * The gateway's API, and the coordinator's answers to it. Parts: head, body, claims, answer. Mode: bit 0, no token at all; bit 1, the claims are
 * signed by the issuer, so the token is a good one; bit 2, the coordinator answers with the fourth part.
 */
export async function open(): Promise<FuzzTarget> {
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
  let lie: { readonly status: number; readonly body: Uint8Array } | undefined
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
  const app = createGatewayApp({
    authenticate: createAuthenticator({ jwt: { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [jwk] } }, principals: [] }),
    rateLimit: () => {},
    desk: createSigningDesk({ coordinator, book, keys: directory, curves: nativeCurves }),
    makeKey: createKeyMaker({ coordinator, book, keys: directory }),
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
    metrics: createMetrics({ role: 'gateway', name: 'fuzz' }),
    log: pino({ level: 'silent' }),
    info: { role: 'gateway', version: '0.1.0', platform: 'test' },
    onUnexpected: (error) => {
      unexpected = error
    },
  })
  const sign = await signer()
  const honest = (await sign(Buffer.from(JSON.stringify(CLAIMS)))) as string
  const keys = new Map<Scheme, string>()
  for (const scheme of SCHEMES) {
    const headers = { ...JSON_TYPE, authorization: `Bearer ${honest}` }
    const made = await app.request('/api/v1/keys', { method: 'POST', headers, body: JSON.stringify({ scheme }) })
    keys.set(scheme, Key.parse(await made.json()).id)
  }
  const names: Names = { audience: set.audience, keys }
  const tokenOf = async (c: Container): Promise<string | null> =>
    bit(c, 0) ? null : bit(c, 1) ? await sign(partOf(c, 2)) : honest

  const seeds = (): ReadonlyMap<string, Uint8Array> => {
    const all = new Map<string, Uint8Array>()
    const none = new Uint8Array(0)
    const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
    const payloads = {
      'ecdsa-secp256k1': { kind: 'message', bytes: '0x00ff', hash: 'keccak256' },
      'schnorr-secp256k1': { kind: 'digest', digest: `0x${'22'.repeat(32)}` },
      'eddsa-ed25519': { kind: 'message', bytes: '0x' },
    }
    const signBody = (scheme: Scheme) => ({ key_id: namelessKey(scheme), payload: payloads[scheme], path: 'm', wait_ms: 0 })
    for (const scheme of SCHEMES) {
      all.set(
        `key-${scheme}`,
        pack(0, headOf('POST', '/api/v1/keys', JSON_TYPE), json({ scheme, label: 'Treasury', threshold: 2, parties: 3 })),
      )
      all.set(`sign-${scheme}`, pack(0, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody(scheme))))
    }
    const idempotent = { ...JSON_TYPE, 'idempotency-key': '"abc"' }
    all.set(
      'idempotent',
      pack(0, headOf('POST', '/api/v1/sign', idempotent), json({ ...signBody('eddsa-ed25519'), request_id: 'req_abc' })),
    )
    all.set('batch', pack(0, headOf('POST', '/api/v1/sign/batch', JSON_TYPE), json({ items: [...SCHEMES.map(signBody), 7] })))
    const get = (name: string, path: string, mode = 0, ...more: readonly Uint8Array[]) =>
      all.set(name, pack(mode, headOf('GET', path), none, ...more))
    get('session', `/api/v1/sessions/${NO_SESSION}`)
    for (const [name, body] of verifyBodies())
      all.set(`verify-${name}`, pack(0, headOf('POST', '/api/v1/verify', JSON_TYPE), body))
    get('keys', '/api/v1/keys?limit=2&scheme=eddsa-ed25519')
    get('key', `/api/v1/keys/${namelessKey('eddsa-ed25519')}`)
    get('signature', `/api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=0`)
    get('set', '/api/v1/set')
    get('nobody', '/api/v1/keys', 1)
    get('claims', '/api/v1/keys', 2, json(CLAIMS))
    get('narrow', '/api/v1/keys', 2, json({ ...CLAIMS, scope: 'sign' }))
    get('expired', '/api/v1/keys', 2, json({ ...CLAIMS, exp: 1 }))
    all.set('own-token', pack(1, headOf('GET', '/api/v1/keys', { authorization: `Bearer ${honest}` }), none))
    // What a coordinator says, for mutations to lie with.
    const key = { scheme: 'eddsa-ed25519', request_id: 'req_lie' }
    const signature = {
      id: `sig_${'0'.repeat(32)}`,
      request_id: 'req_lie',
      state: 'signed',
      signature: { serialized: `0x${'11'.repeat(64)}` },
      engine: 'frost',
      signers: [1, 3],
      timing_ms: { queue: 0, sign: 1, total: 1 },
    }
    const problem = {
      type: 'x',
      title: 'x',
      status: 500,
      detail: 'x',
      code: 'protocol_abort',
      request_id: 'req_lie',
      retryable: true,
      culprits: ['signer-1'],
    }
    all.set(
      'lying-key',
      pack(
        4 + 16,
        headOf('POST', '/api/v1/keys', JSON_TYPE),
        json(key),
        none,
        json({ id: namelessKey('eddsa-ed25519'), certificate: '0x00' }),
      ),
    )
    all.set(
      'lying-signature',
      pack(4, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody('eddsa-ed25519')), none, json(signature)),
    )
    all.set(
      'lying-pending',
      pack(
        4 + 32,
        headOf('POST', '/api/v1/sign', JSON_TYPE),
        json(signBody('eddsa-ed25519')),
        none,
        json({ ...signature, state: 'pending_signing' }),
      ),
    )
    all.set(
      'lying-problem',
      pack(4 + 16 * 11, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody('ecdsa-secp256k1')), none, json(problem)),
    )
    const items = [
      { status: 200, signature },
      { status: 500, problem },
    ]
    all.set(
      'lying-batch',
      pack(
        4,
        headOf('POST', '/api/v1/sign/batch', JSON_TYPE),
        json({ items: SCHEMES.map(signBody).slice(0, 2) }),
        none,
        json({ items }),
      ),
    )
    all.set(
      'lying-set',
      pack(4, headOf('GET', '/api/v1/set'), none, none, json({ id: NAMELESS_SET, quorum: 'full', signers: [] })),
    )
    return all
  }

  return {
    maxLength: 1 << 14,
    dictionary: [
      'GET',
      'POST',
      '/api/v1/',
      'wait_ms=0',
      'Bearer ',
      'authorization: ',
      'idempotency-key: ',
      'content-encoding: gzip',
      'content-length: 5',
      ...SCHEMES.map(namelessKey),
    ],
    seeds,
    reaches: [
      'POST /api/v1/keys 201',
      'POST /api/v1/sign 200',
      'POST /api/v1/sign/batch 200 malformed_request signed',
      'GET /api/v1/keys 200',
      'GET /api/v1/keys 401 authentication_failed',
      'GET /api/v1/keys 403 authorization_invalid',
      'GET /api/v1/sessions 404 not_found',
      'POST /api/v1/verify 200 valid',
      'POST /api/v1/verify 200 mismatch',
      'POST /api/v1/verify 200 high_s',
      'POST /api/v1/verify 404 key_not_found',
      'GET /api/v1/set 200',
    ],
    close: () => {
      store.database.close()
      folder.remove()
    },
    run: async (input) => {
      const container = unpack(input)
      const head = named(Buffer.from(partOf(container, 0)).toString('latin1'), names)
      const body = namedBytes(partOf(container, container.parts.length === 1 ? 0 : 1), names)
      const request = requestOf({ head, body })
      if (request === null) return 'no request'
      const token = await tokenOf(container)
      if (token !== null) request.headers.set('authorization', `Bearer ${token}`)
      unexpected = undefined
      lie = bit(container, 2)
        ? { status: STATUSES[container.mode >> 4] as number, body: namedBytes(partOf(container, 3), names) }
        : undefined
      const answer = await app.fetch(request)
      if (unexpected !== undefined) throw unexpected
      const said = lie === undefined ? '' : await answer.clone().text()
      promise(!said.includes('"state":"signed"'), 'a signature on the word of a coordinator')
      const outcome = await judged(request, answer, lie !== undefined)
      set.received.length = 0
      promise(lie === undefined || !outcome.startsWith('POST /api/v1/keys 201'), 'a key on the word of a coordinator')
      return lie === undefined ? outcome : `lied to: ${outcome}`
    },
  }
}
