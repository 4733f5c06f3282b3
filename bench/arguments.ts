import { parseArgs } from 'node:util'
import { FORMS, type Form, SCHEMES, type Scheme } from './signing-requests.ts'

/** How long and with what to measure. */
export interface BenchOptions {
  /** Short windows: figures that gate against gross failure, not figures to quote. */
  readonly quick: boolean
  /** Several parts run: none has to show on its own what another measures at length. */
  readonly whole: boolean
  /** Keys per scheme and form, from which every request draws one. */
  readonly keys: number
  /** Of the open-loop window. */
  readonly seconds: number
  /** Callers of the closed loop that finds the capacity. */
  readonly concurrency: number
  /** Requests a second of the open loop; found by the closed loop if absent. */
  readonly rate: number | undefined
  /** Restrict what http measures; all if absent. */
  readonly form: Form | undefined
  readonly scheme: Scheme | undefined
  /** Curves at full length: a million keys, every scheme. */
  readonly long: boolean
  /** Where the picture goes; beside the other results if absent. */
  readonly svg: string | undefined
  /** Two checkouts or commits to be held against each other; the second is this checkout if absent. */
  readonly compare: readonly string[] | undefined
  readonly pairs: number
  /** Of the soak. */
  readonly minutes: number
  /** Of ECDSA in `profile`: `dkls23` takes one signer away first. */
  readonly engine: Engine | undefined
}

const ENGINES = ['hm', 'dkls23'] as const
type Engine = (typeof ENGINES)[number]

export interface SetChoice {
  /** File with the line that `quorate dev --json` printed: that set is used, and left running. One is started if absent. */
  readonly running: string | undefined
}

/** Run when no part is named. */
const DEFAULT_PARTS = ['primitives', 'round', 'dkls23', 'set', 'http', 'curves'] as const
export const PART_NAMES = [...DEFAULT_PARTS, 'failover', 'soak', 'profile'] as const
export type PartName = (typeof PART_NAMES)[number] | 'compare'

export interface Wanted {
  readonly help: boolean
  readonly json: boolean
  readonly parts: readonly PartName[]
  readonly options: BenchOptions
  readonly set: SetChoice
}

export const HELP = `Measures Quorate and exits non-zero below the figures it must reach.

Usage: npm run bench -- [part] [options]
       npm run bench -- --compare A [B] [options]

Parts (all but the last three if none is named)
  primitives   curve operations, hashes, codec, envelopes, ledger, worker round trip
  round        one real signer and the assembler, against a recording
  dkls23       two signers with DKLs23, alone in this process
  set          a running set: start, first signature, key generation, idle cost; alone: every target at a glance
  http         signatures a second over HTTPS, through coordinator and gateway
  curves       throughput and latency over batch size, callers, offered load, keys in the stores and size of the set; a picture
  failover     ECDSA at a steady rate while a signer dies, falls silent and comes back; its rate without that signer
  soak         80 % of the capacity for minutes: errors, memory, latency over time
  profile      where the processors' time goes under a load of one scheme

Options
  --quick            short windows: everything within two minutes
  --long             of curves: up to a million keys, all schemes, longer windows
  --svg FILE         where the picture of curves goes (bench/results/throughput-latency.svg; with --quick nowhere)
  --json             only the JSON line
  --keys N           keys per scheme (20; quick: 5)
  --seconds N        length of the open-loop window (30; quick: 3); of failover: of each of its two (24 at least)
  --concurrency N    callers of the closed loop that finds the capacity (512; quick: 128)
  --rate N           requests a second of the open loop (80 % of what the closed loop reached; failover: 100)
  --form NAME        coordinator or gateway alone
  --scheme NAME      one scheme alone, such as ecdsa-secp256k1
  --engine NAME      ECDSA by hm, or by dkls23 with one signer dead; of profile
  --minutes N        of soak (10)
  --compare A [B]    two checkouts (directories) or commits of this one in turns, B against A; this checkout if B is absent
  --pairs N          measurements of each (8; quick: 5)
  --running FILE     use the set whose \`quorate dev --json\` printed FILE, rather than start one
  --help

Exit codes: 0 all gates met, 1 a gate missed or a failure, 2 used wrongly. What the figures mean: bench/README.md`

export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(args: readonly string[]): Wanted {
  const { values, positionals } = parse(args)
  const part = values.compare === undefined ? partOf(positionals) : 'compare'
  const compare = values.compare === undefined ? undefined : [values.compare, ...positionals]
  if ((compare?.length ?? 0) > 2) throw new UsageError('--compare takes two checkouts')
  const quick = values.quick === true
  return {
    help: values.help === true,
    json: values.json === true,
    parts: part === undefined ? DEFAULT_PARTS : [part],
    options: {
      quick,
      whole: part === undefined,
      keys: positive('keys', values.keys) ?? (quick ? 5 : 20),
      seconds: positive('seconds', values.seconds) ?? (quick ? 3 : 30),
      concurrency: positive('concurrency', values.concurrency) ?? (quick ? 128 : 512),
      rate: positive('rate', values.rate),
      long: values.long === true,
      svg: values.svg,
      compare,
      pairs: positive('pairs', values.pairs) ?? (quick ? 5 : 8),
      minutes: positive('minutes', values.minutes) ?? 10,
      form: oneOf('form', values.form, FORMS),
      scheme: oneOf('scheme', values.scheme, SCHEMES),
      engine: oneOf('engine', values.engine, ENGINES),
    },
    set: { running: values.running },
  }
}

/** @returns undefined for all. */
function partOf([name, ...more]: readonly string[]): PartName | undefined {
  const part = PART_NAMES.find((known) => known === name)
  if (more.length > 0 || (name !== undefined && part === undefined)) {
    throw new UsageError(`one of ${PART_NAMES.join(', ')} is expected, or nothing for all`)
  }
  return part
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
        long: flag,
        svg: text,
        compare: text,
        pairs: text,
        minutes: text,
        help: { ...flag, short: 'h' },
        keys: text,
        seconds: text,
        concurrency: text,
        rate: text,
        form: text,
        scheme: text,
        engine: text,
        running: text,
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function oneOf<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  const found = allowed.find((known) => known === text)
  if (text !== undefined && found === undefined) throw new UsageError(`--${name} is one of ${allowed.join(', ')}`)
  return found
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${name} takes a positive integer`)
  return Number(text)
}
