import { ApiProblem } from './problem.ts'

/**
 * Backpressure of one HTTP application. Refusing at once is what keeps an overloaded host answering: a queue in front of
 * the mailboxes would only add waiting time to requests that are going to expire.
 */
export interface AdmissionLimits {
  /** Calls under /api that may be open at the same time, long polls included. */
  readonly maxCalls: number
  /** Sum of the body bytes that open calls may hold in memory. */
  readonly maxBodyBytes: number
}

export const DEFAULT_ADMISSION: AdmissionLimits = { maxCalls: 4096, maxBodyBytes: 128 * 1024 * 1024 }

const RETRY_AFTER_MS = 1000

export interface Ticket {
  /** Counts body bytes before they are read. @throws ApiProblem overloaded */
  readonly reserve: (bytes: number) => void
  /** Gives everything back; once. */
  readonly leave: () => void
}

export interface Admission {
  /** @throws ApiProblem overloaded */
  readonly enter: () => Ticket
  readonly open: () => number
}

export function createAdmission({ maxCalls, maxBodyBytes }: AdmissionLimits): Admission {
  let calls = 0
  let bytes = 0
  const overloaded = (): never => {
    throw new ApiProblem('overloaded', 'too many calls are in flight', { retryAfterMs: RETRY_AFTER_MS })
  }
  return {
    open: () => calls,
    enter: () => {
      if (calls >= maxCalls) overloaded()
      calls += 1
      let held = 0
      return {
        reserve: (amount) => {
          if (bytes + amount > maxBodyBytes) overloaded()
          bytes += amount
          held += amount
        },
        leave: () => {
          calls -= 1
          bytes -= held
        },
      }
    },
  }
}
