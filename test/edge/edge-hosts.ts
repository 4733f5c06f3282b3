import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { DEFAULT_ADMISSION } from '../../src/host/api/admission.ts'
import { createCoordinatorApp } from '../../src/host/api/coordinator-app.ts'
import type { CoordinatorService, SignedRequest } from '../../src/host/api/coordinator-service.ts'
import type { GatewayConfig } from '../../src/host/config/config.ts'
import { createCredentialFile } from '../../src/host/config/credential-file.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import { startGateway } from '../../src/host/roles/gateway.ts'
import { MAX_FRAME } from '../../src/protocol/frames/signer-frames.ts'
import type { Document } from '../../src/protocol/request/document.ts'
import { peerRoutes } from '../../src/transport/inbound.ts'
import { type ServerLimits, serveTls } from '../../src/transport/tls-server.ts'
import { logSink } from '../host/api/requests.ts'
import { inProcessSet, type SetOptions } from '../host/set/in-process-set.ts'
import { type Identity, selfSigned } from '../transport/fixture/certificates.ts'
import { type Answer, answersIn, open, requestText, type Sent, type Wire } from './wire.ts'

/** A host and a client that it knows. */
export interface Edge {
  readonly name: 'coordinator' | 'gateway' | 'signer'
  readonly port: number
  readonly client: Identity | undefined
  /** What a known client says with every request. */
  readonly headers: Readonly<Record<string, string>>
  readonly open: () => Promise<Wire>
  /** Sends these bytes and gives the answers until the host hangs up. */
  readonly raw: (...parts: (string | Uint8Array)[]) => Promise<Answer[]>
  /** One request as the known client. */
  readonly call: (sent: Sent) => Promise<Answer>
  /** Lines and fatal errors that it logged. */
  readonly log: ReturnType<typeof logSink>
}

export const ISSUER = 'https://login.example'
export const AUDIENCE = 'quorate'
export const ALL_SCOPES = 'keys:read keys:write keys:manage sign digest'
const LOOPBACK = '127.0.0.1'

