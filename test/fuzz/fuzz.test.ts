import { afterAll, describe, expect, it } from 'vitest'
import { inputsOf, readCorpus } from './corpus.ts'
import { commandFor } from './replay-command.ts'
import { TARGET_NAMES } from './targets.ts'
import { WatchedThread } from './watch-thread.ts'

/** Per target beyond its corpus: enough to see that it still holds; `npm run test:long` and `run.ts` do the searching. */
const FUZZ_MS = 100
const MAX_CORPUS_BYTES = 400 * 1024

const thread = new WatchedThread()
afterAll(() => thread.close())

describe('every surface takes its corpus and mutants of it', () => {
  it.each(TARGET_NAMES)('%s', async (target) => {
    const corpus = inputsOf(target)
    const report = await thread.run({ target, ...corpus, seed: 'npm test', ms: FUZZ_MS, executions: 50_000 })
    const { finding, executions, unreached } = report
    expect(finding?.reason, finding && commandFor(target, finding.input)).toBeUndefined()
    expect(executions).toBeGreaterThan(corpus.inputs.length)
    expect(unreached, 'the seeds have rotted, a wire format has changed: node test/fuzz/make-seeds.ts').toEqual([])
  })
})

it('the committed corpus stays small', () => {
  const inputs = TARGET_NAMES.flatMap((target) => [...readCorpus(target).values()])
  expect(inputs.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(MAX_CORPUS_BYTES)
})
