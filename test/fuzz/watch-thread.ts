import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Report } from './campaign.ts'
import { HEADER_WORDS, SHARED_BYTES, type Task, type ThreadAnswer, type ThreadTask } from './task.ts'

/** An input that takes so long never comes back; the campaign's own limit is CPU time and far shorter. */
const HANG_MS = 20_000
const HEAP_MIB = 512

/**
 * Runs campaigns in a thread that can be killed: an input that loops or eats the heap would take this process with it. Both become
 * findings, with the input that was running.
 */
export class WatchedThread {
  readonly #hangMs: number
  #worker: Worker | undefined
  #shared = new SharedArrayBuffer(SHARED_BYTES)

  constructor(hangMs = HANG_MS) {
    this.#hangMs = hangMs
  }

  /** @throws Error when the target cannot be opened, or the fuzzer itself is broken. */
  async run(task: Task): Promise<Report> {
    this.#worker ??= this.#start()
    const worker = this.#worker
    const listening = new AbortController()
    const { signal } = listening
    let watchdog: NodeJS.Timeout | undefined
    try {
      return await new Promise<Report>((resolve, reject) => {
        let last = 0
        watchdog = setInterval(() => {
          const running = Atomics.load(new Int32Array(this.#shared, 0, 1), 0)
          if (running === last && running > 0) resolve(this.#lost(`no end after ${this.#hangMs} ms`))
          last = running
        }, this.#hangMs)
        once(worker, 'message', { signal }).then(
          ([answer]: ThreadAnswer[]) => {
            if (answer !== undefined && 'report' in answer) resolve(answer.report)
            else reject(new Error(answer?.error))
          },
          (error: unknown) => {
            if (signal.aborted) return
            // Nothing ran yet: the fuzzer cannot run here at all.
            if (Atomics.load(new Int32Array(this.#shared, 0, 1), 0) === 0) reject(error)
            else resolve(this.#lost(`the thread died: ${error instanceof Error ? error.message : String(error)}`))
          },
        )
        worker.postMessage({ ...task, target: String(task.target) } satisfies ThreadTask)
      })
    } finally {
      clearInterval(watchdog)
      listening.abort()
      if (worker !== this.#worker) await worker.terminate()
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    return new Worker(new URL('./fuzz-thread.ts', import.meta.url), {
      workerData: { shared: this.#shared },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
      execArgv: [],
    })
  }

  /** Gives the thread up; what it was working on is the finding. */
  #lost(why: string): Report {
    const [executions = 0, length = 0] = new Int32Array(this.#shared, 0, HEADER_WORDS)
    const input = Uint8Array.from(new Uint8Array(this.#shared, HEADER_WORDS * 4, length))
    this.#worker = undefined
    this.#shared = new SharedArrayBuffer(SHARED_BYTES)
    const finding = { input, reason: `BrokenPromise: ${why}` }
    return { executions, outcomes: {}, unreached: [], blocks: 0, functions: 0, corpus: [], finding }
  }
}
