import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import { transfer, wrap } from 'comlink'
import { Piscina } from 'piscina'
import { type CallOutcome, postable, type WorkerReady, type WorkerStart } from './worker-entry.ts'

export type WorkerErrorCode = 'WORKER_LOST' | 'WORKER_FAILURE' | 'OVERLOADED' | 'STOPPED'

const MEANING: Readonly<Record<WorkerErrorCode, string>> = {
  WORKER_LOST: 'the worker died, or starts again',
  WORKER_FAILURE: 'the worker could not answer this call',
  OVERLOADED: 'too many calls wait for this worker',
  STOPPED: 'the pool is closing',
}

/** Why a call has no answer. `detail` is for our own log; the message holds nothing of it. */
export class WorkerError extends Error {
  readonly code: WorkerErrorCode
  readonly index: number
  readonly detail: string
  /** false: the call never left this thread, so the worker has done nothing about it. */
  readonly reached: boolean

  constructor(code: WorkerErrorCode, index: number, detail = '', reached = true) {
    super(`${code}: ${MEANING[code]} (worker ${index})`)
    this.name = 'WorkerError'
    this.code = code
    this.index = index
    this.detail = detail
    this.reached = reached
  }
}

export interface WorkerData {
  /** Structured-cloneable; what `makeActor` of the entry is given. */
  readonly value: unknown
  /** Buffers to move rather than clone, so that no copy of a secret stays on this side. */
  readonly transfer?: readonly ArrayBuffer[]
}

export interface WorkerPoolOptions {
  /** A `.ts` or `.js` file whose default export is `serveActor(..)`. */
  readonly entry: URL
  readonly count: number
  /** What a worker starts with. Asked again for each restart, so that this thread need not keep any secret. */
  readonly data: (index: number) => WorkerData | Promise<WorkerData>
  /** Calls that may wait for one worker; beyond that they are refused. */
  readonly maxPending?: number
  /** A worker died (or failed to start again); its sessions are gone. It is restarted unless `onUnhealthy` follows. */
  readonly onLost: (index: number, error: Error) => void
  /** A lost worker serves again, knowing nothing of what it knew. */
  readonly onRestarted?: (index: number) => void
  /** Three losses within a minute: restarting does not help. Nothing is restarted any more and the host has to exit. */
  readonly onUnhealthy: () => void
  readonly startTimeoutMs?: number
  /** A worker that answers none of its waiting calls for so long is terminated: it hangs in a handler. */
  readonly stallMs?: number
  /** How long `close` waits for calls in flight before it terminates the threads. */
  readonly closeGraceMs?: number
}

const MAX_PENDING = 256
const START_TIMEOUT_MS = 30_000
const STALL_MS = 60_000
const CLOSE_GRACE_MS = 5_000
const MAX_LOSSES = 3
const LOSS_WINDOW_MS = 60_000
/**
 * MiB in which a worker's young objects live. V8's own bound is several times that; it collects rarely then, which costs memory and gains
 * nothing here: hardly anything of a batch outlives it.
 */
const MAX_YOUNG_MIB = 12

/** Tells, loss by loss, whether `limit` of them fell within `windowMs`. Holds at most `limit` times. */
export function lossCounter(limit: number, windowMs: number): (now: number) => boolean {
  let times: number[] = []
  return (now) => {
    times = [...times.filter((time) => now - time < windowMs), now].slice(-limit)
    return times.length >= limit
  }
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)))

/** `Exposed` as Comlink offers it here. (Its own type splits a promise of a union.) */
interface Remote {
  call(bytes: Uint8Array): Promise<CallOutcome>
  close(): Promise<void>
}

/** A worker that serves. */
interface Live {
  readonly thread: Worker
  readonly port: MessagePort
  /** Stays referenced: a collected proxy hangs its callers (comlink issue 692). */
  readonly remote: Remote
  /** Rejectors of the calls in flight. Comlink settles none of them when the worker dies (style.md E3). */
  readonly waiting: Set<(error: WorkerError) => void>
  /** Runs while calls wait, starts again with each answer. */
  readonly stall: NodeJS.Timeout
  /** When the worker's task has ended, for whatever reason. */
  readonly ended: Promise<void>
}

/** What became of a call's time, milliseconds. */
export interface CallTimes {
  /** Behind other calls, and on the way there and back. */
  readonly wait: number
  /** In the actor. */
  readonly work: number
}

/**
 * Long-lived workers, each with one actor. Piscina makes and replaces the threads, Comlink carries the calls, and nothing
 * else in the project knows either. Worker `index` is a role, not a thread: a restart fills it with a new thread.
 */
export class WorkerPool {
  readonly #o: WorkerPoolOptions
  readonly #piscina: Piscina
  readonly #live: (Live | undefined)[]
  readonly #lossIsTooMuch = lossCounter(MAX_LOSSES, LOSS_WINDOW_MS)
  #unhealthy = false
  #closing: Promise<void> | undefined

