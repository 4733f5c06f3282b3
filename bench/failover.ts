import type { BenchOptions } from './arguments.ts'
import { type Answer, arrivals, openLoop } from './load.ts'
import { makeKeys } from './make-keys.ts'
import { type Gate, type Part, quantile, type Row } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { OUTAGE_CALLERS, ready, SIGNER, withoutSigner } from './signer-outage.ts'
import { errorsOf, judge, latencies, measureSigning, sustained, wholeSetMs } from './signing-load.ts'
import { type Key, type SigningShot, signingShots } from './signing-requests.ts'
import { verifyAll } from './verify-all.ts'

/** ECDSA signatures a second over HTTPS with one signer dead (design/performance.md). */
const MUST_DEGRADED = 100
const RATE = 100
const SEED = 20_261_126
const CONNECTIONS = 256
/** So that ten seconds are left after the signer's return. */
const MIN_SECONDS = 24
const SCHEME = 'ecdsa-secp256k1'
/** From the fault, or the return, on: what a switch may cost shows within. */
const SWITCH_MS = 4_000
/** After the fault until which the rate need not hold. */
const GRACE_MS = 2_000
const MUST_P99_MS = 2_000
const MUST_HM_MS = 10_000
/** Answers a second while a signer is away, of those that were due. */
const MUST_RATE = 95

/** What happens to a signer, and how it ends. */
interface Fault {
  readonly name: string
  readonly begin: (set: RunningSet) => void
  readonly end: (set: RunningSet) => void
}

const FAULTS: readonly Fault[] = [
  { name: 'kill -9', begin: (set) => set.signal(SIGNER, 'SIGKILL'), end: (set) => set.revive(SIGNER) },
  { name: 'SIGSTOP', begin: (set) => set.signal(SIGNER, 'SIGSTOP'), end: (set) => set.signal(SIGNER, 'SIGCONT') },
]

interface Shown {
  readonly dueMs: number
  readonly answeredMs: number
  readonly engine: string
}

/** A steady load of ECDSA requests while a signer dies and comes back, falls silent and comes back; and the rate without it. */
export async function failover(options: BenchOptions, set: RunningSet): Promise<Part> {
  const { keys } = await makeKeys(set, 'coordinator', SCHEME, options.keys)
  const rate = options.rate ?? RATE
  const seconds = Math.max(MIN_SECONDS, options.seconds)
  // Hosts run uncompiled at first, in both engines.
  await warmUp(set, keys, rate)
  const rows: Row[] = []
  const gates: Gate[] = []
  for (const fault of FAULTS) {
    const measured = await underFault(set, keys, fault, rate, seconds)
    rows.push(measured.row)
    gates.push(...measured.gates)
  }
  const alone = await degraded(set, keys, options)
  return {
    tables: [
      { title: `ECDSA at ${rate}/s, one of ${set.line.parties} signers away for ${awayMs(seconds) / 1000} s`, rows },
      { title: 'ECDSA with one signer dead (dkls23), every signature verified', rows: [alone.row] },
    ],
    gates: [...gates, alone.gate],
    figures: [{ target: 'degraded', figure: alone.gate.figure }],
  }
}

const beginMs = (seconds: number): number => 250 * seconds
const awayMs = (seconds: number): number => (seconds * 1000) / 3

