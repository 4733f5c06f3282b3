import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import { WorkerPool } from '../../actors/worker-pool.ts'
import { wipe } from '../../protocol/engine/bytes.ts'
import { MAX_FRAME } from '../../protocol/frames/signer-frames.ts'
import { peerRoutes } from '../../transport/inbound.ts'
import { serveTls } from '../../transport/tls-server.ts'
import { clockWatch } from '../clock-watch.ts'
import type { SignerConfig } from '../config/config.ts'
import { selectCurves } from '../curve/select-curves.ts'
import { openDataKey } from '../kms/data-key.ts'
import { fileKms } from '../kms/file-kms.ts'
import { createMetrics } from '../metrics.ts'
import { cryptoClient } from '../signer/crypto-client.ts'
import { watchOrders } from '../signer/order-box.ts'
import { PairDesk } from '../signer/pair-desk.ts'
import { carryOut } from '../signer/pair-orders.ts'
import { signerMetrics } from '../signer/signer-metrics.ts'
import { signerHandlers } from '../signer/signer-service.ts'
import { groupCommit } from '../store/group-commit.ts'
import { isFatalStoreError, startPruning } from '../store/housekeeping.ts'
import { openSignerStore } from '../store/signer-store.ts'
import { readTls } from '../tls/tls-files.ts'
import { VERSION } from '../version.ts'
import type { CryptoWorkerData } from '../workers/crypto-worker.ts'

/** Unsealed shares held by the crypto worker. */
const KEY_CACHE = 10_000
/** Commands waiting for the crypto worker at most; beyond it the coordinator is told to come back. */
const MAX_PENDING = 512

/** Starts a signer: no user API, connections from its pinned coordinators only. Resolves when it serves. */
export async function startSigner(config: SignerConfig, log: Logger): Promise<{ url: string; close(): Promise<void> }> {
  const curves = selectCurves(config.curve)
  const kmsContext = { set: config.roster.audience, signer: String(config.index) }
  const store = openSignerStore(config.storeFile)
  try {
    // Opened once here to refuse a store without its key before anything is counted or listens; used on the worker only.
    wipe(await openDataKey(store, fileKms(config.kms.file), kmsContext))
  } catch (error) {
    store.database.close()
    throw error
  }
  const metrics = createMetrics({ role: 'signer', name: config.name })
  const clock = clockWatch((ms) => log.error({ ms }, 'the clock stepped back: not ready'))
  const data = (): CryptoWorkerData => ({
    identityFile: config.identityFile,
    kmsFile: config.kms.file,
    kmsContext,
    wrappedDataKey: store.wrappedDataKey() as Uint8Array,
    roster: config.roster.roster,
    audience: config.roster.audience,
    credentials: config.credentials,
    curve: config.curve,
    // A new number for every start of the worker too: its PRSS generations begin anew.
    boot: store.nextBoot(),
    keyCacheSize: KEY_CACHE,
    hm: config.ecdsaEngines.includes('hm'),
    dkls23: config.ecdsaEngines.includes('dkls23'),
  })
  const pool = await WorkerPool.start({
    entry: new URL('../workers/crypto-worker.ts', import.meta.url),
    count: 1,
    data: () => ({ value: data() }),
    maxPending: MAX_PENDING,
    onLost: (index, error) => log.error({ worker: index, err: error }, 'crypto worker lost; its sessions are gone'),
    onRestarted: (index) => log.warn({ worker: index }, 'crypto worker serves again'),
    onUnhealthy: () => {
      log.fatal('crypto workers keep dying')
      process.exit(1)
    },
  })
  const counts = signerMetrics(metrics)
  metrics.watchWorkers(() => pool.busyMs())
  const crypto = cryptoClient(pool, Date.now, (kind, { wait, work }) => {
    counts.stage(kind, 'wait', wait)
    counts.stage(kind, 'work', work)
  })
  const commits = groupCommit(store.database)
  const pairs = new PairDesk({
    self: config.index,
    roster: config.roster.roster,
    offered: config.ecdsaEngines.includes('dkls23'),
    pairs: store.pairs,
    commits,
    crypto,
    now: Date.now,
    log,
    metrics: counts,
  })
  const handlers = signerHandlers({
    config,
    store,
    crypto,
    pairs,
    curves,
    version: VERSION,
    now: Date.now,
    ready: clock.steady,
    log,
    metrics: counts,
  })
  const failed = (err: unknown, path?: string): void => {
    log.error({ err, path }, 'a frame could not be answered')
    if (!isFatalStoreError(err)) return
    log.fatal('the store is unusable until this host is started again')
    process.exit(1)
  }
  const app = peerRoutes({
    handlers,
    maxBytes: MAX_FRAME,
    onError: failed,
  })
  app.get('/metrics', async (c) => c.text(await metrics.text(), 200, { 'content-type': metrics.contentType }))
  const server = await serveTls({
    fetch: app.fetch,
    host: config.listen.host,
    port: config.listen.port,
    tls: readTls(config.tls),
    clients: { mode: 'pinned', fingerprints: new Set(config.coordinators) },
    allowFrom: config.allowFrom,
    onRefused: (refusal) => log.warn(refusal, 'connection refused'),
  })
  const stopOrders = watchOrders(config.dataDir, (order) => carryOut(order, pairs, config.roster.signers), log)
  const stopPruning = startPruning((now) => store.prune(now), failed)
  log.info({ url: server.url, index: config.index, curve: config.curve }, 'signer serves')
  return {
    url: server.url,
    close: async () => {
      stopOrders()
      stopPruning()
      clock.stop()
      await server.close()
      await pool.close()
      // Frames that outlived their connections: a mark that stays behind would be taken for the end of this process during a check.
      for (let i = 0; i < 2; i++) {
        commits.flush()
        await setImmediate()
      }
      store.database.close()
    },
  }
}
