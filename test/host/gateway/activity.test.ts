import { expect, it } from 'vitest'
import { Activity } from '../../../src/host/gateway/activity.ts'

it('is told of while something goes on, and for a moment after, however it ended', async () => {
  let now = 0
  const activity = new Activity(() => now)
  expect(activity.within(1000)).toBe(false)
  const ends: (() => void)[] = []
  const first = activity.during(() => new Promise<number>((resolve) => ends.push(() => resolve(7))))
  const second = activity.during(() => new Promise((_, reject) => ends.push(() => reject(new Error('no')))))
  now = 90_000
  expect(activity.within(1000)).toBe(true)
  ends[0]?.()
  expect(await first).toBe(7)
  now = 99_000
  expect(activity.within(1000)).toBe(true)
  ends[1]?.()
  await expect(second).rejects.toThrow('no')
  now = 99_999
  expect(activity.within(1000)).toBe(true)
  now = 100_000
  expect(activity.within(1000)).toBe(false)
})