async function underFault(
  set: RunningSet,
  keys: readonly Key[],
  fault: Fault,
  rate: number,
  seconds: number,
): Promise<{ readonly row: Row; readonly gates: readonly Gate[] }> {
  await ready(set, 'hm')
  const shots = patient(signingShots(set, 'coordinator', keys, rate * seconds))
  const times = arrivals(shots.length, rate, SEED)
  const target = { pool: set.connect('coordinator', CONNECTIONS), headers: set.headers.coordinator }
  const [begin, end] = [beginMs(seconds), beginMs(seconds) + awayMs(seconds)]
  const timers = [setTimeout(() => fault.begin(set), begin), setTimeout(() => fault.end(set), end)]
  try {
    const run = await openLoop(target, shots, times)
    const judged = judge(run.answers)
    const verified = await verifyAll(judged.claims)
    const shown = judged.signed.map(shownOf)
    const after = (from: number, ms: number): readonly number[] =>
      run.answers.filter(({ dueMs }) => inside(dueMs, from, from + ms)).map((answer) => answer.latencyMs)
    const [atFault, atReturn] = [after(begin, SWITCH_MS), after(end, SWITCH_MS)]
    const wanted = times.filter((t) => inside(t, begin + GRACE_MS, end)).length
    const answered = shown.filter(({ answeredMs }) => inside(answeredMs, begin + GRACE_MS, end)).length
    const held = (100 * answered) / wanted
    const away = shown.filter(({ answeredMs }) => inside(answeredMs, begin + GRACE_MS, end))
    const last = Math.max(end, ...shown.filter(({ engine }) => engine !== 'hm').map(({ dueMs }) => dueMs))
    const isBack = shown.some(({ dueMs, engine }) => dueMs > last && engine === 'hm')
    const backMs = isBack ? last - end : Number.POSITIVE_INFINITY
    const lost = shots.length - verified
    const p99 = Math.max(quantile(atFault, 0.99), quantile(atReturn, 0.99))
    const row: Row = {
      fault: fault.name,
      requests: shots.length,
      lost,
      errors: errorsOf(judged.errors),
      'before: p99 ms': quantile(after(0, begin), 0.99),
      'switch: p99 ms': quantile(atFault, 0.99),
      'switch: max ms': quantile(atFault, 1),
      'away: answered %': held,
      'away: by dkls23 %': (100 * away.filter(({ engine }) => engine === 'dkls23').length) / away.length,
      'return: p99 ms': quantile(atReturn, 0.99),
      'back on hm after s': backMs / 1000,
    }
    const gate = (name: string, figure: number, must: number, unit: string, atMost?: true): Gate => ({
      name: `${fault.name} of a signer under ${rate} ECDSA requests/s: ${name}`,
      figure,
      must,
      unit,
      ...(atMost && { atMost }),
    })
    return {
      row,
      gates: [
        gate('lost', lost, 0, 'requests', true),
        gate('answered while it is away', held, MUST_RATE, '% of those due'),
        gate('p99 during the switches', p99, MUST_P99_MS, 'ms', true),
        gate('back on hm after its return', backMs, MUST_HM_MS, 'ms', true),
      ],
    }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    await target.pool.destroy()
  }
}

/** What is not signed within fifteen seconds counts as lost. */
const patient = (shots: readonly SigningShot[]): readonly SigningShot[] =>
  shots.map((shot) => ({ ...shot, path: `${shot.path}?wait_ms=15000` }))

const inside = (at: number, from: number, to: number): boolean => at >= from && at < to

function shownOf({ body, latencyMs, dueMs }: Answer<SigningShot>): Shown {
  const { engine } = JSON.parse(body.toString()) as { readonly engine: string }
  return { dueMs, answeredMs: dueMs + latencyMs, engine }
}

/** What the set signs with one signer less, at a rate of its own. The signer is started again afterwards. */
async function degraded(
  set: RunningSet,
  keys: readonly Key[],
  options: BenchOptions,
): Promise<{ readonly row: Row; readonly gate: Gate }> {
  await withoutSigner(set)
  const load = await measureSigning(set, 'coordinator', keys, { ...options, concurrency: OUTAGE_CALLERS, rate: undefined })
  set.revive(SIGNER)
  const figure = sustained(load)
  const times = latencies(load.judged)
  return {
    row: {
      'closed loop /s': load.capacity,
      'offered /s': load.offered,
      'sustained /s': figure,
      'p50 ms': quantile(times, 0.5),
      'p99 ms': quantile(times, 0.99),
      errors: errorsOf(load.judged.errors),
      verified: load.verified,
      'items per session': load.batch,
      'CPU ms, whole set': wholeSetMs(load.cpu),
    },
    gate: { name: 'ECDSA over HTTPS, one signer dead', figure, must: MUST_DEGRADED, unit: 'signatures/s' },
  }
}

/** Some seconds of load in each engine. */
async function warmUp(set: RunningSet, keys: readonly Key[], rate: number): Promise<void> {
  const target = { pool: set.connect('coordinator', CONNECTIONS), headers: set.headers.coordinator }
  const load = async (): Promise<void> => {
    const shots = patient(signingShots(set, 'coordinator', keys, 4 * rate))
    await openLoop(target, shots, arrivals(shots.length, rate, SEED))
  }
  try {
    await ready(set, 'hm')
    await load()
    set.signal(SIGNER, 'SIGSTOP')
    await ready(set, 'dkls23')
    await load()
    set.signal(SIGNER, 'SIGCONT')
  } finally {
    await target.pool.destroy()
  }
}
