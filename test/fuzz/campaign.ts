import { getHeapStatistics } from 'node:v8'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { BlockCoverage } from './coverage.ts'
import { Dice } from './dice.ts'
import { mutate } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

export interface Finding {
  readonly input: Uint8Array
  /** `BrokenPromise: ..`, or an exception's name, message and stack. */
  readonly reason: string
}

export interface Report {
  readonly executions: number
  /** What inputs came to, and how often. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Blocks and functions of src/ that ran since the target was opened. */
  readonly blocks: number
  readonly functions: number
  /** All inputs that reached something new: those given, in their order, and those found. */
  readonly corpus: readonly Uint8Array[]
  readonly finding?: Finding
}

export interface Campaign {
  readonly target: FuzzTarget
  readonly corpus: readonly Uint8Array[]
  readonly coverage: BlockCoverage
  readonly seed: string
  /** Asked after every batch. */
  readonly enough: (executions: number) => boolean
  /** Sees each input before it runs: what a watchdog reports when it never comes back. */
  readonly before: (input: Uint8Array) => void
}

/** CPU time of one input. Honest ones take milliseconds. */
const MAX_CPU_MS = 1000
/** Growth of heap and buffers by one input; inputs have at most some hundred KiB. */
const MAX_GROWTH = 64 << 20
/** A look at the coverage costs about a millisecond: this many fast inputs share one. */
const MAX_BATCH = 128
/** The corpus in memory; further inputs replace random ones. */
const MAX_CORPUS = 4096
const MAX_OUTCOMES = 256

/**
 * The loop of a coverage-guided fuzzer: mutate an input of the corpus, run it, keep it if it reached new code or a new outcome. Stops at
 * the first finding. For one seed, corpus, code and Node it is always the same sequence of inputs; only its length may depend on time.
 */
export async function campaign(o: Campaign): Promise<Report> {
  const { target, coverage } = o
  const dice = new Dice(o.seed)
  const dictionary = (target.dictionary ?? []).map((word) => (typeof word === 'string' ? new TextEncoder().encode(word) : word))
  const outcomes = new Map<string, number>()
  const corpus: Uint8Array[] = []
  let executions = 0
  let finding: Finding | undefined

  /** @returns whether the outcome is a new one; undefined for a finding. */
  const execute = async (input: Uint8Array): Promise<boolean | undefined> => {
    executions += 1
    o.before(input)
    const broken = await whatBreaks(target, input, (outcome) => {
      const times = outcomes.get(outcome) ?? 0
      if (times > 0 || outcomes.size < MAX_OUTCOMES) outcomes.set(outcome, times + 1)
      fresh = times === 0
    })
    if (broken === undefined) return fresh
    finding = { input: await smallest(target, input, broken, o.before), reason: broken }
    return undefined
  }
  let fresh = false

  const keep = (input: Uint8Array): void => {
    if (corpus.length < MAX_CORPUS) corpus.push(input)
    else corpus[dice.below(corpus.length)] = input
  }

  coverage.add(coverage.look())
  for (const input of o.corpus) {
    if ((await execute(input)) === undefined) break
    coverage.add(coverage.look())
    keep(input)
  }
  if (corpus.length === 0) corpus.push(new Uint8Array(0))

  let size = 1
  while (finding === undefined && !o.enough(executions)) {
    const batch: Uint8Array[] = []
    let news = false
    while (batch.length < size && finding === undefined) {
      // Half of the parents are recent: what was found last leads on.
      const recent = dice.once(2) ? dice.below(Math.min(corpus.length, 16)) : dice.below(corpus.length)
      const parent = corpus[corpus.length - 1 - recent] as Uint8Array
      const mutant = mutate(parent, { dice, other: dice.pick(corpus), dictionary }, target.maxLength)
      batch.push(mutant)
      if (await execute(mutant)) {
        keep(mutant)
        news = true
      }
    }
    const trace = coverage.look()
    if (finding !== undefined || !coverage.isNew(trace)) {
      size = news ? 1 : Math.min(MAX_BATCH, size * 2)
      continue
    }
    // One of them reached new code: find out which by running each again under its own look.
    size = 1
    for (const input of batch) {
      if ((await execute(input)) === undefined) break
      if (coverage.add(coverage.look()) && batch.length > 1) keep(input)
      else if (batch.length === 1) keep(input)
    }
    coverage.add(trace)
  }
  const { blocks, functions } = coverage
  return { executions, outcomes: Object.fromEntries(outcomes), blocks, functions, corpus, ...(finding && { finding }) }
}

