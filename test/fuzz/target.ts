/** One surface of the project under fuzzing. */
export interface FuzzTarget {
  /** Longest input in bytes. Mutants are cut to it. */
  readonly maxLength: number
  /** Words that mutations put in: magic numbers, member names, ids that the surface knows. */
  readonly dictionary?: readonly (string | Uint8Array)[]
  /** Honest inputs by name, from real traffic: `make-seeds.ts` writes them into the corpus. */
  readonly seeds: () => ReadonlyMap<string, Uint8Array> | Promise<ReadonlyMap<string, Uint8Array>>
  /**
   * Gives the surface one input, from a fresh state: the same input does the same again.
   * @returns what came of it, from a small set such as `done` or a fault code. A new outcome keeps an input in the corpus, like new code.
   * @throws anything at all: a finding. Typed refusals are outcomes, so the target catches those (and only those) itself.
   */
  readonly run: (input: Uint8Array) => string | Promise<string>
  /**
   * Outcomes, or words of outcomes that are lists, that the seeds must reach by themselves, or they have rotted: after a change of a wire
   * format, run `make-seeds.ts`. Never what only a grown input reaches: nobody could make that one anew.
   */
  readonly reaches: readonly string[]
  readonly close?: () => void | Promise<void>
}

/** A promise of the surface does not hold. */
export class BrokenPromise extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'BrokenPromise'
  }
}

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenPromise(what)
}

/** The outcome of `work`, or the name that `refusal` gives to the typed error it ended with. Other errors are findings. */
export function outcomeOf(work: () => string, refusal: (error: unknown) => string | undefined): string {
  try {
    return work()
  } catch (error) {
    const name = refusal(error)
    if (name === undefined) throw error
    return name
  }
}
