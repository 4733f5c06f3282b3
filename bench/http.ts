import type { BenchOptions } from './arguments.ts'
import { makeKeys } from './make-keys.ts'
import { usageOf } from './process-usage.ts'
import { type Gate, type Part, quantile, type Row, type Table } from './report.ts'
import type { RunningSet } from './running-set.ts'
import { recovered } from './signer-outage.ts'
import {
  errorsOf,
  type Judged,
  lags,
  latencies,
  type Measured,
  measureLatency,
  measureSigning,
  sustained,
  wholeSetMs,
} from './signing-load.ts'
import { FORMS, type Form, SCHEMES, type Scheme } from './signing-requests.ts'
import { stageTable, threadRow } from './stages.ts'
import type { Figure, TargetName } from './targets.ts'

/** ECDSA signatures a second that the set sustains over HTTPS on any machine that runs the checks, through each form of the API. */
const LEAST_ECDSA = 100
export const LIGHT_LOAD = 100

/** Signing under load, through both forms of the API. */
export async function http(options: BenchOptions, set: RunningSet): Promise<Part> {
  const loads: Measured[] = []
  const light: Row[] = []
  const stages: Table[] = []
  const figures: Figure[] = []
  await recovered(set)
  for (const { form, scheme, brief } of plan(options)) {
    const { keys } = await makeKeys(set, form, scheme, options.keys)
    const load = await measureSigning(set, form, keys, brief ? briefly(options) : options)
    loads.push(load)
    figures.push(...rateFigures(load))
    if (brief) continue
    stages.push(stageTable(`${scheme} through the ${form}, ${load.offered} signatures/s offered`, load.window))
    const judged = await measureLatency(set, form, keys, LIGHT_LOAD, Math.ceil(options.seconds / 2))
    light.push({ form, scheme, ...latencyColumns(latencies(judged)), errors: errorsOf(judged.errors) })
    figures.push(...latencyFigures(form, judged))
  }
  return {
    tables: [
      { title: 'signing, open loop, every signature verified', rows: loads.map(loadRow) },
      { title: 'processor time per signature, ms (of which main thread)', rows: loads.map(cpuRow) },
      ...stages,
      {
        title: 'how busy threads are, by their own account',
        rows: loads.map((load) => ({ form: load.form, scheme: load.scheme, ...threadRow(load.window) })),
      },
      { title: `latency at ${LIGHT_LOAD} signatures/s`, rows: light },
      {
        title: 'memory',
        rows: set.hosts.map(({ name, pid }) => ({ host: name, 'peak MiB': usageOf(pid)?.peakMib ?? Number.NaN })),
      },
    ],
    gates: loads.filter((load) => load.scheme === 'ecdsa-secp256k1').map(gateOf),
    figures: [...figures, ...memoryFigures(set)],
  }
}

const RATE_TARGETS: Readonly<Partial<Record<Scheme, TargetName>>> = {
  'ecdsa-secp256k1': 'ecdsa',
  'schnorr-secp256k1': 'bip340',
  'eddsa-ed25519': 'ed25519',
}

export const TARGET_SCHEMES = SCHEMES.filter((scheme) => RATE_TARGETS[scheme] !== undefined)

/** The targets are for what the design's machine runs: no gateway, and on each curve the schemes that every chain has. */
export function rateFigures(load: Measured): readonly Figure[] {
  const target = load.form === 'coordinator' ? RATE_TARGETS[load.scheme] : undefined
  return target === undefined ? [] : [{ target, figure: sustained(load) }]
}

/** Infinite when a call has no signature. */
export function latencyFigures(form: Form, judged: Judged): readonly Figure[] {
  if (form !== 'coordinator') return []
  const times = judged.errors.size === 0 ? latencies(judged) : [Number.POSITIVE_INFINITY]
  return [
    { target: 'p50', figure: quantile(times, 0.5) },
    { target: 'p99', figure: quantile(times, 0.99) },
  ]
}

export const memoryFigures = ({ hosts }: RunningSet): readonly Figure[] =>
  hosts
    .filter(({ name }) => name.startsWith('signer-'))
    .flatMap(({ pid }): readonly Figure[] => {
      const usage = usageOf(pid)
      return usage === undefined ? [] : [{ target: 'memory', figure: usage.peakMib }]
    })

const briefly = (options: BenchOptions): BenchOptions => ({
  ...options,
  seconds: Math.min(options.quick ? 2 : 8, options.seconds),
})

/** Whole: what gates in full, the rest briefly; quick: what gates, the rest as a sign of life; of one scheme everything in full. */
function plan({ quick, whole, form: only, scheme: alone }: BenchOptions) {
  const isWanted = (form: Form, scheme: Scheme): boolean =>
    alone !== undefined ? scheme === alone : !quick || form === 'coordinator' || scheme === 'ecdsa-secp256k1'
  const isMain = (form: Form, scheme: Scheme): boolean =>
    scheme === 'ecdsa-secp256k1' || (!quick && form === 'coordinator' && RATE_TARGETS[scheme] !== undefined)
  return FORMS.filter((form) => only === undefined || form === only).flatMap((form) =>
    SCHEMES.filter((scheme) => isWanted(form, scheme)).map((scheme) => ({
      form,
      scheme,
      brief: (quick || whole) && alone === undefined && !isMain(form, scheme),
    })),
  )
}

const latencyColumns = (times: readonly number[]): Row => ({
  'p50 ms': quantile(times, 0.5),
  'p95 ms': quantile(times, 0.95),
  'p99 ms': quantile(times, 0.99),
  'max ms': quantile(times, 1),
})

const loadRow = (load: Measured): Row => ({
  form: load.form,
  scheme: load.scheme,
  seconds: Math.round(load.run.seconds),
  'closed loop /s': load.capacity,
  'offered /s': load.offered,
  'sustained /s': sustained(load),
  ...latencyColumns(latencies(load.judged)),
  errors: errorsOf(load.judged.errors),
  verified: load.verified,
  'items per session': load.batch,
  'load lag p99 ms': quantile(lags(load.run), 0.99),
})

function cpuRow({ form, scheme, cpu }: Measured): Row {
  const signers = [...cpu.hosts].filter(([name]) => name.startsWith('signer-')).map(([, use]) => use)
  const mean = (pick: (use: { readonly all: number; readonly main: number }) => number): number =>
    signers.reduce((sum, use) => sum + pick(use), 0) / signers.length
  const of = (name: string) => cpu.hosts.get(name) ?? { all: Number.NaN, main: Number.NaN }
  const [gateway, coordinator] = [of('gateway'), of('coordinator')]
  return {
    form,
    scheme,
    gateway: gateway.all,
    coordinator: coordinator.all,
    '(main)': coordinator.main,
    'each signer': mean((use) => use.all),
    '(its main)': mean((use) => use.main),
    'whole set': wholeSetMs(cpu),
    'load generator': cpu.load,
  }
}

const gateOf = (load: Measured): Gate => ({
  name: `ECDSA over HTTPS through the ${load.form}, all signers up`,
  figure: sustained(load),
  must: LEAST_ECDSA,
  unit: 'signatures/s',
})