export interface EdgeOptions {
  readonly limits?: Partial<ServerLimits>
  readonly set?: SetOptions
  readonly gateway?: Partial<GatewayConfig>
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** A signed request as JSON. */
export const coordinatorForm = ({ document, authorizations }: SignedRequest) => ({
  request: base64url(document),
  authorizations: authorizations.map(({ credentialId, alg, signature }) => ({
    credential_id: credentialId,
    alg,
    signature: base64url(signature),
  })),
})

/**
 * A coordinator, a gateway and a signer behind real TLS sockets: the whole set of test/host/set in this process, the coordinator's
 * application and the signer's routes served as their roles serve them, the gateway by its role.
 */
export async function edgeHosts(directory: string, options: EdgeOptions = {}) {
  const { limits = {} } = options
  const file = (name: string): string => join(directory, name)
  const [coordinatorTls, gatewayTls, signerTls, wallet, user, stranger] = (await Promise.all(
    ['coordinator', 'gateway', 'signer', 'wallet', 'user', 'stranger'].map(selfSigned),
  )) as [Identity, Identity, Identity, Identity, Identity, Identity]
  const publicKey = createCredentialFile(file('credential.json'), 'cred_gateway')
  const set = await inProcessSet({
    ...options.set,
    credentials: [{ id: 'cred_gateway', tenant: 'gateway', alg: 'ed25519', publicKey, digest: true }],
  })
  const sinks = { coordinator: logSink(), gateway: logSink(), signer: logSink() }

  const clients = new Map([
    [wallet.fingerprint, set.client],
    [gatewayTls.fingerprint, { name: 'gateway', credentials: ['cred_gateway'] }],
  ])
  /** The coordinator's service; a test puts a fault in its place. */
  const service: { -readonly [K in keyof CoordinatorService]: CoordinatorService[K] } = { ...set.service }
  const app = createCoordinatorApp({
    service,
    curves: set.curves,
    clientOf: (fingerprint) => clients.get(fingerprint ?? '') ?? null,
    metrics: createMetrics({ role: 'coordinator', name: 'test' }),
    log: sinks.coordinator.log,
    info: { role: 'coordinator', version: '0', platform: 'test' },
  })
  const coordinator = await serveTls({
    fetch: app.fetch,
    host: LOOPBACK,
    port: 0,
    tls: coordinatorTls,
    clients: { mode: 'pinned', fingerprints: new Set(clients.keys()) },
    limits: { drainMs: 500, ...limits },
  })
  const routes = peerRoutes({
    handlers: set.signerOf(1).handlers,
    maxBytes: MAX_FRAME,
    onError: (err, path) => sinks.signer.log.error({ err, path }, 'a frame could not be answered'),
  })
  routes.get('/metrics', (c) => c.text('up'))
  const signer = await serveTls({
    fetch: routes.fetch,
    host: LOOPBACK,
    port: 0,
    tls: signerTls,
    clients: { mode: 'pinned', fingerprints: new Set([coordinatorTls.fingerprint]) },
    limits: { drainMs: 500, ...limits },
  })

  writeFileSync(file('tls.key'), gatewayTls.key, { mode: 0o600 })
  writeFileSync(file('tls.crt'), gatewayTls.cert)
  const keys = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const token = (claims: Record<string, unknown> = {}, scope = ALL_SCOPES): Promise<string> =>
    new SignJWT({
      scope,
      sub: 'alice',
      tenant: 'acme',
      iss: ISSUER,
      aud: AUDIENCE,
      exp: Math.ceil(Date.now() / 1000) + 900,
      ...claims,
    })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .sign(keys.privateKey)
  const config: GatewayConfig = {
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
    coordinator: { url: coordinator.url, fingerprint: coordinatorTls.fingerprint },
    credentialFile: file('credential.json'),
    jwt: {
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', kty: 'OKP', alg: 'EdDSA' }] },
    },
    principals: [{ name: 'batch-job', fingerprint: user.fingerprint, scopes: ['keys:read'] }],
    ratePerSecond: 10_000,
    maxCalls: DEFAULT_ADMISSION.maxCalls,
    defaultThreshold: 2,
    requestLifeMs: 60_000,
    ...options.gateway,
  }
  const startOne = (changes: Partial<GatewayConfig> = {}) =>
    startGateway({ ...config, ...changes }, sinks.gateway.log, { drainMs: 500, ...limits })
  let gateway = await startOne()
  const bearer = { authorization: `Bearer ${await token()}` }

  const edge = (name: Edge['name'], url: string, client: Identity | undefined, headers: Edge['headers'] = {}): Edge => {
    const port = Number(new URL(url).port)
    const raw: Edge['raw'] = async (...parts) => {
      const wire = await open(port, client)
      wire.send(...parts)
      return answersIn(await wire.ended)
    }
    return {
      name,
      port,
      client,
      headers,
      open: () => open(port, client),
      raw,
      call: async (sent) => {
        const [answer, ...more] = await raw(requestText({ ...sent, headers: { ...headers, ...sent.headers } }))
        if (answer === undefined || more.length > 0) throw new Error(`${more.length + 1} answers`)
        return answer
      },
      log: sinks[name],
    }
  }
  const coordinatorEdge = edge('coordinator', coordinator.url, wallet)
  return {
    set,
    service,
    curves: set.curves,
    token,
    keys,
    stranger,
    coordinator: coordinatorEdge,
    gateway: edge('gateway', gateway.url, undefined, bearer),
    signer: edge('signer', signer.url, coordinatorTls),
    /** Another gateway before the same set, with other settings. */
    startGateway: async (changes: Partial<GatewayConfig>) => {
      const other = await startOne({ storeFile: file(`gateway-${Math.random()}.sqlite`), ...changes })
      return { edge: edge('gateway', other.url, undefined, bearer), close: other.close }
    },
    /** The gateway ends and starts again over its store. @param meanwhile what happens to the file then */
    restartGateway: async (meanwhile: (file: string) => void = () => {}): Promise<Edge> => {
      await gateway.close()
      meanwhile(config.storeFile)
      gateway = await startOne()
      return edge('gateway', gateway.url, undefined, bearer)
    },
    /** A document in the form in which the coordinator takes it. */
    signed: (document: Partial<Document> & Pick<Document, 'type' | 'scheme'>, who = 'cred_alice', requestId?: string) =>
      coordinatorForm(set.request(who, document, requestId)),
    close: async () => {
      await gateway.close()
      await Promise.all([coordinator.close(), signer.close()])
      set.close()
    },
  }
}

export type EdgeHosts = Awaited<ReturnType<typeof edgeHosts>>
