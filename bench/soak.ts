import type { BenchOptions } from './arguments.ts'
import { ClaimLog } from './claim-log.ts'
import { growth, partOf, type Reading } from './flatness.ts'
import { type Answer, arrivals, offer } from './load.ts'
import { closedPoint, rateOf } from './load-points.ts'
import { makeKeys } from './make-keys.ts'
import { sumOf } from './metrics-text.ts'
import { usageOf } from './process-usage.ts'
import { type Gate, median, type Part, quantile, type Row } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { recovered } from './signer-outage.ts'
import { claimOf, errorsOf, SEED } from './signing-load.ts'
import { type Form, type Key, type SigningShot, signingShot } from './signing-requests.ts'
import { scrape } from './stages.ts'
import { verifyAll } from './verify-all.ts'

/** Of the capacity. */
const SHARE = 0.8
const CONNECTIONS = 256
/** Latency is judged by tenths of the time: minutes, of ten minutes. */
const PARTS = 10
const READINGS = 60
const VERIFY_AT_ONCE = 20_000
/** The worst tenth against the median one. */
const MOST_P99_RATIO = 2
/** What memory may grow after its first fifth: a tenth of itself, or so many MiB where that is less than readings differ. */
const MOST_GROWTH = 0.1
const NOISE_MIB = { resident: 16, heap: 8 } as const

/** One scheme at 80 % of the capacity, for minutes: nothing may fail, nothing may grow, nothing may become slow. */
export async function soak(options: BenchOptions, set: RunningSet): Promise<Part> {
  const { form = 'coordinator', scheme = 'ecdsa-secp256k1', minutes, concurrency, quick } = options
  await recovered(set)
  const { keys } = await makeKeys(set, form, scheme, options.keys)
  const warm = quick ? { warm: 1, seconds: 1 } : { warm: 10, seconds: 10 }
  const rate = options.rate ?? Math.max(1, SHARE * rateOf(await closedPoint({ set, form, keys }, concurrency, warm)))
  const times = arrivals(Math.ceil(60 * minutes * rate), rate, SEED)
  const memory = watchMemory(set, 60 * minutes)
  const load = await offered(set, form, keys, times, 60 * minutes).finally(memory.stop)
  let verified = 0
  for (const claims of load.log.parts(VERIFY_AT_ONCE)) verified += await verifyAll(claims)
  const p99s = load.latencies.map((times) => quantile(times, 0.99))
  const hosts = memory.hosts()
  return {
    tables: [
      {
        title: `soak: ${scheme} through the ${form} at ${Math.round(rate)}/s for ${minutes} minutes`,
        rows: [
          {
            requests: times.length,
            errors: errorsOf(load.errors),
            verified,
            'median p99 ms': median(p99s),
            'worst p99 ms': Math.max(...p99s),
          },
        ],
      },
      { title: 'latency by tenths of the time', rows: load.latencies.map(partRow) },
      {
        title: 'memory after the first fifth, MiB',
        rows: hosts.map(({ name, resident, heap }) => memoryRow(name, resident, heap)),
      },
    ],
    gates: [
      {
        name: 'soak: requests without a verified signature',
        figure: times.length - verified,
        must: 0,
        unit: 'requests',
        atMost: true,
      },
      {
        name: 'soak: p99 of the worst tenth of the time against the median one',
        figure: Math.max(...p99s) / median(p99s),
        must: MOST_P99_RATIO,
        unit: 'times',
        atMost: true,
      },
      ...hosts.flatMap(({ name, resident, heap }) => [growthGate(name, 'resident', resident), growthGate(name, 'heap', heap)]),
    ],
  }
}

interface Offered {
  readonly log: ClaimLog
  readonly errors: ReadonlyMap<string, number>
  /** By tenths of the time in which calls were due. */
  readonly latencies: readonly (readonly number[])[]
}

async function offered(
  set: RunningSet,
  form: Form,
  keys: readonly Key[],
  times: readonly number[],
  seconds: number,
): Promise<Offered> {
  const target = { pool: set.connect(form, CONNECTIONS), headers: set.headers[form] }
  const log = new ClaimLog(keys, times.length)
  const errors = new Map<string, number>()
  const latencies: number[][] = Array.from({ length: PARTS }, () => [])
  const onAnswer = (answer: Answer<SigningShot>): void => {
    const claimed = claimOf(answer)
    const error = typeof claimed === 'string' ? claimed : log.add(answer.shot.key, claimed) ? undefined : 'no signature'
    if (error !== undefined) errors.set(error, (errors.get(error) ?? 0) + 1)
    latencies[partOf(answer.dueMs / 1000, seconds, PARTS)]?.push(answer.latencyMs)
  }
  try {
    // In turns: which key is drawn matters to no cache that is larger than all of them.
    await offer(target, times, (i) => signingShot(set, form, keys[i % keys.length] as Key), onAnswer)
    return { log, errors, latencies }
  } finally {
    await target.pool.destroy()
  }
}

interface Memory {
  readonly grown: number
  readonly mean: number
}

/** Reads resident memory and heap of every host, some sixty times. */
function watchMemory(set: RunningSet, seconds: number) {
  const started = performance.now()
  const readings = set.hosts.map(({ name, pid }) => ({ name, pid, resident: [] as Reading[], heap: [] as Reading[] }))
  const read = async (): Promise<void> => {
    const at = (performance.now() - started) / 1000
    const { hosts } = await scrape(set)
    for (const { name, pid, resident, heap } of readings) {
      const usage = usageOf(pid)
      if (usage !== undefined) resident.push({ at, value: usage.rssMib })
      const samples = hosts.get(name)
      if (samples !== undefined) heap.push({ at, value: sumOf(samples, 'nodejs_heap_size_used_bytes') / 2 ** 20 })
    }
  }
  const timer = setInterval(() => void read(), (1000 * seconds) / READINGS)
  return {
    stop: () => clearInterval(timer),
    hosts: (): readonly { readonly name: string; readonly resident: Memory; readonly heap: Memory }[] =>
      readings.map(({ name, resident, heap }) => ({ name, resident: growth(resident, seconds), heap: growth(heap, seconds) })),
  }
}

const partRow = (times: readonly number[], part: number): Row => ({
  tenth: part + 1,
  requests: times.length,
  'p50 ms': quantile(times, 0.5),
  'p99 ms': quantile(times, 0.99),
  'max ms': quantile(times, 1),
})

const memoryRow = (host: string, resident: Memory, heap: Memory): Row => ({
  host,
  resident: resident.mean,
  'resident grew by': resident.grown,
  'heap of the main thread': heap.mean,
  'heap grew by': heap.grown,
})

const growthGate = (host: string, kind: keyof typeof NOISE_MIB, { grown, mean }: Memory): Gate => ({
  name: `soak: ${host}, ${kind === 'heap' ? 'heap' : 'resident memory'} grew by`,
  figure: grown,
  must: Math.round(Math.max(NOISE_MIB[kind], MOST_GROWTH * mean)),
  unit: 'MiB',
  atMost: true,
})
