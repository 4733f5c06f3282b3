import { contentName, writeCorpus } from './corpus.ts'
import type { TargetName } from './targets.ts'

/** Saves a failing input into the corpus, where every test run takes it from now on. @returns how to run it alone. */
export function commandFor(target: TargetName, input: Uint8Array): string {
  const file = writeCorpus(target, contentName('found', input), input)
  return `saved; to run it again: node test/fuzz/run.ts ${target} --replay ${file}`
}
