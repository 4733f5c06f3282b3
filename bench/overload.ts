import type { BenchOptions } from './arguments.ts'
import { openConnections } from './connections.ts'
import { type Callers, type OpenPoint, openPoint } from './load-points.ts'
import { type Gate, quantile, type Row, type Table } from './report.ts'

/** Of the capacity. */
const SHARES = [0.25, 0.5, 0.75, 0.9, 1, 1.5, 2]
const QUICK_SHARES = [0.5, 2]
/** Below what a server grants to one address: more would be turned away at the door, before anybody could say why. */
const CONNECTIONS = 1_900
const QUICK_CONNECTIONS = 200
/** At twice the capacity, of the capacity. */
const MUST_SERVE = 85
/** Whoever is turned away hears so while it can still ask elsewhere. */
const MUST_REFUSE_MS = 1_000
/** Calls at twice the capacity that get neither a signature nor a 503. */
const MOST_LEFT = 1

export interface OfferedLoad {
  readonly table: Table
  readonly gates: readonly Gate[]
  readonly points: readonly { readonly share: number; readonly point: OpenPoint }[]
}

/**
 * Offers shares of the capacity, up to twice of it, to a set that cannot slow its callers down. Beyond the capacity the served rate has to
 * stay where it was, and whoever is too many has to be told early.
 * @param capacity signatures a second.
 */
export async function offeredLoad(callers: Callers, capacity: number, options: BenchOptions): Promise<OfferedLoad> {
  const target = await openConnections(callers.set, callers.form, options.quick ? QUICK_CONNECTIONS : CONNECTIONS)
  try {
    const points = []
    for (const share of options.quick ? QUICK_SHARES : SHARES) {
      points.push({ share, point: await openPoint(callers, target, share * capacity, lengthsOf(share, options)) })
    }
    const last = points.at(-1)?.point as OpenPoint
    return {
      table: {
        title: `offered load in shares of ${Math.round(capacity)} signatures/s, whatever became of the calls before`,
        rows: points.map(({ share, point }) => rowOf(share, point)),
      },
      // Windows that short say nothing about queues of seconds.
      gates: options.quick ? [] : gatesOf(last, capacity),
      points,
    }
  } finally {
    await target.pool.destroy()
  }
}

/** Beyond the capacity a queue has to fill before anything is steady. */
function lengthsOf(share: number, { quick, long }: BenchOptions) {
  const isBeyond = share >= 1
  if (quick) return { seconds: 2, skip: isBeyond ? 1 : 0.5 }
  if (long) return { seconds: 30, skip: isBeyond ? 10 : 2 }
  return isBeyond ? { seconds: 12, skip: 4 } : { seconds: 5, skip: 1 }
}

const rowOf = (share: number, { offered, served, latencies, refusals, others }: OpenPoint): Row => ({
  share: `${share}x`,
  'offered /s': offered,
  'served /s': served,
  'p50 ms': quantile(latencies, 0.5),
  'p99 ms': quantile(latencies, 0.99),
  '503s': refusals.length,
  '503 p50 ms': quantile(refusals, 0.5),
  '503 p99 ms': quantile(refusals, 0.99),
  'neither of them': others,
})

function gatesOf({ served, refusals, otherShare }: OpenPoint, capacity: number): readonly Gate[] {
  const gate = (name: string, figure: number, must: number, unit: string, atMost?: true): Gate => ({
    name: `twice the capacity offered: ${name}`,
    figure,
    must,
    unit,
    ...(atMost && { atMost }),
  })
  return [
    gate('served', (100 * served) / capacity, MUST_SERVE, '% of the capacity'),
    ...(refusals.length === 0 ? [] : [gate('p99 of the 503s', quantile(refusals, 0.99), MUST_REFUSE_MS, 'ms', true)]),
    gate('neither signed nor refused', 100 * otherShare, MOST_LEFT, '% of the calls', true),
  ]
}
