import type { Logger } from 'pino'
import { EngineChoice } from '../../actors/engine-choice.ts'
import { PairKeeper } from '../../actors/pair-keeper.ts'
import { PrssKeeper } from '../../actors/prss-keeper.ts'
import type { SignerLink } from '../../actors/round.ts'
import { SignerMonitor, type SignerState } from '../../actors/signer-monitor.ts'
import { MAX_WAITING_BYTES, type SessionReport, SigningScheduler } from '../../actors/signing-scheduler.ts'
import { TicketStock } from '../../actors/ticket-stock.ts'
import { SYSTEM_TIMERS, type Timers } from '../../actors/timers.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { type Rng, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import type { CoordinatorConfig } from '../config/config.ts'
import type { CoordinatorStore } from '../store/coordinator-store.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import { coordinatorService } from './coordinator-service.ts'
import { KeyDirectory } from './directory.ts'
import { KeyDelivery } from './key-delivery.ts'
import { KeyService } from './key-service.ts'
import { KeyUpdates } from './key-updates.ts'
import { SessionLog } from './session-log.ts'
import { signerNames } from './signer-names.ts'
import { type RequestTimes, SigningService } from './signing-service.ts'
import { upkeep } from './upkeep.ts'

/** Milliseconds. */
export interface CoordinatorTimes {
  /** From one heartbeat's answer to the next heartbeat. */
  readonly heartbeat: number
  /** A signer that takes longer for a heartbeat counts as down. */
  readonly heartbeatTimeout: number
  /** One exchange of a session; a silent signer costs a request this much before it goes on without it. */
  readonly exchange: number
  /** One exchange of a key generation: on all n signers, with the portable curve code, it takes seconds. */
  readonly keygenExchange: number
}

export const DEFAULT_TIMES: CoordinatorTimes = { heartbeat: 250, heartbeatTimeout: 750, exchange: 2_000, keygenExchange: 20_000 }

export interface CoordinatorOptions {
  readonly config: Pick<
    CoordinatorConfig,
    'roster' | 'signers' | 'defaultThreshold' | 'ecdsaEngines' | 'maxQueue' | 'maxBatch' | 'batchesInFlight' | 'signTimeoutMs'
  >
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly store: CoordinatorStore
  readonly commits: GroupCommit
  readonly curves: Curves
  readonly rng: Rng
  readonly now: () => number
  /** Combines and verifies a batch; see actors/assembler-actor.ts. */
  readonly assemble: (command: Uint8Array) => Promise<Uint8Array>
  readonly onSession: (report: SessionReport) => void
  readonly onSigned: (times: RequestTimes) => void
  readonly onPair: (event: PairEvent) => void
  readonly log: Logger
  /** Whether the main thread has so much to do that a batch is worth waiting for; never, if absent. */
  readonly isBusy?: () => boolean
  readonly times?: CoordinatorTimes
  readonly timers?: Timers
}

/** Of a mailbox's capacity, what one credential may have under way in all of them. */
const SHARE = 1 / 2

/** Request ids written into one log line. */
const MAX_LOGGED = 8

/** What became of a pair's set-up for DKLs23, or that a signer has banned another. */
export type PairEvent = 'set_up' | 'failed' | 'banned'

