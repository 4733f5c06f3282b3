import type { Answer } from '../../actors/crypto-commands.ts'
import { SYSTEM_TIMERS, type Timers } from '../../actors/timers.ts'
import { MAX_TICKETS } from '../../protocol/frames/signer-frames.ts'
import type { CryptoClient } from './crypto-client.ts'

/** A heartbeat waits so long for a worker that has much to do, then it tells what the worker said last. */
const WAIT_MS = 150

type State = Pick<Answer, 'bootNonce' | 'generations' | 'tickets' | 'sessions'>

/**
 * What the crypto worker says of itself, for heartbeats. They tell whether this host is there: with a batch of DKLs23 in its worker it
 * is, and must not seem to be down for it. A worker that hangs for good is the pool's business.
 */
export class WorkerStatus {
  readonly #crypto: CryptoClient
  readonly #timers: Timers
  #last: State | undefined
  /** One question at a time. */
  #asking: Promise<void> | undefined
  /** Answered too late for the heartbeat that asked for them. */
  #tickets: Uint8Array[] = []

  constructor(crypto: CryptoClient, timers: Timers = SYSTEM_TIMERS) {
    this.#crypto = crypto
    this.#timers = timers
  }

  /** @throws what asking the worker throws, while nothing is known of it */
  async read(tickets: number): Promise<State> {
    this.#asking ??= this.#ask(tickets).finally(() => {
      this.#asking = undefined
    })
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#timers.after(WAIT_MS, resolve)
    })
    const asking = this.#asking
    // Nobody may be waiting when it fails.
    asking.catch(() => undefined)
    try {
      await (this.#last === undefined ? asking : Promise.race([asking, late]))
    } finally {
      cancel()
    }
    const state = this.#last
    // Lost in between: the next heartbeat asks the new one.
    if (state === undefined) throw new Error('the crypto worker was lost')
    return { ...state, tickets: this.#tickets.splice(0, MAX_TICKETS) }
  }

  async #ask(tickets: number): Promise<void> {
    try {
      const { bootNonce, generations, tickets: issued, sessions } = await this.#crypto.ask('status', { tickets })
      this.#last = { bootNonce, generations, tickets: [], sessions }
      this.#tickets = [...this.#tickets, ...issued].slice(-MAX_TICKETS)
    } catch (error) {
      // Of a worker that may be gone: its tickets and generations with it.
      this.#last = undefined
      this.#tickets = []
      throw error
    }
  }
}
