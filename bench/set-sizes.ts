import type { BenchOptions } from './arguments.ts'
import { closedPoint, closedRow, type Lengths } from './load-points.ts'
import { makeKeys } from './make-keys.ts'
import { median, type Row } from './report.ts'
import { type RunningSet, startSet } from './running-set.ts'
import { recovered } from './signer-outage.ts'
import type { Scheme } from './signing-requests.ts'

const FORM = 'coordinator'
/** Beside the set that runs already; of two signers only DKLs23 can sign ECDSA. */
const SIZES = ['2-of-2', '3-of-5']
const CALLERS = 64

/** What a signature and a key cost by threshold and number of signers, all of them on this machine. */
export async function setSizes(
  running: RunningSet,
  schemes: readonly Scheme[],
  options: BenchOptions,
  lengths: Lengths,
): Promise<readonly Row[]> {
  const rows = await rowsOf(running, schemes, options, lengths)
  for (const size of options.quick ? SIZES.slice(0, 1) : SIZES) {
    const set = await startSet({ args: ['--ephemeral', '--set', size] })
    try {
      rows.push(...(await rowsOf(set, schemes, options, lengths)))
    } finally {
      await set.stop()
    }
  }
  return rows
}

async function rowsOf(
  set: RunningSet,
  schemes: readonly Scheme[],
  { keys: count }: BenchOptions,
  lengths: Lengths,
): Promise<Row[]> {
  await recovered(set)
  const { threshold, parties } = set.line
  const rows: Row[] = []
  for (const scheme of schemes) {
    const { keys, run } = await makeKeys(set, FORM, scheme, count)
    const point = await closedPoint({ set, form: FORM, keys }, CALLERS, lengths)
    const { engines } = await set.state()
    rows.push({
      set: `${threshold}-of-${parties}`,
      scheme,
      engine: engines[scheme] ?? 'none',
      'new key ms': median(run.answers.map(({ latencyMs }) => latencyMs)),
      ...closedRow(point),
    })
  }
  return rows
}
