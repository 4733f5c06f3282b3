import { getHeapStatistics } from 'node:v8'
import { concat } from '../../src/protocol/engine/bytes.ts'
import type { FuzzTarget } from './target.ts'

/** CPU time of one input. Honest ones take milliseconds. */
const MAX_CPU_MS = 1000
/** Growth of heap and buffers by one input; inputs have at most some hundred KiB. */
const MAX_GROWTH = 64 << 20

/** What came of one input: its outcome, or what is wrong with how the target took it. */
export type Verdict = { readonly outcome: string } | { readonly broken: string }

/** @param before sees the input each time it runs. */
export async function verdictOn(
  target: FuzzTarget,
  input: Uint8Array,
  before: (input: Uint8Array) => void = () => {},
): Promise<Verdict> {
  before(input)
  const heap = used()
  const started = performance.now()
  let outcome: string
  try {
    // A copy: a target that writes into its input would make the corpus lie.
    const given = target.run(Uint8Array.from(input))
    outcome = typeof given === 'string' ? given : await given
  } catch (error) {
    return { broken: describe(error) }
  }
  const grown = used() - heap
  if (grown > MAX_GROWTH) return { broken: `BrokenPromise: ${grown >> 20} MiB for one input` }
  if (performance.now() - started < MAX_CPU_MS) return { outcome }
  // The machine may have been busy with something else: once more, by this thread's own clock.
  before(input)
  const start = process.threadCpuUsage()
  await target.run(Uint8Array.from(input))
  const { user, system } = process.threadCpuUsage(start)
  const ms = Math.round((user + system) / 1000)
  return ms > MAX_CPU_MS ? { broken: `BrokenPromise: ${ms} ms of CPU for one input` } : { outcome }
}

const used = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

const FRAMES = 8

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [`${error.name}: ${error.message}`, ...stack.slice(0, FRAMES)].join('\n')
}

/** People read failing inputs: they are worth so many runs, and so much time, to make them shorter. */
const MAX_CUTS = 400
const MAX_CUT_MS = 10_000

/** Cuts pieces out of a failing input for as long as it fails in the same way. */
export async function shortened(
  target: FuzzTarget,
  input: Uint8Array,
  broken: string,
  before: (input: Uint8Array) => void,
): Promise<Uint8Array> {
  const kind = (text: string): string | undefined => text.split('\n', 1)[0]?.replaceAll(/[0-9]+/g, 'N')
  let best = input
  let cuts = 0
  const until = performance.now() + MAX_CUT_MS
  for (let width = best.length >> 1; width > 0; width >>= 1) {
    for (let at = 0; at < best.length && cuts < MAX_CUTS && performance.now() < until; cuts++) {
      const shorter = concat(best.subarray(0, at), best.subarray(at + width))
      const verdict = await verdictOn(target, shorter, before)
      if ('broken' in verdict && kind(verdict.broken) === kind(broken)) best = shorter
      else at += width
    }
  }
  return best
}
