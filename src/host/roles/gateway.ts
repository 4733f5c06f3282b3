import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Logger } from 'pino'
import { wipe } from '../../protocol/engine/bytes.ts'
import { createPeerClient } from '../../transport/peer-client.ts'
import { type ServerLimits, serveTls } from '../../transport/tls-server.ts'
import { DEFAULT_ADMISSION } from '../api/admission.ts'
import { ApiProblem } from '../api/problem.ts'
import { SetState } from '../api/schemas.ts'
import { clockWatch } from '../clock-watch.ts'
import type { GatewayConfig } from '../config/config.ts'
import { readCredentialFile } from '../config/credential-file.ts'
import { selectCurves } from '../curve/select-curves.ts'
import { Activity } from '../gateway/activity.ts'
import { type CoordinatorClient, createCoordinatorClient } from '../gateway/coordinator-client.ts'
import { createGatewayApp } from '../gateway/gateway-app.ts'
import { gatewayMetrics } from '../gateway/gateway-metrics.ts'
import { createKeyAdmin } from '../gateway/key-admin.ts'
import { createKeyBatchDesk } from '../gateway/key-batch-desk.ts'
import { KeyBatchRunner } from '../gateway/key-batch-runner.ts'
import { createKeyDirectory } from '../gateway/key-directory.ts'
import { createKeyMaker } from '../gateway/key-maker.ts'
import { createAuthenticator } from '../gateway/principal.ts'
import { createRateLimit } from '../gateway/rate-limit.ts'
import { createSessionReader } from '../gateway/read-session.ts'
import { createRequestBook, type RequestSigner } from '../gateway/request-book.ts'
import { createSigningDesk } from '../gateway/signing-desk.ts'
import { createMetrics } from '../metrics.ts'
import { openGatewayStore } from '../store/gateway-store.ts'
import { groupCommit } from '../store/group-commit.ts'
import { isFatalStoreError, startPruning } from '../store/housekeeping.ts'
import { readTls } from '../tls/tls-files.ts'
import { VERSION } from '../version.ts'

/** Every call under way holds one, and a call may be a long poll of 30 seconds. */
const COORDINATOR_CONNECTIONS = 256
const SHORT_CALL_MS = 2_000
/** Anybody may ask /ready; the coordinator is asked once a second at most. */
const READY_FRESH_MS = 1_000

/** So long after a call for a signature the next one is expected. */
const SIGNING_FRESH_MS = 1_000

/** PKCS #8 of RFC 8410 up to the 32 bytes of an Ed25519 seed. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The gateway's own credential. The seed goes into OpenSSL's memory and is wiped from ours. */
function readSigner(file: string): RequestSigner {
  const { id, seed } = readCredentialFile(file)
  const der = Buffer.concat([ED25519_PKCS8, seed])
  try {
    const key: KeyObject = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    return { id, sign: (message) => new Uint8Array(sign(null, message, key)) }
  } finally {
    wipe(seed, der)
  }
}

/** Asks at most once per `READY_FRESH_MS`, however many ask us. */
function readiness(coordinator: CoordinatorClient): () => Promise<boolean> {
  let asked = { at: Number.NEGATIVE_INFINITY, answer: Promise.resolve(false) }
  return () => {
    const at = performance.now()
    if (at - asked.at > READY_FRESH_MS) {
      const answer = coordinator.get('/ready', SHORT_CALL_MS).then(
        () => true,
        () => false,
      )
      asked = { at, answer }
    }
    return asked.answer
  }
}

