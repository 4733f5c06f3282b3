/** As many failures in as long a time open it for as long (honest-majority-ecdsa.md 4.2). */
const FAILURES = 3
const WITHIN_MS = 60_000
const OPEN_MS = 600_000

/** Keeps requests off an engine that keeps failing. Sessions that ran at the same time and failed are one failure: one event broke them. */
export class Breaker {
  #failures: readonly number[] = []
  #openUntil = Number.NEGATIVE_INFINITY

  /** By `Timers.elapsed`, as every time here. */
  isOpen(now: number): boolean {
    return now < this.#openUntil
  }

  /** Milliseconds for which it stays open. */
  left(now: number): number {
    return Math.max(0, this.#openUntil - now)
  }

  /**
   * @param started when the session that failed began.
   * @returns whether this failure opened it.
   */
  failed(started: number, now: number): boolean {
    const last = this.#failures.at(-1)
    if (this.isOpen(now) || (last !== undefined && started < last)) return false
    this.#failures = [...this.#failures.filter((at) => now - at < WITHIN_MS), now]
    if (this.#failures.length < FAILURES) return false
    this.#failures = []
    this.#openUntil = now + OPEN_MS
    return true
  }
}
