import type { Gate, Table } from './report.ts'

/** What the project promises of one figure: below `must` a whole run fails, `aim` is where the work goes (design/performance.md). */
interface Target {
  readonly what: string
  readonly unit: string
  readonly must: number
  readonly aim: number
  /** The figure may be as large as this at most; at least that, if absent. */
  readonly atMost?: true
}

/** All on one 2-core machine that runs the whole set and the load generator, through the coordinator form, every signature verified. */
export const TARGETS = {
  ecdsa: { what: 'ECDSA signatures over HTTPS, all signers up, sustained', unit: '/s', must: 500, aim: 3000 },
  degraded: { what: 'ECDSA signatures over HTTPS, one signer dead, sustained', unit: '/s', must: 100, aim: 500 },
  ed25519: { what: 'Ed25519 signatures over HTTPS, sustained', unit: '/s', must: 500, aim: 3000 },
  bip340: { what: 'BIP-340 signatures over HTTPS, sustained', unit: '/s', must: 500, aim: 3000 },
  p50: { what: 'time to a signature at 100/s, every second one within', unit: 'ms', must: 15, aim: 4, atMost: true },
  p99: { what: 'time to a signature at 100/s, 99 of 100 within', unit: 'ms', must: 60, aim: 15, atMost: true },
  https: { what: 'requests that sign nothing (GET /health of the coordinator)', unit: '/s', must: 14_496, aim: 25_000 },
  keygen: { what: 'new keys, the slowest scheme', unit: '/s', must: 20, aim: 200 },
  storage: { what: 'disk per key and signer', unit: 'bytes', must: 1500, aim: 600, atMost: true },
  keys: { what: 'keys in the stores before a figure falls by 5 %', unit: 'keys', must: 10_000, aim: 1_000_000 },
  memory: { what: 'memory of a signer under load', unit: 'MiB', must: 400, aim: 200, atMost: true },
} as const satisfies Readonly<Record<string, Target>>

export type TargetName = keyof typeof TARGETS

/** What a part has measured of a target. */
export interface Figure {
  readonly target: TargetName
  readonly figure: number
}

const targetOf = (name: TargetName): Target => TARGETS[name]

/**
 * One figure for each target that was measured: of the last part that measured it, since the parts that measure at length come last;
 * within a part the worst (several schemes, several runs).
 */
export function lastAndWorst(parts: readonly (readonly Figure[])[]): readonly Figure[] {
  const found = new Map<TargetName, number>()
  for (const figures of parts) {
    for (const [target, same] of Map.groupBy(figures, ({ target }) => target)) {
      const values = same.map(({ figure }) => figure)
      found.set(target, targetOf(target).atMost === true ? Math.max(...values) : Math.min(...values))
    }
  }
  return (Object.keys(TARGETS) as TargetName[]).flatMap((target) => {
    const figure = found.get(target)
    return figure === undefined ? [] : [{ target, figure }]
  })
}

export const mustGates = (figures: readonly Figure[]): readonly Gate[] =>
  figures.map(({ target, figure }) => {
    const { what, unit, must, atMost } = targetOf(target)
    return { name: what, figure, must, unit, ...(atMost && { atMost }) }
  })

/** For whoever reads only one table. */
export function headline(figures: readonly Figure[]): Table {
  return {
    title: 'in short, whole set and load on this one machine (must: below it a whole run fails; aim: where the work goes)',
    rows: figures.map(({ target, figure }) => {
      const { what, unit, must, aim, atMost } = targetOf(target)
      const reaches = (bound: number): boolean => (atMost ? figure <= bound : figure >= bound)
      const sign = atMost ? '<=' : '>='
      return {
        what,
        measured: figure,
        unit,
        must: `${sign} ${must}`,
        aim: `${sign} ${aim}`,
        verdict: reaches(aim) ? 'aim reached' : reaches(must) ? 'must met' : 'MISSED',
      }
    }),
  }
}
