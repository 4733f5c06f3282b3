import { type Profiler, Session } from 'node:inspector'

/** What ran between two looks: per function of the watched sources one byte per character, 1 where it ran. */
export type Trace = ReadonlyMap<string, Uint8Array>

/**
 * Block coverage of this thread by V8's own counters. A look costs about a millisecond however little ran, so campaigns take one per
 * batch of inputs; nothing is instrumented, so the sources run as they are, stripped of their types by Node itself.
 */
export class BlockCoverage {
  readonly #session = new Session()
  readonly #watched: readonly string[]
  readonly #covered = new Map<string, Uint8Array>()
  #blocks = 0

  /** @param watched beginnings of the URLs of the sources that count. */
  constructor(watched: readonly string[]) {
    this.#watched = watched
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
  }

  /** Stretches of code that ran for the first time, counted when they did. */
  get blocks(): number {
    return this.#blocks
  }

  get functions(): number {
    return this.#covered.size
  }

  /** What ran since the last look. */
  look(): Trace {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType
    const trace = new Map<string, Uint8Array>()
    for (const { url, functions } of result) {
      if (!this.#watched.some((beginning) => url.startsWith(beginning))) continue
      for (const { ranges } of functions) {
        const whole = ranges[0] as Profiler.CoverageRange
        if (whole.count === 0) continue
        const ran = new Uint8Array(whole.endOffset - whole.startOffset)
        // Ranges are nested, outer before inner: the innermost one that holds a character has the last word on it.
        for (const { startOffset, endOffset, count } of ranges) {
          ran.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset)
        }
        trace.set(`${url}:${whole.startOffset}-${whole.endOffset}`, ran)
      }
    }
    return trace
  }

  /** Whether anything in `trace` ran for the first time. */
  isNew(trace: Trace): boolean {
    for (const [name, ran] of trace) {
      const covered = this.#covered.get(name)
      if (covered === undefined || ran.some((hit, i) => hit > (covered[i] as number))) return true
    }
    return false
  }

  /** Counts `trace` as seen. @returns whether anything in it was new. */
  add(trace: Trace): boolean {
    const before = this.#blocks
    for (const [name, ran] of trace) {
      const covered = this.#covered.get(name) ?? new Uint8Array(ran.length)
      this.#covered.set(name, covered)
      let inside = false
      ran.forEach((hit, i) => {
        const fresh = hit > (covered[i] as number)
        if (fresh && !inside) this.#blocks += 1
        if (fresh) covered[i] = 1
        inside = fresh
      })
    }
    return this.#blocks > before
  }

  close(): void {
    this.#post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** A session with its own thread answers before `post` returns. */
  #post(method: string, params: object = {}): unknown {
    let answer: { readonly error: Error | null; readonly result: unknown } | undefined
    this.#session.post(method, params, (error, result) => {
      answer = { error, result }
    })
    if (answer === undefined) throw new Error(`${method}: no answer`)
    if (answer.error !== null) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result
  }
}
