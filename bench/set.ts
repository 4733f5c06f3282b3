import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchOptions } from './arguments.ts'
import { dealtSet } from './dealt-set.ts'
import { LIGHT_LOAD, latencyFigures, memoryFigures, rateFigures, TARGET_SCHEMES } from './http.ts'
import { makeKeys } from './make-keys.ts'
import { plainRequests } from './plain-requests.ts'
import { usageOf } from './process-usage.ts'
import { type Part, quantile, type Row, type Table } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { OUTAGE_CALLERS, recovered, SIGNER, withoutSigner } from './signer-outage.ts'
import { latencies, measureLatency, measureSigning, sustained } from './signing-load.ts'
import { type Key, SCHEMES, type Scheme } from './signing-requests.ts'
import type { Figure } from './targets.ts'

const FORM = 'coordinator'
const GLANCE_SECONDS = 4
/** Connections for more would take longer to open than the load lasts. */
const GLANCE_CALLERS = 128

/**
 * A set before and besides signing under load: how long it takes to be there, what it costs to be there, new keys, requests that sign
 * nothing. Run by itself it also has a glance at what `http` and `failover` measure at length, within a minute.
 */
export async function set(options: BenchOptions, running: RunningSet): Promise<Part> {
  const idle = await idleTable(running, options)
  const rows: Row[] = []
  const figures: Figure[] = []
  const made = new Map<Scheme, readonly Key[]>()
  for (const scheme of SCHEMES) {
    const { keys, row, rate } = await newKeys(running, scheme, options)
    made.set(scheme, keys)
    rows.push(row)
    figures.push({ target: 'keygen', figure: rate })
  }
  figures.push({ target: 'https', figure: await plainRequests(running, options.quick ? 0.5 : 2, options.quick ? 1 : 3) })
  figures.push({ target: 'storage', figure: await bytesPerKey(options.quick ? 500 : 2000) })
  if (!options.whole) figures.push(...(await glance(running, made, options)))
  return {
    tables: [
      { title: 'start of a whole set', rows: [{ 'until it can sign, s': running.startSeconds }] },
      idle,
      { title: 'key generation over HTTPS, four at a time', rows },
    ],
    gates: [],
    figures,
  }
}

async function newKeys(running: RunningSet, scheme: Scheme, { quick, whole }: BenchOptions) {
  const first = await makeKeys(running, FORM, scheme, 1)
  const signed = await measureLatency(running, FORM, first.keys, 1, 1)
  const { keys, run } = await makeKeys(running, FORM, scheme, quick ? 8 : whole ? 100 : 30)
  const times = run.answers.map((answer) => answer.latencyMs)
  const rate = run.answers.length / run.seconds
  const row: Row = {
    scheme,
    'keys/s': rate,
    'p50 ms': quantile(times, 0.5),
    'p99 ms': quantile(times, 0.99),
    'first key ms': first.run.answers[0]?.latencyMs ?? Number.NaN,
    'first signature ms': latencies(signed)[0] ?? Number.NaN,
  }
  return { keys, row, rate }
}

/** The signing targets in windows of seconds. */
async function glance(
  running: RunningSet,
  keys: ReadonlyMap<Scheme, readonly Key[]>,
  options: BenchOptions,
): Promise<readonly Figure[]> {
  const brief = {
    ...options,
    quick: true,
    seconds: options.quick ? 1 : GLANCE_SECONDS,
    concurrency: Math.min(GLANCE_CALLERS, options.concurrency),
  }
  const ecdsa = keys.get('ecdsa-secp256k1') as readonly Key[]
  const figures: Figure[] = []
  await recovered(running)
  // Hosts run uncompiled at first.
  await measureLatency(running, FORM, ecdsa, LIGHT_LOAD, options.quick ? 1 : 4)
  for (const scheme of TARGET_SCHEMES) {
    const load = await measureSigning(running, FORM, keys.get(scheme) as readonly Key[], brief)
    figures.push(...rateFigures(load))
    if (scheme !== 'ecdsa-secp256k1') continue
    figures.push(...latencyFigures(FORM, await measureLatency(running, FORM, ecdsa, LIGHT_LOAD, brief.seconds)))
  }
  figures.push(...memoryFigures(running))
  // Nobody signs with fewer than the threshold.
  if (running.line.parties === running.line.threshold) return figures
  await withoutSigner(running)
  figures.push({
    target: 'degraded',
    figure: sustained(await measureSigning(running, FORM, ecdsa, { ...brief, concurrency: OUTAGE_CALLERS })),
  })
  running.revive(SIGNER)
  return figures
}

/** Of a signer's store: what so many keys more make it grow. */
async function bytesPerKey(count: number): Promise<number> {
  const dealt = await dealtSet(2, 3)
  const wanted = { scheme: 'ecdsa-secp256k1', form: FORM, count } as const
  try {
    await dealt.deal(wanted)
    const before = dealt.storeBytes()
    await dealt.deal(wanted)
    return (dealt.storeBytes() - before) / count
  } finally {
    dealt.remove()
  }
}

async function idleTable({ hosts }: RunningSet, { quick, whole }: BenchOptions): Promise<Table> {
  const seconds = quick || !whole ? 1 : 5
  const before = hosts.map(({ pid }) => usageOf(pid)?.cpu ?? Number.NaN)
  await sleep(1000 * seconds)
  return {
    title: 'hosts without load',
    rows: hosts.map(({ name, pid }, i) => {
      const usage = usageOf(pid)
      return {
        host: name,
        'CPU %': (100 * ((usage?.cpu ?? Number.NaN) - (before[i] ?? Number.NaN))) / seconds,
        'peak MiB': usage?.peakMib ?? Number.NaN,
      }
    }),
  }
}
