import { describe, expect, it } from 'vitest'
import { expectSameInAnyOrder, SCHEDULED } from '../simulator/schedules.ts'

describe('T-04 a thousand random schedules of each protocol', () => {
  it.each(Object.keys(SCHEDULED))('%s: the same result as the ordered run', (name) => {
    // A set-up of a pair is a second of arithmetic.
    expectSameInAnyOrder(name, /pair/.test(name) ? 100 : 1000)
    expect(Object.keys(SCHEDULED).length).toBe(8)
  })
})
