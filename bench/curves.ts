import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from './arguments.ts'
import { TARGET_SCHEMES } from './http.ts'
import { keyCounts } from './key-counts.ts'
import { closedPoint, closedRow, type Lengths, rateOf } from './load-points.ts'
import { describeMachine } from './machine.ts'
import { makeKeys } from './make-keys.ts'
import { type OfferedLoad, offeredLoad } from './overload.ts'
import { type Part, quantile, type Table } from './report.ts'
import { round } from './round.ts'
import type { RunningSet } from './running-set.ts'
import { setSizes } from './set-sizes.ts'
import { recovered } from './signer-outage.ts'
import { latencies, type Observed } from './signing-load.ts'
import type { Form, Scheme } from './signing-requests.ts'
import { lineChart } from './svg-chart.ts'

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128]
const CALLERS = [1, 10, 100, 1_000]
const PICTURE = fileURLToPath(new URL('results/throughput-latency.svg', import.meta.url))

/** How throughput, latency and cost depend on batch size, callers, offered load, keys in the stores, and the size of the set. */
export async function curves(options: BenchOptions, set: RunningSet): Promise<Part> {
  const { form = 'coordinator', scheme = 'ecdsa-secp256k1', quick, whole, long } = options
  const schemes = options.scheme === undefined && long ? TARGET_SCHEMES : [scheme]
  const lengths = lengthsOf(options)
  const tables: Table[] = []
  await recovered(set)
  // Of the whole run the part `round` says the same with fewer sizes.
  if (!whole) tables.push(...(await batchTables(schemes, options)))
  const closed = new Map<Scheme, ClosedCurve>()
  for (const each of schemes) {
    const curve = await closedCurve(set, form, each, options, lengths)
    closed.set(each, curve)
    tables.push(curve.table)
  }
  const main = closed.get(scheme) as ClosedCurve
  const capacity = Math.max(...main.points.map(({ point }) => rateOf(point)))
  const { keys } = await makeKeys(set, form, scheme, options.keys)
  const offered = await offeredLoad({ set, form, keys }, capacity, options)
  const counts = await keyCounts(scheme, form, options, lengths)
  const sizes = await setSizes(set, schemes, options, lengths)
  const file = options.svg ?? (quick ? undefined : PICTURE)
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, picture(scheme, form, main, offered))
  }
  return {
    tables: [
      ...tables,
      offered.table,
      { title: `keys in the stores: ${scheme}, 64 callers`, rows: counts.rows },
      { title: 'threshold and number of signers, 64 callers, all signers on this machine', rows: sizes },
    ],
    gates: offered.gates,
    figures: counts.figures,
  }
}

function lengthsOf({ quick, whole, long }: BenchOptions): Lengths {
  if (quick) return { warm: 0.7, seconds: 1 }
  if (long) return { warm: 5, seconds: 20 }
  return whole ? { warm: 2, seconds: 4 } : { warm: 3, seconds: 6 }
}

async function batchTables(schemes: readonly Scheme[], options: BenchOptions): Promise<readonly Table[]> {
  const tables: Table[] = []
  for (const scheme of schemes) {
    const [signing] = (await round({ ...options, scheme, quick: !options.long }, BATCHES)).tables
    if (signing !== undefined) tables.push({ ...signing, title: `batch size, against a recording: ${signing.title}` })
  }
  return tables
}

interface ClosedCurve {
  readonly table: Table
  readonly points: readonly { readonly callers: number; readonly point: Observed }[]
}

async function closedCurve(
  set: RunningSet,
  form: Form,
  scheme: Scheme,
  { keys: count, quick }: BenchOptions,
  lengths: Lengths,
): Promise<ClosedCurve> {
  const { keys } = await makeKeys(set, form, scheme, count)
  const points = []
  for (const callers of quick ? CALLERS.slice(0, -1) : CALLERS) {
    points.push({ callers, point: await closedPoint({ set, form, keys }, callers, lengths) })
  }
  return {
    table: {
      title: `callers, each with one call after the other: ${scheme} through the ${form}`,
      rows: points.map(({ callers, point }) => ({ callers, ...closedRow(point) })),
    },
    points,
  }
}

function picture(scheme: Scheme, form: Form, closed: ClosedCurve, offered: OfferedLoad): string {
  const { cpu, cores, node, commit, time } = describeMachine()
  const open = (share: number) =>
    offered.points.map(({ share: of, point }) => ({
      x: point.served,
      y: quantile(point.latencies, share),
      ...(share > 0.5 && { label: `${of}x` }),
    }))
  return lineChart({
    title: `${scheme} through the ${form}: throughput and latency`,
    note: `${cores} cores (${cpu}), Node ${node}, commit ${commit}, ${time.slice(0, 10)}; labels: offered load in shares of the capacity, or callers`,
    x: { label: 'signatures served per second' },
    y: { label: 'milliseconds from due to answered', log: true },
    series: [
      { name: 'open loop, p99', points: open(0.99) },
      { name: 'open loop, p50', points: open(0.5) },
      {
        name: 'closed loop, p50',
        points: closed.points.map(({ callers, point }) => ({
          x: rateOf(point),
          y: quantile(latencies(point.judged), 0.5),
          label: String(callers),
        })),
      },
    ],
  })
}
