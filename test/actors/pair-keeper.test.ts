import { beforeEach, describe, expect, it } from 'vitest'
import { emptyAnswer } from '../../src/actors/crypto-commands.ts'
import { PairKeeper } from '../../src/actors/pair-keeper.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import type { SignerState, SignerStatus } from '../../src/actors/signer-monitor.ts'
import { OPEN_PAIR, PAIR_STATES, REPLY, REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { ManualTimers } from './manual-timers.ts'

const rng = seededRng('pair keeper')
type Report = SignerStatus['pairs'][number]
const report = (peer: number, changes: Partial<Report> = {}): Report => ({
  peer,
  state: PAIR_STATES.none,
  pairId: new Uint8Array(0),
  signatures: 0,
  code: '',
  ...changes,
})
const okay = (peer: number, pairId: Uint8Array, signatures = 0): Report =>
  report(peer, { state: PAIR_STATES.ok, pairId, signatures })

/** Signers that set a pair up in one exchange, and tell what they hold when they are asked. */
class Signers {
  readonly ids: readonly number[]
  readonly timers = new ManualTimers()
  readonly up: Set<number>
  /** By signer: what it holds, which its next heartbeat says, and what its last one said. */
  readonly held = new Map<number, readonly Report[]>()
  readonly told = new Map<number, readonly Report[]>()
  readonly asked: string[] = []
  readonly failed: string[] = []
  readonly bans: string[] = []
  made = 0
  /** Refuses with this code. */
  refuses = new Map<number, string>()
  /** Says it has finished and keeps nothing. */
  forgets = new Set<number>()
  /** What a set-up waits for. */
  gate: Promise<void> = Promise.resolve()
  /** Milliseconds that each set-up takes. */
  takes = 0
  most = 0
  #under = new Map<number, number>()

  constructor(count = 3) {
    this.ids = Array.from({ length: count }, (_, i) => i + 1)
    this.up = new Set(this.ids)
    for (const id of this.ids) {
      this.held.set(
        id,
        this.ids.filter((peer) => peer !== id).map((peer) => report(peer)),
      )
    }
    this.heartbeat(this.ids)
  }

  readonly #link = (id: number): SignerLink => ({
    id,
    send: async (route, frame) => {
      if (route !== 'openPair') return REPLY.encode(emptyAnswer().reply)
      const { setup } = OPEN_PAIR.decode(frame)
      expect([setup.protocol, setup.suite, setup.threshold]).toEqual(['pair', 'none', 2])
      expect(setup.signers).toContain(id)
      const under = (this.#under.get(id) ?? 0) + 1
      this.#under.set(id, under)
      this.most = Math.max(this.most, under)
      if (id === setup.signers[0]) this.asked.push(setup.signers.join())
      await this.gate
      if (id === setup.signers[0]) this.timers.advance(this.takes)
      this.#under.set(id, under - 1)
      const code = this.refuses.get(id)
      if (code !== undefined) return REPLY.encode({ ...emptyAnswer().reply, type: REPLY_TYPES.refused, code })
      const peer = setup.signers.find((other) => other !== id) as number
      // Random and common to both.
      if (!this.forgets.has(id)) this.set(id, okay(peer, setup.coordinatorNonce))
      return REPLY.encode({ ...emptyAnswer().reply, type: REPLY_TYPES.done, result: setup.coordinatorNonce })
    },
  })

  set(id: number, row: Report): void {
    this.held.set(
      id,
      (this.held.get(id) ?? []).map((old) => (old.peer === row.peer ? row : old)),
    )
  }

  heartbeat(ids: readonly number[] = this.ids): void {
    for (const id of ids) if (this.up.has(id)) this.told.set(id, this.held.get(id) ?? [])
  }

  keeper(): PairKeeper {
    return new PairKeeper({
      links: new Map(this.ids.map((id) => [id, this.#link(id)])),
      monitor: {
        states: () => this.ids.map((id) => this.#state(id)),
        refresh: async (ids) => this.heartbeat(ids),
        boots: (ids) => ids.map((id) => new Uint8Array(32).fill(id)),
      },
      rosterHash: new Uint8Array(32),
      rng,
      now: () => 1_000_000,
      timeoutMs: 100,
      timers: this.timers,
      onEstablished: () => {
        this.made += 1
      },
      onFailed: (pair, why) => this.failed.push(`${pair.join()} ${why}`),
      onBan: (by, peer, code) => this.bans.push(`${by}>${peer} ${code}`),
    })
  }

  #state(id: number): SignerState {
    const empty = { version: '', rosterHash: new Uint8Array(32), curve: '', ready: 1, generations: [], tickets: [], pending: [] }
    const status = { ...empty, index: id, bootNonce: new Uint8Array(32).fill(id), pairs: [...(this.told.get(id) ?? [])] }
    return { id, up: this.up.has(id), since: 0, rttMs: 1, heardAt: 0, status, foreign: false, returnedAt: null, lostAt: null }
  }
}

let signers: Signers
let keeper: PairKeeper
beforeEach(() => {
  signers = new Signers()
  keeper = signers.keeper()
})
const rest = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}
const tend = async (): Promise<void> => {
  keeper.tend()
  await rest()
}
const conditions = () => keeper.views().map(({ parties, condition }) => `${parties.join()} ${condition}`)

describe('the pair keeper', () => {
  it('sets every pair up, one at a time for each signer, and nothing again', async () => {
    expect(conditions()).toEqual(['1,2 missing', '1,3 missing', '2,3 missing'])
    expect(keeper.idsOf([1, 2])).toBeNull()
    await tend()
    expect(conditions()).toEqual(['1,2 ok', '1,3 ok', '2,3 ok'])
    expect([signers.asked, signers.most]).toEqual([['1,2', '1,3', '2,3'], 1])
    for (let i = 0; i < 5; i++) await tend()
    expect([signers.made, signers.asked.length]).toEqual([3, 3])
  })

  it('in larger sets works on pairs that share no signer at the same time', async () => {
    signers = new Signers(4)
    keeper = signers.keeper()
    keeper.tend()
    expect(conditions().filter((c) => c.includes('setting_up'))).toEqual(['1,2 setting_up', '3,4 setting_up'])
    await rest()
    expect([signers.made, signers.most]).toEqual([6, 1])
  })

  it('names the set-ups in the order of the pairs, whichever order the signers are asked in', async () => {
    await tend()
    const ids = keeper.idsOf([3, 1, 2])
    expect(ids).toEqual([keeper.idsOf([1, 2])?.[0], keeper.idsOf([1, 3])?.[0], keeper.idsOf([2, 3])?.[0]])
    expect(new Set(ids?.map((id) => Buffer.from(id).toString('hex'))).size).toBe(3)
  })

  it('leaves set-ups that both report alone, as after a restart of the coordinator', async () => {
    const id = rng(32)
    signers.set(1, okay(2, id))
    signers.set(2, okay(1, id))
    signers.heartbeat()
    expect([keeper.isReady(1, 2), keeper.isReady(1, 3)]).toEqual([true, false])
    await tend()
    expect(signers.asked).toEqual(['1,3', '2,3'])
  })

  it.each([
    ['two that report different set-ups', () => signers.set(1, okay(2, rng(32)))],
    ['one that has none any more, as after its operator’s renewal', () => signers.set(2, report(1))],
    ['one that has stopped during a check', () => signers.set(1, report(2, { state: PAIR_STATES.burnt }))],
    ['one that has signed too much', () => signers.set(1, report(2, { state: PAIR_STATES.exhausted, pairId: rng(32) }))],
  ])('makes a new one for %s', async (_what, change) => {
    await tend()
    change()
    signers.heartbeat()
    expect(keeper.isReady(1, 2)).toBe(false)
    expect(conditions()[0]).toMatch(/burnt|missing/)
    await tend()
    expect([signers.made, conditions()[0]]).toEqual([4, '1,2 ok'])
  })

  it('renews after 2^20 signatures; until it has, the old one serves', async () => {
    const id = rng(32)
    signers.set(1, okay(2, id, 2 ** 20))
    signers.set(2, okay(1, id, 2 ** 20))
    signers.heartbeat()
    let open = (): void => {}
    signers.gate = new Promise((resolve) => {
      open = resolve
    })
    keeper.tend()
    expect([keeper.idsOf([1, 2]), conditions()[0]]).toEqual([[id], '1,2 ok'])
    open()
    await rest()
    expect(keeper.isReady(1, 2)).toBe(true)
    expect(keeper.idsOf([1, 2])).not.toEqual([id])
  })

  it('O-11 tells a ban once, with its reason, and never sets that pair up', async () => {
    signers.set(1, report(2, { state: PAIR_STATES.banned, code: 'OTE_CHECK' }))
    signers.heartbeat()
    for (let i = 0; i < 5; i++) {
      await tend()
      signers.timers.advance(100_000)
    }
    expect(signers.bans).toEqual(['1>2 OTE_CHECK'])
    expect(signers.asked).toEqual(['1,3', '2,3'])
    expect(keeper.views()[0]).toEqual({ parties: [1, 2], condition: 'banned', bannedBy: [1] })
    expect([keeper.isAllowed(1, 2), keeper.isAllowed(2, 1), keeper.isPossible(1, 2), keeper.isReady(1, 2)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('a ban holds while the signer that made it is away, and ends when its operator lifts it', async () => {
    signers.set(3, report(1, { state: PAIR_STATES.banned, code: 'RVOLE_CHECK' }))
    signers.set(1, report(3, { state: PAIR_STATES.banned, code: 'OTE_CHECK' }))
    signers.heartbeat()
    signers.up.delete(3)
    await tend()
    expect(keeper.views()[1]).toEqual({ parties: [1, 3], condition: 'banned', bannedBy: [1, 3] })
    signers.up.add(3)
    signers.set(3, report(1))
    signers.set(1, report(3))
    signers.heartbeat()
    await tend()
    expect(keeper.isReady(1, 3)).toBe(true)
    signers.set(1, report(3, { state: PAIR_STATES.banned, code: 'OTE_CHECK' }))
    signers.heartbeat()
    await tend()
    expect(signers.bans).toEqual(['1>3 OTE_CHECK', '3>1 RVOLE_CHECK', '1>3 OTE_CHECK'])
  })

  it('asks nobody who is down, and nobody who does not offer the engine', async () => {
    signers.up.delete(2)
    signers.held.set(3, [])
    signers.heartbeat()
    await tend()
    expect(signers.asked).toEqual([])
    expect([keeper.isPossible(1, 2), keeper.isPossible(1, 3)]).toEqual([true, false])
    signers.up.add(2)
    signers.heartbeat()
    await tend()
    expect(signers.asked).toEqual(['1,2'])
  })

  it('after a failure goes on with other pairs, says why, and waits longer each time, up to a minute', async () => {
    signers.refuses.set(2, 'OVERLOADED')
    await tend()
    expect(signers.asked).toEqual(['1,2', '1,3', '2,3'])
    expect(signers.failed).toEqual(['1,2 2:OVERLOADED', '2,3 2:OVERLOADED'])
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const before = signers.asked.length
      let waited = 0
      while (signers.asked.length === before && waited < 100_000) {
        signers.timers.advance(500)
        waited += 500
        await tend()
      }
      waits.push(waited)
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    signers.refuses.clear()
    signers.timers.advance(60_000)
    await tend()
    expect(conditions()).toEqual(['1,2 ok', '1,3 ok', '2,3 ok'])
    signers.set(1, report(2))
    signers.heartbeat()
    await tend()
    expect(conditions()[0]).toBe('1,2 ok')
  })

  it('T-17 a signer whose set-ups take long and come to nothing does not keep the others from theirs', async () => {
    signers.refuses.set(1, 'OVERLOADED')
    signers.takes = 40_000
    await tend()
    expect(signers.asked.slice(0, 3)).toEqual(['1,2', '1,3', '2,3'])
    expect(conditions()[2]).toBe('2,3 ok')
  })

  it('a signer that says it has finished and keeps nothing is not asked in a loop', async () => {
    signers.forgets.add(1)
    for (let i = 0; i < 5; i++) await tend()
    expect(signers.asked.filter((pair) => pair === '1,2')).toHaveLength(1)
    expect(signers.failed).toContain('1,2 the two report different set-ups')
  })
})
