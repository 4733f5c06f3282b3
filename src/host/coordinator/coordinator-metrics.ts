import type { EngineChoice } from '../../actors/engine-choice.ts'
import { PAIR_CONDITIONS, type PairKeeper } from '../../actors/pair-keeper.ts'
import { SESSION_STAGES } from '../../actors/session-stages.ts'
import type { SignerMonitor } from '../../actors/signer-monitor.ts'
import type { SessionReport } from '../../actors/signing-scheduler.ts'
import { type Metrics, STAGE_BUCKETS } from '../metrics.ts'
import type { PairEvent } from './coordinator.ts'
import type { SignerNames } from './signer-names.ts'
import type { RequestTimes } from './signing-service.ts'

export interface CoordinatorMetrics {
  readonly session: (report: SessionReport) => void
  readonly signed: (times: RequestTimes) => void
  readonly pair: (event: PairEvent) => void
}

/** Of a request, each once when it is signed: what it waited for a session, that session, the disk, and all of it. */
const REQUEST_STAGES = ['queue', 'sign', 'store', 'total'] as const

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** What a coordinator counts and measures. Label values come from fixed lists. */
export function coordinatorMetrics(
  metrics: Metrics,
  sources: {
    readonly load: () => { readonly waiting: number; readonly inFlight: number }
    readonly monitor: SignerMonitor
    readonly engines: Pick<EngineChoice, 'breakerLeft'>
    readonly pairs: Pick<PairKeeper, 'views'>
    readonly names: SignerNames
  },
): CoordinatorMetrics {
  const sessions = metrics.counter('sessions_total', 'Signing sessions by engine and end', ['engine', 'code'])
  const items = metrics.counter('signatures_total', 'Items of signing sessions by outcome', ['scheme', 'engine', 'outcome'])
  const seconds = metrics.histogram('session_seconds', 'Time of a signing session', ['engine'])
  const sizes = metrics.histogram('session_items', 'Items per signing session', ['engine'], BATCH_BUCKETS)
  const stages = metrics.histogram(
    'stage_seconds',
    'Where time goes: queue, sign, store and total of each request signed; the others of each session',
    ['engine', 'stage'],
    STAGE_BUCKETS,
  )
  metrics.gauge('mailbox_waiting', 'Requests waiting in mailboxes', [], (g) => g.set(sources.load().waiting))
  metrics.gauge('sessions_in_flight', 'Signing sessions under way', [], (g) => g.set(sources.load().inFlight))
  metrics.gauge('signer_up', 'Whether a signer answers', ['signer'], (g) => {
    for (const s of sources.monitor.states()) g.set({ signer: sources.names.of([s.id])[0] ?? '' }, s.up ? 1 : 0)
  })
  metrics.gauge('signer_rtt_seconds', 'Round trip of the last heartbeat', ['signer'], (g) => {
    for (const s of sources.monitor.states()) g.set({ signer: sources.names.of([s.id])[0] ?? '' }, (s.rttMs ?? 0) / 1000)
  })
  const events = metrics.counter('pair_events_total', 'Set-ups of pairs for DKLs23 made and failed, and bans', ['event'])
  metrics.gauge('pairs', 'Pairs of signers by the state of their set-up for DKLs23', ['state'], (g) => {
    const views = sources.pairs.views()
    for (const state of PAIR_CONDITIONS) g.set({ state }, views.filter(({ condition }) => condition === state).length)
  })
  metrics.gauge('hm_off', 'Whether hm is off because it kept failing', [], (g) =>
    g.set(sources.engines.breakerLeft() > 0 ? 1 : 0),
  )
  return {
    pair: (event) => events.inc({ event }),
    signed: (times) => {
      for (const stage of REQUEST_STAGES) stages.observe({ engine: times.engine, stage }, times[stage] / 1000)
    },
    session: ({ engine, scheme, items: batch, ms, stages: times, end }) => {
      const size = batch.length
      sessions.inc({ engine, code: end.type === 'done' ? 'done' : end.code })
      seconds.observe({ engine }, ms / 1000)
      for (const stage of SESSION_STAGES) {
        const spent = times[stage]
        if (spent !== undefined) stages.observe({ engine, stage }, spent / 1000)
      }
      sizes.observe({ engine }, size)
      if (end.type === 'failed') items.inc({ scheme, engine, outcome: 'failed' }, size)
      else
        for (const [outcome, alike] of Map.groupBy(end.items, ({ type }) => type))
          items.inc({ scheme, engine, outcome }, alike.length)
    },
  }
}
