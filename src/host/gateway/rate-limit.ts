import { ApiProblem } from '../api/problem.ts'

/** Principals whose rate is counted at a time; the one unseen for longest is forgotten first, with a full allowance. */
const MAX_PRINCIPALS = 10_000

/**
 * A token bucket per principal: `perSecond` calls a second, and as many at once after a quiet second. A batch counts as its
 * items. @returns takes from the allowance, or throws ApiProblem rate_limited
 */
export function createRateLimit(
  perSecond: number,
  now: () => number = () => performance.now(),
): (principal: string, cost: number) => void {
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>()
  return (principal, cost) => {
    const at = now()
    const bucket = buckets.get(principal) ?? { tokens: perSecond, at }
    const tokens = Math.min(perSecond, bucket.tokens + ((at - bucket.at) * perSecond) / 1000)
    buckets.delete(principal)
    // A batch larger than the allowance passes when the bucket is full and is paid for afterwards.
    const allowed = tokens >= Math.min(cost, perSecond)
    buckets.set(principal, { tokens: allowed ? tokens - cost : tokens, at })
    if (buckets.size > MAX_PRINCIPALS) buckets.delete(buckets.keys().next().value as string)
    if (allowed) return
    const retryAfterMs = Math.ceil(((Math.min(cost, perSecond) - tokens) * 1000) / perSecond)
    throw new ApiProblem('rate_limited', `more than ${perSecond} calls a second`, { retryAfterMs })
  }
}
