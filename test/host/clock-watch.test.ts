import { expect, it, onTestFinished } from 'vitest'
import { clockWatch } from '../../src/host/clock-watch.ts'

function watch() {
  const clocks = { wall: 1_000_000, monotonic: 500 }
  const steps: number[] = []
  const watched = clockWatch((ms) => steps.push(ms), { wall: () => clocks.wall, monotonic: () => clocks.monotonic })
  onTestFinished(watched.stop)
  const pass = (ms: number): void => {
    clocks.wall += ms
    clocks.monotonic += ms
  }
  return { ...watched, steps, clocks, pass }
}

it('is content while time passes, and when the clock is put forward', () => {
  const { steady, steps, clocks, pass } = watch()
  pass(3_600_000)
  expect(steady()).toBe(true)
  clocks.wall += 10_000_000
  expect(steady()).toBe(true)
  expect(steps).toEqual([])
})

it('forgives 30 seconds back and no more (decision 11)', () => {
  const { steady, steps, clocks } = watch()
  clocks.wall -= 30_000
  expect(steady()).toBe(true)
  clocks.wall -= 1
  expect(steady()).toBe(false)
  expect(steps).toEqual([30_001])
})

it('sums small steps, and is not soothed by time passing', () => {
  const { steady, clocks, pass } = watch()
  for (let i = 0; i < 4; i++) {
    clocks.wall -= 10_000
    pass(60_000)
    steady()
  }
  expect(steady()).toBe(false)
  pass(86_400_000)
  expect(steady()).toBe(false)
})

it('recovers when the clock is put right, and reports each step once', () => {
  const { steady, steps, clocks } = watch()
  clocks.wall -= 60_000
  steady()
  steady()
  clocks.wall += 60_000
  expect(steady()).toBe(true)
  clocks.wall -= 60_000
  steady()
  expect(steps).toEqual([60_000, 60_000])
})

it('measures from the furthest that the clock has ever been', () => {
  const { steady, clocks } = watch()
  clocks.wall += 3_600_000
  steady()
  clocks.wall -= 3_600_000
  expect(steady()).toBe(false)
})
