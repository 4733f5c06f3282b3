import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

/** A process that has simulated thousands of sets is several times slower than a new one. */
const SEEDS_PER_PROCESS = 250

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const count = Number(values.count)

if (count > SEEDS_PER_PROCESS) inPieces()
else await inThisProcess()

function inPieces(): void {
  for (let done = 0; done < count; done += SEEDS_PER_PROCESS) {
    const piece = ['--seed', String(first + done), '--count', String(Math.min(SEEDS_PER_PROCESS, count - done))]
    const script = process.argv[1] as string
    const { status } = spawnSync(
      process.execPath,
      [...process.execArgv, script, ...piece, ...(values.trace ? ['--trace'] : [])],
      {
        stdio: 'inherit',
      },
    )
    if (status !== 0) process.exitCode = 1
    process.stdout.write(`up to seed ${first + Math.min(count, done + SEEDS_PER_PROCESS) - 1} of ${first + count - 1}\n`)
  }
}

async function inThisProcess(): Promise<void> {
  const started = performance.now()
  const totals = { signatures: 0, keys: 0, updates: 0, events: 0 }
  let failed = 0
  for (let seed = first; seed < first + count; seed++) {
    const { violations, hash, counts } = await simulate(
      seed,
      values.trace ? { trace: (line) => process.stdout.write(`${line}\n`) } : {},
    )
    totals.signatures += counts.signatures
    totals.keys += counts.keys
    totals.updates += counts.updates
    totals.events += counts.events
    if (violations.length > 0) {
      failed += 1
      process.stdout.write(
        `seed ${seed}: ${violations.join('\n  ')}\n  replay: node test/simulation/run.ts --seed ${seed} --trace\n`,
      )
    }
    if (count === 1) process.stdout.write(`seed ${seed}: ${violations.length} violations, ${hash}, ${JSON.stringify(counts)}\n`)
    else if ((seed - first + 1) % 25 === 0 || seed === first + count - 1) {
      const seconds = (performance.now() - started) / 1000
      process.stdout.write(`${seed - first + 1} seeds in ${seconds.toFixed(0)} s, ${failed} failed, ${JSON.stringify(totals)}\n`)
    }
  }
  process.exitCode = failed > 0 ? 1 : 0
}
