import { SYSTEM_TIMERS, type Timers } from './timers.ts'

/** A request was turned away because the queue is full: the answer is "overloaded, try again", at once. */
export class MailboxFull extends Error {
  constructor() {
    super('the mailbox is full')
    this.name = 'MailboxFull'
  }
}

export interface MailboxOptions<Item> {
  /** Waiting items at most; beyond it `submit` refuses. */
  readonly capacity: number
  /** Bytes of waiting items at most, whatever their number; beyond it `submit` refuses. */
  readonly capacityBytes: number
  /** Items of the next batch at most. */
  readonly maxBatch: () => number
  /** Bytes of one batch; an item larger than that goes alone. */
  readonly maxBatchBytes: number
  readonly bytesOf: (item: Item) => number
  /** Batches under way at once. */
  readonly maxInFlight: number
  /** Runs one batch to its end; settles every item itself and never rejects. */
  readonly run: (batch: readonly Item[]) => Promise<void>
  readonly timers?: Timers
}

/**
 * The mailbox actor: a bounded queue for one kind of work. Batching comes from the load and not from a timer: an item that finds
 * the set idle goes out at once, items that arrive while batches are under way form the next one.
 */
export class Mailbox<Item> {
  readonly #o: MailboxOptions<Item>
  readonly #timers: Timers
  #waiting: Item[] = []
  #bytes = 0
  #inFlight = 0
  #scheduled = false

  constructor(options: MailboxOptions<Item>) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** @throws MailboxFull */
  submit(item: Item): void {
    const bytes = this.#o.bytesOf(item)
    if (this.#waiting.length >= this.#o.capacity || this.#bytes + bytes > this.#o.capacityBytes) throw new MailboxFull()
    this.#waiting.push(item)
    this.#bytes += bytes
    this.#schedule()
  }

  // Items of one event-loop turn leave together: requests that arrived in one read of the sockets share a batch.
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#timers.soon(() => {
      this.#scheduled = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.#o.maxInFlight) {
      const batch = this.#takeBatch()
      this.#inFlight += 1
      void this.#o.run(batch).finally(() => {
        this.#inFlight -= 1
        this.#schedule()
      })
    }
  }

  #takeBatch(): readonly Item[] {
    const { maxBatchBytes, bytesOf } = this.#o
    const maxBatch = this.#o.maxBatch()
    let count = 0
    let bytes = 0
    for (const item of this.#waiting) {
      const more = bytes + bytesOf(item)
      if (count === maxBatch || (count > 0 && more > maxBatchBytes)) break
      bytes = more
      count += 1
    }
    this.#bytes -= bytes
    return this.#waiting.splice(0, count)
  }
}
