import { Worker } from 'node:worker_threads'
import type { Report } from './campaign.ts'
import { HEADER_WORDS, MAX_SHARED_INPUT, type Task, type ThreadAnswer } from './fuzz-thread.ts'

/** An input that takes so long never comes back; the campaign's own limit is CPU time and far shorter. */
const HANG_MS = 20_000
const HEAP_MIB = 1024

/**
 * Runs campaigns in a thread that can be killed: an input that loops or eats the heap would take this process with it. Both become
 * findings, with the input that was running.
 */
export class WatchedThread {
  #worker: Worker | undefined
  #shared = new SharedArrayBuffer(HEADER_WORDS * 4 + MAX_SHARED_INPUT)

  /** @throws Error when the target cannot be opened, or the fuzzer itself is broken. */
  async run(task: Task): Promise<Report> {
    this.#worker ??= this.#start()
    const worker = this.#worker
    return await new Promise<Report>((resolve, reject) => {
      let last = -1
      const watchdog = setInterval(() => {
        const running = Atomics.load(new Int32Array(this.#shared, 0, 1), 0)
        if (running === last && running > 0) this.#lose(worker, `BrokenPromise: no end after ${HANG_MS} ms`, finish)
        last = running
      }, HANG_MS)
      const finish = (answer: ThreadAnswer): void => {
        clearInterval(watchdog)
        worker.removeAllListeners()
        if ('report' in answer) resolve(answer.report)
        else reject(new Error(answer.error))
      }
      worker.once('message', finish)
      worker.once('error', (error) => this.#lose(worker, `BrokenPromise: the thread died: ${error.message}`, finish))
      worker.postMessage(task)
    })
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

  /** Ends the thread; what it was working on is the finding. */
  #lose(worker: Worker, reason: string, finish: (answer: ThreadAnswer) => void): void {
    const [executions = 0, length = 0] = new Int32Array(this.#shared, 0, HEADER_WORDS)
    const input = Uint8Array.from(new Uint8Array(this.#shared, HEADER_WORDS * 4, length))
    this.#worker = undefined
    this.#shared = new SharedArrayBuffer(HEADER_WORDS * 4 + MAX_SHARED_INPUT)
    finish({ report: { executions, outcomes: {}, blocks: 0, functions: 0, corpus: [], finding: { input, reason } } })
    void worker.terminate()
  }
}
