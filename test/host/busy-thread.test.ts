import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { busyThread } from '../../src/host/busy-thread.ts'

/** Milliseconds of work, none of rest. */
function work(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

it('tells whether this thread was busy for most of the last tenth of a second', async () => {
  const isBusy = busyThread()
  expect(isBusy()).toBe(false)
  await sleep(150)
  expect(isBusy()).toBe(false)
  for (let i = 0; i < 4; i++) {
    work(40)
    await sleep(1)
  }
  expect(isBusy()).toBe(true)
  // Asked again within the window it says the same.
  expect(isBusy()).toBe(true)
  await sleep(250)
  expect(isBusy()).toBe(false)
})
