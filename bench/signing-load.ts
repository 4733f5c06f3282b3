import process from 'node:process'
import type { BenchOptions } from './arguments.ts'
import { openConnections } from './connections.ts'
import { type Answer, arrivals, closedLoop, openLoop, type Run, type Target } from './load.ts'
import { type Usage, usageOf } from './process-usage.ts'
import { quantile } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { type Form, type Key, type Scheme, type SigningShot, signingShot, signingShots } from './signing-requests.ts'
import { batchOf, between, scrape, type Window } from './stages.ts'
import { verifyAll } from './verify-all.ts'
import type { Claimed } from './verify-signature.ts'

/** More than the calls under way at a light load. */
const CONNECTIONS = 128
/** For one caller: of an open loop more calls are under way at times than there were callers when the capacity was found. */
const PER_CALLER = 2
/** Of the capacity: the first at which the set keeps up without errors is the sustained rate. */
const SHARES = [0.8, 0.65, 0.5]
/** A set that answers this late is not keeping up, whatever it answers in the end. */
const KEEPS_UP_MS = 1000
export const SEED = 20_261_121

/** What became of the calls of one run. */
export interface Judged {
  readonly signed: readonly Answer<SigningShot>[]
  readonly claims: readonly Claimed[]
  /** Calls without a signature by problem code or transport error. */
  readonly errors: ReadonlyMap<string, number>
}

export interface Observed {
  readonly run: Run<SigningShot>
  readonly judged: Judged
  readonly verified: number
  /** By the hosts' own metrics. */
  readonly window: Window
  /** Items per session. */
  readonly batch: number
  readonly cpu: CpuPerSignature
}

export interface Measured extends Observed {
  readonly form: Form
  readonly scheme: Scheme
  /** Signatures a second of the closed loop. */
  readonly capacity: number
  readonly offered: number
  readonly keptUp: boolean
}

/** Milliseconds of processor time per signature. */
export interface CpuPerSignature {
  readonly hosts: ReadonlyMap<string, { readonly all: number; readonly main: number }>
  readonly load: number
}

export function judge(answers: readonly Answer<SigningShot>[]): Judged {
  const errors = new Map<string, number>()
  const signed: Answer<SigningShot>[] = []
  const claims: Claimed[] = []
  for (const answer of answers) {
    const claimed = claimOf(answer)
    if (typeof claimed === 'string') errors.set(claimed, (errors.get(claimed) ?? 0) + 1)
    else {
      signed.push(answer)
      claims.push(claimed)
    }
  }
  return { signed, claims, errors }
}

interface ApiAnswer {
  readonly state?: string
  readonly request_id?: string
  readonly public_key?: string
  readonly signature?: { readonly serialized: string } | null
  readonly code?: string
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
/** A copy: small Buffers share memory, and what goes to a worker takes all of it along. */
const own = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)

/** The signature that an answer claims to be, or why it is none. */
export function claimOf({ status, body, shot }: Answer<SigningShot>): Claimed | string {
  if (status === 0) return body.toString()
  let json: ApiAnswer
  try {
    json = JSON.parse(body.toString())
  } catch {
    return `HTTP ${status} without JSON`
  }
  if (status === 202) return 'not ready within wait_ms'
  if (status !== 200) return json.code ?? `HTTP ${status}`
  const { key, requestId, message } = shot
  if (json.state !== 'signed' || json.signature == null) return `state ${json.state}`
  if (json.request_id !== requestId || json.public_key !== hex(key.publicKey)) return 'the answer to another request'
  const serialized = Buffer.from(json.signature.serialized.slice(2), 'hex')
  return { scheme: key.scheme, publicKey: own(key.publicKey), message: own(message), serialized: own(serialized) }
}

/** What a set that did not keep up has sustained is not known, only that it is less: nothing, for a gate. */
export const sustained = ({ keptUp, judged, run }: Measured): number => (keptUp ? judged.signed.length / run.seconds : 0)
/** Processor time of all hosts together, milliseconds per signature. */
export const wholeSetMs = ({ hosts }: CpuPerSignature): number => [...hosts.values()].reduce((sum, use) => sum + use.all, 0)
export const errorsOf = (errors: ReadonlyMap<string, number>): string =>
  errors.size === 0 ? 'none' : [...errors].map(([code, count]) => `${count} ${code}`).join(', ')
export const latencies = ({ signed }: Judged): readonly number[] => signed.map((answer) => answer.latencyMs)
export const lags = ({ answers }: Run): readonly number[] => answers.map((answer) => answer.lagMs)

export function* endless(set: RunningSet, form: Form, keys: readonly Key[]): Iterator<SigningShot> {
  for (let i = 0; ; i++) yield signingShot(set, form, keys[i % keys.length] as Key)
}

