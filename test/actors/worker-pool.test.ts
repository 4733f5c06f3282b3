import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serveActor } from '../../src/actors/worker-entry.ts'
import { type CallTimes, lossCounter, WorkerPool, type WorkerPoolOptions } from '../../src/actors/worker-pool.ts'
import { ORDER } from './worker-orders.ts'

const entry = new URL('./obedient-worker.ts', import.meta.url)
const order = (name: keyof typeof ORDER, ...rest: number[]): Uint8Array => Uint8Array.of(ORDER[name], ...rest)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

interface Events {
  readonly lost: number[]
  readonly restarted: number[]
  unhealthy: number
}

let pools: WorkerPool[] = []
let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-pool-'))
})
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  pools = []
  rmSync(directory, { recursive: true })
})

async function start(options: Partial<WorkerPoolOptions> = {}): Promise<{ pool: WorkerPool; events: Events }> {
  const events: Events = { lost: [], restarted: [], unhealthy: 0 }
  const pool = await WorkerPool.start({
    entry,
    count: 1,
    data: (index) => ({ value: { name: `worker ${index}`, secret: new Uint8Array(32).fill(7) } }),
    onLost: (index) => events.lost.push(index),
    onRestarted: (index) => events.restarted.push(index),
    onUnhealthy: () => {
      events.unhealthy += 1
    },
    ...options,
  })
  pools.push(pool)
  return { pool, events }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'answered',
    (error) => error.code,
  )

