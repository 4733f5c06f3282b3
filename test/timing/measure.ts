import process from 'node:process'
import { pick, seededRng } from '../simulator/seeded-rng.ts'
import { type Comparison, crop, SUSPICIOUS, welch } from './welch.ts'

/** Code that takes 32 secret bytes, and two classes of them that may differ in time if it is not constant. */
export interface Subject {
  readonly name: string
  readonly classes: readonly [() => Uint8Array, () => Uint8Array]
  readonly use: (secret: Uint8Array) => unknown
  /** Calls between two looks at the clock: more for code that takes less. */
  readonly repeat: number
  /** The part of the samples that is enough, or all that there is time for: less than 1 for what takes milliseconds. */
  readonly share?: number
}

const QUANTILES = [0.5, 0.8, 0.95]

/**
 * dudect (Reparaz, Balasch, Verbauwhede 2017): inputs of both classes in random order, made beforehand, side by side in one array, and copied
 * into the same memory before the clock starts, so that neither cache nor engine can tell them apart but by content: a Buffer among arrays costs a microsecond,
 * a line that is not in the cache thirty nanoseconds. The result is the most suspicious of a few crops, in nanoseconds.
 */
function once({ classes, use, repeat }: Subject, samples: number, seed: string): Comparison {
  const rng = seededRng(seed)
  const chosen = Array.from({ length: samples }, () => pick(rng, 2))
  const inputs = new Uint8Array(32 * samples)
  for (const [i, kind] of chosen.entries()) inputs.set((classes[kind] as () => Uint8Array)(), 32 * i)
  const input = new Uint8Array(32)
  const times: [number[], number[]] = [[], []]
  let kept: unknown
  for (let i = 0; i < samples; i++) {
    input.set(inputs.subarray(32 * i, 32 * i + 32))
    const start = process.hrtime.bigint()
    for (let n = 0; n < repeat; n++) kept = use(input)
    const end = process.hrtime.bigint()
    // The first fifth warms up: it runs in other tiers of the engine.
    if (i > samples / 5) times[chosen[i] as 0 | 1].push(Number(end - start) / repeat)
  }
  if (kept === undefined) throw new Error('a subject must return something, or its work may be left out')
  const results = QUANTILES.map((quantile) => welch(...crop(...times, quantile)))
  return results.reduce((worst, result) => (Math.abs(result.t) > Math.abs(worst.t) ? result : worst))
}

/**
 * A leak shows every time, noise of a busy machine only now and then: of up to five runs the least suspicious counts. It stops at the
 * first that is not suspicious. What stays suspicious five times is a leak.
 */
export function leak(subject: Subject, samples: number): Comparison {
  const runs: Comparison[] = []
  for (let run = 0; run < 5; run++) {
    runs.push(once(subject, Math.ceil(samples * (subject.share ?? 1)), `${subject.name}/${run}`))
    if (Math.abs((runs.at(-1) as Comparison).t) < SUSPICIOUS) break
  }
  return runs.reduce((least, run) => (Math.abs(run.t) < Math.abs(least.t) ? run : least))
}
