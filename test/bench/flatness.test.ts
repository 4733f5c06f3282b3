import { describe, expect, it } from 'vitest'
import { growth, partOf, type Reading, slope } from '../../bench/flatness.ts'

const SECONDS = 600
/** A sawtooth, as a heap between collections: up by 20 from its floor, every 35 seconds. */
const readings = (floor: (at: number) => number): readonly Reading[] =>
  Array.from({ length: 120 }, (_, i) => ({ at: 5 * i, value: floor(5 * i) + (20 * ((5 * i) % 35)) / 35 }))

it('finds the slope of a line, also under noise that cancels', () => {
  expect(slope([1, 2, 3, 7].map((at) => ({ at, value: 5 + 0.25 * at })))).toBeCloseTo(0.25)
  expect(slope([0, 0, 10, 10].map((at, i) => ({ at, value: at + (i % 2 === 0 ? 3 : -3) })))).toBeCloseTo(1)
  expect(slope([{ at: 3, value: 1 }])).toBeNaN()
})

describe('growth', () => {
  it('is none for a sawtooth on a level floor', () => {
    const { grown, mean } = growth(
      readings(() => 100),
      SECONDS,
    )
    expect(Math.abs(grown)).toBeLessThan(1)
    expect(mean).toBeCloseTo(100, 0)
  })

  it('forgives what fills in the first fifth', () => {
    const { grown } = growth(
      readings((at) => 40 + Math.min(60, at)),
      SECONDS,
    )
    expect(Math.abs(grown)).toBeLessThan(1)
  })

  it('shows a leak smaller than the teeth, over the eight tenths that count', () => {
    const { grown } = growth(
      readings((at) => 100 + at / 60),
      SECONDS,
    )
    expect(grown).toBeGreaterThan(7)
    expect(grown).toBeLessThan(9)
  })

  it('is unknown without readings, which no gate meets', () => expect(growth([], SECONDS).grown).toBeNaN())
})

it('puts the last moment into the last part', () => {
  expect([0, 59, 60, 599, 600, 700].map((at) => partOf(at, SECONDS, 10))).toEqual([0, 0, 1, 9, 9, 9])
})
