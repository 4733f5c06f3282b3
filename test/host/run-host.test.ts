import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isAlive, type Run, start, until } from './process.ts'

const HOST = fileURLToPath(new URL('./fixture/host-program.ts', import.meta.url))
const PARENT = fileURLToPath(new URL('./fixture/parent-program.ts', import.meta.url))

const startHost = (how = 'well'): Run => start([HOST, how])

async function listening(how?: string): Promise<Run> {
  const run = startHost(how)
  const told: unknown[] = []
  run.child.on('message', (message) => told.push(message))
  await until(() => told.length > 0)
  expect(told).toEqual([{ type: 'listening', url: 'https://127.0.0.1:1' }])
  return run
}

describe('a host', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('closes in good order on %s', async (signal) => {
    const run = await listening()
    run.child.kill(signal)
    expect(await run.ended).toBe(0)
    expect(run.out()).toMatch(/"closed"[\s\S]*"stopped"[\s\S]*code 0/)
    expect(run.out()).toContain(`"reason":"${signal}"`)
  })

  it('is not cut short by a second signal', async () => {
    const run = await listening()
    run.child.kill('SIGINT')
    await until(() => run.out().includes('stopping'))
    run.child.kill('SIGINT')
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.out()).toContain('"closed"')
  })

  it('ends after 5 seconds even if it cannot close', async () => {
    const run = await listening('closes never')
    const from = performance.now()
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(performance.now() - from).toBeLessThan(6500)
    expect(run.out()).toContain('not closed after 5 s')
  })

  it('says why it could not close', async () => {
    const run = await listening('fails to close')
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.out()).toContain('cannot close')
  })

  it('can be stopped while it starts', async () => {
    const run = startHost('hangs at start')
    await until(() => run.child.pid !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })

  it.each([
    ['throws later', 'uncaughtException'],
    ['rejects later', 'unhandledRejection'],
  ])('that %s ends at once and says so', async (how, origin) => {
    const run = startHost(how)
    expect(await run.ended).toBe(1)
    expect(run.out()).toMatch(new RegExp(`"level":"fatal".*"origin":"${origin}"`))
  })

  it('ends with the process that started it, also when that is killed', async () => {
    const parent = start([PARENT])
    const pid = Number(await until(() => parent.out().trim() || undefined))
    expect(isAlive(pid)).toBe(true)
    parent.child.kill('SIGKILL')
    await parent.ended
    await until(() => !isAlive(pid))
  })
})
