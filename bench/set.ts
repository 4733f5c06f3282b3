import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchOptions } from './arguments.ts'
import { makeKeys } from './make-keys.ts'
import { usageOf } from './process-usage.ts'
import { type Part, quantile, type Row, type Table } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { latencies, measureLatency } from './signing-load.ts'
import { SCHEMES } from './signing-requests.ts'

/** A set before and besides signing under load: how long it takes to be there, what it costs to be there, new keys. */
export async function set(options: BenchOptions, running: RunningSet): Promise<Part> {
  const idle = await idleTable(running, options)
  const rows: Row[] = []
  for (const scheme of SCHEMES) {
    const first = await makeKeys(running, 'coordinator', scheme, 1)
    const signed = await measureLatency(running, 'coordinator', first.keys, 1, 1)
    const { run } = await makeKeys(running, 'coordinator', scheme, options.quick ? 8 : 100)
    const times = run.answers.map((answer) => answer.latencyMs)
    rows.push({
      scheme,
      'keys/s': run.answers.length / run.seconds,
      'p50 ms': quantile(times, 0.5),
      'p99 ms': quantile(times, 0.99),
      'first key ms': first.run.answers[0]?.latencyMs ?? Number.NaN,
      'first signature ms': latencies(signed)[0] ?? Number.NaN,
    })
  }
  return {
    tables: [
      { title: 'start of a whole set', rows: [{ 'until it can sign, s': running.startSeconds }] },
      idle,
      { title: 'key generation over HTTPS, four at a time', rows },
    ],
    gates: [],
  }
}

async function idleTable({ hosts }: RunningSet, { quick }: BenchOptions): Promise<Table> {
  const seconds = quick ? 1 : 5
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
