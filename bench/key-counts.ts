import type { BenchOptions } from './arguments.ts'
import { type DealtSet, dealtSet } from './dealt-set.ts'
import { closedLoop } from './load.ts'
import { closedPoint, closedRow, type Lengths } from './load-points.ts'
import type { Row } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { recovered } from './signer-outage.ts'
import { wholeSetMs } from './signing-load.ts'
import { type Form, type Key, type Scheme, signingShot } from './signing-requests.ts'
import type { Figure } from './targets.ts'

const CALLERS = 64
/** As many keys as the hosts keep open: with more in the stores, nearly every request brings one that is not. */
const CACHED = 10_000
/** A signature may cost so much more than with one key before the keys count as too many. */
const TOLERATED = 1.05

export interface KeyCounts {
  readonly rows: readonly Row[]
  readonly figures: readonly Figure[]
}

/** What signing costs by the number of keys in the stores: one set, which is stopped, dealt more keys and started again. */
export async function keyCounts(scheme: Scheme, form: Form, options: BenchOptions, lengths: Lengths): Promise<KeyCounts> {
  const dealt = await dealtSet(2, 3)
  try {
    const rows: Row[] = []
    let [have, flat, first] = [0, 0, Number.NaN]
    for (const count of countsOf(options)) {
      const started = performance.now()
      const keys = await dealt.deal({ scheme, form, count: count - have })
      const dealing = (performance.now() - started) / 1000
      const { row, cpu } = await withSet(dealt, form, keys, lengths)
      rows.push({
        'keys in the stores': count,
        'dealt /s': (count - have) / dealing,
        'signer store MiB': dealt.storeBytes() / 2 ** 20,
        ...row,
      })
      if (have === 0) first = cpu
      if (cpu <= TOLERATED * first && flat === have) flat = count
      have = count
    }
    // What a short window says of a twentieth is chance.
    return { rows, figures: options.quick ? [] : [{ target: 'keys', figure: flat }] }
  } finally {
    dealt.remove()
  }
}

function countsOf({ quick, whole, long }: BenchOptions): readonly number[] {
  if (quick) return [1, 500]
  if (long) return [1, 10_000, 1_000_000]
  return whole ? [1, 10_000] : [1, 10_000, 100_000]
}

async function withSet(
  dealt: DealtSet,
  form: Form,
  keys: readonly Key[],
  lengths: Lengths,
): Promise<{ readonly row: Row; readonly cpu: number }> {
  const set = await dealt.start()
  try {
    await recovered(set)
    await touch(set, form, keys.slice(0, CACHED))
    const point = await closedPoint({ set, form, keys }, CALLERS, lengths)
    return { row: { 'start s': set.startSeconds, ...closedRow(point) }, cpu: wholeSetMs(point.cpu) }
  } finally {
    await set.stop()
  }
}

/** Signs once with each: a set that has run for a while has the keys open that it can keep open. */
async function touch(set: RunningSet, form: Form, keys: readonly Key[]): Promise<void> {
  const target = { pool: set.connect(form, CALLERS), headers: set.headers[form] }
  try {
    const shots = keys.map((key) => signingShot(set, form, key))
    await closedLoop(target, shots[Symbol.iterator](), CALLERS, Number.POSITIVE_INFINITY)
  } finally {
    await target.pool.destroy()
  }
}
