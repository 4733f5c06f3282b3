import { ApiProblem } from '../api/problem.ts'
import { RecentMap } from '../recent-map.ts'

/** Principals whose rate is counted at a time; the one unseen for longest is forgotten first, with a full allowance. */
const MAX_PRINCIPALS = 10_000

/** @throws ApiProblem rate_limited */
export type RateLimit = (principal: string, cost: number, more?: boolean) => void

/**
 * A token bucket per principal: `perSecond` calls a second, and as many at once after a quiet second. Whoever has one call left may make it,
 * and pays afterwards for what it costs beyond (a batch, a long body).
 * @returns takes from the allowance, or throws. `more`: for a call that was let in already; it is refused in debt only.
 */
export function createRateLimit(perSecond: number, now: () => number = () => performance.now()): RateLimit {
  const buckets = new RecentMap<string, { readonly tokens: number; readonly at: number }>(MAX_PRINCIPALS)
  return (principal, cost, more = false) => {
    const at = now()
    const bucket = buckets.get(principal) ?? { tokens: perSecond, at }
    const tokens = Math.min(perSecond, bucket.tokens + ((at - bucket.at) * perSecond) / 1000)
    const needed = more ? 0 : 1
    const allowed = tokens >= needed
    buckets.set(principal, { tokens: allowed ? tokens - cost : tokens, at })
    if (allowed) return
    const retryAfterMs = Math.ceil(((1 - tokens) * 1000) / perSecond)
    throw new ApiProblem('rate_limited', `more than ${perSecond} calls a second`, { retryAfterMs })
  }
}
