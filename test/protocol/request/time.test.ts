import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTime, parseTime } from '../../../src/protocol/request/time.ts'

const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

describe('times', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T00:00:00.001Z', 1],
    ['2000-02-29T12:34:56Z', Date.UTC(2000, 1, 29, 12, 34, 56)],
    ['2024-02-29T00:00:00.999Z', Date.UTC(2024, 1, 29, 0, 0, 0, 999)],
    ['2026-12-31T23:59:59Z', Date.UTC(2026, 11, 31, 23, 59, 59)],
    ['9999-12-31T23:59:59.999Z', LAST],
  ])('reads %s', (text, ms) => {
    expect(parseTime(text)).toBe(ms)
  })

  it.each([
    '2026-01-31T12:00:00+00:00',
    '2026-01-31T12:00:00-00:00',
    '2026-01-31T12:00:00z',
    '2026-01-31t12:00:00Z',
    '2026-01-31 12:00:00Z',
    '2026-01-31T12:00:00',
    '2026-01-31T12:00Z',
    '2026-01-31',
    '2026-01-31T12:00:00.1Z',
    '2026-01-31T12:00:00.1234Z',
    '2026-01-31T12:00:00,123Z',
    '2026-01-31T12:00:00.Z',
    ' 2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00Z\n',
    '2026-1-31T12:00:00Z',
    '+02026-01-31T12:00:00Z',
    '2026-00-10T12:00:00Z',
    '2026-13-10T12:00:00Z',
    '2026-01-00T12:00:00Z',
    '2026-01-32T12:00:00Z',
    '2026-02-29T12:00:00Z',
    '2026-02-31T12:00:00Z',
    '2026-04-31T12:00:00Z',
    '2100-02-29T12:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2016-12-31T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '٢٠٢٦-01-31T12:00:00Z',
    '0',
    '',
  ])('D-10 refuses %j', (text) => {
    expect(parseTime(text)).toBeUndefined()
  })

  it('agrees with Date for every instant of the range', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LAST }), (ms) => {
        expect(formatTime(ms)).toBe(new Date(ms).toISOString())
        expect(parseTime(formatTime(ms))).toBe(ms)
      }),
      { numRuns: 2000 },
    )
  })

  it('agrees with Date on which days exist, over one cycle of 400 years', () => {
    for (let year = 1970; year < 2370; year++) {
      for (const [month, day] of [
        [2, 28],
        [2, 29],
        [3, 1],
        [12, 31],
      ] as const) {
        const text = `${year}-${String(month).padStart(2, '0')}-${day < 10 ? `0${day}` : day}T00:00:00Z`
        const real = new Date(Date.UTC(year, month - 1, day))
        expect(parseTime(text), text).toBe(real.getUTCDate() === day ? real.getTime() : undefined)
      }
    }
  })

  it.each([-1, 0.5, LAST + 1, Number.NaN, Number.POSITIVE_INFINITY])('D-10 does not write %d', (ms) => {
    expect(() => formatTime(ms)).toThrow(RangeError)
  })
})
