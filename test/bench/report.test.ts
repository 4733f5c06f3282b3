import { describe, expect, it } from 'vitest'
import { readArguments, UsageError } from '../../bench/arguments.ts'
import { formatGate, formatTable, isMet, median, quantile } from '../../bench/report.ts'

describe('quantile', () => {
  it('gives measured values and never one beyond the last', () => {
    const values = [5, 1, 4, 2, 3]
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 3, 5, 5])
    expect(median([7])).toBe(7)
    expect(quantile([], 0.5)).toBeNaN()
    expect(values).toEqual([5, 1, 4, 2, 3])
  })
})

describe('gates', () => {
  const gate = { name: 'signing', must: 100, unit: 'signatures/s' }
  it('are met from the figure on, and say so', () => {
    expect(isMet({ ...gate, figure: 100 })).toBe(true)
    expect(isMet({ ...gate, figure: 99.9 })).toBe(false)
    expect(formatGate({ ...gate, figure: 0 })).toBe('MISSED  signing: 0 signatures/s, must be at least 100')
  })
  it('can be bounds from above', () => {
    const most = { name: 'lost', figure: 0, must: 0, unit: 'requests', atMost: true } as const
    expect([isMet(most), isMet({ ...most, figure: 1 }), isMet({ ...most, figure: Number.NaN })]).toEqual([true, false, false])
    expect(formatGate({ ...most, figure: 2 })).toBe('MISSED  lost: 2 requests, must be at most 0')
  })
  it('are missed by a figure that nobody could measure', () => {
    expect(isMet({ ...gate, figure: Number.NaN })).toBe(false)
  })
})

it('prints tables with three digits, numbers to the right', () => {
  const table = formatTable({
    title: 'times',
    rows: [
      { operation: 'sum', us: 12.3456 },
      { operation: 'multiply', us: 0.98765, note: 'cold' },
    ],
  })
  expect(table.split('\n')).toEqual([
    '',
    'times',
    'operation     us  note',
    '---------  -----  ----',
    'sum         12.3',
    'multiply   0.988  cold',
  ])
})

describe('arguments', () => {
  it('name a part or all of them', () => {
    expect(readArguments([]).parts).toEqual(['primitives', 'round', 'dkls23', 'set', 'http', 'curves'])
    expect(readArguments(['http', '--rate', '250', '--quick'])).toMatchObject({
      parts: ['http'],
      options: { quick: true, rate: 250, keys: 5 },
    })
  })
  it('name two checkouts to compare, the second of which may be this one', () => {
    expect(readArguments(['--compare', 'HEAD~1'])).toMatchObject({
      parts: ['compare'],
      options: { compare: ['HEAD~1'], pairs: 8 },
    })
    expect(readArguments(['--compare', '/a', '/b', '--quick'])).toMatchObject({ options: { compare: ['/a', '/b'], pairs: 5 } })
    expect(() => readArguments(['--compare', 'a', 'b', 'c'])).toThrow(UsageError)
    expect(() => readArguments(['--compare'])).toThrow(UsageError)
  })
  it('soak for ten minutes if not told otherwise', () => {
    expect(readArguments(['soak']).options.minutes).toBe(10)
    expect(readArguments(['soak', '--minutes', '2']).options.minutes).toBe(2)
  })
  it.each([['nothing-such'], ['http', 'set'], ['--rate', '0'], ['--keys', '1e3'], ['--unknown'], ['--seconds']])(
    'refuse %s %s',
    (...args) => {
      expect(() => readArguments(args.filter((arg) => arg !== undefined))).toThrow(UsageError)
    },
  )
})
