import { randomFillSync } from 'node:crypto'
import type { Logger } from 'pino'
import { PrssKeeper } from '../../actors/prss-keeper.ts'
import type { SignerLink } from '../../actors/round.ts'
import { SignerMonitor, type SignerState } from '../../actors/signer-monitor.ts'
import { SigningScheduler } from '../../actors/signing-scheduler.ts'
import { TicketStock } from '../../actors/ticket-stock.ts'
import { WorkerPool } from '../../actors/worker-pool.ts'
import { toHex } from '../../protocol/engine/bytes.ts'
import { ROUTES } from '../../protocol/frames/signer-frames.ts'
import { createPeerClient } from '../../transport/peer-client.ts'
import { serveTls } from '../../transport/tls-server.ts'
import { createCoordinatorApp } from '../api/coordinator-app.ts'
import { clockWatch } from '../clock-watch.ts'
import type { CoordinatorConfig } from '../config/config.ts'
import { type CoordinatorMetrics, coordinatorMetrics } from '../coordinator/coordinator-metrics.ts'
import { coordinatorService } from '../coordinator/coordinator-service.ts'
import { KeyDirectory } from '../coordinator/directory.ts'
import { KeyService } from '../coordinator/key-service.ts'
import { signerNames } from '../coordinator/signer-names.ts'
import { SigningService } from '../coordinator/signing-service.ts'
import { selectCurves } from '../curve/select-curves.ts'
import { createMetrics } from '../metrics.ts'
import { openCoordinatorStore } from '../store/coordinator-store.ts'
import { groupCommit } from '../store/group-commit.ts'
import { isFatalStoreError, startPruning } from '../store/housekeeping.ts'
import { readTls } from '../tls/tls-files.ts'
import { VERSION } from '../version.ts'

const HEARTBEAT_MS = 250
/** A signer that takes longer than this for a heartbeat counts as down: half a second after it fell silent, on average. */
const HEARTBEAT_TIMEOUT_MS = 750
/** One exchange of a session; a silent signer costs a request this much before it goes on without it. */
const EXCHANGE_TIMEOUT_MS = 2_000
/** Key generation on all n signers with the portable curve code takes seconds. */
const KEYGEN_EXCHANGE_TIMEOUT_MS = 20_000
const SIGNER_CONNECTIONS = 8

