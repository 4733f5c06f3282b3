import type { BenchOptions } from './arguments.ts'
import { type Checkout, checkoutOf, HERE } from './checkouts.ts'
import { closedLoop, type Target } from './load.ts'
import { type Callers, closedPoint, openPoint, rateOf } from './load-points.ts'
import { makeKeys } from './make-keys.ts'
import { type Pair, type PairedRatio, pairedRatio } from './ratios.ts'
import { type Gate, median, type Part, quantile, type Row } from './report.ts'
import { startSet } from './running-set.ts'
import { recovered } from './signer-outage.ts'
import { endless, wholeSetMs } from './signing-load.ts'

/** B may be 15 % worse than A. */
const TOLERATED = 1.15
/** Of the slower one's capacity: both get the same load when their latencies are compared. */
const SHARE = 0.6

const FIGURES = [
  { name: 'signatures/s', better: 'more' },
  { name: 'CPU ms per signature', better: 'less' },
  { name: 'p50 ms', better: 'less' },
  { name: 'p99 ms', better: 'less' },
] as const
type Figures = Readonly<Record<(typeof FIGURES)[number]['name'], number>>

/** One of the two, with its set running. */
interface Side extends Callers {
  readonly name: string
  readonly target: Target
}

/**
 * Two checkouts against each other: both sets are up all the time, one load generator (this checkout's) takes turns between them, A B B A
 * and so on, and only ratios within a turn are judged.
 */
export async function compare(options: BenchOptions): Promise<Part> {
  const [first, second = HERE] = options.compare ?? ['HEAD~1']
  const ends: (() => unknown)[] = []
  try {
    const sides: Side[] = []
    for (const wanted of [first as string, second]) {
      const checkout = checkoutOf(wanted)
      ends.push(checkout.remove)
      sides.push(await sideOf(checkout, options, ends))
    }
    return await turns(sides as [Side, Side], options)
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function sideOf({ name, root }: Checkout, options: BenchOptions, ends: (() => unknown)[]): Promise<Side> {
  const { form = 'coordinator', scheme = 'ecdsa-secp256k1' } = options
  const set = await startSet({ root })
  ends.push(set.stop)
  await recovered(set)
  const { keys } = await makeKeys(set, form, scheme, options.keys)
  const target = { pool: set.connect(form, 2 * options.concurrency), headers: set.headers[form] }
  ends.push(() => target.pool.destroy())
  return { name, set, form, keys, target }
}

async function turns([a, b]: readonly [Side, Side], options: BenchOptions): Promise<Part> {
  const { quick, concurrency, pairs: count } = options
  const seconds = quick ? 1 : 5
  // Hosts run uncompiled at first.
  const capacities = []
  for (const side of [a, b]) {
    await closedLoop(side.target, endless(side.set, side.form, side.keys), concurrency, seconds)
    capacities.push(rateOf(await closedPoint(side, concurrency, { warm: seconds, seconds })))
  }
  const rate = Math.max(1, SHARE * Math.min(...capacities))
  const found: { readonly a: Figures; readonly b: Figures }[] = []
  for (let turn = 0; turn < count; turn++) {
    const isTurned = turn % 2 === 1
    const one = await figuresOf(isTurned ? b : a, concurrency, rate, seconds)
    const two = await figuresOf(isTurned ? a : b, concurrency, rate, seconds)
    found.push(isTurned ? { a: two, b: one } : { a: one, b: two })
  }
  const ratios = FIGURES.map(({ name, better }) => {
    const pairs = found.map((pair): Pair => ({ a: pair.a[name], b: pair.b[name] }))
    return { name, pairs, ratio: pairedRatio(pairs, better, TOLERATED) }
  })
  const title = `A: ${a.name}, B: ${b.name}; ${count} pairs, A B B A .., latency at ${Math.round(rate)}/s`
  return { tables: [{ title, rows: ratios.map(rowOf) }], gates: ratios.map(gateOf) }
}

async function figuresOf(side: Side, concurrency: number, rate: number, seconds: number): Promise<Figures> {
  const closed = await closedPoint(side, concurrency, { warm: 0.3, seconds })
  const { latencies, others } = await openPoint(side, side.target, rate, { seconds, skip: 0 })
  if (others !== 'none') throw new Error(`${side.name} does not keep up with ${Math.round(rate)}/s: ${others}`)
  return {
    'signatures/s': rateOf(closed),
    'CPU ms per signature': wholeSetMs(closed.cpu),
    'p50 ms': quantile(latencies, 0.5),
    'p99 ms': quantile(latencies, 0.99),
  }
}

interface Named {
  readonly name: string
  readonly pairs: readonly Pair[]
  readonly ratio: PairedRatio
}

const rowOf = ({ name, pairs, ratio }: Named): Row => ({
  figure: name,
  'A (median)': median(pairs.map(({ a }) => a)),
  'B (median)': median(pairs.map(({ b }) => b)),
  'B / A (median)': ratio.median,
  quartiles: `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`,
  'all pairs': `${ratio.smallest.toFixed(3)} to ${ratio.largest.toFixed(3)}`,
})

const gateOf = ({ name, pairs, ratio }: Named): Gate => ({
  name: `${name}: pairs of ${pairs.length} in which B is more than 15 % worse`,
  figure: ratio.worse,
  must: ratio.explained,
  unit: 'pairs',
  atMost: true,
})
