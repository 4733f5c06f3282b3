/** One reading of something that should stay as it is. */
export interface Reading {
  /** Seconds since the beginning. */
  readonly at: number
  readonly value: number
}

/** Slope of the line with the least squares through the readings, per second; NaN for fewer than two moments. */
export function slope(readings: readonly Reading[]): number {
  const mean = (of: (reading: Reading) => number): number => readings.reduce((sum, one) => sum + of(one), 0) / readings.length
  const [at, value] = [mean((one) => one.at), mean((one) => one.value)]
  return mean((one) => (one.at - at) * (one.value - value)) / mean((one) => (one.at - at) ** 2)
}

/** Which of so many equal parts of the time a moment lies in. */
export const partOf = (at: number, seconds: number, parts: number): number =>
  Math.min(parts - 1, Math.floor((at / seconds) * parts))

/** Of which the first two are for caches to fill and code to be compiled. */
const PARTS = 10
const LEFT_OUT = 2

/**
 * How much something has grown in the last eight tenths of the time, along a line through the lowest reading of each tenth: garbage that
 * has not been collected yet comes and goes, and only what stays is a leak.
 */
export function growth(readings: readonly Reading[], seconds: number): { readonly grown: number; readonly mean: number } {
  const floors = [...Map.groupBy(readings, ({ at }) => partOf(at, seconds, PARTS))]
    .filter(([part]) => part >= LEFT_OUT)
    .map(([, inPart]) => inPart.reduce((lowest, one) => (one.value < lowest.value ? one : lowest)))
  return {
    grown: (slope(floors) * seconds * (PARTS - LEFT_OUT)) / PARTS,
    mean: floors.reduce((sum, { value }) => sum + value, 0) / floors.length,
  }
}
