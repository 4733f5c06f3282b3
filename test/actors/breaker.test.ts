import { beforeEach, describe, expect, it } from 'vitest'
import { Breaker } from '../../src/actors/breaker.ts'

describe('the breaker', () => {
  let breaker: Breaker
  beforeEach(() => {
    breaker = new Breaker()
  })

  it('opens with the third failure within a minute, says so once, and closes after ten minutes', () => {
    expect([1000, 2000, 60_000].map((at) => breaker.failed(at - 1, at))).toEqual([false, false, true])
    expect(breaker.isOpen(60_000)).toBe(true)
    expect(breaker.left(360_000)).toBe(300_000)
    expect(breaker.failed(61_000, 61_001)).toBe(false)
    expect(breaker.isOpen(659_999)).toBe(true)
    expect([breaker.isOpen(660_000), breaker.left(660_000)]).toEqual([false, 0])
  })

  it('stays closed for three failures that are further apart', () => {
    for (const at of [0, 59_000, 61_000, 121_000, 182_000]) expect(breaker.failed(at - 1, at)).toBe(false)
    expect(breaker.isOpen(182_001)).toBe(false)
  })

  it('takes what broke at the same time for one failure', () => {
    for (const started of [90, 95, 99]) breaker.failed(started, 100)
    expect(breaker.isOpen(101)).toBe(false)
    breaker.failed(99, 101)
    breaker.failed(100, 110)
    expect(breaker.isOpen(111)).toBe(false)
    expect(breaker.failed(120, 130)).toBe(true)
  })

  it('begins anew when it has closed', () => {
    for (const at of [1, 2, 3]) breaker.failed(at, at)
    expect(breaker.failed(600_004, 600_004)).toBe(false)
    expect(breaker.isOpen(600_005)).toBe(false)
  })
})
