import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { arrivals, closedLoop, openLoop, type Shot } from '../../bench/load.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

/** A server whose answer to call number n (from 0) is up to `answer`. */
async function target(answer: (call: number, end: (status: number, body: string) => void) => void) {
  let calls = 0
  const server: Server = createServer((incoming, response) => {
    const call = calls++
    incoming.resume().on('end', () => answer(call, (status, body) => response.writeHead(status).end(body)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 2, pipelining: 1 })
  open.push({ close: () => pool.destroy() }, { close: () => server.closeAllConnections() }, server)
  return { pool, headers: { 'content-type': 'text/plain' } }
}

const shots = (count: number): readonly Shot[] => Array.from({ length: count }, (_, i) => ({ path: '/', body: String(i) }))

describe('open loop', () => {
  it('charges a stall to every call that was due in it', async () => {
    const STALL_MS = 300
    // Both connections are held by the stall; calls that are due meanwhile can only wait.
    const to = await target((call, end) => setTimeout(() => end(200, 'ok'), call === 12 || call === 13 ? STALL_MS : 0))
    // Connections and code are there before anything counts.
    await openLoop(to, shots(2), [0, 0])
    const times = Array.from({ length: 60 }, (_, i) => i * 10)
    const { answers } = await openLoop(to, shots(60), times)
    expect(answers).toHaveLength(60)
    const slow = answers.filter((answer) => answer.latencyMs > STALL_MS / 3)
    // A generator that waits for answers would have seen two slow calls; due in the first 200 ms of the stall were twenty.
    expect(slow.length).toBeGreaterThanOrEqual(15)
    expect(Math.min(...answers.map((answer) => answer.latencyMs))).toBeLessThan(STALL_MS / 3)
  })

  it('reports statuses as they are and lost connections as status 0 with the reason', async () => {
    const to = await target((call, end) => (call === 0 ? end(503, 'later') : end(200, 'ok')))
    const answered = await openLoop(to, shots(2), [0, 50])
    expect(answered.answers.map(({ status, body }) => [status, body.toString()])).toEqual([
      [503, 'later'],
      [200, 'ok'],
    ])
    const nobody = new Pool('http://127.0.0.1:1')
    open.push({ close: () => nobody.destroy() })
    const refused = await openLoop({ pool: nobody, headers: {} }, shots(1), [0])
    expect(refused.answers[0]?.status).toBe(0)
    expect(refused.answers[0]?.body.toString()).toBe('ECONNREFUSED')
  })
})

describe('closed loop', () => {
  it('keeps the callers busy, no more of them, and ends with the shots', async () => {
    let under = 0
    let most = 0
    const to = await target((_, end) => {
      most = Math.max(most, ++under)
      setTimeout(() => {
        under--
        end(200, 'ok')
      }, 5)
    })
    const { answers } = await closedLoop(to, shots(20)[Symbol.iterator](), 2, 60)
    expect(answers).toHaveLength(20)
    expect(most).toBe(2)
  })
})

describe('arrivals', () => {
  it('have the rate asked for, independent gaps, and are the same for a seed', () => {
    const times = arrivals(20_000, 500, 7)
    expect(times).toEqual(arrivals(20_000, 500, 7))
    expect(times).not.toEqual(arrivals(20_000, 500, 8))
    const gaps = times.map((time, i) => time - (times[i - 1] ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    expect(mean).toBeGreaterThan(1.9)
    expect(mean).toBeLessThan(2.1)
    // Exponential: as wide as it is long, and a share of 1 - 1/e below the mean.
    const below = gaps.filter((gap) => gap < mean).length / gaps.length
    expect(below).toBeGreaterThan(0.61)
    expect(below).toBeLessThan(0.655)
  })
})
