import { describe, expect, it } from 'vitest'
import { leak } from './measure.ts'
import { KNOWN_BAD } from './subjects.ts'
import { crop, SUSPICIOUS, welch } from './welch.ts'

describe('Welch’s t', () => {
  it('is what the textbook says', () => {
    const { t, difference } = welch([27.5, 21, 19, 23.6, 17, 17.9], [27.1, 22, 20.8, 23.4, 23.4, 23.5])
    expect(difference).toBeCloseTo(-2.366667, 5)
    expect(t).toBeCloseTo(-1.289, 2)
  })

  it('is zero for equal samples, and far away for distant ones', () => {
    expect(welch([1, 2, 3], [1, 2, 3]).t).toBe(0)
    expect(Math.abs(welch([1, 2, 3], [101, 102, 103]).t)).toBeGreaterThan(100)
  })

  it('is infinite when a crop has left nothing of one class', () => {
    expect(welch(...crop([1, 1, 1, 1], [9, 9, 9, 9], 0.5)).t).toBe(Number.POSITIVE_INFINITY)
  })

  it('leaves out what is beyond the quantile of both', () => {
    expect(crop([1, 2, 900], [3, 4, 800], 0.6)).toEqual([
      [1, 2],
      [3, 4],
    ])
  })
})

// That production code passes is measured for minutes in test/long; that the measurement notices what it has to, here too.
describe('C-01 the measurement', () => {
  it.each(KNOWN_BAD)('catches $name', (subject) => {
    expect(Math.abs(leak(subject, 1_000).t)).toBeGreaterThan(SUSPICIOUS)
  })
})
