import { describe, expect, it } from 'vitest'
import { SYSTEM_TIMERS, sleep } from '../../src/actors/timers.ts'

describe('the system as timers', () => {
  it('waits at least as long as asked, by its own measure', async () => {
    const from = SYSTEM_TIMERS.elapsed()
    await sleep(SYSTEM_TIMERS, 20)
    // Node may fire a fraction of a millisecond early.
    expect(SYSTEM_TIMERS.elapsed() - from).toBeGreaterThan(18)
  })

  it('does not run what was taken back', async () => {
    const ran: string[] = []
    const cancel = SYSTEM_TIMERS.after(5, () => ran.push('taken back'))
    SYSTEM_TIMERS.after(5, () => ran.push('left'))
    cancel()
    await sleep(SYSTEM_TIMERS, 30)
    cancel()
    expect(ran).toEqual(['left'])
  })

  it('runs what is wanted soon after the code under way and what it left to microtasks', async () => {
    const order: string[] = []
    const done = new Promise<void>((resolve) =>
      SYSTEM_TIMERS.soon(() => {
        order.push('soon')
        resolve()
      }),
    )
    void Promise.resolve().then(() => order.push('microtask'))
    order.push('now')
    await done
    expect(order).toEqual(['now', 'microtask', 'soon'])
  })
})
