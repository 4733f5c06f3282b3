/** Mean and variance of two samples, compared: Welch's t. Beyond 4.5 in either direction, chance is no explanation (dudect). */
export interface Comparison {
  readonly t: number
  /** Difference of the means, in the unit of the samples. */
  readonly difference: number
  /** The smallest difference that would have shown, at t = 4.5. */
  readonly limit: number
}

export const SUSPICIOUS = 4.5

export function welch(a: readonly number[], b: readonly number[]): Comparison {
  // A crop left nothing of one class: it is slower altogether.
  if (a.length < 2 || b.length < 2) return { t: Number.POSITIVE_INFINITY, difference: Number.POSITIVE_INFINITY, limit: 0 }
  const [first, second] = [moments(a), moments(b)]
  const error = Math.sqrt(first.variance / a.length + second.variance / b.length)
  const difference = first.mean - second.mean
  return { t: error === 0 ? 0 : difference / error, difference, limit: SUSPICIOUS * error }
}

function moments(sample: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = sample.reduce((sum, x) => sum + x, 0) / sample.length
  const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (sample.length - 1)
  return { mean, variance }
}

/** Values up to the pooled quantile: what an interrupt or a garbage collection has stretched says nothing about the code. */
export function crop(
  a: readonly number[],
  b: readonly number[],
  quantile: number,
): readonly [readonly number[], readonly number[]] {
  const pooled = [...a, ...b].sort((x, y) => x - y)
  const most = pooled[Math.floor(quantile * (pooled.length - 1))] as number
  return [a.filter((x) => x <= most), b.filter((x) => x <= most)]
}
