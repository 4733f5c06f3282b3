import process from 'node:process'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import { formatGate, formatTable, isMet, type Part } from './report.ts'
import { type RunningSet, startSet } from './running-set.ts'

/** How long and with what to measure. */
export interface BenchOptions {
  /** All parts within a minute: figures that gate, not figures to quote. */
  readonly quick: boolean
  /** Keys per scheme and form, from which every request draws one. */
  readonly keys: number
  /** Of the open-loop window. */
  readonly seconds: number
  /** Callers of the closed loop that finds the capacity. */
  readonly concurrency: number
  /** Requests a second of the open loop; found by the closed loop if absent. */
  readonly rate: number | undefined
}

/** Code of a part is loaded when it runs, so that no part's heap and compiled code weighs on another that runs alone. */
const PARTS = {
  primitives: async (options: BenchOptions) => (await import('./primitives.ts')).primitives(options),
  round: async (options: BenchOptions) => (await import('./round.ts')).round(options),
  set: async (options: BenchOptions, set: () => Promise<RunningSet>) => (await import('./set.ts')).set(options, await set()),
  http: async (options: BenchOptions, set: () => Promise<RunningSet>) => (await import('./http.ts')).http(options, await set()),
} as const
type PartName = keyof typeof PARTS
const NAMES = Object.keys(PARTS) as PartName[]

const HELP = `Measures Quorate and exits non-zero below the figures it must reach.

Usage: npm run bench -- [part] [options]

Parts (all of them if none is named)
  primitives   curve operations, hashes, codec, envelopes, ledger, worker round trip
  round        one real signer and the assembler, against a recording
  set          a running set: start, first signature, key generation, idle cost
  http         signatures a second over HTTPS, through gateway and coordinator

Options
  --quick            short windows: everything within a minute
  --json             only the JSON line
  --keys N           keys per scheme (20; quick: 5)
  --seconds N        length of the open-loop window (30; quick: 4)
  --concurrency N    callers of the closed loop (64)
  --rate N           requests a second of the open loop (80 % of what the closed loop reached)
  --help

Exit codes: 0 all gates met, 1 a gate missed or a failure, 2 used wrongly. What the figures mean: bench/README.md`

class UsageError extends Error {}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${name} takes a positive integer`)
  return Number(text)
}

function readArguments(): { readonly names: readonly PartName[]; readonly options: BenchOptions; readonly json: boolean } | null {
  const { values, positionals } = parse()
  if (values.help) return null
  const [name, ...more] = positionals
  const part = NAMES.find((known) => known === name)
  if (more.length > 0 || (name !== undefined && part === undefined)) {
    throw new UsageError(`one of ${NAMES.join(', ')} is expected, or nothing for all`)
  }
  const quick = values.quick === true
  return {
    names: part === undefined ? NAMES : [part],
    json: values.json === true,
    options: {
      quick,
      keys: positive('keys', values.keys) ?? (quick ? 5 : 20),
      seconds: positive('seconds', values.seconds) ?? (quick ? 4 : 30),
      concurrency: positive('concurrency', values.concurrency) ?? 64,
      rate: positive('rate', values.rate),
    },
  }
}

function parse() {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      allowPositionals: true,
      options: { quick: flag, json: flag, help: { ...flag, short: 'h' }, keys: text, seconds: text, concurrency: text, rate: text },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

async function main(): Promise<number> {
  const wanted = readArguments()
  if (wanted === null) {
    console.log(HELP)
    return 0
  }
  const { names, options, json } = wanted
  const say = (text: string): void => {
    if (!json) console.log(text)
  }
  const machine = describeMachine()
  say(formatTable({ title: 'machine', rows: Object.entries(machine).map(([what, value]) => ({ what, value: String(value) })) }))

  let running: Promise<RunningSet> | undefined
  const set = (): Promise<RunningSet> => {
    running ??= startSet()
    return running
  }
  // A child ends with us anyway; asked to end first, it also removes its directory.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void (running?.then((one) => one.stop(), () => undefined) ?? Promise.resolve()).finally(() => process.exit(1))
    })
  }
  const parts: Record<string, Part & { readonly seconds: number }> = {}
  try {
    for (const name of names) {
      const started = performance.now()
      const part = await PARTS[name](options, set)
      parts[name] = { ...part, seconds: Math.round((performance.now() - started) / 100) / 10 }
      for (const table of part.tables) say(formatTable(table))
    }
  } finally {
    await running?.then((one) => one.stop(), () => undefined)
  }
  const gates = Object.values(parts).flatMap((part) => part.gates)
  if (gates.length > 0) say(`\ngates\n${gates.map(formatGate).join('\n')}\n`)
  const met = gates.every(isMet)
  console.log(JSON.stringify({ machine, options, parts, gates: gates.map((gate) => ({ ...gate, met: isMet(gate) })), met }))
  return met ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof UsageError) console.error(`bench: ${error.message}\nTry: npm run bench -- --help`)
  else console.error('bench:', error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
