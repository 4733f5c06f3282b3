import { execFileSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { cpus, freemem, loadavg, tmpdir, totalmem } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { median } from './report.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CALIBRATION_MS = 40
const CALIBRATION_ROUNDS = 7

/** File systems that live in memory, where an fsync costs nothing: signatures would look cheaper than they are. */
const TMPFS = 0x01021994
const RAMFS = 0x858458f6

/** What a reader needs to compare figures of two runs. */
export function describeMachine() {
  const memory = new Set([TMPFS, RAMFS])
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    free_gib: Math.round(freemem() / 2 ** 30),
    /** Above some tenths another program is being measured too. */
    load_1min: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    stores_on: memory.has(statfsSync(tmpdir()).type) ? 'memory (fsync is free here)' : 'disk',
    calibration_per_ms: calibrate(),
    commit: commit(),
    time: new Date().toISOString(),
  }
}

/**
 * Turns per millisecond of a loop of nothing but 256-bit BigInt arithmetic. It does not depend on any code of ours: figures of
 * two machines, or of a busy and an idle hour of one, compare as ratios to it.
 */
function calibrate(): number {
  const q = 2n ** 256n - 2n ** 32n - 977n
  let x = 3n
  const round = (): number => {
    const start = performance.now()
    let turns = 0
    while (performance.now() - start < CALIBRATION_MS) {
      for (let i = 0; i < 100; i++) x = (x * x + 7n) % q
      turns += 100
    }
    return turns / (performance.now() - start)
  }
  const rounds = Array.from({ length: CALIBRATION_ROUNDS }, round)
  // Used, so that no compiler may leave the loop out.
  if (x === 0n) throw new Error('x is a square plus 7 in a field without such a root')
  return Math.round(median(rounds))
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`
  } catch {
    return 'unknown'
  }
}
