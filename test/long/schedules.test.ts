import { describe, expect, it } from 'vitest'
import { expectSameInAnyOrder, SCHEDULED } from '../simulator/schedules.ts'

describe('T-04 a thousand random schedules of each protocol', () => {
  it.each(Object.keys(SCHEDULED))('%s: the same result as the ordered run', (name) => {
    expectSameInAnyOrder(name, 1000)
    expect(Object.keys(SCHEDULED).length).toBe(7)
  })
})
