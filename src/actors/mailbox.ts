import { SYSTEM_TIMERS, type Timers } from './timers.ts'

/** A request was turned away because the queue is full, or moves too slowly: the answer is "overloaded, try again", at once. */
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
  /** Batches under way at once. Those beyond two are only begun for batches that are worth their fixed cost. */
  readonly maxInFlight: number
  /** Runs one batch to its end; settles every item itself and never rejects. */
  readonly run: (batch: readonly Item[]) => Promise<void>
  /** Whether the host has so much to do that a batch is worth waiting for; never, if absent. */
  readonly isBusy?: () => boolean
  readonly timers?: Timers
}

/** Batches that go out whatever their size: while one is with the signers, the next one is. */
const FREE_BATCHES = 2
/** Items that the next batch must have for each one that is under way beyond those. */
const ITEMS_PER_BATCH = 16
/**
 * Milliseconds that the first in the queue may have waited before nothing is added behind it. The queue is then longer than what a batch
 * takes, and who came now would wait about as long: whoever can wait is told to come back, and what is served stays fresh.
 */
const MAX_WAIT_MS = 2_000

interface Waiting<Item> {
  readonly item: Item
  readonly since: number
}

/**
 * The mailbox actor: a bounded queue for one kind of work. Batching comes from the load and not from a timer: an item that finds
 * the set idle goes out at once, items that arrive while batches are under way form the next one. A batch costs as much as some ten
 * items before it holds the first one, so more of them at once help only where they are large: hosts that are far apart, or many cores.
 */
export class Mailbox<Item> {
  readonly #o: MailboxOptions<Item>
  readonly #timers: Timers
  #waiting: Waiting<Item>[] = []
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

  /** Whether an item of no size would be taken. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.#o.capacity && !this.#isOverloaded()
  }

  /** @throws MailboxFull */
  submit(item: Item): void {
    const bytes = this.#o.bytesOf(item)
    if (!this.hasRoom || this.#bytes + bytes > this.#o.capacityBytes) throw new MailboxFull()
    this.#waiting.push({ item, since: this.#timers.elapsed() })
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
    while (this.#inFlight < this.#o.maxInFlight && this.#isWorthABatch()) {
      const batch = this.#takeBatch()
      this.#inFlight += 1
      void this.#o.run(batch).finally(() => {
        this.#inFlight -= 1
        this.#schedule()
      })
    }
  }

  #isWorthABatch(): boolean {
    const free = this.#o.isBusy?.() === true ? 1 : FREE_BATCHES
    const beyond = this.#inFlight - free + 1
    return this.#waiting.length >= Math.max(1, beyond * ITEMS_PER_BATCH) || (this.#waiting.length > 0 && this.#fillsABatch())
  }

  #fillsABatch(): boolean {
    return this.#waiting.length >= this.#o.maxBatch() || this.#bytes >= this.#o.maxBatchBytes
  }

  /** Fewer than a batch are no backlog, however long they have waited: something has stalled, and the next batch takes them all. */
  #isOverloaded(): boolean {
    const [first] = this.#waiting
    return first !== undefined && this.#timers.elapsed() - first.since > MAX_WAIT_MS && this.#fillsABatch()
  }

  #takeBatch(): readonly Item[] {
    const { maxBatchBytes, bytesOf } = this.#o
    const maxBatch = this.#o.maxBatch()
    let count = 0
    let bytes = 0
    for (const { item } of this.#waiting) {
      const more = bytes + bytesOf(item)
      if (count === maxBatch || (count > 0 && more > maxBatchBytes)) break
      bytes = more
      count += 1
    }
    this.#bytes -= bytes
    return this.#waiting.splice(0, count).map(({ item }) => item)
  }
}