/** Starts a coordinator: schedules, relays, combines, verifies; holds no secret and has no authority. */
export async function startCoordinator(config: CoordinatorConfig, log: Logger): Promise<{ url: string; close(): Promise<void> }> {
  const curves = selectCurves(config.curve)
  const rng = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))
  const tls = readTls(config.tls)
  const store = openCoordinatorStore(config.storeFile)
  const commits = groupCommit(store.database)
  const metrics = createMetrics({ role: 'coordinator', name: config.name })
  const names = signerNames(config.signers)
  const roster = config.roster.roster
  const parties = roster.members.map((m) => m.id)

  const peers = config.signers.map((signer) => ({
    signer,
    client: createPeerClient({
      url: signer.url,
      name: signer.name,
      tls,
      pin: signer.tlsFingerprint,
      connections: SIGNER_CONNECTIONS,
    }),
  }))
  const links = new Map<number, SignerLink>(
    peers.map(({ signer, client }) => [
      signer.index,
      { id: signer.index, send: async (route, frame, timeoutMs) => await client.post(ROUTES[route], frame, { timeoutMs }) },
    ]),
  )
  const pool = await WorkerPool.start({
    entry: new URL('../workers/assembler-worker.ts', import.meta.url),
    count: config.workers,
    data: () => ({ value: { curve: config.curve } }),
    onLost: (index, error) => log.error({ worker: index, err: error }, 'assembler worker lost'),
    onUnhealthy: () => {
      log.fatal('assembler workers keep dying')
      process.exit(1)
    },
  })
  let turn = 0
  const stock = new TicketStock()
  let onChange = (_: SignerState): void => {}
  const monitor = new SignerMonitor({
    links: [...links.values()],
    rosterHash: roster.hash,
    stock,
    now: Date.now,
    intervalMs: HEARTBEAT_MS,
    timeoutMs: HEARTBEAT_TIMEOUT_MS,
    onChange: (state) => onChange(state),
  })
  const prss = new PrssKeeper({
    links,
    monitor,
    stock,
    rosterHash: roster.hash,
    rng,
    now: Date.now,
    timeoutMs: EXCHANGE_TIMEOUT_MS,
    onEstablished: (threshold, signers, ms) => log.info({ threshold, signers, ms }, 'PRSS generation established'),
    onFailed: (threshold, signers, why) => log.warn({ threshold, signers, why }, 'PRSS generation failed'),
  })
  let counted: CoordinatorMetrics | undefined
  const scheduler = new SigningScheduler({
    links,
    monitor,
    prss,
    parties,
    rosterHash: roster.hash,
    rng,
    now: Date.now,
    hm: config.ecdsaEngines.includes('hm'),
    exchangeTimeoutMs: EXCHANGE_TIMEOUT_MS,
    capacity: config.maxQueue,
    maxBatch: config.maxBatch,
    maxInFlight: config.batchesInFlight,
    assemble: async (command) => await pool.call(turn++ % pool.count, command),
    onSession: (report) => {
      counted?.session(report)
      const { engine, scheme, signers, requests, ms, end } = report
      const session = toHex(end.sessionId.subarray(0, 8))
      const line = {
        session,
        engine,
        scheme,
        signers,
        items: requests.length,
        requests: requests.slice(0, 8),
        ms: Math.round(ms * 100) / 100,
      }
      if (end.type === 'done') log.info(line, 'signing session')
      else
        log.warn(
          { ...line, code: end.code, culprits: names.of(end.culprits), missing: names.of(end.missing) },
          'signing session failed',
        )
    },
  })
  counted = coordinatorMetrics(metrics, { load: () => scheduler.load(), monitor, names, pool })
  const directory = new KeyDirectory(store, roster, curves)
  const keys = new KeyService({
    links,
    monitor,
    directory,
    store,
    roster: config.roster,
    names,
    curves,
    rng,
    now: Date.now,
    timeoutMs: KEYGEN_EXCHANGE_TIMEOUT_MS,
    log,
  })
  const signing = new SigningService({
    scheduler,
    directory,
    store,
    commits,
    names,
    now: Date.now,
    timeoutMs: config.signTimeoutMs,
    log,
  })

  const before = new Map<number, boolean>()
  let rebuilt = store.hasKeys()
  onChange = (state) => {
    if (before.get(state.id) !== state.up) {
      log.info(
        { signer: names.of([state.id])[0], up: state.up, version: state.status?.version },
        state.up ? 'signer up' : 'signer down',
      )
    }
    before.set(state.id, state.up)
    if (!state.up) return
    const hmSet = monitor.up().slice(0, 2 * config.defaultThreshold - 1)
    if (
      scheduler.engineFor('ecdsa-secp256k1', config.defaultThreshold) === 'hm' &&
      hmSet.length === 2 * config.defaultThreshold - 1
    ) {
      void prss.ensure(config.defaultThreshold, hmSet)
    }
    void keys.settle(state.status?.pending ?? [])
    if (!rebuilt) {
      rebuilt = true
      keys.rebuild(links.get(state.id) as SignerLink).then(
        (found) => found > 0 && log.info({ found, from: names.of([state.id])[0] }, 'key directory rebuilt'),
        (err) => {
          rebuilt = false
          log.warn({ err }, 'rebuilding the key directory failed; trying again')
        },
      )
    }
  }
  await monitor.start()

  const clock = clockWatch((ms) => log.error({ ms }, 'the clock stepped back: not ready'))
  const service = coordinatorService({ config, keys, signing, scheduler, monitor, store })
  const clients = new Map(config.clients.map((c) => [c.fingerprint, c]))
  const app = createCoordinatorApp({
    service: { ...service, ready: () => clock.steady() && service.ready() },
    clientOf: (fingerprint) => (fingerprint === null ? null : (clients.get(fingerprint) ?? null)),
    metrics,
    log,
    onUnexpected: (error) => {
      if (!isFatalStoreError(error)) return
      log.fatal('the store is unusable until this host is started again')
      process.exit(1)
    },
    info: {
      role: 'coordinator',
      version: VERSION,
      platform: `${process.platform} ${process.arch}, Node ${process.versions.node}, curve ${curves.id}`,
    },
  })
  const server = await serveTls({
    fetch: app.fetch,
    host: config.listen.host,
    port: config.listen.port,
    tls,
    clients: { mode: 'pinned', fingerprints: new Set(clients.keys()) },
    allowFrom: config.allowFrom,
    onRefused: (refusal) => log.warn(refusal, 'connection refused'),
  })
  const stopPruning = startPruning(
    (now) => store.prune(now),
    (err) => log.error({ err }, 'pruning failed'),
  )
  return {
    url: server.url,
    close: async () => {
      stopPruning()
      clock.stop()
      await server.close()
      monitor.stop()
      await Promise.all(peers.map(({ client }) => client.close()))
      await pool.close()
      commits.flush()
      store.database.close()
    },
  }
}
