import { parentPort, workerData } from 'node:worker_threads'
import { campaign, distill, type Report } from './campaign.ts'
import { BlockCoverage } from './coverage.ts'
import type { FuzzTarget } from './target.ts'
import { openTarget, type TargetName } from './targets.ts'

/** What the thread is to do with one target. */
export interface Task {
  readonly target: TargetName
  readonly inputs: readonly Uint8Array[]
  readonly seed: string
  /** No further batch after so many milliseconds or mutants, whichever comes first. 0: only the inputs given. */
  readonly ms: number
  readonly executions: number
  /** Bytes of the corpus that comes back, reduced to what reaches something; undefined: all of it. */
  readonly distillTo?: number
}

export type ThreadAnswer = { readonly report: Report } | { readonly error: string }

/** Shared with the watchdog: number of the running input, its length, its bytes. */
export const HEADER_WORDS = 2
export const MAX_SHARED_INPUT = 1 << 20

const SOURCES = new URL('../../src/', import.meta.url).href

if (parentPort !== null) {
  const port = parentPort
  const { shared } = workerData as { readonly shared: SharedArrayBuffer }
  const header = new Int32Array(shared, 0, HEADER_WORDS)
  const bytes = new Uint8Array(shared, HEADER_WORDS * 4)
  const before = (input: Uint8Array): void => {
    const shown = input.subarray(0, MAX_SHARED_INPUT)
    bytes.set(shown)
    header[1] = shown.length
    Atomics.add(header, 0, 1)
  }
  /** One target is open at a time; opening one may take a key generation. */
  let open: { readonly name: TargetName; readonly target: FuzzTarget } | undefined
  const targetOf = async (name: TargetName): Promise<FuzzTarget> => {
    if (open?.name === name) return open.target
    await open?.target.close?.()
    open = { name, target: await openTarget(name) }
    return open.target
  }
  const work = async (task: Task): Promise<Report> => {
    const target = await targetOf(task.target)
    const coverage = new BlockCoverage(SOURCES)
    try {
      const until = performance.now() + task.ms
      const enough = (executions: number): boolean =>
        executions - task.inputs.length >= task.executions || performance.now() >= until
      const report = await campaign({ target, corpus: task.inputs, coverage, seed: task.seed, enough, before })
      if (task.distillTo === undefined || report.finding !== undefined) return report
      const second = new BlockCoverage(SOURCES)
      try {
        return { ...report, corpus: await distill(target, report.corpus, second, task.distillTo) }
      } finally {
        second.close()
      }
    } finally {
      coverage.close()
      // Nothing runs any more: the watchdog has nothing to wait for.
      Atomics.store(header, 0, 0)
    }
  }
  port.on('message', (task: Task) => {
    work(task).then(
      (report) => port.postMessage({ report }),
      (error: unknown) => port.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
}
