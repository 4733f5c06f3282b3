import { describe, expect, it } from 'vitest'
import { formatTable, isMet } from '../../bench/report.ts'
import { headline, lastAndWorst, mustGates, TARGETS } from '../../bench/targets.ts'

describe('figures of several parts', () => {
  it('become one for each target: of the last part that has one, and its worst', () => {
    const glance = [
      { target: 'ecdsa', figure: 700 },
      { target: 'p99', figure: 40 },
    ] as const
    const atLength = [
      { target: 'ecdsa', figure: 650 },
      { target: 'ecdsa', figure: 600 },
      { target: 'memory', figure: 300 },
      { target: 'memory', figure: 310 },
    ] as const
    expect(lastAndWorst([glance, atLength, []])).toEqual([
      { target: 'ecdsa', figure: 600 },
      { target: 'p99', figure: 40 },
      { target: 'memory', figure: 310 },
    ])
  })

  it('stay unknown when one of them could not be measured', () => {
    const [found] = lastAndWorst([
      [
        { target: 'keygen', figure: Number.NaN },
        { target: 'keygen', figure: 50 },
      ],
    ])
    expect(found?.figure).toBeNaN()
    expect(mustGates(found === undefined ? [] : [found]).map(isMet)).toEqual([false])
  })
})

it('gates by the must of each target, in its direction', () => {
  const met = (figures: Parameters<typeof mustGates>[0]) => mustGates(figures).map(isMet)
  expect(met([{ target: 'ecdsa', figure: 500 }])).toEqual([true])
  expect(met([{ target: 'ecdsa', figure: 499 }])).toEqual([false])
  expect(met([{ target: 'p99', figure: 60 }])).toEqual([true])
  expect(met([{ target: 'p99', figure: 61 }])).toEqual([false])
})

it('shows for every figure what must be and what is aimed at', () => {
  const text = formatTable(
    headline([
      { target: 'ecdsa', figure: 3100 },
      { target: 'p50', figure: 4.5 },
      { target: 'https', figure: 9000 },
    ]),
  )
  expect(text).toMatch(/ECDSA .* 3100 {2}\/s {2}.*>= 500 .*>= 3000 .*aim reached/)
  expect(text).toMatch(/at 100\/s.* 4\.50 {2}ms .*<= 15 .*<= 4 .*must met/)
  expect(text).toMatch(/sign nothing.* 9000 .*>= 14496 .*MISSED/)
})

it('never asks more of a must than of an aim', () => {
  for (const [name, target] of Object.entries(TARGETS)) {
    const lower = 'atMost' in target ? target.aim : target.must
    const higher = 'atMost' in target ? target.must : target.aim
    expect(lower, name).toBeLessThan(higher)
  }
})
