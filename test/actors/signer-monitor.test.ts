import { afterEach, describe, expect, it } from 'vitest'
import type { SignerLink } from '../../src/actors/round.ts'
import { SignerMonitor, type SignerState, type SignerStatus } from '../../src/actors/signer-monitor.ts'
import { TicketStock } from '../../src/actors/ticket-stock.ts'
import { STATUS, STATUS_REQUEST } from '../../src/protocol/frames/signer-frames.ts'
import { until } from '../host/set/until.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

const rosterHash = new Uint8Array(32).fill(5)
const rng = seededRng('monitor')
let monitors: SignerMonitor[] = []
afterEach(() => {
  for (const m of monitors) m.stop()
  monitors = []
})

const statusOf = (index: number, changes: Partial<SignerStatus> = {}): SignerStatus => ({
  version: '1',
  index,
  rosterHash,
  bootNonce: new Uint8Array(32).fill(index),
  curve: 'native',
  ready: 1,
  generations: [],
  tickets: [],
  pending: [],
  pairs: [],
  ...changes,
})

type Answer = (tickets: number) => Promise<Uint8Array>
const says =
  (index: number, changes: Partial<SignerStatus> = {}): Answer =>
  async (tickets) =>
    STATUS.encode(statusOf(index, { tickets: Array.from({ length: tickets }, () => rng(16)), ...changes }))

function monitorOf(...answers: Answer[]) {
  const asked: number[] = answers.map(() => 0)
  const changes: SignerState[] = []
  const current = [...answers]
  const links = answers.map(
    (_, i): SignerLink => ({
      id: i + 1,
      send: async (_route, frame) => {
        asked[i] = (asked[i] as number) + 1
        return await (current[i] as Answer)(STATUS_REQUEST.decode(frame).tickets)
      },
    }),
  )
  const stock = new TicketStock()
  let now = 0
  const monitor = new SignerMonitor({
    links,
    rosterHash,
    stock,
    now: () => ++now,
    intervalMs: 5,
    timeoutMs: 50,
    onChange: (state) => changes.push(state),
  })
  monitors.push(monitor)
  const become = (id: number, answer: Answer): void => {
    current[id - 1] = answer
  }
  return { monitor, stock, changes, become, asked }
}

