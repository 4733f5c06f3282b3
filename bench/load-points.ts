import { connectionsFor, openConnections } from './connections.ts'
import { arrivals, closedLoop, openLoop, type Target } from './load.ts'
import { quantile, type Row } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { endless, errorsOf, judge, latencies, type Observed, observe, SEED, wholeSetMs } from './signing-load.ts'
import { type Form, type Key, signingShots } from './signing-requests.ts'

/** Under whose keys, through which form of the API. */
export interface Callers {
  readonly set: RunningSet
  readonly form: Form
  readonly keys: readonly Key[]
}

export interface Lengths {
  readonly warm: number
  readonly seconds: number
}

/** A point of a curve: what so many callers get, each with one call after the other. */
export async function closedPoint({ set, form, keys }: Callers, callers: number, { warm, seconds }: Lengths): Promise<Observed> {
  const target = await openConnections(set, form, connectionsFor(callers))
  try {
    // Has everything compiled and fills caches.
    const before = await closedLoop(target, endless(set, form, keys), callers, warm)
    const count = Math.ceil((2 * seconds * before.answers.length) / before.seconds) + callers
    const shots = signingShots(set, form, keys, count)
    return await observe(set, () => closedLoop(target, shots[Symbol.iterator](), callers, seconds))
  } finally {
    await target.pool.destroy()
  }
}

export const rateOf = ({ judged, run }: Observed): number => judged.signed.length / run.seconds

export function closedRow(point: Observed): Row {
  const times = latencies(point.judged)
  return {
    'signatures/s': rateOf(point),
    'p50 ms': quantile(times, 0.5),
    'p99 ms': quantile(times, 0.99),
    'CPU ms, whole set': wholeSetMs(point.cpu),
    'items per session': point.batch,
    errors: errorsOf(point.judged.errors),
    verified: point.verified,
  }
}

/** What became of calls that were offered at a steady rate. */
export interface OpenPoint {
  readonly offered: number
  /** Signatures a second within the window: what comes after its end, from a queue, is not counted. */
  readonly served: number
  /** From the moment a call was due, of those due after the beginning. */
  readonly latencies: readonly number[]
  readonly refusals: readonly number[]
  /** Neither signed nor refused with 503, by what was said, as words. */
  readonly others: string
  readonly otherShare: number
}

/** @param skip seconds at the beginning in which queues fill; nothing that was due in them counts. */
export async function openPoint(
  { set, form, keys }: Callers,
  target: Target,
  offered: number,
  { seconds, skip }: { readonly seconds: number; readonly skip: number },
): Promise<OpenPoint> {
  const shots = signingShots(set, form, keys, Math.max(1, Math.floor(offered * seconds)))
  const { run, judged } = await observe(set, () => openLoop(target, shots, arrivals(shots.length, offered, SEED)))
  const counted = run.answers.filter(({ dueMs }) => dueMs >= 1000 * skip)
  const refused = counted.filter(({ status }) => status === 503)
  const rest = judge(counted.filter(({ status }) => status !== 503))
  const served = judged.signed.map(({ dueMs, latencyMs }) => dueMs + latencyMs).filter((at) => at >= 1000 * skip)
  return {
    offered,
    served: served.filter((at) => at < 1000 * seconds).length / (seconds - skip),
    latencies: latencies(rest),
    refusals: refused.map(({ latencyMs }) => latencyMs),
    others: errorsOf(rest.errors),
    otherShare: [...rest.errors.values()].reduce((sum, count) => sum + count, 0) / counted.length,
  }
}
