import { SYSTEM_TIMERS, type Timers } from '../../actors/timers.ts'
import type { Scheme } from '../../protocol/request/document.ts'
import { parseKeyId } from '../../protocol/request/ids.ts'
import { ApiProblem, type ProblemCode } from '../api/problem.ts'
import { toProblem } from '../api/to-problem.ts'
import type { GatewayStore } from '../store/gateway-store.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import type { KeyBatchItem, KeyBatchRow } from '../store/key-batches.ts'
import type { MakeKey } from './key-maker.ts'
import type { Principal } from './principal.ts'
import type { RequestBook } from './request-book.ts'

/** One key of a batch, as it was asked for. */
export interface ItemWish {
  readonly scheme: Scheme
  readonly threshold: number
  readonly label: string | null
}

/** A batch and who asked for it. */
export interface KeyBatch {
  readonly row: KeyBatchRow
  readonly principal: Principal
  /** One per key. */
  readonly wishes: readonly ItemWish[]
}

export interface Progress {
  readonly row: KeyBatchRow
  /** Keys a second, over the time that this process has worked on it; null before the first. */
  readonly rate: number | null
}

export interface KeyBatchRunnerOptions {
  readonly store: GatewayStore
  readonly commits: GroupCommit
  readonly book: RequestBook
  readonly makeKey: MakeKey
  /** Signers of the set. */
  readonly parties: number
  readonly now: () => number
  /** Is told of problems that are nobody's to see: the host may not be able to go on. */
  readonly onUnexpected: (error: unknown) => void
  /** Whether users of this gateway have something signed just now. */
  readonly signing: () => boolean
  readonly timers?: Timers
}

/**
 * Keys that are made at once for all batches together. Each is a burst of curve work on every signer's one worker, which signs too: beside
 * signatures one at a time, since more of them would make those wait and the batch hardly faster (README, measured).
 */
const AT_ONCE = 4
const BESIDE_SIGNING = 1
/** While the set makes no keys one is tried now and then, on behalf of all. */
const FIRST_REST_MS = 500
const LONGEST_REST_MS = 15_000
/** What went wrong with one key is tried again while others go on. */
const FIRST_DELAY_MS = 1_000
const LONGEST_DELAY_MS = 30_000
/** What nobody expected is given up sooner. */
const UNEXPECTED_TRIES = 3

/** No key can be made now, whichever. */
const RESTS: ReadonlySet<ProblemCode> = new Set(['quorum_unavailable', 'overloaded'])
/** The same bytes may yet have a key. */
const AGAIN: ReadonlySet<ProblemCode> = new Set(['protocol_abort', 'signing_timeout', 'idempotency_in_flight', 'internal'])

interface Waiting {
  readonly position: number
  readonly tries: number
  readonly notBefore: number
}

interface Running {
  row: KeyBatchRow
  readonly batch: KeyBatch
  /** Items that have not ended and are not being worked on. */
  readonly waiting: Waiting[]
  readonly begunAt: number
  readonly endedBefore: number
  readonly onEnd: Set<() => void>
}

/**
 * Makes the keys of all open batches, a few at a time and of each batch in turn. What is to be done is in the store: every item is a request of its
 * own with an id of its own, so one that was cut off, by a lost answer or by the end of this process, is sent again with the same bytes and finds its
 * key. A new document for an item is made only when its last one is known to have no key and to have expired.
 */
export class KeyBatchRunner {
  readonly #o: KeyBatchRunnerOptions
  readonly #timers: Timers
  /** In the order in which they come to be served. */
  readonly #running = new Map<number, Running>()
  readonly #working = new Set<Promise<void>>()
  #restMs = 0
  #restUntil = 0
  #cancelWake = (): void => {}
  #stopped = false

  constructor(options: KeyBatchRunnerOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
  }

  get batches(): number {
    return this.#running.size
  }

