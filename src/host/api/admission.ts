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

/**
 * What one caller may have of either limit. Bodies are counted when they are announced: without a share, some forty connections on which
 * one user sends nothing would refuse everybody else's calls for as long as it likes.
 */
const SHARE = 1 / 2

const RETRY_AFTER_MS = 1000

export interface Ticket {
  /** Counts the call, and what it reserves afterwards, for one caller. Once. @throws ApiProblem overloaded */
  readonly belongsTo: (caller: string) => void
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

interface Held {
  calls: number
  bytes: number
}

export function createAdmission({ maxCalls, maxBodyBytes }: AdmissionLimits): Admission {
  const total: Held = { calls: 0, bytes: 0 }
  /** One entry per caller with an open call: at most `maxCalls`. */
  const callers = new Map<string, Held>()
  const refuseAbove = (value: number, limit: number, detail: string): void => {
    if (value > limit) throw new ApiProblem('overloaded', detail, { retryAfterMs: RETRY_AFTER_MS })
  }
  const ALL = 'too many calls are in flight'
  const OWN = 'too many calls of this caller are in flight'

  return {
    open: () => total.calls,
    enter: () => {
      refuseAbove(total.calls + 1, maxCalls, ALL)
      total.calls += 1
      let bytes = 0
      let owner: { readonly name: string; readonly held: Held } | undefined
      return {
        belongsTo: (name) => {
          const held = callers.get(name) ?? { calls: 0, bytes: 0 }
          refuseAbove(held.calls + 1, Math.max(1, maxCalls * SHARE), OWN)
          held.calls += 1
          callers.set(name, held)
          owner = { name, held }
        },
        reserve: (amount) => {
          refuseAbove(total.bytes + amount, maxBodyBytes, ALL)
          refuseAbove((owner?.held.bytes ?? 0) + amount, maxBodyBytes * SHARE, OWN)
          total.bytes += amount
          if (owner !== undefined) owner.held.bytes += amount
          bytes += amount
        },
        leave: () => {
          total.calls -= 1
          total.bytes -= bytes
          if (owner === undefined) return
          owner.held.calls -= 1
          owner.held.bytes -= bytes
          if (owner.held.calls === 0) callers.delete(owner.name)
        },
      }
    },
  }
}
