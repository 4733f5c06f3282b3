import { ApiProblem } from '../api/problem.ts'

/** What requests under way take, waiting ones and those in sessions together. */
export interface Load {
  readonly requests: number
  /** Of their documents. */
  readonly bytes: number
}

const RETRY_AFTER_MS = 250

/**
 * What one credential may have under way. With `wait_ms=0` a call gives its place among the open calls back while its request stays: without
 * a share, one client could fill the mailboxes and have everybody else turned away for as long as it likes.
 */
export class OwnerShares {
  readonly #share: Load
  /** Credentials with something under way. */
  readonly #held = new Map<string, Load>()

  constructor(share: Load) {
    this.#share = share
  }

  get owners(): number {
    return this.#held.size
  }

  /** @returns what gives it back, to be called once. @throws ApiProblem overloaded */
  take(owner: string, bytes: number): () => void {
    const held = this.#held.get(owner) ?? { requests: 0, bytes: 0 }
    if (held.requests + 1 > this.#share.requests || held.bytes + bytes > this.#share.bytes) {
      throw new ApiProblem('overloaded', 'too many requests of this credential are under way', { retryAfterMs: RETRY_AFTER_MS })
    }
    this.#held.set(owner, { requests: held.requests + 1, bytes: held.bytes + bytes })
    return () => this.#give(owner, bytes)
  }

  #give(owner: string, bytes: number): void {
    const held = this.#held.get(owner)
    if (held === undefined) return
    if (held.requests === 1) this.#held.delete(owner)
    else this.#held.set(owner, { requests: held.requests - 1, bytes: held.bytes - bytes })
  }
}
