import { readdirSync, rmSync } from 'node:fs'
import process from 'node:process'
import { corpusFolder, readCorpus, writeCorpus } from './corpus.ts'
import { isTarget, openTarget, TARGET_NAMES } from './targets.ts'

/** Writes the honest inputs of the named targets, or of all, anew: `node test/fuzz/make-seeds.ts [target..]`. Grown and found inputs stay. */
const wanted = process.argv.slice(2)
for (const name of wanted.length === 0 ? TARGET_NAMES : wanted.filter(isTarget)) {
  const target = await openTarget(name)
  readCorpus(name)
  for (const file of readdirSync(corpusFolder(name))) if (file.startsWith('seed-')) rmSync(corpusFolder(name) + file)
  const seeds = await target.seeds()
  for (const [seed, bytes] of seeds) writeCorpus(name, `seed-${seed}.bin`, bytes)
  process.stdout.write(`${name}: ${seeds.size} seeds, ${[...seeds.values()].reduce((sum, b) => sum + b.length, 0)} bytes\n`)
  await target.close?.()
}
process.exit(0)
