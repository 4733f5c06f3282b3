import { beforeEach, describe, expect, it } from 'vitest'
import { type Answer, emptyAnswer } from '../../../src/actors/crypto-commands.ts'
import { WorkerStatus } from '../../../src/host/signer/worker-status.ts'
import { ManualTimers } from '../../actors/manual-timers.ts'

const bytes = (n: number, length: number): Uint8Array => new Uint8Array(length).fill(n)

describe('what heartbeats tell of the crypto worker', () => {
  const timers = new ManualTimers()
  let asked: number[]
  let answers: PromiseWithResolvers<Answer>[]
  let status: WorkerStatus
  beforeEach(() => {
    asked = []
    answers = []
    const ask = async (_kind: string, { tickets = 0 } = {}): Promise<Answer> => {
      asked.push(tickets)
      const answer = Promise.withResolvers<Answer>()
      answers.push(answer)
      return await answer.promise
    }
    status = new WorkerStatus({ ask }, timers)
  })
  const answer = async (which: number, boot: number, tickets: readonly number[] = []): Promise<void> => {
    const rest = { bootNonce: bytes(boot, 32), tickets: tickets.map((n) => bytes(n, 16)) }
    answers[which]?.resolve({ ...emptyAnswer(), ...rest })
    await new Promise((resolve) => setImmediate(resolve))
  }
  const told = async (reading: Promise<Awaited<ReturnType<WorkerStatus['read']>>>) => {
    const { bootNonce, tickets } = await reading
    return [bootNonce[0], tickets.map((t) => t[0])]
  }

  it('is the worker’s answer, when that comes in time', async () => {
    const reading = status.read(3)
    await answer(0, 7, [1, 2, 3])
    expect(await told(reading)).toEqual([7, [1, 2, 3]])
    expect(asked).toEqual([3])
  })

  it('is what it said last, when it has much to do; nobody asks it twice meanwhile, and no ticket is lost or told twice', async () => {
    const first = status.read(1)
    await answer(0, 7, [1])
    await first
    for (let i = 0; i < 3; i++) {
      const busy = status.read(2)
      timers.advance(150)
      expect(await told(busy)).toEqual([7, []])
    }
    expect(asked).toEqual([1, 2])
    await answer(1, 8, [4, 5])
    const next = status.read(1)
    await answer(2, 8, [6])
    expect(await told(next)).toEqual([8, [4, 5, 6]])
    const after = status.read(0)
    await answer(3, 8)
    expect(await told(after)).toEqual([8, []])
  })

  it('is nothing before its first answer, however long that takes', async () => {
    const reading = status.read(0)
    timers.advance(10_000)
    await answer(0, 9)
    expect(await told(reading)).toEqual([9, []])
  })

  it('is an error while the worker is lost, and nothing that the lost one said comes after it', async () => {
    const first = status.read(1)
    await answer(0, 7, [1])
    await first
    const busy = status.read(1)
    timers.advance(150)
    await busy
    answers[1]?.reject(new Error('lost'))
    await new Promise((resolve) => setImmediate(resolve))
    const lost = status.read(1)
    answers[2]?.reject(new Error('lost too'))
    await expect(lost).rejects.toThrow('lost too')
    const again = status.read(1)
    await answer(3, 9, [2])
    expect(await told(again)).toEqual([9, [2]])
  })
})
