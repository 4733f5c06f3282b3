import { Fault, type FaultCode } from './fault.ts'
import type { Exchange, Inbox, Protocol } from './round.ts'

/** What a script wants next. Exactly one `done` or `failed` ends it. */
export type Step<Result, Commit> =
  | { readonly type: 'exchange'; readonly round: number; readonly exchange: Exchange<Commit> }
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'failed'; readonly fault: Fault }

const MAX_ROUNDS = 255

/**
 * Runs one protocol script. Rounds are counted here on both sides, so no constant can be wrong; a Fault becomes data here
 * and nowhere else. An exception that is no Fault is a bug: it propagates after the script's `finally` has wiped.
 */
export class ScriptRunner<Result, Commit = never> {
  readonly #script: Protocol<Result, Commit>
  #round = 0
  #ended = false

  constructor(script: Protocol<Result, Commit>) {
    this.#script = script
  }

  get round(): number {
    return this.#round
  }

  get ended(): boolean {
    return this.#ended
  }

  start(): Step<Result, Commit> {
    if (this.#round !== 0 || this.#ended) throw new Error('a script starts once')
    return this.#advance(new Map())
  }

  /** Gives the script the inbox of its current round. */
  resume(inbox: Inbox): Step<Result, Commit> {
    if (this.#round === 0 || this.#ended) throw new Error('the script is not waiting')
    return this.#advance(inbox)
  }

  /** Ends the script from outside: its `finally` blocks run and wipe. Idempotent. */
  stop(code: FaultCode = 'STOPPED'): Step<Result, Commit> {
    if (!this.#ended) {
      this.#ended = true
      this.#script.return(undefined as never)
    }
    return { type: 'failed', fault: new Fault(code) }
  }

  #advance(inbox: Inbox): Step<Result, Commit> {
    try {
      const next = this.#script.next(inbox)
      if (next.done === true) {
        this.#ended = true
        return { type: 'done', result: next.value }
      }
      this.#round += 1
      if (this.#round > MAX_ROUNDS) throw new Error('a script has at most 255 rounds')
      return { type: 'exchange', round: this.#round, exchange: next.value }
    } catch (error) {
      this.#ended = true
      this.#script.return(undefined as never)
      if (error instanceof Fault) return { type: 'failed', fault: error }
      throw error
    }
  }
}
