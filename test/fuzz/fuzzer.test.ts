import { afterAll, describe, expect, it } from 'vitest'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { bytes, message, uint } from '../../src/protocol/engine/codec.ts'
import type { Task } from './task.ts'
import { WatchedThread } from './watch-thread.ts'

/** Less patience than campaigns have: these tests wait it out. */
const HANG_MS = 500

const thread = new WatchedThread()
const impatient = new WatchedThread(HANG_MS)
afterAll(async () => {
  await thread.close()
  await impatient.close()
})

const planted = (name: string): URL => new URL(`./planted.ts?${name}`, import.meta.url)
const task = (name: string, changes: Partial<Task> = {}): Task => ({
  target: planted(name),
  inputs: [new Uint8Array(8)],
  seed: 'planted',
  ms: 20_000,
  executions: 400_000,
  ...changes,
})
const only = (...inputs: readonly number[]): Partial<Task> => ({ inputs: [Uint8Array.from(inputs)], executions: 0 })

describe('what the fuzzer finds', () => {
  it('a mistake behind four comparisons, step by step: 2^32 blind tries', async () => {
    const { finding, executions, blocks } = await thread.run(task('maze'))
    expect(finding?.reason).toContain('TypeError: found the way')
    expect(toHex(finding?.input ?? new Uint8Array(0))).toBe('51a73c99')
    expect(executions).toBeLessThan(400_000)
    expect(blocks).toBeGreaterThan(3)
  })

  it('a field of another length inside a whole message', async () => {
    const honest = message({ field: bytes(32), number: uint(9) }, 64).encode({ field: new Uint8Array(32), number: 1 })
    const { finding, executions } = await thread.run(task('tree', { inputs: [honest], executions: 20_000 }))
    expect(finding?.reason).toContain('a longer field')
    expect(executions).toBeLessThan(5000)
  })

  it('outcomes keep inputs like new code does', async () => {
    const { outcomes, corpus, finding } = await thread.run(task('outcomes', { executions: 3000 }))
    expect(finding).toBeUndefined()
    expect(Object.keys(outcomes)).toHaveLength(10)
    expect(corpus.length).toBeGreaterThanOrEqual(10)
  })

  it('the same seed is the same campaign, another one is not', async () => {
    const [first, again, other] = [
      await thread.run(task('outcomes', { executions: 2000 })),
      await thread.run(task('outcomes', { executions: 2000 })),
      await thread.run(task('outcomes', { executions: 2000, seed: 'another' })),
    ]
    expect(again).toEqual(first)
    expect(other?.outcomes).not.toEqual(first?.outcomes)
  })

  it('a corpus boiled down reaches as much', async () => {
    const { corpus, outcomes } = await thread.run(task('outcomes', { executions: 3000, distillTo: 1024 }))
    const replay = await thread.run(task('outcomes', { inputs: corpus, executions: 0 }))
    expect(Object.keys(replay.outcomes).sort()).toEqual(Object.keys(outcomes).sort())
    expect(corpus.length).toBeLessThanOrEqual(12)
  })
})

describe('what counts as broken', () => {
  it.each([
    ['slow', 'of CPU for one input'],
    ['buffers', 'MiB for one input'],
    ['heap', 'the thread died'],
  ])('%s: %s', async (name, reason) => {
    const { finding } = await thread.run(task(name, only(0x77)))
    expect(finding?.reason).toContain(`BrokenPromise: `)
    expect(finding?.reason).toContain(reason)
    expect(finding?.input[0]).toBe(0x77)
  })

  it('loop: no end', async () => {
    const { finding } = await impatient.run(task('loop', only(0x77, 1, 2)))
    expect(finding).toEqual({ reason: `BrokenPromise: no end after ${HANG_MS} ms`, input: Uint8Array.of(0x77, 1, 2) })
  })

  it.each(['slow', 'buffers', 'loop', 'heap'])('%s: other inputs are fine', async (name) => {
    expect((await thread.run(task(name, only(0x78)))).finding).toBeUndefined()
  })

  it('a typed refusal is an outcome', async () => {
    const { outcomes, finding } = await thread.run(task('typed', only(0x77)))
    expect([outcomes, finding]).toEqual([{ BrokenPromise: 1 }, undefined])
  })

  it('a target that cannot be opened is an error, not a finding', async () => {
    await expect(thread.run(task('nonsense'))).rejects.toThrow('no such planted target')
  })
})