describe('calls', () => {
  it('answers with bytes, from the worker that was asked', async () => {
    const { pool } = await start({ count: 2 })
    expect(await pool.call(0, order('reverse', 1, 2, 3))).toEqual(Uint8Array.of(3, 2, 1))
    expect(text(await pool.call(0, order('started')))).toBe('worker 0 32 7')
    expect(text(await pool.call(1, order('started')))).toBe('worker 1 32 7')
    await expect(pool.call(2, order('reverse'))).rejects.toThrow(RangeError)
  })

  it('are worked on with little memory for young objects', async () => {
    const { pool } = await start()
    expect(text(await pool.call(0, order('limits')))).toBe('12')
  })

  it('are answered in order, also when earlier ones take longer', async () => {
    const { pool } = await start()
    const finished: number[] = []
    const durations = [30, 0, 10, 0, 5, 0]
    await Promise.all(
      durations.map(async (ms, i) => {
        await pool.call(0, order('sleep', ms))
        finished.push(i)
      }),
    )
    expect(finished).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('C-06 neither alias nor carry memory that was not sent (E10)', async () => {
    const { pool } = await start()
    const sent = order('reverse', 1, 2, 3)
    const answer = pool.call(0, sent)
    sent.fill(9)
    expect(await answer).toEqual(Uint8Array.of(3, 2, 1))
    const pooled = await pool.call(0, order('pooled'))
    expect(text(pooled)).toBe('public')
    expect(pooled.buffer.byteLength).toBe(6)
  })

  it('move large bytes both ways and leave the caller its own', async () => {
    const { pool } = await start()
    const large = new Uint8Array(100_001)
    large.set([ORDER.reverse, 5])
    const answer = await pool.call(0, large)
    expect([answer.length, answer.at(-1)]).toEqual([100_000, 5])
    expect([large.length, large[1]]).toEqual([100_001, 5])
    expect((await pool.call(0, order('grow', 6))).at(-1)).toBe(6)
  })

  it('that throw fail alone, with the reason kept out of the message', async () => {
    const { pool, events } = await start()
    const failed = await pool.call(0, order('fail')).catch((error) => error)
    expect(failed.code).toBe('WORKER_FAILURE')
    expect(failed.message).not.toContain('a bug')
    expect(failed.detail).toContain('a bug')
    expect(await codeOf(pool.call(0, order('nothing')))).toBe('WORKER_FAILURE')
    expect(await pool.call(0, order('reverse', 1, 2))).toEqual(Uint8Array.of(2, 1))
    expect(events.lost).toEqual([])
  })

  it('are refused beyond the bound of a worker, and taken again when it has caught up', async () => {
    const { pool } = await start({ count: 2, maxPending: 3 })
    const waiting = [50, 0, 0].map((ms) => pool.call(0, order('sleep', ms)))
    expect(pool.leastBusy()).toBe(1)
    expect(await codeOf(pool.call(0, order('sleep', 0)))).toBe('OVERLOADED')
    expect(await pool.call(1, order('sleep', 0))).toEqual(Uint8Array.of(0))
    await Promise.all(waiting)
    expect(await pool.call(0, order('sleep', 1))).toEqual(Uint8Array.of(1))
  })
})

describe('a lost worker', () => {
  it('rejects what waits for it and serves again', async () => {
    let starts = 0
    const { pool, events } = await start({
      count: 2,
      data: (index) => ({ value: { name: `start ${starts++} of ${index}`, secret: new Uint8Array(1) } }),
    })
    const waiting = [pool.call(0, order('exit')), pool.call(0, order('sleep', 1)), pool.call(0, order('reverse'))]
    expect(await Promise.all(waiting.map(codeOf))).toEqual(['WORKER_LOST', 'WORKER_LOST', 'WORKER_LOST'])
    expect(events.lost).toEqual([0])
    expect(await codeOf(pool.call(0, order('sleep', 1)))).toBe('WORKER_LOST')
    expect(pool.leastBusy()).toBe(1)
    expect(pool.busyMs()[0]).toBe(0)
    expect(await pool.call(1, order('reverse', 1, 2))).toEqual(Uint8Array.of(2, 1))
    await until(() => events.restarted.length === 1)
    expect(text(await pool.call(0, order('started')))).toMatch(/^start 2 of 0/)
  })

  it('is noticed also when nothing waits for it', async () => {
    const { pool, events } = await start()
    expect(await codeOf(pool.call(0, order('crash')))).toBe('answered')
    await until(() => events.restarted.length === 1)
    expect(events.lost).toEqual([0])
    expect(await pool.call(0, order('reverse', 1, 2))).toEqual(Uint8Array.of(2, 1))
  })

  it('is made of one that answers nothing for too long', async () => {
    const { pool, events } = await start({ stallMs: 1000 })
    for (let i = 0; i < 6; i++) await pool.call(0, order('sleep', 200))
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(events.lost).toEqual([])
    const waiting = [pool.call(0, order('hang')), pool.call(0, order('reverse'))]
    expect(await Promise.all(waiting.map(codeOf))).toEqual(['WORKER_LOST', 'WORKER_LOST'])
    await until(() => events.restarted.length === 1)
    expect(await pool.call(0, order('reverse', 1, 2))).toEqual(Uint8Array.of(2, 1))
  })
})

describe('restart intensity', () => {
  it('counts losses within the window only', () => {
    const isTooMuch = lossCounter(3, 60)
    expect([0, 30, 60, 100, 119, 121].map(isTooMuch)).toEqual([false, false, false, false, true, true])
  })

  it('ends with the third loss in a minute', async () => {
    const { pool, events } = await start()
    for (let i = 1; i <= 2; i++) {
      await codeOf(pool.call(0, order('exit')))
      await until(() => events.restarted.length === i)
    }
    expect(events.unhealthy).toBe(0)
    await codeOf(pool.call(0, order('exit')))
    expect(events).toEqual({ lost: [0, 0, 0], restarted: [0, 0], unhealthy: 1 })
    expect(await codeOf(pool.call(0, order('reverse')))).toBe('WORKER_LOST')
  })

  it('counts restarts that fail', async () => {
    let starts = 0
    const { pool, events } = await start({
      data: () => ({ value: { name: '', secret: new Uint8Array(1), refuse: starts++ > 0 } }),
    })
    await codeOf(pool.call(0, order('exit')))
    await until(() => events.unhealthy === 1)
    expect(events.lost).toEqual([0, 0, 0])
  })
})

describe('start', () => {
  it('is for workers: their files are not loaded on the main thread', () => {
    expect(() => serveActor(() => ({ call: (bytes) => bytes }))).toThrow('main thread')
  })

  it('rejects when an actor cannot be made, and says why in the detail', async () => {
    const failed = start({ count: 2, data: (index) => ({ value: { name: '', secret: new Uint8Array(1), refuse: index === 1 } }) })
    expect((await failed.catch((error) => error)).detail).toContain('no curve back end')
  })

  it('rejects when the file cannot be loaded', async () => {
    const failed = start({ entry: new URL('./no-such-worker.ts', import.meta.url) })
    expect(await codeOf(failed)).toBe('WORKER_LOST')
  })

  it('rejects when an actor takes too long', async () => {
    const failed = start({ data: () => ({ value: { name: '', secret: new Uint8Array(1), never: true } }), startTimeoutMs: 300 })
    expect((await failed.catch((error) => error)).detail).toBe('did not start in time')
  })

  it('moves the buffers it is told to move', async () => {
    const secret = new Uint8Array(32).fill(3)
    const { pool } = await start({ data: () => ({ value: { name: 'moved', secret }, transfer: [secret.buffer] }) })
    expect(secret.length).toBe(0)
    expect(text(await pool.call(0, order('started')))).toBe('moved 32 3')
  })
})

describe('close', () => {
  it('lets calls in flight finish, closes every actor once and refuses further calls', async () => {
    const closedFile = join(directory, 'closed')
    const { pool, events } = await start({
      count: 2,
      data: (index) => ({ value: { name: `<${index}>`, secret: new Uint8Array(1), closedFile } }),
    })
    const waiting = [30, 0].map((ms) => pool.call(0, order('sleep', ms)))
    const closed = pool.close()
    expect(await codeOf(pool.call(1, order('reverse')))).toBe('STOPPED')
    expect(await Promise.all(waiting.map(codeOf))).toEqual(['answered', 'answered'])
    await closed
    expect(readFileSync(closedFile, 'utf8').match(/<.>/g)?.sort()).toEqual(['<0>', '<1>'])
    expect(events).toEqual({ lost: [], restarted: [], unhealthy: 0 })
    await pool.close()
  })

  it('does not wait for ever for a worker that hangs', async () => {
    const { pool } = await start({ closeGraceMs: 100 })
    const hanging = codeOf(pool.call(0, order('hang')))
    await pool.close()
    expect(await hanging).toBe('WORKER_LOST')
  })

  it('leaves nothing that would keep the process alive', async () => {
    const program = `
      import { WorkerPool } from ${JSON.stringify(new URL('../../src/actors/worker-pool.ts', import.meta.url).href)}
      const pool = await WorkerPool.start({
        entry: new URL(${JSON.stringify(entry.href)}), count: 2, onLost() {}, onUnhealthy() {},
        data: () => ({ value: { name: '', secret: new Uint8Array(1) } }),
      })
      await pool.call(0, Uint8Array.of(0, 1, 2))
      await pool.close()
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((kind) => /Worker|MessagePort|Timeout/.test(kind))))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    expect({ code, output: output.trim() }).toEqual({ code: 0, output: '[]' })
  })
})

it('reports how long each worker has been busy', async () => {
  const { pool } = await start({ count: 2 })
  const [busyBefore = 0, idleBefore = 0] = pool.busyMs()
  for (let i = 0; i < 5; i++) await pool.call(0, order('sleep', 40))
  const [busy = 0, idle = 0] = pool.busyMs()
  expect(busy - busyBefore).toBeGreaterThanOrEqual(200)
  expect(idle - idleBefore).toBeLessThan(100)
})

it('tells the work of a call from its waiting for the calls before it', async () => {
  const { pool } = await start({ count: 1 })
  const times: CallTimes[] = []
  await Promise.all([1, 2].map(() => pool.call(0, order('sleep', 50), (t) => times.push(t))))
  const [first, second] = times as [CallTimes, CallTimes]
  for (const { work } of times) expect(work).toBeGreaterThanOrEqual(49)
  expect(second.wait).toBeGreaterThanOrEqual(49)
  expect(second.wait).toBeGreaterThan(first.wait)
  await pool.call(0, order('fail'), (t) => times.push(t)).catch(() => undefined)
  expect(times).toHaveLength(2)
})
