import { PRUNE_LIMIT } from './retention.ts'
import { StoreError } from './store-error.ts'

const PRUNE_EVERY_MS = 60_000

/**
 * Forgets what a store need not keep any longer, every minute, in steps that let other work through between them.
 * @returns a function that stops it.
 */
export function startPruning(prune: (now: number) => number, onError: (error: unknown) => void): () => void {
  let stopped = false
  const step = (): void => {
    if (stopped) return
    try {
      if (prune(Date.now()) >= PRUNE_LIMIT) setImmediate(step)
    } catch (error) {
      onError(error)
    }
  }
  const timer = setInterval(step, PRUNE_EVERY_MS)
  timer.unref()
  return () => {
    stopped = true
    clearInterval(timer)
  }
}

/** Errors after which a store answers nothing any more: the host must end and be started again (store README). */
export const isFatalStoreError = (error: unknown): boolean =>
  error instanceof StoreError && (error.code === 'IO' || error.code === 'CORRUPT')
