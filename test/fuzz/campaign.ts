import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { BlockCoverage } from './coverage.ts'
import { Dice } from './dice.ts'
import { mutate } from './mutate.ts'
import type { FuzzTarget } from './target.ts'
import { shortened, verdictOn } from './verdict.ts'

export interface Finding {
  readonly input: Uint8Array
  /** Name, message and stack of what was thrown. */
  readonly reason: string
}

export interface Report {
  readonly executions: number
  /** What inputs came to, and how often. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Outcomes of `reaches` that no seed came to. */
  readonly unreached: readonly string[]
  /** Blocks and functions of the watched sources that ran after the target was opened. */
  readonly blocks: number
  readonly functions: number
  /** The inputs given, in their order, and those found that reached something new. */
  readonly corpus: readonly Uint8Array[]
  readonly finding?: Finding
}

export interface Campaign {
  readonly target: FuzzTarget
  readonly corpus: readonly Uint8Array[]
  /** How many of the corpus, from its beginning, are seeds. */
  readonly seeds: number
  readonly coverage: BlockCoverage
  readonly seed: string
  /** Asked before every mutant, the first time when the corpus has been run. */
  readonly enough: (mutants: number) => boolean
  /** Sees each input before it runs: what a watchdog reports when it never comes back. */
  readonly before: (input: Uint8Array) => void
}

const reached = (outcomes: Iterable<string>, wanted: string): boolean =>
  [...outcomes].some((outcome) => outcome === wanted || outcome.split(',').includes(wanted))

/** A look at the coverage costs about a millisecond: this many inputs at most share one. */
const MAX_BATCH = 128
/** The corpus in memory; further inputs replace random ones. */
const MAX_CORPUS = 4096
/** Outcomes are few by contract; one that grows without end must not keep every input. */
const MAX_OUTCOMES = 256
/** A third of the mutants have the latest input as parent, a third one of the latest: what was found last leads on. */
const RECENT = 16

/**
 * The loop of a coverage-guided fuzzer: mutate an input of the corpus, run it, keep it if it reached new code or a new outcome. Stops at
 * the first finding. For one seed, corpus, code and Node it is always the same sequence of inputs; only its length depends on time.
 */
export async function campaign(o: Campaign): Promise<Report> {
  const { target, coverage } = o
  const dice = new Dice(o.seed)
  const dictionary = (target.dictionary ?? []).map((word) => (typeof word === 'string' ? new TextEncoder().encode(word) : word))
  const outcomes = new Map<string, number>()
  const corpus: Uint8Array[] = []
  let executions = 0
  let finding: Finding | undefined

  /** @returns whether the input came to something new. */
  const execute = async (input: Uint8Array): Promise<boolean> => {
    executions += 1
    const verdict = await verdictOn(target, input, o.before)
    if ('broken' in verdict) {
      finding = { input: await shortened(target, input, verdict.broken, o.before), reason: verdict.broken }
      return false
    }
    const times = outcomes.get(verdict.outcome) ?? 0
    if (times === 0 && outcomes.size === MAX_OUTCOMES) return false
    outcomes.set(verdict.outcome, times + 1)
    return times === 0
  }
  const keep = (input: Uint8Array): void => {
    if (corpus.length < MAX_CORPUS) corpus.push(input)
    else corpus[dice.below(MAX_CORPUS)] = input
  }
  const mutant = (): Uint8Array => {
    const back = dice.below(dice.pick([1, Math.min(RECENT, corpus.length), corpus.length]))
    const parent = corpus[corpus.length - 1 - back] ?? new Uint8Array(0)
    return mutate(parent, { dice, other: dice.pick(corpus) ?? parent, dictionary }, target.maxLength)
  }
  /** Whether another mutant is to be run. */
  const more = (): boolean => finding === undefined && !o.enough(executions - o.corpus.length)

  coverage.add(coverage.look())
  let unreached = target.reaches
  for (const [i, input] of o.corpus.entries()) {
    await execute(input)
    if (i + 1 === o.seeds) unreached = target.reaches.filter((wanted) => !reached(outcomes.keys(), wanted))
    if (finding !== undefined) break
    coverage.add(coverage.look())
    keep(input)
  }
  for (let size = 1; more(); ) {
    const batch: Uint8Array[] = []
    const kept = new Set<Uint8Array>()
    while (batch.length < size && more()) {
      const input = mutant()
      batch.push(input)
      if (await execute(input)) kept.add(input)
    }
    const trace = coverage.look()
    if (finding === undefined && coverage.isNew(trace)) {
      // One of them reached new code: each again, under a look of its own, shows which.
      for (const input of batch.length > 1 ? batch : []) {
        await execute(input)
        if (coverage.add(coverage.look())) kept.add(input)
      }
      if (coverage.add(trace) && batch.length === 1) kept.add(batch[0] as Uint8Array)
    }
    kept.forEach(keep)
    size = kept.size > 0 ? 1 : Math.min(MAX_BATCH, size * 2)
  }
  const { blocks, functions } = coverage
  const found = { outcomes: Object.fromEntries(outcomes), unreached, blocks, functions, corpus }
  return { executions, ...found, ...(finding && { finding }) }
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
  coverage.add(coverage.look())
  const unique = new Map(corpus.map((input) => [toHex(input), input]))
  for (const input of [...unique.values()].sort((a, b) => a.length - b.length)) {
    const verdict = await verdictOn(target, input)
    const outcome = 'outcome' in verdict ? verdict.outcome : verdict.broken
    const ranNew = coverage.add(coverage.look())
    if ((outcomes.has(outcome) && !ranNew) || bytes + input.length > maxBytes) continue
    outcomes.add(outcome)
    kept.push(input)
    bytes += input.length
  }
  return kept
}
