import type { Timers } from '../../src/actors/timers.ts'

/** A clock that a test turns: what is due runs in the order of its time, when the test says so. */
export class ManualTimers implements Timers {
  #now = 0
  #due: { readonly at: number; readonly work: () => void }[] = []

  readonly elapsed = (): number => this.#now

  readonly after = (ms: number, work: () => void): (() => void) => {
    const entry = { at: this.#now + ms, work }
    this.#due.push(entry)
    return () => {
      this.#due = this.#due.filter((other) => other !== entry)
    }
  }

  readonly soon = (work: () => void): void => void setImmediate(work)

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = this.#due.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#due = this.#due.filter((other) => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.work()
    }
    this.#now = end
  }
}
