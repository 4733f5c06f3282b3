/** One thing that is wrong with a host's configuration, in words an operator can act on. */
export interface ConfigProblem {
  /** The setting's name, such as QUORATE_PORT. */
  readonly setting: string
  readonly problem: string
  /** Where its value came from: `environment`, an env file's path, or `default`. */
  readonly from?: string
}

/** A host refuses to start. All problems at once: mending them one start at a time wastes an evening. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(
      problems
        .map(({ setting, problem, from }) => `${setting}: ${problem}${from === undefined ? '' : ` (from ${from})`}`)
        .join('\n'),
    )
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** What was given, for a message. Whoever pastes a key where a file name belongs does not find it in a log again. */
export const shown = (value: string): string =>
  value.length <= 100 && !/[^\x20-\x7e]|PRIVATE|BEGIN/.test(value) ? `"${value}"` : `a text of ${value.length} characters`

/** Runs checks that may each fail without keeping the next from running. */
export class ProblemList {
  readonly #problems: ConfigProblem[] = []
  readonly #from: (setting: string) => string

  constructor(from: (setting: string) => string) {
    this.#from = from
  }

  add(setting: string, problem: string): void {
    this.#problems.push({ setting, problem, from: this.#from(setting) })
  }

  attempt<T>(setting: string, check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      this.add(setting, error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  /** Gives back what was attempted, now known to be there. @throws ConfigError if anything was added. */
  finish<T extends object>(attempted: T): { readonly [K in keyof T]: Exclude<T[K], undefined> } {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems)
    return attempted as { [K in keyof T]: Exclude<T[K], undefined> }
  }
}