/**
 * Finds the rate that a set sustains for one scheme through one form of the API: warm-up, capacity by a closed loop, then an open
 * loop at a share of it. Every signature of the open loop is verified after the window.
 */
export async function measureSigning(
  set: RunningSet,
  form: Form,
  keys: readonly Key[],
  options: BenchOptions,
): Promise<Measured> {
  const { concurrency, seconds } = options
  const target = await openConnections(set, form, PER_CALLER * concurrency)
  try {
    const warm = await closedLoop(target, endless(set, form, keys), concurrency, Math.min(5, 0.4 * seconds))
    const capacity = await findCapacity(set, form, keys, target, warm, options)
    let measured: Measured | undefined
    for (const share of SHARES) {
      const offered = options.rate ?? Math.max(1, Math.floor(capacity * share))
      measured = await sustain(set, form, keys, target, { capacity, offered, seconds })
      if (measured.keptUp || options.rate !== undefined) break
    }
    return measured as Measured
  } finally {
    await target.pool.destroy()
  }
}

async function findCapacity(
  set: RunningSet,
  form: Form,
  keys: readonly Key[],
  target: Target,
  warm: Run<SigningShot>,
  options: BenchOptions,
): Promise<number> {
  const { concurrency } = options
  const seconds = Math.min(8, options.seconds / 2)
  // Made beforehand, and enough for a set that has become twice as fast since its warm-up.
  const count = Math.ceil((2 * seconds * warm.answers.length) / warm.seconds) + concurrency
  const shots = signingShots(set, form, keys, count)
  const run = await closedLoop(target, shots[Symbol.iterator](), concurrency, seconds)
  return judge(run.answers).signed.length / run.seconds
}

async function sustain(
  set: RunningSet,
  form: Form,
  keys: readonly Key[],
  target: Target,
  { capacity, offered, seconds }: { readonly capacity: number; readonly offered: number; readonly seconds: number },
): Promise<Measured> {
  const shots = signingShots(set, form, keys, Math.ceil(offered * seconds))
  const observed = await observe(set, () => openLoop(target, shots, arrivals(shots.length, offered, SEED)))
  const { run, judged } = observed
  const keptUp = judged.errors.size === 0 && quantile(latencies(judged), 0.99) < KEEPS_UP_MS && run.seconds < seconds * 1.1 + 1
  return { ...observed, form, scheme: (keys[0] as Key).scheme, capacity, offered, keptUp }
}

/** What a load costs the set and makes of its batches; every signature is verified afterwards. */
export async function observe(set: RunningSet, load: () => Promise<Run<SigningShot>>): Promise<Observed> {
  const scraped = await scrape(set)
  const before = takeUsage(set)
  const run = await load()
  const after = takeUsage(set)
  const window = between(scraped, await scrape(set))
  const judged = judge(run.answers)
  return {
    run,
    judged,
    verified: await verifyAll(judged.claims),
    window,
    batch: batchOf(window),
    cpu: perSignature(before, after, judged.signed.length),
  }
}

/** Latency under a light, steady load, in an open loop. */
export async function measureLatency(
  set: RunningSet,
  form: Form,
  keys: readonly Key[],
  rate: number,
  seconds: number,
): Promise<Judged> {
  const target = { pool: set.connect(form, CONNECTIONS), headers: set.headers[form] }
  try {
    const shots = signingShots(set, form, keys, rate * seconds)
    const judged = judge((await openLoop(target, shots, arrivals(shots.length, rate, SEED))).answers)
    await verifyAll(judged.claims)
    return judged
  } finally {
    await target.pool.destroy()
  }
}

interface UsageOfAll {
  readonly hosts: ReadonlyMap<string, Usage>
  readonly load: number
}

function takeUsage({ hosts }: RunningSet): UsageOfAll {
  const { user, system } = process.cpuUsage()
  return { hosts: new Map(hosts.flatMap(({ name, pid }) => usagePair(name, pid))), load: (user + system) / 1e6 }
}

function usagePair(name: string, pid: number): readonly (readonly [string, Usage])[] {
  const usage = usageOf(pid)
  return usage === undefined ? [] : [[name, usage]]
}

function perSignature(before: UsageOfAll, after: UsageOfAll, signatures: number): CpuPerSignature {
  const hosts = [...after.hosts].flatMap(([name, now]) => {
    const then = before.hosts.get(name)
    if (then === undefined) return []
    const [all, main] = [now.cpu - then.cpu, now.mainCpu - then.mainCpu].map((s) => (1000 * s) / signatures) as [number, number]
    return [[name, { all, main }] as const]
  })
  return { hosts: new Map(hosts), load: (1000 * (after.load - before.load)) / signatures }
}
