/**
 * How the coordinator waits and measures. Injected, so that a simulation can run a whole set on a clock that it turns itself; which
 * time of day it is, `now` says, which may jump.
 */
export interface Timers {
  /** Milliseconds since some fixed moment, never fewer than before: for durations. */
  readonly elapsed: () => number
  /** Runs `work` once, `ms` later. @returns what takes it back; without effect once `work` has run. */
  readonly after: (ms: number, work: () => void) => () => void
  /** Runs `work` once, when this turn of the event loop has read what came in. */
  readonly soon: (work: () => void) => void
}

export const SYSTEM_TIMERS: Timers = {
  elapsed: () => performance.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
  soon: (work) => {
    setImmediate(work)
  },
}

export const sleep = (timers: Timers, ms: number): Promise<void> =>
  new Promise((resolve) => {
    timers.after(ms, resolve)
  })