/** What is wrong with how the target took this input; undefined when nothing is. */
export async function whatBreaks(
  target: FuzzTarget,
  input: Uint8Array,
  onOutcome: (outcome: string) => void = () => {},
): Promise<string | undefined> {
  // The target gets a copy: one that writes into its input would make the corpus lie.
  const copy = Uint8Array.from(input)
  const heap = used()
  const started = performance.now()
  try {
    const outcome = target.run(copy)
    onOutcome(typeof outcome === 'string' ? outcome : await outcome)
  } catch (error) {
    return describe(error)
  }
  const grown = used() - heap
  if (grown > MAX_GROWTH) return `BrokenPromise: ${grown >> 20} MiB for one input`
  if (performance.now() - started < MAX_CPU_MS) return undefined
  // The machine may have been busy with something else: once more, by this thread's own clock.
  const before = process.threadCpuUsage()
  await target.run(Uint8Array.from(input))
  const { user, system } = process.threadCpuUsage(before)
  const ms = (user + system) / 1000
  return ms > MAX_CPU_MS ? `BrokenPromise: ${Math.round(ms)} ms of CPU for one input` : undefined
}

const used = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}\n${(error.stack ?? '').split('\n').slice(1, 9).join('\n')}`
    : `thrown: ${String(error)}`

/** Shortest runs of a failing input are the ones that people read. */
const MAX_SHRINKS = 400

/** Cuts pieces out of a failing input for as long as it fails in the same way. */
async function smallest(
  target: FuzzTarget,
  input: Uint8Array,
  reason: string,
  before: (input: Uint8Array) => void,
): Promise<Uint8Array> {
  const kind = (text: string): string => text.split('\n', 1)[0]?.replaceAll(/[0-9]+/g, 'N') ?? ''
  let best = input
  let tries = 0
  for (let width = Math.ceil(best.length / 2); width > 0 && tries < MAX_SHRINKS; width = width === 1 ? 0 : Math.ceil(width / 2)) {
    for (let at = 0; at < best.length && tries < MAX_SHRINKS; ) {
      const shorter = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + width)])
      tries += 1
      before(shorter)
      const broken = await whatBreaks(target, shorter)
      if (broken !== undefined && kind(broken) === kind(reason)) best = shorter
      else at += width
    }
  }
  return best
}

/** The inputs that a corpus needs to reach all that it reaches, small ones first, up to `maxBytes` in sum. */
export async function distill(
  target: FuzzTarget,
  corpus: readonly Uint8Array[],
  coverage: BlockCoverage,
  maxBytes: number,
): Promise<readonly Uint8Array[]> {
  const kept: Uint8Array[] = []
  const outcomes = new Set<string>()
  let bytes = 0
  coverage.look()
  const unique = new Map(corpus.map((input) => [toHex(input), input]))
  for (const input of [...unique.values()].sort((a, b) => a.length - b.length)) {
    if (bytes + input.length > maxBytes) break
    let fresh = false
    await whatBreaks(target, input, (outcome) => {
      fresh = !outcomes.has(outcome)
      outcomes.add(outcome)
    })
    if (!coverage.add(coverage.look()) && !fresh) continue
    kept.push(input)
    bytes += input.length
  }
  return kept
}