  batchesOf(tenantId: string): number {
    return [...this.#running.values()].filter(({ batch }) => batch.principal.tenantId === tenantId).length
  }

  /** Takes on a batch that has not ended; one that is under way stays as it is. */
  add(batch: KeyBatch): void {
    const { row, wishes } = batch
    if (row.endedAt !== null || this.#running.has(row.number)) return
    const done = new Set(this.#o.store.batches.ended(row.number, 0, row.total).map(({ position }) => position))
    const waiting = wishes.flatMap((_, position) => (done.has(position) ? [] : [{ position, tries: 0, notBefore: 0 }]))
    const begunAt = this.#timers.elapsed()
    this.#running.set(row.number, { row, batch, waiting, begunAt, endedBefore: done.size, onEnd: new Set() })
    this.#pump()
  }

  /** How far a batch is; undefined when it is not under way. */
  progress(number: number): Progress | undefined {
    const running = this.#running.get(number)
    if (running === undefined) return undefined
    const { row, begunAt, endedBefore } = running
    const ended = row.made + row.failed - endedBefore
    const seconds = (this.#timers.elapsed() - begunAt) / 1000
    return { row, rate: ended > 0 && seconds > 0 ? ended / seconds : null }
  }

  /** Resolves when the batch is no longer under way, or after `ms`. */
  async ended(number: number, ms: number): Promise<void> {
    const running = this.#running.get(number)
    if (running === undefined || ms <= 0) return
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        running.onEnd.delete(leave)
        cancel()
        resolve()
      }
      const cancel = this.#timers.after(ms, leave)
      running.onEnd.add(leave)
    })
  }

  /** Begins nothing more and resolves when nothing is being worked on. What is left goes on at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelWake()
    for (const { onEnd } of this.#running.values()) for (const leave of [...onEnd]) leave()
    await Promise.all(this.#working)
  }

  #pump(): void {
    this.#cancelWake()
    if (this.#stopped) return
    const at = this.#timers.elapsed()
    const places = this.#restMs > 0 ? 1 : this.#o.signing() ? BESIDE_SIGNING : AT_ONCE
    while (at >= this.#restUntil && this.#working.size < places) {
      const next = this.#next(at)
      if (next === undefined) break
      const work = this.#make(...next).finally(() => {
        this.#working.delete(work)
        this.#pump()
      })
      this.#working.add(work)
    }
    if (this.#working.size >= places) return
    let due = Number.POSITIVE_INFINITY
    for (const { waiting } of this.#running.values()) for (const { notBefore } of waiting) due = Math.min(due, notBefore)
    if (due === Number.POSITIVE_INFINITY) return
    this.#cancelWake = this.#timers.after(Math.max(1, Math.max(this.#restUntil, due) - at), () => this.#pump())
  }

  /** The first item that may be tried of the batch whose turn it is, which then goes to the end of the line. */
  #next(at: number): [Running, Waiting] | undefined {
    for (const [number, running] of this.#running) {
      const i = running.waiting.findIndex(({ notBefore }) => notBefore <= at)
      if (i < 0) continue
      const [item] = running.waiting.splice(i, 1) as [Waiting]
      this.#running.delete(number)
      this.#running.set(number, running)
      return [running, item]
    }
    return undefined
  }

  async #make(running: Running, item: Waiting): Promise<void> {
    const { position } = item
    let problem: ApiProblem | undefined
    try {
      const keyId = await this.#key(running, position)
      this.#restMs = 0
      await this.#end(running, { position, keyId, problem: null })
      return
    } catch (error) {
      problem = toProblem(error)
      if (problem.code === 'internal') this.#o.onUnexpected(problem.cause ?? error)
    }
    const verdict = this.#verdictOn(problem, item.tries, running.row)
    const at = this.#timers.elapsed()
    if (verdict === 'rest') {
      running.waiting.unshift(item)
      // Of those that were under way together the first to fail says it for all.
      if (at < this.#restUntil) return
      this.#restMs = Math.min(LONGEST_REST_MS, this.#restMs === 0 ? FIRST_REST_MS : 2 * this.#restMs)
      this.#restUntil = at + this.#restMs
      return
    }
    this.#restMs = 0
    if (verdict === 'ends' && (await this.#fails(running, position, problem))) return
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** item.tries)
    running.waiting.push({ position, tries: item.tries + 1, notBefore: at + delay })
  }

  #verdictOn({ code, outcome }: ApiProblem, tries: number, row: KeyBatchRow): 'rest' | 'again' | 'ends' {
    if (this.#stopped) return 'again'
    if (this.#o.now() >= row.expiresAt) return 'ends'
    if (RESTS.has(code)) return 'rest'
    if (code === 'internal') return tries + 1 < UNEXPECTED_TRIES ? 'again' : 'ends'
    return AGAIN.has(code) || outcome === 'unknown' ? 'again' : 'ends'
  }

  /** @throws ApiProblem, RequestError, StoreError */
  async #key({ row, batch: { principal, wishes } }: Running, position: number): Promise<Uint8Array> {
    const { book, makeKey, parties, now } = this.#o
    const { scheme, threshold, label } = wishes[position] as ItemWish
    const idOf = (attempt: number): string => `${row.requestId}/${position}${attempt === 0 ? '' : `/${attempt}`}`
    const ask = async (attempt: number): Promise<Uint8Array> => {
      const wish = { scheme, threshold, parties, label: label ?? undefined, requestId: idOf(attempt) }
      return parseKeyId((await makeKey(principal, wish)).key.id) as Uint8Array
    }
    let attempt = 0
    while (book.find(principal, idOf(attempt + 1)) !== undefined) attempt += 1
    if (now() >= row.expiresAt && book.find(principal, idOf(attempt)) === undefined) {
      throw new ApiProblem('request_expired', 'the batch was not done in time', { outcome: 'none' })
    }
    try {
      return await ask(attempt)
    } catch (error) {
      const { code, outcome } = toProblem(error)
      // Waited too long for its signers: no key is there, and of this document none will be.
      const over = code === 'request_expired' && outcome === 'none'
      if (!over || now() >= row.expiresAt || this.#stopped) throw error
      return await ask(attempt + 1)
    }
  }

  /** @returns whether that is stored. */
  async #fails(running: Running, position: number, problem: ApiProblem): Promise<boolean> {
    const { code, detail, missing, culprits, outcome } = problem
    try {
      await this.#end(running, { position, keyId: null, problem: JSON.stringify({ code, detail, missing, culprits, outcome }) })
      return true
    } catch (error) {
      this.#o.onUnexpected(error)
      return false
    }
  }

  async #end(running: Running, item: KeyBatchItem): Promise<void> {
    const { store, commits, now } = this.#o
    running.row = await commits.commit(() => store.batches.end(running.row.number, item, now()))
    if (running.row.endedAt === null) return
    this.#running.delete(running.row.number)
    for (const leave of [...running.onEnd]) leave()
  }
}