  private constructor(options: WorkerPoolOptions) {
    this.#o = options
    this.#live = Array.from({ length: options.count }, () => undefined)
    this.#piscina = new Piscina({
      minThreads: options.count,
      maxThreads: options.count,
      // One task fills a worker for life, so `count` tasks spread over `count` threads.
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      maxQueue: options.count,
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_MIB },
    })
    // A thread that dies before it has a task: the task waiting for it runs into its start timeout, and that is reported.
    this.#piscina.on('error', () => undefined)
  }

  /** Resolves when all workers serve. @throws Error when one does not start; no thread is left then. */
  static async start(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options)
    try {
      await Promise.all(pool.#live.map((_, index) => pool.#launch(index)))
      return pool
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  get count(): number {
    return this.#live.length
  }

  /**
   * Sends bytes to a worker and resolves with its answer. Calls to one worker are answered in order.
   * @param measured is told of a call that was answered, before its promise resolves.
   * @throws WorkerError (as a rejection) WORKER_LOST also when the answer may have been on its way: the worker may have acted if `reached`
   */
  call(index: number, bytes: Uint8Array, measured?: (times: CallTimes) => void): Promise<Uint8Array> {
    const refuse = (code: WorkerErrorCode) => Promise.reject(new WorkerError(code, index, '', false))
    if (!Number.isInteger(index) || index < 0 || index >= this.count) return Promise.reject(new RangeError(`no worker ${index}`))
    if (this.#closing !== undefined) return refuse('STOPPED')
    const live = this.#live[index]
    if (live === undefined) return refuse('WORKER_LOST')
    if (live.waiting.size >= (this.#o.maxPending ?? MAX_PENDING)) return refuse('OVERLOADED')
    const started = performance.now()
    const { copy, moved } = postable(bytes)
    return this.#orLost(index, live, () => live.remote.call(transfer(copy, moved))).then((outcome) => {
      if (!('bytes' in outcome)) throw new WorkerError('WORKER_FAILURE', index, outcome.detail)
      measured?.({ wait: Math.max(0, performance.now() - started - outcome.ms), work: outcome.ms })
      return outcome.bytes
    })
  }

  /** Where a call that any worker can take waits least. */
  leastBusy(): number {
    const waiting = this.#live.map((live) => live?.waiting.size ?? Number.POSITIVE_INFINITY)
    return waiting.indexOf(Math.min(...waiting))
  }

  /** Milliseconds that each worker has not waited for work since it began; 0 while it restarts. */
  busyMs(): number[] {
    return this.#live.map((live) => live?.thread.performance.eventLoopUtilization().active ?? 0)
  }

  /** Lets calls in flight finish, has every actor wipe itself, ends the threads. Idempotent; leaves no handle behind. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async #shutDown(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#o.closeGraceMs ?? CLOSE_GRACE_MS)
    })
    await Promise.race([Promise.all(this.#live.map((live, index) => live && this.#stop(index, live))), grace])
    clearTimeout(timer)
    await this.#piscina.destroy()
  }

  async #stop(index: number, live: Live): Promise<void> {
    // In order behind all calls: when this is answered, so are they.
    await this.#orLost(index, live, () => live.remote.close()).catch(() => undefined)
    live.port.close()
    await live.ended
  }

  /** Settles with the request or, if the worker dies first, as WORKER_LOST. (Promise.race would leak a reaction per call.) */
  #orLost<T>(index: number, live: Live, request: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (live.waiting.size === 0) live.stall.refresh()
      live.waiting.add(reject)
      request()
        .then(resolve, (error) => {
          reject(new WorkerError('WORKER_FAILURE', index, String(error)))
        })
        .finally(() => {
          live.waiting.delete(reject)
          live.stall.refresh()
        })
    })
  }

  async #launch(index: number): Promise<void> {
    const { value, transfer: moved = [] } = await this.#o.data(index)
    if (this.#closing !== undefined) throw new WorkerError('STOPPED', index)
    const { port1: port, port2 } = new MessageChannel()
    const start: WorkerStart = { port: port2, data: value }
    const task: Promise<void> = this.#piscina.run(start, {
      filename: fileURLToPath(this.#o.entry),
      transferList: [port2, ...moved],
    })
    try {
      const threadId = await this.#ready(index, port, task)
      const thread = this.#piscina.threads.find((candidate) => candidate.threadId === threadId)
      if (thread === undefined) throw new WorkerError('WORKER_LOST', index, 'ended at once')
      if (this.#closing !== undefined) throw new WorkerError('STOPPED', index)
      this.#serve(index, thread, port, task)
    } catch (error) {
      port.close()
      throw error
    }
  }

  #serve(index: number, thread: Worker, port: MessagePort, task: Promise<void>): void {
    let stalled = false
    const stall = setTimeout(async () => {
      stalled = live.waiting.size > 0
      if (stalled) await thread.terminate()
    }, this.#o.stallMs ?? STALL_MS).unref()
    const live: Live = {
      thread,
      port,
      remote: wrap(port) as unknown as Remote,
      waiting: new Set(),
      stall,
      ended: task
        .then(() => new Error('the worker ended its task'), asError)
        .then((error) => {
          this.#live[index] = undefined
          port.close()
          clearTimeout(stall)
          for (const reject of live.waiting) reject(new WorkerError('WORKER_LOST', index))
          live.waiting.clear()
          this.#lost(index, stalled ? new WorkerError('WORKER_LOST', index, 'it answered nothing for too long') : error)
        }),
    }
    this.#live[index] = live
  }

  /** Waits for the worker's first message, its end, or the deadline. */
  async #ready(index: number, port: MessagePort, task: Promise<void>): Promise<number> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<number>((resolve, reject) => {
        const fail = (detail: string): void => reject(new WorkerError('WORKER_LOST', index, detail))
        port.once('message', (ready: WorkerReady) => resolve(ready.threadId))
        task.then(
          () => fail('ended at once'),
          (error) => fail(asError(error).stack ?? ''),
        )
        timer = setTimeout(() => fail('did not start in time'), this.#o.startTimeoutMs ?? START_TIMEOUT_MS)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  #lost(index: number, error: Error): void {
    if (this.#closing !== undefined) return
    this.#o.onLost(index, error)
    if (this.#unhealthy) return
    if (this.#lossIsTooMuch(performance.now())) {
      this.#unhealthy = true
      this.#o.onUnhealthy()
      return
    }
    this.#launch(index).then(
      () => {
        if (this.#closing === undefined) this.#o.onRestarted?.(index)
      },
      (failure) => this.#lost(index, asError(failure)),
    )
  }
}
