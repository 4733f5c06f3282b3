import { median, quantile } from './report.ts'

/** One measurement of each of two versions, taken right after each other. */
export interface Pair {
  readonly a: number
  readonly b: number
}

export interface PairedRatio {
  /** B / A. */
  readonly median: number
  readonly low: number
  readonly high: number
  readonly smallest: number
  readonly largest: number
  /** Pairs in which B is worse than A by more than is tolerated. */
  readonly worse: number
  /** The most of them that chance explains: with more, B is worse. */
  readonly explained: number
}

/** That B is called worse although it is not. */
const CHANCE = 0.05

/**
 * Ratios of paired measurements. What falls on both of a pair, such as a busy hour, cancels out; what falls on one of them makes one pair
 * bad and not the median. Judged by a sign test, which asks nothing of how the figures are distributed: if B were not worse by
 * more than is tolerated, at most every second pair would say so.
 * @param tolerated 1.15: B may be 15 % worse.
 */
export function pairedRatio(pairs: readonly Pair[], better: 'more' | 'less', tolerated: number): PairedRatio {
  const ratios = pairs.map(({ a, b }) => b / a)
  const worse = pairs.filter(({ a, b }) => {
    // Written so that a B that could not be measured is worse.
    return better === 'more' ? !(b * tolerated >= a) : !(b <= a * tolerated)
  }).length
  return {
    median: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    smallest: quantile(ratios, 0),
    largest: quantile(ratios, 1),
    worse,
    explained: explainedByChance(pairs.length),
  }
}

/** The most heads in `count` tosses of a fair coin that are not rarer than that (so many, or more of them). */
export function explainedByChance(count: number): number {
  let tail = 0
  for (let heads = count; heads >= 0; heads--) {
    tail += binomial(count, heads) / 2 ** count
    if (tail >= CHANCE) return heads
  }
  return 0
}

function binomial(n: number, k: number): number {
  let value = 1
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i
  return value
}
