import type { Timers } from '../../src/actors/timers.ts'
import type { Chance } from './chance.ts'

interface Event {
  readonly at: number
  readonly tie: number
  readonly number: number
  readonly work: () => void
  cancelled: boolean
}

const before = (a: Event, b: Event): boolean =>
  a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.number < b.number

/** Virtual time: what is due next runs next, at once; of what is due at the same moment, the seed says which is first. */
export class EventLoop {
  readonly #chance: Chance
  readonly #heap: Event[] = []
  #now = 0
  #events = 0

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now
  }

  get events(): number {
    return this.#events
  }

  after(ms: number, work: () => void): () => void {
    const at = this.#now + Math.max(0, ms)
    const event: Event = { at, tie: this.#chance.word(), number: this.#events++, work, cancelled: false }
    this.#push(event)
    return () => {
      event.cancelled = true
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /** Runs until `done` says so, or `limit` is reached. @returns whether it was done */
  async runUntil(done: () => boolean, limit: number): Promise<boolean> {
    await settle()
    while (!done()) {
      const next = this.#heap[0]
      if (next === undefined || next.at > limit) {
        this.#now = Math.max(this.#now, limit)
        return false
      }
      this.#pop()
      if (next.cancelled) continue
      this.#now = next.at
      next.work()
      await settle()
    }
    return true
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent] as Event)) break
      heap[at] = heap[parent] as Event
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (!before(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
  }
}

/** Everything that the code just run left to promises has run when this resolves: nothing in a simulated set waits for anything real. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** One life of a host, from its start to its crash. What is left of it afterwards, as no real process has, moves nothing any more. */
export class Life {
  #alive = true
  readonly #loop: EventLoop
  readonly #ends: (() => void)[] = []

  constructor(loop: EventLoop) {
    this.#loop = loop
  }

  get alive(): boolean {
    return this.#alive
  }

  readonly timers: Timers = {
    elapsed: () => this.#loop.now,
    after: (ms, work) =>
      this.#loop.after(ms, () => {
        if (this.#alive) work()
      }),
    soon: (work) => {
      this.timers.after(0, work)
    },
  }

  onEnd(work: () => void): void {
    this.#ends.push(work)
  }

  end(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const work of this.#ends) work()
  }
}