/** All parts of a coordinator but its HTTP server, workers and connections. */
export function createCoordinator(o: CoordinatorOptions) {
  const { config, links, store, commits, curves, rng, now, log, times = DEFAULT_TIMES, timers = SYSTEM_TIMERS } = o
  const { roster } = config.roster
  const names = signerNames(config.signers)
  const sessions = new SessionLog(names)
  const stock = new TicketStock()
  let onChange = (_: SignerState): void => {}
  const monitor = new SignerMonitor({
    links: [...links.values()],
    rosterHash: roster.hash,
    stock,
    now,
    intervalMs: times.heartbeat,
    timeoutMs: times.heartbeatTimeout,
    onChange: (state) => onChange(state),
    timers,
  })
  /** For sessions: they end as soon as a signer is known to be silent. */
  const watched = new Map([...links].map(([id, link]) => [id, monitor.watched(link)]))
  const prss = new PrssKeeper({
    links: watched,
    monitor,
    stock,
    rosterHash: roster.hash,
    rng,
    now,
    timeoutMs: times.exchange,
    onEstablished: (threshold, signers, ms) => log.info({ threshold, signers, ms }, 'PRSS generation established'),
    onFailed: (threshold, signers, why) => log.warn({ threshold, signers, why }, 'PRSS generation failed'),
  })
  const pairs = new PairKeeper({
    links: watched,
    monitor,
    rosterHash: roster.hash,
    rng,
    now,
    timeoutMs: 2 * times.exchange,
    timers,
    onEstablished: (pair, ms) => {
      o.onPair('set_up')
      log.info({ signers: names.of(pair), ms: Math.round(ms) }, 'pair set up for DKLs23')
    },
    onFailed: (pair, why) => {
      o.onPair('failed')
      log.warn({ signers: names.of(pair), why }, 'set-up of a pair for DKLs23 failed')
    },
    onBan: (by, peer, code) => {
      o.onPair('banned')
      const [who, whom] = names.of([by, peer])
      log.error({ by: who, signer: whom, code }, 'a signer has banned another: no ECDSA with both until its operator acts')
    },
  })
  const engines = new EngineChoice({
    monitor,
    prss,
    pairs,
    parties: roster.members.map((m) => m.id),
    ecdsaEngines: config.ecdsaEngines,
    timers,
    onBreaker: (threshold, signers) =>
      log.error({ threshold, signers: names.of(signers) }, 'hm keeps failing and is off for ten minutes: a signer may be lying'),
  })
  const scheduler = new SigningScheduler({
    links: watched,
    monitor,
    engines,
    prss,
    parties: roster.members.map((m) => m.id),
    roster,
    curves,
    rng,
    now,
    exchangeTimeoutMs: times.exchange,
    capacity: config.maxQueue,
    maxBatch: config.maxBatch,
    maxInFlight: config.batchesInFlight,
    assemble: o.assemble,
    ...(o.isBusy && { isBusy: o.isBusy }),
    timers,
    onBug: (err) => log.error({ err }, 'a signing session broke'),
    onSession: (report) => {
      o.onSession(report)
      sessions.add(report, now())
      const { engine, scheme, signers, items, ms, end } = report
      const line = {
        session: toHex(end.sessionId.subarray(0, 8)),
        engine,
        scheme,
        signers,
        items: items.length,
        requests: items.slice(0, MAX_LOGGED).map((item) => item.requestId),
        ms: Math.round(ms * 100) / 100,
      }
      if (end.type === 'done') return log.info(line, 'signing session')
      const who = { culprits: names.of(end.culprits), missing: names.of(end.missing), from: names.of(end.from) }
      log.warn({ ...line, code: end.code, ...who }, 'signing session failed')
    },
  })
  const directory = new KeyDirectory(store, roster, curves)
  const delivery = new KeyDelivery({ links, monitor, directory, store, roster, curves, now, log })
  const keys = new KeyService({
    links,
    monitor,
    directory,
    delivery,
    store,
    roster,
    curves,
    names,
    rng,
    now,
    timeoutMs: times.keygenExchange,
    timers,
    log,
  })
  const updates = new KeyUpdates({
    links,
    directory,
    store,
    roster,
    curves,
    names,
    now,
    timeoutMs: times.exchange,
    log,
  })
  const signing = new SigningService({
    scheduler,
    engines,
    directory,
    store,
    commits,
    names,
    now,
    timeoutMs: config.signTimeoutMs,
    share: { requests: Math.ceil(config.maxQueue * SHARE), bytes: MAX_WAITING_BYTES * SHARE },
    timers,
    onSigned: o.onSigned,
    log,
  })
  onChange = upkeep({
    links,
    monitor,
    engines,
    prss,
    ...(config.ecdsaEngines.includes('dkls23') && { pairs }),
    delivery,
    updates,
    names,
    threshold: config.defaultThreshold,
    now,
    log,
  })
  const service = coordinatorService({ config, keys, updates, signing, engines, pairs, sessions, monitor, store, now })
  return { service, monitor, prss, pairs, engines, scheduler, delivery, signing, names }
}