/** Starts a gateway. Resolves when it serves. */
export async function startGateway(
  config: GatewayConfig,
  log: Logger,
  limits: Partial<ServerLimits> = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const curves = selectCurves(config.curve)
  const { roster, audience } = config.roster
  const metrics = createMetrics({ role: 'gateway', name: config.name })
  const clock = clockWatch((ms) => log.error({ ms }, 'the clock stepped back: not ready'))
  const tls = readTls(config.tls)
  const signer = readSigner(config.credentialFile)
  const store = openGatewayStore(config.storeFile)
  const commits = groupCommit(store.database)
  const peer = createPeerClient({
    url: config.coordinator.url,
    name: 'coordinator',
    tls,
    pin: config.coordinator.fingerprint,
    connections: COORDINATOR_CONNECTIONS,
    maxCalls: config.maxCalls,
  })
  const coordinator = createCoordinatorClient(peer)
  const book = createRequestBook({
    store,
    commits,
    signer,
    audience,
    lifeMs: config.requestLifeMs,
    now: Date.now,
    randomBytes,
  })
  const keys = createKeyDirectory({ store, roster, curves, now: Date.now })
  const parties = roster.members.length
  const coordinatorReady = readiness(coordinator)
  const endIfStoreIsBroken = (error: unknown): void => {
    if (!isFatalStoreError(error)) return
    log.fatal('the store is unusable until this host is started again')
    process.exit(1)
  }
  const signing = new Activity()
  const desk = createSigningDesk({ coordinator, book, keys, curves, metrics: gatewayMetrics(metrics) })
  const makeKey = createKeyMaker({ coordinator, book, keys })
  const runner = new KeyBatchRunner({
    store,
    commits,
    book,
    makeKey,
    parties,
    now: Date.now,
    signing: () => signing.within(SIGNING_FRESH_MS),
    onUnexpected: (err) => {
      log.error({ err }, 'a key of a batch met something unexpected')
      endIfStoreIsBroken(err)
    },
  })
  const batches = createKeyBatchDesk({ store, commits, keys, runner, now: Date.now, randomBytes })

  const app = createGatewayApp({
    authenticate: createAuthenticator({ jwt: config.jwt, principals: config.principals }),
    rateLimit: createRateLimit(config.ratePerSecond),
    desk: {
      ...desk,
      sign: (...call) => signing.during(() => desk.sign(...call)),
      signAll: (...call) => signing.during(() => desk.signAll(...call)),
    },
    makeKey,
    batches,
    changeKey: createKeyAdmin({ coordinator, book, keys, roster, curves }),
    keys,
    curves,
    readSession: createSessionReader({ coordinator, book }),
    set: async () => {
      const answer = SetState.safeParse((await coordinator.get('/api/v1/set', SHORT_CALL_MS)).json)
      if (answer.success) return answer.data
      throw new ApiProblem('quorum_unavailable', 'coordinator gave no usable answer', { cause: answer.error })
    },
    ready: async () => clock.steady() && (await coordinatorReady()),
    parties,
    defaultThreshold: config.defaultThreshold,
    metrics,
    log,
    info: {
      role: 'gateway',
      version: VERSION,
      platform: `${process.platform}-${process.arch} node ${process.version} curve ${curves.id}`,
    },
    admission: { ...DEFAULT_ADMISSION, maxCalls: config.maxCalls },
    onUnexpected: endIfStoreIsBroken,
  })
  const server = await serveTls({
    fetch: app.fetch,
    host: config.listen.host,
    port: config.listen.port,
    tls,
    clients: { mode: config.principals.length > 0 ? 'request' : 'none' },
    allowFrom: config.allowFrom,
    limits,
    onRefused: (refusal) => log.warn(refusal, 'connection refused'),
  })
  const stopPruning = startPruning(
    (now) => store.prune(now),
    (err) => {
      log.error({ err }, 'pruning failed')
      endIfStoreIsBroken(err)
    },
  )
  batches.resume()
  log.info({ url: server.url, coordinator: config.coordinator.url, curve: curves.id }, 'gateway serves')
  return {
    url: server.url,
    close: async () => {
      stopPruning()
      clock.stop()
      const idle = runner.stop()
      await server.close()
      await peer.close()
      await idle
      commits.flush()
      store.database.close()
    },
  }
}
