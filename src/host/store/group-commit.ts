import { SYSTEM_TIMERS, type Timers } from '../../actors/timers.ts'
import type { Database } from './database.ts'
import { StoreError } from './store-error.ts'

export interface GroupCommit {
  /**
   * Runs `write` together with everything else that was asked for in this turn of the event loop, in one transaction and so
   * with one sync of the disk. Resolves with what `write` returned once that is durable. When one write of a transaction
   * throws, none is applied and every caller is rejected with that error.
   * @throws StoreError (as a rejection) OVERLOADED when the queue is full
   */
  commit<T>(write: () => T): Promise<T>
  /** Commits what is queued now; before `Database.close`. */
  flush(): void
}

/** Callers that may wait. Far above what a turn brings: the admission limits of the host come first. */
const MAX_WAITING = 8192

/** Writes of one transaction: bounds how long it holds the event loop (some 10 microseconds per write, plus the sync). */
const MAX_PER_TRANSACTION = 512

interface Waiting {
  readonly write: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

/** A queue of durable writes to one database. Order is kept. */
export function groupCommit(database: Database, maxWaiting = MAX_WAITING, timers: Timers = SYSTEM_TIMERS): GroupCommit {
  let queue: Waiting[] = []
  let scheduled = false

  // After the poll phase: every request that this turn read from its sockets is in the queue by then.
  const schedule = (): void => {
    if (scheduled || queue.length === 0) return
    scheduled = true
    timers.soon(() => {
      scheduled = false
      commitSome()
      schedule()
    })
  }

  const commitSome = (): void => {
    const batch = queue.slice(0, MAX_PER_TRANSACTION)
    queue = queue.slice(MAX_PER_TRANSACTION)
    if (batch.length === 0) return
    let results: unknown[]
    try {
      results = database.transaction(() => batch.map(({ write }) => write()))
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    batch.forEach(({ resolve }, i) => {
      resolve(results[i])
    })
  }

  return {
    commit<T>(write: () => T): Promise<T> {
      if (queue.length >= maxWaiting) return Promise.reject(new StoreError('OVERLOADED', 'too many writes are waiting'))
      return new Promise<T>((resolve, reject) => {
        queue.push({ write, resolve: resolve as (value: unknown) => void, reject })
        schedule()
      })
    },
    flush() {
      while (queue.length > 0) commitSome()
    },
  }
}
