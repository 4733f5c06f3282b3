import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from './arguments.ts'
import { makeKeys } from './make-keys.ts'
import type { Part, Row, Table } from './report.ts'
import { startSet } from './running-set.ts'
import { withoutSigner } from './signer-outage.ts'
import { measureSigning } from './signing-load.ts'

const TOP = 12
const INTERVAL_US = 400
const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Of gateway, coordinator and one signer; the other signers do the same. */
const PROFILED = /^(gateway|coordinator|signer-1)$/
/** `CPU.<date>.<time>.<pid>.<thread>.<n>.cpuprofile` */
const FILE = /^CPU\.\d+\.\d+\.(\d+)\.(\d+)\.\d+\.cpuprofile$/

/** The parts of a .cpuprofile that are used here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  /** Microseconds of the monotonic clock, which is the same in every process. */
  readonly startTime: number
  readonly timeDeltas: readonly number[]
}

/**
 * A set of its own with every process under V8's profiler and one load on it; what the functions took themselves, by thread.
 * Samples are of time that passed, not of processor time: on a busy machine all shares of waiting (an fsync) are too large.
 */
export async function profile(options: BenchOptions): Promise<Part> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-profile-'))
  const { form = 'coordinator', scheme = 'ecdsa-secp256k1' } = options
  try {
    const set = await startSet({
      env: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-interval=${INTERVAL_US}` },
    })
    let signed: number
    const window = { from: 0, to: 0 }
    try {
      const { keys } = await makeKeys(set, form, scheme, options.keys)
      if (options.engine === 'dkls23') await withoutSigner(set)
      window.from = monotonicUs()
      const { judged, run } = await measureSigning(set, form, keys, options)
      window.to = monotonicUs()
      signed = judged.signed.length / run.seconds
    } finally {
      await set.stop()
    }
    const roles = new Map(set.hosts.filter(({ name }) => PROFILED.test(name)).map(({ name, pid }) => [pid, name]))
    const tables = readdirSync(folder).flatMap((file) => {
      const [, pid, thread] = FILE.exec(file) ?? []
      const role = roles.get(Number(pid))
      if (role === undefined) return []
      return [topOf(`${role}, ${thread === '0' ? 'main thread' : 'worker'}`, readProfile(join(folder, file)), window)]
    })
    const load = { title: 'load while profiling', rows: [{ form, scheme, 'signatures/s': signed }] }
    return { tables: [load, ...tables.sort((a, b) => a.title.localeCompare(b.title))], gates: [] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Window {
  readonly from: number
  readonly to: number
}

const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n)
const readProfile = (file: string): CpuProfile => JSON.parse(readFileSync(file, 'utf8'))

/** Only of the window with load: before it, loading modules is all there is to see. */
function topOf(title: string, { nodes, samples, timeDeltas, startTime }: CpuProfile, { from, to }: Window): Table {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const self = new Map<string, number>()
  let at = startTime
  samples.forEach((id, i) => {
    const us = timeDeltas[i] ?? 0
    at += us
    const name = names.get(id) ?? '(unknown)'
    if (at >= from && at <= to) self.set(name, (self.get(name) ?? 0) + us)
  })
  self.delete('(idle)')
  const busy = [...self.values()].reduce((sum, us) => sum + us, 0)
  const rows = [...self]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([what, us]): Row => ({ 'self %': Math.round((1000 * us) / busy) / 10, what }))
  return { title: `profile: ${title}, busy ${Math.round((100 * busy) / (to - from))} % of the time`, rows }
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url
    .replace(/^file:\/\//, '')
    .replace(ROOT, '')
    .replace(/^.*node_modules\//, '')
  return file === '' ? functionName : `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`
}
