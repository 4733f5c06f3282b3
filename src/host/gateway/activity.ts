/** Whether something is going on, or was a moment ago. */
export class Activity {
  readonly #now: () => number
  #open = 0
  #endedAt = Number.NEGATIVE_INFINITY

  /** @param now milliseconds since some fixed moment. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#open += 1
    try {
      return await work()
    } finally {
      this.#open -= 1
      this.#endedAt = this.#now()
    }
  }

  within(ms: number): boolean {
    return this.#open > 0 || this.#now() - this.#endedAt < ms
  }
}
