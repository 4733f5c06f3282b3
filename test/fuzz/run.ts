import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { fromHex, toHex } from '../../src/protocol/engine/bytes.ts'
import type { Report } from './campaign.ts'
import { contentName, readCorpus, writeCorpus } from './corpus.ts'
import { commandFor } from './replay-command.ts'
import { isTarget, TARGET_NAMES, type TargetName } from './targets.ts'
import { WatchedThread } from './watch-thread.ts'

const USAGE = `node test/fuzz/run.ts <target> [--seconds 60] [--seed 1] [--keep <kilobytes>]
node test/fuzz/run.ts <target> --replay <file or hex>
targets: ${TARGET_NAMES.join(', ')}
`

/** Longest hex that is printed; the file has the rest. */
const SHOWN = 2048

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    replay: { type: 'string' },
    keep: { type: 'string' },
  },
})
const [name] = positionals
if (!isTarget(name)) {
  process.stderr.write(USAGE)
  process.exit(2)
}
process.exit(await main(name))

async function main(target: TargetName): Promise<number> {
  const thread = new WatchedThread()
  try {
    if (values.replay !== undefined) {
      const input = existsSync(values.replay) ? Uint8Array.from(readFileSync(values.replay)) : fromHex(values.replay)
      const report = await thread.run({ target, inputs: [input], seed: '', ms: 0, executions: 0 })
      return tell(target, report, 0)
    }
    const inputs = [...readCorpus(target).values()]
    const kilobytes = values.keep === undefined ? undefined : Number(values.keep)
    const task = { target, inputs, seed: values.seed, ms: Number(values.seconds) * 1000, executions: Number.POSITIVE_INFINITY }
    const started = performance.now()
    const report = await thread.run(kilobytes === undefined ? task : { ...task, distillTo: kilobytes * 1024 })
    const known = new Set(inputs.map(toHex))
    if (kilobytes !== undefined && report.finding === undefined) {
      for (const input of report.corpus) if (!known.has(toHex(input))) writeCorpus(target, contentName('grown', input), input)
    }
    return tell(target, report, performance.now() - started)
  } finally {
    await thread.close()
  }
}

function tell(target: TargetName, report: Report, ms: number): number {
  const { executions, outcomes, corpus, blocks, functions, finding } = report
  const rate = ms === 0 ? '' : ` in ${(ms / 1000).toFixed(1)} s, ${Math.round((executions / ms) * 1000)}/s`
  process.stdout.write(
    `${target}: ${executions} executions${rate}; corpus ${corpus.length}; ${blocks} blocks of ${functions} functions\n`,
  )
  for (const [outcome, times] of Object.entries(outcomes).sort(([, a], [, b]) => b - a))
    process.stdout.write(`  ${times} ${outcome}\n`)
  if (finding === undefined) return 0
  const hex = toHex(finding.input)
  process.stdout.write(`\nFOUND by ${target}: ${finding.reason}\ninput (${finding.input.length} bytes): ${hex.slice(0, SHOWN)}\n`)
  process.stdout.write(`${commandFor(target, finding.input)}\n`)
  return 1
}
