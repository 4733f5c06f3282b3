import { beforeEach, describe, expect, it } from 'vitest'
import { emptyAnswer } from '../../src/actors/crypto-commands.ts'
import { generationDigest } from '../../src/actors/generation-ring.ts'
import { PrssKeeper } from '../../src/actors/prss-keeper.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import type { SignerState } from '../../src/actors/signer-monitor.ts'
import { TicketStock } from '../../src/actors/ticket-stock.ts'
import { concat } from '../../src/protocol/engine/bytes.ts'
import { REPLY, REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

const SIGNERS = [1, 2, 3]
const rng = seededRng('prss keeper')

/** Three signers that make a generation whenever they are asked, in one exchange. */
class Signers {
  now = 1_000_000
  made = 0
  boots = new Map(SIGNERS.map((id) => [id, rng(32)]))
  /** What each holds, and what its last heartbeat said of it. */
  held = new Map<number, readonly Uint8Array[]>()
  reported = new Map<number, { readonly kids: readonly Uint8Array[]; readonly boot: Uint8Array }>()
  answer = (_id: number, reply: Reply): Reply => reply
  failed: string[] = []
  doubted: number[] = []
  readonly stock = new TicketStock()
  #kids: readonly Uint8Array[] = []
  #asked = 0

  #link = (id: number): SignerLink => ({
    id,
    send: async (route) => {
      if (route !== 'openPrss') return REPLY.encode(emptyAnswer().reply)
      if (this.#asked++ % 3 === 0) {
        this.made += 1
        this.#kids = [rng(32), rng(32), rng(32)]
      }
      const kids = this.#kids
      await new Promise((resolve) => void setTimeout(resolve, 1))
      this.held.set(id, kids)
      const done = { ...emptyAnswer().reply, type: REPLY_TYPES.done, tickets: [rng(16)], result: concat(...kids) }
      return REPLY.encode(this.answer(id, done))
    },
  })

  heartbeat(ids: readonly number[] = SIGNERS): void {
    for (const id of ids) this.reported.set(id, { kids: this.held.get(id) ?? [], boot: this.boots.get(id) as Uint8Array })
  }

  restart(id: number): void {
    this.held.delete(id)
    this.boots.set(id, rng(32))
  }

  keeper(): PrssKeeper {
    return new PrssKeeper({
      links: new Map(SIGNERS.map((id) => [id, this.#link(id)])),
      monitor: {
        states: () => SIGNERS.map((id) => this.#state(id)),
        refresh: async (ids) => {
          this.doubted.push(...ids)
          this.heartbeat(ids)
        },
        boots: (ids) => ids.map((id) => this.reported.get(id)?.boot ?? (this.boots.get(id) as Uint8Array)),
      },
      stock: this.stock,
      rosterHash: new Uint8Array(32),
      rng,
      now: () => this.now,
      timeoutMs: 100,
      onEstablished: () => undefined,
      onFailed: (_threshold, _signers, why) => this.failed.push(why),
    })
  }

  #state(id: number): SignerState {
    const report = this.reported.get(id)
    if (report === undefined)
      return { id, up: true, since: 0, rttMs: 1, heardAt: 0, status: null, foreign: false, returnedAt: null, lostAt: null }
    const generations = report.kids.length === 0 ? [] : [{ threshold: 2, signers: SIGNERS, kids: report.kids }]
    const rest = {
      version: '',
      index: id,
      rosterHash: new Uint8Array(32),
      curve: '',
      ready: 1,
      tickets: [],
      pending: [],
      pairs: [],
    }
    return {
      id,
      up: true,
      since: 0,
      rttMs: 1,
      heardAt: 0,
      status: { ...rest, bootNonce: report.boot, generations },
      foreign: false,
      returnedAt: null,
      lostAt: null,
    }
  }

  digest(): Uint8Array {
    return generationDigest(this.#kids)
  }
}

let signers: Signers
let keeper: PrssKeeper
beforeEach(() => {
  signers = new Signers()
  keeper = signers.keeper()
})
const ensure = (): Promise<void> => keeper.ensure(2, SIGNERS)
const supplies = () => keeper.supplies(2, SIGNERS)
const giveTickets = (): void => {
  for (const id of SIGNERS) signers.stock.add(id, [rng(16), rng(16), rng(16), rng(16)])
}

describe('the PRSS keeper', () => {
  it('makes a generation once for all who ask at a time, and not again while it is fresh', async () => {
    expect(supplies()).toBeNull()
    await Promise.all([ensure(), ensure(), ensure()])
    await ensure()
    expect(signers.made).toBe(1)
    expect(supplies()?.digest).toEqual(signers.digest())
  })

  it('S-13 gives no supplies without a ticket of everybody', async () => {
    await ensure()
    expect(supplies()?.tickets).toHaveLength(3)
    expect(supplies()).toBeNull()
    giveTickets()
    signers.stock.clear(2)
    expect(supplies()).toBeNull()
    expect(signers.stock.take([1, 3])).not.toBeNull()
  })

  it('takes over what all members report, after a restart of the coordinator', async () => {
    await ensure()
    signers.heartbeat()
    keeper = signers.keeper()
    giveTickets()
    expect(supplies()?.digest).toEqual(signers.digest())
    await ensure()
    expect(signers.made).toBe(1)
  })

  it('takes over nothing that one member does not report', async () => {
    await ensure()
    signers.heartbeat([1, 2])
    keeper = signers.keeper()
    giveTickets()
    expect(supplies()).toBeNull()
    await ensure()
    expect(signers.made).toBe(2)
  })

  it('notices a restarted signer by its heartbeat, before any session fails', async () => {
    signers.heartbeat()
    await ensure()
    signers.heartbeat()
    signers.restart(3)
    expect(supplies()).not.toBeNull()
    signers.heartbeat([3])
    expect(supplies()).toBeNull()
    await ensure()
    expect(signers.made).toBe(2)
  })

  it('HM_KID: does not take the lost generation back from stale heartbeats', async () => {
    await ensure()
    signers.heartbeat()
    signers.restart(3)
    keeper.forget(2, SIGNERS, signers.digest())
    expect(supplies()).toBeNull()
    await ensure()
    expect(signers.made).toBe(2)
    giveTickets()
    expect(supplies()?.digest).toEqual(signers.digest())
  })

  it('HM_KID: late news of an old generation does not cost the new one', async () => {
    await ensure()
    const old = signers.digest()
    keeper.forget(2, SIGNERS, old)
    await ensure()
    for (let i = 0; i < 3; i++) keeper.forget(2, SIGNERS, old)
    expect(supplies()?.digest).toEqual(signers.digest())
    expect(signers.made).toBe(2)
  })

  it('HM_TICKET: a new generation voids the tickets from before, which a restarted signer would refuse one by one', async () => {
    giveTickets()
    await ensure()
    expect(supplies()).not.toBeNull()
    expect(supplies()).toBeNull()
    giveTickets()
    keeper.voidTickets([2])
    expect(supplies()).toBeNull()
  })

  it('makes a new one before the signers drop the old after a day', async () => {
    await ensure()
    signers.now += 22.9 * 3_600_000
    await ensure()
    expect(signers.made).toBe(1)
    signers.now += 0.2 * 3_600_000
    await ensure()
    expect(signers.made).toBe(2)
  })

  it('does not ask in a loop after a failure, says why, and asks again after a second', async () => {
    signers.answer = (id, reply) => (id === 2 ? { ...reply, type: REPLY_TYPES.refused, code: 'HM_POLICY' } : reply)
    for (let i = 0; i < 5; i++) await ensure()
    expect([signers.made, signers.failed, keeper.isOff(2, SIGNERS)]).toEqual([1, ['2:HM_POLICY'], true])
    signers.now += 1001
    signers.answer = (_id, reply) => reply
    await ensure()
    expect([signers.made, keeper.isOff(2, SIGNERS)]).toEqual([2, false])
    expect(supplies()).not.toBeNull()
  })

  it('asks again after a second by whatever clock: one that was ahead at the failure and is put right stops nothing', async () => {
    signers.answer = () => ({ ...emptyAnswer().reply, type: REPLY_TYPES.refused, code: 'OVERLOADED' })
    signers.now += 70_000
    await ensure()
    signers.now -= 70_000
    await ensure()
    expect(signers.failed).toHaveLength(2)
  })

  it('SETUP_STALE: asks the signer that has restarted meanwhile, and tries again at once', async () => {
    signers.heartbeat()
    signers.restart(2)
    signers.answer = (id, reply) => (id === 2 ? { ...reply, type: REPLY_TYPES.refused, code: 'SETUP_STALE' } : reply)
    await ensure()
    expect([signers.failed, signers.doubted]).toEqual([['2:SETUP_STALE'], [2]])
    signers.answer = (_id, reply) => reply
    await ensure()
    expect(supplies()).not.toBeNull()
  })

  it('SETUP_STALE of a signer that has not restarted is a failure like any other: no loop', async () => {
    signers.heartbeat()
    signers.answer = (id, reply) => (id === 2 ? { ...reply, type: REPLY_TYPES.refused, code: 'SETUP_STALE' } : reply)
    for (let i = 0; i < 5; i++) await ensure()
    expect(signers.made).toBe(1)
    signers.now += 1001
    await ensure()
    expect(signers.made).toBe(2)
  })

  it('holds nothing when the signers do not name the same keys', async () => {
    signers.answer = (id, reply) => (id === 2 ? { ...reply, result: reply.result.slice(32) } : reply)
    await ensure()
    expect([supplies(), signers.failed]).toEqual([null, ['kids differ']])
  })
})
