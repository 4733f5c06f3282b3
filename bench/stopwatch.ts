import { Bench } from 'tinybench'
import type { BenchOptions } from './arguments.ts'
import { median } from './report.ts'

/** One operation to time. What it returns is kept, so that no compiler may leave it out. */
export interface Operation {
  readonly name: string
  readonly run: () => unknown
  /** Calls per sample: an operation faster than some microseconds drowns in the reading of the clock. */
  readonly times?: number
}

const PASSES = 3
let kept: unknown

/**
 * Medians in microseconds per call, by name. The operations take turns over several passes, so that whatever else the machine
 * does for a second falls on all of them and not on one.
 */
export async function stopwatch(operations: readonly Operation[], { quick }: BenchOptions): Promise<ReadonlyMap<string, number>> {
  const bench = new Bench({
    time: quick ? 40 : 250,
    iterations: 10,
    warmupTime: quick ? 15 : 60,
    warmupIterations: 5,
    throws: true,
  })
  for (const { name, run, times = 1 } of operations) {
    if (run() instanceof Promise) {
      bench.add(name, async () => {
        for (let i = 0; i < times; i++) kept = await run()
      })
    } else {
      bench.add(name, () => {
        for (let i = 0; i < times; i++) kept = run()
      })
    }
  }
  const passes: (readonly number[])[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    const tasks = await bench.run()
    passes.push(tasks.map(({ result }) => (result.state === 'completed' ? result.latency.p50 * 1000 : Number.NaN)))
  }
  if (kept === undefined) throw new Error('the operations returned nothing')
  return new Map(operations.map(({ name, times = 1 }, i) => [name, median(passes.map((pass) => pass[i] ?? Number.NaN)) / times]))
}
