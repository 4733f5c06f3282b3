import { ApiProblem } from '../api/problem.ts'

/**
 * Changes of one key that wait for the one under way. Each takes the signers 15 s at worst, and who changes a key in a hurry is
 * better told at once than kept for minutes.
 */
export const MAX_WAITING = 4
const RETRY_AFTER_MS = 1000

interface Line {
  last: Promise<unknown>
  length: number
}

/**
 * Changes of one key, one after the other in the order in which they were asked for. Two at once would be written from the same
 * revision, and the signers take one document of each: the other one would be lost after its asker was told that it was under way.
 */
export class KeyTurns {
  /** Keys with a change under way; as many as calls are open at most. */
  readonly #lines = new Map<string, Line>()

  get keys(): number {
    return this.#lines.size
  }

  /** Does it when those before have ended, however they ended. @throws ApiProblem overloaded, and whatever `work` throws */
  async take<T>(keyId: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(keyId) ?? { last: Promise.resolve(), length: 0 }
    if (line.length > MAX_WAITING) {
      throw new ApiProblem('overloaded', 'too many changes of this key wait', { retryAfterMs: RETRY_AFTER_MS })
    }
    line.length += 1
    this.#lines.set(keyId, line)
    const mine = line.last.then(work, work)
    line.last = mine
    try {
      return await mine
    } finally {
      line.length -= 1
      if (line.length === 0) this.#lines.delete(keyId)
    }
  }
}