describe('the signer monitor', () => {
  it('asks every signer once before it is started, then one at a time and again and again', async () => {
    const { monitor, asked } = monitorOf(says(1), () => Promise.reject(new Error('down')), says(3))
    expect(monitor.down()).toEqual([1, 2, 3])
    await monitor.start()
    expect([monitor.up(), monitor.down(), asked]).toEqual([[1, 3], [2], [1, 1, 1]])
    await until('three beats', () => asked.every((n) => n >= 3))
  })

  it.each([
    ['is another index', says(7)],
    ['has another roster', says(1, { rosterHash: new Uint8Array(32) })],
    ['is not ready', says(1, { ready: 0 })],
    ['answers nonsense', async () => Uint8Array.of(1, 2, 3)],
  ])('counts a signer that %s as down', async (_what, answer) => {
    const { monitor } = monitorOf(answer)
    await monitor.start()
    expect(monitor.up()).toEqual([])
  })

  it('believes a failed session at once and the next heartbeat after it; `since` is the last change', async () => {
    const { monitor, asked } = monitorOf(says(1), says(2))
    await monitor.start()
    const since = monitor.states()[0]?.since as number
    monitor.report([1, 9])
    monitor.report([1])
    expect([monitor.up(), monitor.down()]).toEqual([[2], [1]])
    const down = monitor.states()[0] as SignerState
    expect([down.rttMs, down.status?.index, down.since > since]).toEqual([null, 1, true])
    const before = asked[0] as number
    await until('another beat', () => (asked[0] as number) > before && monitor.up().length === 2)
    const up = monitor.states()[0]?.since
    await until('more beats', () => (asked[0] as number) > before + 2)
    expect(monitor.states()[0]?.since).toBe(up)
  })

  it('drops the tickets of a signer that has restarted, and asks for new ones', async () => {
    const { monitor, stock, become, asked } = monitorOf(says(1))
    await monitor.start()
    const [old] = stock.take([1]) as [Uint8Array]
    become(1, says(1, { bootNonce: new Uint8Array(32).fill(99) }))
    const before = asked[0] as number
    await until('two more beats', () => (asked[0] as number) > before + 2)
    const held: Uint8Array[] = []
    for (let t = stock.take([1]); t !== null; t = stock.take([1])) held.push(...t)
    expect(held.length).toBeGreaterThan(100)
    expect(held.length).toBeLessThanOrEqual(128)
    expect(held).not.toContainEqual(old)
  })

  it('keeps the last status of a signer that is gone, and finds it again', async () => {
    const { monitor, become, changes } = monitorOf(says(1, { version: '7' }))
    await monitor.start()
    become(1, () => Promise.reject(new Error('gone')))
    await until('down', () => monitor.up().length === 0)
    expect(monitor.states()[0]?.status?.version).toBe('7')
    become(1, says(1, { version: '8' }))
    await until('up', () => monitor.up().length === 1)
    expect(changes.map((c) => c.up)).toEqual(expect.arrayContaining([true, false]))
    expect(monitor.states()[0]?.status?.version).toBe('8')
  })

  it('ends the exchanges with a signer whose heartbeat fails, and no others', async () => {
    const { monitor, become } = monitorOf(says(1), says(2))
    await monitor.start()
    const ends: string[] = []
    const never: SignerLink['send'] = () => new Promise(() => {})
    for (const id of [1, 2]) {
      monitor
        .watched({ id, send: never })
        .send('round', new Uint8Array(0), 60_000)
        .catch(() => ends.push(`exchange with ${id}`))
    }
    // What one session could not reach may be one broken connection: its other exchanges go on.
    monitor.report([1])
    await until('1 is back', () => monitor.up().length === 2)
    expect(ends).toEqual([])
    become(2, () => Promise.reject(new Error('silent')))
    await until('2 is down', () => monitor.up().length === 1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ends).toEqual(['exchange with 2'])
  })

  it('a signer that misses a heartbeat and answers something else meanwhile is busy, and up', async () => {
    const { monitor, become, asked } = monitorOf(says(1))
    await monitor.start()
    let busy = true
    const link = monitor.watched({ id: 1, send: async () => new Uint8Array(0) })
    become(1, async () => {
      await new Promise((resolve) => void setTimeout(resolve, 5))
      if (busy) await link.send('round', new Uint8Array(0), 100)
      throw new Error('late')
    })
    const before = asked[0] as number
    await until('three heartbeats missed', () => (asked[0] as number) > before + 3)
    expect(monitor.up()).toEqual([1])
    busy = false
    await until('down', () => monitor.up().length === 0)
  })

  it('passes answers and errors of exchanges on as they are', async () => {
    const { monitor } = monitorOf(says(1))
    const link = (send: SignerLink['send']) => monitor.watched({ id: 1, send })
    expect(
      await link(async (route, frame, ms) => Uint8Array.of(route.length, frame.length, ms)).send('round', new Uint8Array(3), 9),
    ).toEqual(Uint8Array.of(5, 3, 9))
    const failed = new Error('reset')
    await expect(link(() => Promise.reject(failed)).send('round', new Uint8Array(3), 9)).rejects.toBe(failed)
  })

  it('remembers when a signer came back: from its absence, from a start that nobody saw, and not from its first answer', async () => {
    const { monitor, become } = monitorOf(() => Promise.reject(new Error('not yet')))
    const returnedAt = () => monitor.states()[0]?.returnedAt
    await monitor.start()
    become(1, says(1))
    await until('up', () => monitor.up().length === 1)
    expect(returnedAt()).toBeNull()
    const before = performance.now()
    monitor.report([1])
    await until('back', () => monitor.up().length === 1)
    const first = returnedAt() as number
    expect(first).toBeGreaterThanOrEqual(before)
    await new Promise((resolve) => void setTimeout(resolve, 30))
    expect(returnedAt()).toBe(first)
    become(1, says(1, { bootNonce: new Uint8Array(32).fill(99) }))
    await until('restarted', () => returnedAt() !== first)
    expect(returnedAt()).toBeGreaterThan(first)
  })

  it('says nothing any more once it is stopped, also about a heartbeat under way', async () => {
    const late = Promise.withResolvers<Uint8Array>()
    const { monitor, changes, become, asked } = monitorOf(says(1))
    await monitor.start()
    become(1, () => late.promise)
    const before = asked[0] as number
    await until('a beat', () => (asked[0] as number) > before)
    monitor.stop()
    const seen = changes.length
    late.resolve(STATUS.encode(statusOf(1)))
    await new Promise((resolve) => void setTimeout(resolve, 30))
    expect([changes.length, asked[0]]).toEqual([seen, before + 1])
  })
})
