import process from 'node:process'
import { type BenchOptions, HELP, type PartName, readArguments, type SetChoice, UsageError, type Wanted } from './arguments.ts'
import { describeMachine } from './machine.ts'
import { formatGate, formatTable, isMet, type Part } from './report.ts'
import { type RunningSet, runningSet, startSet } from './running-set.ts'
import { headline, lastAndWorst, mustGates } from './targets.ts'

/** Code of a part is loaded when it runs, so that nothing of one part weighs on another that runs alone. */
const PARTS: Readonly<Record<PartName, (options: BenchOptions, set: () => Promise<RunningSet>) => Promise<Part>>> = {
  primitives: async (options) => (await import('./primitives.ts')).primitives(options),
  round: async (options) => (await import('./round.ts')).round(options),
  dkls23: async (options) => (await import('./dkls23.ts')).dkls23(options),
  set: async (options, set) => (await import('./set.ts')).set(options, await set()),
  http: async (options, set) => (await import('./http.ts')).http(options, await set()),
  curves: async (options, set) => (await import('./curves.ts')).curves(options, await set()),
  failover: async (options, set) => (await import('./failover.ts')).failover(options, await set()),
  soak: async (options, set) => (await import('./soak.ts')).soak(options, await set()),
  compare: async (options) => (await import('./compare.ts')).compare(options),
  profile: async (options) => (await import('./profile.ts')).profile(options),
}

/** Starts a set when a part first asks for one, and stops it at the end, also when we are asked to end before. */
async function withSet<T>({ running: file }: SetChoice, use: (set: () => Promise<RunningSet>) => Promise<T>): Promise<T> {
  let running: Promise<RunningSet> | undefined
  const stop = async (): Promise<void> => {
    const set = await running?.catch(() => undefined)
    await set?.stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().finally(() => process.exit(1)))
  try {
    return await use(() => {
      running ??= file === undefined ? startSet() : runningSet(file)
      return running
    })
  } finally {
    await stop()
  }
}

async function measure({ parts: names, options, json, set: choice }: Wanted): Promise<number> {
  const say = (text: string): void => {
    if (!json) console.log(text)
  }
  const machine = describeMachine()
  say(formatTable({ title: 'machine', rows: Object.entries(machine).map(([what, value]) => ({ what, value: String(value) })) }))
  const parts: Record<string, Part & { readonly seconds: number }> = {}
  await withSet(choice, async (set) => {
    for (const name of names) {
      const started = performance.now()
      const part = await PARTS[name](options, set)
      parts[name] = { ...part, seconds: Math.round((performance.now() - started) / 100) / 10 }
      for (const table of part.tables) say(formatTable(table))
    }
  })
  const figures = lastAndWorst(Object.values(parts).map((part) => part.figures ?? []))
  if (figures.length > 0) say(formatTable(headline(figures)))
  // On a busy machine of whoever runs the checks short windows prove nothing but gross failure: that table then only shows.
  const targets = options.quick ? [] : mustGates(figures)
  const gates = [...Object.values(parts).flatMap((part) => part.gates), ...targets].map((gate) => ({ ...gate, met: isMet(gate) }))
  if (gates.length > 0) say(`\ngates\n${gates.map(formatGate).join('\n')}\n`)
  const met = gates.every((gate) => gate.met)
  console.log(JSON.stringify({ machine, options, parts, figures, gates, met }, fiveDigits))
  return met ? 0 : 1
}

/** No figure here is known better than that. */
const fiveDigits = (_name: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value

async function main(): Promise<number> {
  try {
    const wanted = readArguments(process.argv.slice(2))
    if (!wanted.help) return await measure(wanted)
    console.log(HELP)
    return 0
  } catch (error) {
    if (error instanceof UsageError) console.error(`bench: ${error.message}\nTry: npm run bench -- --help`)
    else console.error('bench:', error)
    return error instanceof UsageError ? 2 : 1
  }
}

process.exitCode = await main()
