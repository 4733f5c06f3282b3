import process from 'node:process'
import { afterAll, describe, expect, it } from 'vitest'
import { inputsOf } from '../fuzz/corpus.ts'
import { commandFor } from '../fuzz/replay-command.ts'
import { TARGET_NAMES } from '../fuzz/targets.ts'
import { WatchedThread } from '../fuzz/watch-thread.ts'

/** Per target. Hours are minutes times the number of targets; another seed each day is another search. */
const MINUTES = Number(process.env['QUORATE_FUZZ_MINUTES'] ?? 2)
const SEED = process.env['QUORATE_FUZZ_SEED'] ?? new Date().toISOString().slice(0, 10)
const MARGIN_MS = 120_000

const thread = new WatchedThread()
afterAll(() => thread.close())

describe(`fuzzing, ${MINUTES} minutes a target, seed ${SEED}`, () => {
  it.each(TARGET_NAMES)('%s', { timeout: MINUTES * 60_000 + MARGIN_MS }, async (target) => {
    const { inputs } = inputsOf(target)
    const executions = Number.POSITIVE_INFINITY
    const report = await thread.run({ target, inputs, seed: SEED, ms: MINUTES * 60_000, executions })
    const { finding, blocks, functions, corpus } = report
    console.log(`${target}: ${report.executions} executions, corpus ${corpus.length}, ${blocks} blocks of ${functions} functions`)
    expect(finding?.reason, finding && commandFor(target, finding.input)).toBeUndefined()
  })
})
