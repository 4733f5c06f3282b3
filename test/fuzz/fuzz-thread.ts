import { parentPort, workerData } from 'node:worker_threads'
import { campaign, distill, type Report } from './campaign.ts'
import { BlockCoverage } from './coverage.ts'
import type { FuzzTarget } from './target.ts'
import { openTarget } from './targets.ts'
import { HEADER_WORDS, MAX_SHARED_INPUT, type ThreadAnswer, type ThreadTask } from './task.ts'

if (parentPort === null) throw new Error('this is the entry of a thread')
const port = parentPort
const { shared } = workerData as { readonly shared: SharedArrayBuffer }
const header = new Int32Array(shared, 0, HEADER_WORDS)
const shown = new Uint8Array(shared, HEADER_WORDS * 4)

const SOURCES = new URL('../../src/', import.meta.url).href

function before(input: Uint8Array): void {
  const bytes = input.subarray(0, MAX_SHARED_INPUT)
  shown.set(bytes)
  header[1] = bytes.length
  Atomics.add(header, 0, 1)
}

/** One target is open at a time; opening one may take a key generation. */
let open: { readonly name: string; readonly target: FuzzTarget } | undefined

async function targetOf(name: string): Promise<FuzzTarget> {
  if (open?.name === name) return open.target
  await open?.target.close?.()
  open = undefined
  const target = await openTarget(name)
  open = { name, target }
  return target
}

async function covering<T>(target: string, work: (coverage: BlockCoverage) => Promise<T>): Promise<T> {
  // A module given by its URL is watched itself.
  const coverage = new BlockCoverage([SOURCES, target])
  try {
    return await work(coverage)
  } finally {
    coverage.close()
    Atomics.store(header, 0, 0)
  }
}

async function work(task: ThreadTask): Promise<Report> {
  const target = await targetOf(task.target)
  let until: number | undefined
  const enough = (mutants: number): boolean => {
    until ??= performance.now() + task.ms
    return mutants >= task.executions || performance.now() >= until
  }
  const { inputs: corpus, seeds = 0, seed, distillTo } = task
  const report = await covering(task.target, (coverage) => campaign({ target, corpus, seeds, coverage, seed, enough, before }))
  if (distillTo === undefined || report.finding !== undefined) return report
  return { ...report, corpus: await covering(task.target, (coverage) => distill(target, report.corpus, coverage, distillTo)) }
}

port.on('message', (task: ThreadTask) => {
  work(task).then(
    (report) => port.postMessage({ report } satisfies ThreadAnswer),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      port.postMessage({ error: text } satisfies ThreadAnswer)
    },
  )
})
