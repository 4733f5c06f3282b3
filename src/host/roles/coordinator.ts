import { randomFillSync } from 'node:crypto'
import type { Logger } from 'pino'
import type { SignerLink } from '../../actors/round.ts'
import { WorkerPool } from '../../actors/worker-pool.ts'
import { MAX_REPLY } from '../../protocol/frames/signer-frames.ts'
import { createPeerClient } from '../../transport/peer-client.ts'
import { serveTls } from '../../transport/tls-server.ts'
import { createCoordinatorApp } from '../api/coordinator-app.ts'
import { busyThread } from '../busy-thread.ts'
import { clockWatch } from '../clock-watch.ts'
import type { CoordinatorConfig } from '../config/config.ts'
import { createCoordinator } from '../coordinator/coordinator.ts'
import { type CoordinatorMetrics, coordinatorMetrics } from '../coordinator/coordinator-metrics.ts'
import { signerLink } from '../coordinator/signer-link.ts'
import { selectCurves } from '../curve/select-curves.ts'
import { createMetrics } from '../metrics.ts'
import { openCoordinatorStore } from '../store/coordinator-store.ts'
import { groupCommit } from '../store/group-commit.ts'
import { isFatalStoreError, startPruning } from '../store/housekeeping.ts'
import { readTls } from '../tls/tls-files.ts'
import { VERSION } from '../version.ts'

const SIGNER_CONNECTIONS = 8

/**
 * Starts a coordinator: schedules, relays, combines, verifies; holds no secret and has no authority.
 * @param network what lies between it and its signers beside TLS: nothing, but in tests that change what travels.
 */
export async function startCoordinator(
  config: CoordinatorConfig,
  log: Logger,
  network: (link: SignerLink) => SignerLink = (link) => link,
): Promise<{ url: string; close(): Promise<void> }> {
  const curves = selectCurves(config.curve)
  const rng = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))
  const tls = readTls(config.tls)
  const store = openCoordinatorStore(config.storeFile)
  const commits = groupCommit(store.database)
  const metrics = createMetrics({ role: 'coordinator', name: config.name })

  const peers = config.signers.map((signer) => ({
    signer,
    client: createPeerClient({
      url: signer.url,
      name: signer.name,
      tls,
      pin: signer.tlsFingerprint,
      connections: SIGNER_CONNECTIONS,
      maxResponseBytes: MAX_REPLY,
    }),
  }))
  const links = new Map<number, SignerLink>(
    peers.map(({ signer, client }) => [signer.index, network(signerLink(signer.index, client))]),
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
  let counted: CoordinatorMetrics | undefined
  const { service, monitor, scheduler, engines, pairs, names } = createCoordinator({
    config,
    links,
    store,
    commits,
    curves,
    rng,
    now: Date.now,
    assemble: async (command) => await pool.call(pool.leastBusy(), command),
    onSession: (report) => counted?.session(report),
    onSigned: (times) => counted?.signed(times),
    onPair: (event) => counted?.pair(event),
    isBusy: busyThread(),
    log,
  })
  counted = coordinatorMetrics(metrics, { load: () => scheduler.load(), monitor, engines, pairs, names })
  metrics.watchWorkers(() => pool.busyMs())
  await monitor.start()

  const endIfStoreIsBroken = (error: unknown): void => {
    if (!isFatalStoreError(error)) return
    log.fatal('the store is unusable until this host is started again')
    process.exit(1)
  }
  const clock = clockWatch((ms) => log.error({ ms }, 'the clock stepped back: not ready'))
  const clients = new Map(config.clients.map((c) => [c.fingerprint, c]))
  const app = createCoordinatorApp({
    curves,
    service: { ...service, ready: () => clock.steady() && service.ready() },
    clientOf: (fingerprint) => (fingerprint === null ? null : (clients.get(fingerprint) ?? null)),
    metrics,
    log,
    onUnexpected: endIfStoreIsBroken,
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
    (err) => {
      log.error({ err }, 'pruning failed')
      endIfStoreIsBroken(err)
    },
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
