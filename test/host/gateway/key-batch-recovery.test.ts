import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { PeerError } from '../../../src/transport/peer.ts'
import { sleep, until } from '../set/until.ts'
import { batchesOf, keyOf, positions, some, upTo } from './batches.ts'
import { gateway } from './harness.ts'

const g = gateway()
const { asked, begin, done, existing, read, through } = batchesOf(g)
const HOUR = 60 * 60 * 1000

describe('a batch that is cut off', () => {
  it('again and again goes on by itself after each restart, and makes no key twice', async () => {
    const { request: send } = g.peer
    // Every answer is lost on its way back, every third request before anything was done.
    through((_, call) => async (request) => {
      if (call % 3 !== 2) await send(request)
      throw new PeerError('unreachable', 'coordinator', 'ECONNRESET')
    })
    const { id } = await begin({ items: some(9), request_id: 'req_cut' })
    for (let restarts = 0; restarts < 4; restarts++) {
      const before = g.set.received.length
      await until('asked', () => g.set.received.length > before)
      g.restart()
      expect(await read(id)).toMatchObject({ state: 'running', made: 0, failed: 0 })
    }
    g.peer = { request: send }
    g.restart()
    expect(await done(id)).toMatchObject({ state: 'done', made: 9, failed: 0 })
    expect(existing()).toHaveLength(9)
  })

  it.each([1, 4, 7])('by the end of the process when %i keys are made: the rest is made, and none again', async (kept) => {
    // Four at a time.
    const begun = Math.min(9, kept + 4)
    let passed = 0
    const { request: send } = g.peer
    g.peer = {
      request: async (asked) => {
        const answer = await send(asked)
        // The coordinator has made this key, and nobody here hears of it.
        if (passed++ >= kept) return await new Promise<never>(() => {})
        return answer
      },
    }
    const { id } = await begin({ items: some(9), request_id: 'req_cut' })
    await until('stuck', async () => g.set.received.length === begun && (await read(id)).made === kept)
    expect(existing()).toHaveLength(begun)
    g.peer = { request: send }
    g.restart()
    const batch = await done(id)
    expect(batch).toMatchObject({ state: 'done', made: 9, failed: 0 })
    expect(positions(batch)).toEqual(upTo(9))
    expect(existing().sort()).toEqual(batch.items.map((item) => keyOf(item).id).sort())
    expect(asked()).toEqual(upTo(9).map((i) => `req_cut/${i}`))
    // And once it is done it is done, also after another restart.
    g.restart()
    expect(await done(id)).toEqual(batch)
    expect(await begin({ items: some(9), request_id: 'req_cut' })).toMatchObject({ id, made: 9 })
    expect(existing()).toHaveLength(9)
  })

  it('by signers that are away rests, and goes on when they are back', async () => {
    let away = true
    let tried = 0
    g.set.bend.refuse = () => {
      tried += 1
      return away ? new ApiProblem('quorum_unavailable', 'away', { outcome: 'none' }) : undefined
    }
    const { id } = await begin({ items: some(12) })
    await sleep(300)
    // Those that were under way, then one for all of them.
    expect(tried).toBeLessThan(6)
    away = false
    expect(await done(id)).toMatchObject({ made: 12, failed: 0 })
    expect(asked()).toHaveLength(12)
  })

  it('until its documents have expired has new ones made, for those without a key only', async () => {
    const expired = new Set<string>()
    g.set.bend.refuse = ({ reference = '' }) => {
      // The second key exists already: a set finds it whatever the time.
      if (!/^req_late\/[02]$/.test(reference)) return undefined
      expired.add(reference)
      return new ApiProblem('request_expired', 'too late', { outcome: 'none' })
    }
    const batch = await begin({ items: some(3), request_id: 'req_late', wait_ms: 20_000 })
    expect(batch).toMatchObject({ state: 'done', made: 3 })
    expect(asked()).toEqual(['req_late/0', 'req_late/0/1', 'req_late/1', 'req_late/2', 'req_late/2/1'])
    expect(existing()).toHaveLength(3)
  })

  it('by an unknown outcome asks for the same again, never for another', async () => {
    let lost = 0
    g.set.bend.refuse = ({ reference }) => {
      if (reference !== 'req_lost/1' || lost++ > 0) return undefined
      return new ApiProblem('protocol_abort', 'aborted')
    }
    const batch = await begin({ items: some(3), request_id: 'req_lost', wait_ms: 20_000 })
    expect(batch).toMatchObject({ state: 'done', made: 3 })
    expect(asked()).toEqual(upTo(3).map((i) => `req_lost/${i}`))
    const sent = g.set.received.filter((bytes) => parseDocument(bytes).reference === 'req_lost/1')
    expect(sent).toHaveLength(2)
    expect(sent[0]).toEqual(sent[1])
  })

  it('for longer than an hour asks once more for what it had begun, and fails the rest', async () => {
    const { request: send } = g.peer
    let calls = 0
    g.peer = { request: (asked) => (calls++ < 2 ? send(asked) : new Promise(() => {})) }
    const { id } = await begin({ items: some(8) })
    await until('two made', async () => g.set.received.length === 2 && (await read(id)).made === 2)
    await until('four begun', () => calls === 6)
    g.ahead = HOUR + 1000
    g.peer = { request: send }
    g.restart()
    const batch = await done(id)
    expect(batch).toMatchObject({ state: 'done', made: 6, failed: 2 })
    const failed = batch.items.filter((item) => 'problem' in item)
    for (const item of failed) expect(item).toMatchObject({ status: 410, problem: { code: 'request_expired', outcome: 'none' } })
    expect(failed.map(({ position }) => position)).toEqual([6, 7])
    expect(asked()).toHaveLength(6)
  })
})
