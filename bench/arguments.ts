import { parseArgs } from 'node:util'

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

export const PART_NAMES = ['primitives', 'round', 'set', 'http'] as const
export type PartName = (typeof PART_NAMES)[number]

export interface Wanted {
  readonly help: boolean
  readonly json: boolean
  readonly parts: readonly PartName[]
  readonly options: BenchOptions
}

export const HELP = `Measures Quorate and exits non-zero below the figures it must reach.

Usage: npm run bench -- [part] [options]

Parts (all of them if none is named)
  primitives   curve operations, hashes, codec, envelopes, ledger, worker round trip
  round        one real signer and the assembler, against a recording
  set          a running set: start, first signature, key generation, idle cost
  http         signatures a second over HTTPS, through coordinator and gateway

Options
  --quick            short windows: everything within a minute
  --json             only the JSON line
  --keys N           keys per scheme (20; quick: 5)
  --seconds N        length of the open-loop window (30; quick: 4)
  --concurrency N    callers of the closed loop (64)
  --rate N           requests a second of the open loop (80 % of what the closed loop reached)
  --help

Exit codes: 0 all gates met, 1 a gate missed or a failure, 2 used wrongly. What the figures mean: bench/README.md`

export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(args: readonly string[]): Wanted {
  const { values, positionals } = parse(args)
  const [name, ...more] = positionals
  const part = PART_NAMES.find((known) => known === name)
  if (more.length > 0 || (name !== undefined && part === undefined)) {
    throw new UsageError(`one of ${PART_NAMES.join(', ')} is expected, or nothing for all`)
  }
  const quick = values.quick === true
  return {
    help: values.help === true,
    json: values.json === true,
    parts: part === undefined ? PART_NAMES : [part],
    options: {
      quick,
      keys: positive('keys', values.keys) ?? (quick ? 5 : 20),
      seconds: positive('seconds', values.seconds) ?? (quick ? 4 : 30),
      concurrency: positive('concurrency', values.concurrency) ?? 64,
      rate: positive('rate', values.rate),
    },
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: flag,
        json: flag,
        help: { ...flag, short: 'h' },
        keys: text,
        seconds: text,
        concurrency: text,
        rate: text,
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${name} takes a positive integer`)
  return Number(text)
}
