/** A host's clock may step back this far before the host stops being ready (decisions.md 11). */
const MAX_STEP_BACK_MS = 30_000
const CHECK_EVERY_MS = 1_000

export interface ClockWatch {
  /** false from the moment the clock has stepped back too far; for /ready. */
  readonly steady: () => boolean
  readonly stop: () => void
}

export interface Clocks {
  /** Milliseconds since the Unix epoch, adjustable from outside. */
  readonly wall: () => number
  /** Milliseconds since any moment; never goes back. */
  readonly monotonic: () => number
}

const SYSTEM: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() }

/**
 * Watches the wall clock against the monotonic one. A clock that went back revives requests that had expired and ledger rows
 * that were pruned as used up; so the host is not ready until the clock is back where it was, or until a restart says that
 * the operator knows. A clock that goes forward only makes requests expire.
 */
export function clockWatch(onStepBack: (milliseconds: number) => void, clocks: Clocks = SYSTEM): ClockWatch {
  let furthest = clocks.wall() - clocks.monotonic()
  let reported = false

  const steady = (): boolean => {
    const offset = clocks.wall() - clocks.monotonic()
    if (offset > furthest) furthest = offset
    const back = furthest - offset
    const tooFar = back > MAX_STEP_BACK_MS
    if (tooFar && !reported) onStepBack(back)
    reported = tooFar
    return !tooFar
  }

  // Between two questions the clock could step back, be seen by requests and step forward again.
  const timer = setInterval(steady, CHECK_EVERY_MS)
  timer.unref()
  return { steady, stop: () => clearInterval(timer) }
}
