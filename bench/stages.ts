import { readMetrics, type Sample, sumOf } from './metrics-text.ts'
import type { Row, Table } from './report.ts'
import type { RunningSet } from './running-set.ts'

type Labels = Readonly<Record<string, string>>

/** What the hosts of a set said at /metrics; without those that said nothing. */
export interface Scrape {
  /** Milliseconds, as `performance.now`. */
  readonly at: number
  readonly hosts: ReadonlyMap<string, readonly Sample[]>
}

/** What the hosts of a set counted and measured in some time. */
export interface Window {
  readonly seconds: number
  readonly hosts: ReadonlyMap<string, readonly Sample[]>
}

export async function scrape(set: Pick<RunningSet, 'hosts' | 'metrics'>): Promise<Scrape> {
  const said = await Promise.all(set.hosts.map(async ({ name }) => [name, await set.metrics(name)] as const))
  return {
    at: performance.now(),
    hosts: new Map(said.flatMap(([name, text]) => (text === undefined ? [] : [[name, readMetrics(text)] as const]))),
  }
}

/** Counters and histograms as what was added to them, all else as it was at the end. A host that was started again counts from its start. */
export function between(before: Scrape, after: Scrape): Window {
  const hosts = [...after.hosts].map(([name, samples]) => {
    const then = new Map(before.hosts.get(name)?.map((sample) => [keyOf(sample), sample.value]))
    const added = samples.map((sample) => {
      if (!/_(?:total|count|sum|bucket)$/.test(sample.name)) return sample
      const value = sample.value - (then.get(keyOf(sample)) ?? 0)
      return { ...sample, value: value < 0 ? sample.value : value }
    })
    return [name, added] as const
  })
  return { seconds: (after.at - before.at) / 1000, hosts: new Map(hosts) }
}

const keyOf = ({ name, labels }: Sample): string => `${name} ${JSON.stringify(labels)}`

/** Items per session. */
export const batchOf = ({ hosts }: Window): number => {
  const samples = hosts.get('coordinator') ?? []
  return sumOf(samples, 'quorate_session_items_sum') / sumOf(samples, 'quorate_session_items_count')
}

/** In the order in which they pass; `per` says of what one is. */
const GATEWAY = [
  { stage: 'book', per: 'request' },
  { stage: 'forward', per: 'call' },
  { stage: 'judge', per: 'request' },
  { stage: 'total', per: 'call' },
]
const COORDINATOR = [
  { stage: 'queue', per: 'request' },
  { stage: 'sign', per: 'request' },
  ...['open', 'round_1', 'round_2', 'combine_wait', 'combine', 'verify'].map((stage) => ({ stage, per: 'session' })),
  { stage: 'store', per: 'request' },
  { stage: 'total', per: 'request' },
]
const SIGNER = [
  ...['lookup', 'wait', 'work', 'total'].map((stage) => ({ command: 'openSigning', stage })),
  ...['wait', 'mark', 'work', 'unmark', 'ledger', 'total'].map((stage) => ({ command: 'round', stage })),
]
const ENGINES = ['hm', 'dkls23', 'frost']

/** Where the time of a request goes, host by host, by what the hosts measured themselves. Stages that nothing passed are left out. */
export function stageTable(what: string, { hosts }: Window): Table {
  const at = (name: string): readonly Sample[] => hosts.get(name) ?? []
  const signers = [...hosts].filter(([name]) => name.startsWith('signer-')).flatMap(([, samples]) => samples)
  const rows = [
    ...GATEWAY.map(({ stage, per }) => stageRow('gateway', stage, per, at('gateway'), 'gateway_stage_seconds', { stage })),
    ...ENGINES.flatMap((engine) =>
      COORDINATOR.map(({ stage, per }) =>
        stageRow('coordinator', `${engine} ${stage}`, per, at('coordinator'), 'stage_seconds', { engine, stage }),
      ),
    ),
    ...SIGNER.map(({ command, stage }) =>
      stageRow('each signer', `${command} ${stage}`, 'exchange', signers, 'signer_stage_seconds', { command, stage }),
    ),
  ]
  return { title: `where the time goes: ${what}`, rows: rows.filter((row) => row !== null) }
}

function stageRow(
  host: string,
  stage: string,
  per: string,
  samples: readonly Sample[],
  name: string,
  labels: Labels,
): Row | null {
  const { count, mean, quantile } = histogramOf(samples, `quorate_${name}`, labels)
  if (count === 0) return null
  return { host, stage, per, count, 'mean ms': 1000 * mean, 'p50 ms': 1000 * quantile(0.5), 'p99 ms': 1000 * quantile(0.99) }
}

/** One histogram of all samples with these labels. */
export function histogramOf(samples: readonly Sample[], name: string, labels: Labels) {
  const count = sumOf(samples, `${name}_count`, labels)
  const buckets = new Map<number, number>()
  for (const sample of samples) {
    if (sample.name !== `${name}_bucket` || !Object.entries(labels).every(([key, text]) => sample.labels[key] === text)) continue
    const bound = sample.labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(sample.labels['le'])
    buckets.set(bound, (buckets.get(bound) ?? 0) + sample.value)
  }
  const bounds = [...buckets].sort(([a], [b]) => a - b)
  return {
    count,
    mean: sumOf(samples, `${name}_sum`, labels) / count,
    /** Between the bounds of a bucket as if its values were spread evenly; beyond the last, that bound. */
    quantile: (share: number): number => {
      const rank = share * count
      let [lower, below] = [0, 0]
      for (const [bound, upTo] of bounds) {
        if (upTo >= rank && bound !== Number.POSITIVE_INFINITY)
          return lower + ((bound - lower) * (rank - below)) / Math.max(1, upTo - below)
        if (bound !== Number.POSITIVE_INFINITY) lower = bound
        below = upTo
      }
      return lower
    },
  }
}

/** The event loop's delay is that of a timer, whose own period is in it. */
const TIMER_MS = 10

/** How busy the threads were, percent of one core, and how long the worst hundredth of what the main threads had to do waited. */
export function threadRow({ seconds, hosts }: Window): Row {
  const groups = ['gateway', 'coordinator', 'signer'].map((role) => {
    return { role, members: [...hosts].filter(([name]) => name.startsWith(role)).map(([, samples]) => samples) }
  })
  const busy = (members: readonly (readonly Sample[])[], isThread: (name: string) => boolean): number => {
    const shares = members.flatMap((samples) =>
      samples.flatMap(({ name, labels, value }) =>
        name === 'quorate_thread_busy_seconds_total' && isThread(labels['thread'] ?? '') ? [(100 * value) / seconds] : [],
      ),
    )
    return shares.reduce((sum, share) => sum + share, 0) / shares.length
  }
  const delay = (members: readonly (readonly Sample[])[]): number =>
    Math.max(...members.map((samples) => 1000 * sumOf(samples, 'nodejs_eventloop_lag_p99_seconds') - TIMER_MS))
  return Object.fromEntries([
    ...groups.map(({ role, members }) => [`${role} main %`, busy(members, (name) => name === 'main')]),
    ...groups.slice(1).map(({ role, members }) => [`${role} worker %`, busy(members, (name) => name !== 'main')]),
    ...groups.map(({ role, members }) => [`${role} delay p99 ms`, delay(members)]),
  ])
}
