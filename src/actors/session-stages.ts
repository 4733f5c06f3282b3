/** What a signing session spends its time on, one after the other. Some engines have one round of messages. */
export const SESSION_STAGES = ['open', 'round_1', 'round_2', 'combine_wait', 'combine', 'verify'] as const
export type SessionStage = (typeof SESSION_STAGES)[number]

/** Milliseconds of each stage that was finished; a session that fails has no more than that. */
export type StageTimes = Readonly<Partial<Record<SessionStage, number>>>

/** Measures consecutive stages, each from the end of the one before. */
export class StageClock {
  readonly #elapsed: () => number
  readonly #times: Partial<Record<SessionStage, number>> = {}
  #last: number
  /** By `Timers.elapsed`. */
  readonly started: number

  /** @param elapsed as in `Timers`. */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed
    this.started = elapsed()
    this.#last = this.started
  }

  get times(): StageTimes {
    return this.#times
  }

  /** This stage ends now. */
  end(stage: SessionStage): void {
    const now = this.#elapsed()
    this.#times[stage] = now - this.#last
    this.#last = now
  }

  /** The worker has answered: what it did not spend itself was waiting for it, and the way there and back. */
  combined(combineMs: number, verifyMs: number): void {
    const now = this.#elapsed()
    this.#times.combine_wait = Math.max(0, now - this.#last - combineMs - verifyMs)
    this.#times.combine = combineMs
    this.#times.verify = verifyMs
    this.#last = now
  }
}
