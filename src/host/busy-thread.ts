import { performance } from 'node:perf_hooks'

/** Milliseconds of which the utilization is taken: some sessions, so that one of them does not decide. */
const WINDOW_MS = 100
/** Of its time. Below it a thread still sleeps between what comes. */
const BUSY = 0.5

/** @returns whether the thread that called this was busy for most of the time since that was last measured, a tenth of a second ago or more; cheap to ask. */
export function busyThread(): () => boolean {
  let last = performance.eventLoopUtilization()
  let since = performance.now()
  let isBusy = false
  return () => {
    const now = performance.now()
    if (now - since < WINDOW_MS) return isBusy
    const next = performance.eventLoopUtilization()
    isBusy = performance.eventLoopUtilization(next, last).utilization > BUSY
    last = next
    since = now
    return isBusy
  }
}
