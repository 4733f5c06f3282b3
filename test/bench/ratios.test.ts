import { describe, expect, it } from 'vitest'
import { explainedByChance, pairedRatio } from '../../bench/ratios.ts'

const pairs = (ratios: readonly number[]) => ratios.map((ratio, i) => ({ a: 100 * (i + 1), b: 100 * (i + 1) * ratio }))
const isWorse = (ratios: readonly number[], better: 'more' | 'less'): boolean => {
  const { worse, explained } = pairedRatio(pairs(ratios), better, 1.15)
  return worse > explained
}

describe('paired ratios', () => {
  it('cancel what falls on both of a pair, and say median and spread', () => {
    // A figure that grows fivefold over the run, for both alike.
    const found = pairedRatio(pairs([1.1, 1.2, 1.0, 1.3, 1.1]), 'less', 1.15)
    expect(found.median).toBeCloseTo(1.1)
    expect([found.smallest, found.largest].map((r) => Math.round(100 * r))).toEqual([100, 130])
    expect(found.low).toBeLessThanOrEqual(found.median)
    expect(found.high).toBeGreaterThanOrEqual(found.median)
    expect(found.worse).toBe(2)
  })

  it('call B worse when it is clearly, in the direction that counts', () => {
    const slower = Array.from({ length: 8 }, () => 0.8)
    expect(isWorse(slower, 'more')).toBe(true)
    expect(isWorse(slower, 'less')).toBe(false)
    const dearer = Array.from({ length: 8 }, () => 1.2)
    expect(isWorse(dearer, 'less')).toBe(true)
    expect(isWorse(dearer, 'more')).toBe(false)
  })

  it('do not for what is tolerated, for outliers, and for too few pairs', () => {
    expect(
      isWorse(
        Array.from({ length: 8 }, () => 1.14),
        'less',
      ),
    ).toBe(false)
    expect(isWorse([3, 3, 3, 3, 1, 1, 1, 1], 'less')).toBe(false)
    expect(isWorse([2, 2, 2, 2], 'less')).toBe(false)
    expect(isWorse([2, 2, 2, 2, 2], 'less')).toBe(true)
    expect(isWorse([1, 2, 2, 2, 2, 2, 2, 2], 'less')).toBe(true)
  })

  it('count a B that could not be measured as worse', () => {
    const broken = Array.from({ length: 5 }, () => ({ a: 100, b: Number.NaN }))
    for (const better of ['more', 'less'] as const) expect(pairedRatio(broken, better, 1.15).worse).toBe(5)
  })
})

it('leaves to chance what a fair coin does in one of twenty runs', () => {
  // P(8 of 8) = 0.4 %, P(7 or more) = 3.5 %, P(6 or more) = 14 %.
  expect([1, 4, 5, 8, 12, 20].map(explainedByChance)).toEqual([1, 4, 4, 6, 9, 14])
})
