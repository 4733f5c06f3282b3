import { beforeEach, describe, expect, it } from 'vitest'
import { EngineChoice } from '../../src/actors/engine-choice.ts'
import type { SignerState } from '../../src/actors/signer-monitor.ts'
import { type Signed, SigningFailed } from '../../src/actors/signing-job.ts'
import { type SessionReport, SigningScheduler } from '../../src/actors/signing-scheduler.ts'
import { makeRoster } from '../../src/protocol/channel/roster.ts'
import { nobleCurves as curves } from '../../src/protocol/curve/noble-curves.ts'
import { pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Scheme } from '../../src/protocol/request/document.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { changed, FakeSigners, failing, someItem } from './fake-signers.ts'

const rng = seededRng('scheduler')
const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const roster = makeRoster(
  1,
  [1, 2, 3].map((id) => ({
    id,
    signKey: curves.ed25519PublicKey(bytes(id)),
    exchangeKey: curves.x25519PublicKey(bytes(id)),
    tlsFingerprint: bytes(id),
  })),
)

/** A scheduler with its choice of engines, over signers that only pretend. */
class Set3 {
  readonly signers = new FakeSigners([1, 2, 3])
  readonly reports: SessionReport[] = []
  readonly up = new Set<PartyId>([1, 2, 3])
  readonly banned = new Set<string>()
  readonly refreshed: PartyId[] = []
  /** What a heartbeat that is asked for brings to light. */
  onRefresh = (): void => {}
  ready = true
  readonly scheduler: SigningScheduler

  constructor(maxInFlight = 2) {
    const { links, assemble } = this.signers
    const parties = [1, 2, 3]
    const isAllowed = (a: PartyId, b: PartyId) => !this.banned.has([a, b].sort((x, y) => x - y).join())
    const monitor = {
      up: () => [...this.up].sort((a, b) => a - b),
      down: () => parties.filter((id) => !this.up.has(id)),
      states: () => parties.map((id) => this.#state(id)),
      boots: (ids: readonly PartyId[]) => ids.map(bytes),
      report: (ids: readonly PartyId[]) => {
        for (const id of ids) this.up.delete(id)
      },
      refresh: async (ids: readonly PartyId[]) => {
        this.refreshed.push(...ids)
        this.onRefresh()
      },
    }
    const prss = {
      supplies: () => ({ kids: [], digest: bytes(7), tickets: [rng(16), rng(16), rng(16)] }),
      ensure: async () => undefined,
      isOff: () => false,
      restock: () => {},
      forget: () => {},
      voidTickets: () => {},
    }
    const pairs = {
      isReady: (a: PartyId, b: PartyId) => this.ready && isAllowed(a, b),
      isAllowed,
      isPossible: isAllowed,
      idsOf: (ids: readonly PartyId[]) => pairsOf(ids).map(([a, b]) => bytes(16 * a + b)),
    }
    this.scheduler = new SigningScheduler({
      links,
      monitor,
      prss,
      engines: new EngineChoice({ monitor, prss, pairs, parties, ecdsaEngines: ['hm', 'dkls23'], onBreaker: () => {} }),
      parties,
      roster,
      curves,
      rng,
      now: Date.now,
      exchangeTimeoutMs: 500,
      capacity: 1000,
      maxBatch: 256,
      maxInFlight,
      assemble,
      onSession: (report) => this.reports.push(report),
      onBug: (error) => {
        throw error
      },
    })
  }

  #state(id: PartyId): SignerState {
    return {
      id,
      up: this.up.has(id),
      since: 0,
      rttMs: 1,
      heardAt: 0,
      status: null,
      foreign: false,
      returnedAt: null,
      lostAt: null,
    }
  }

  async sign(count = 1, scheme: Scheme = 'ecdsa-secp256k1', lifeMs = 5000): Promise<readonly Signed[]> {
    const deadline = Date.now() + lifeMs
    return await Promise.all(Array.from({ length: count }, () => this.scheduler.sign(someItem(), scheme, 2, deadline)))
  }

  async problem(): Promise<SigningFailed> {
    const end = await this.sign().catch((error: unknown) => error)
    if (end instanceof SigningFailed) return end
    throw new Error('it was signed')
  }

  get sessions(): readonly string[] {
    return this.reports.map(
      ({ engine, signers, end }) => `${engine} ${signers.join()} ${end.type === 'done' ? 'done' : end.code}`,
    )
  }
}

let set: Set3
beforeEach(() => {
  set = new Set3()
})

describe('an hm session that fails', () => {
  it('is tried once more, and then by DKLs23', async () => {
    set.signers.answer = (seen, reply) =>
      seen.protocol === 'hm' && seen.round === 1 && seen.to === 3 ? changed(reply(), failing('HM_R_DEGREE')) : reply()
    const [signed] = await set.sign()
    expect(set.sessions.slice(0, 2)).toEqual(['hm 1,2,3 HM_R_DEGREE', 'hm 1,2,3 HM_R_DEGREE'])
    expect(set.sessions[2]).toMatch(/^dkls23 .* done$/)
    expect([signed?.engine, signed?.signers]).toEqual(['dkls23', set.reports[2]?.signers])
  })

  it('because a signer has gone moves on to the others at once, with every request that it held', async () => {
    set.signers.answer = (seen, reply) => {
      if (seen.to !== 2) return reply()
      throw new Error('connection reset')
    }
    const started = performance.now()
    const signed = await set.sign(20)
    expect(new Set(signed.map((s) => `${s.engine} ${s.signers.join()}`))).toEqual(new Set(['dkls23 1,3']))
    expect(performance.now() - started).toBeLessThan(400)
    expect(set.reports.filter((r) => r.engine === 'hm').length).toBeLessThanOrEqual(2)
  })

  it('five times in a row, with every pair that holds the saboteur, ends with the pair that does not', async () => {
    set.signers.answer = (seen, reply) => (seen.to === 1 && seen.round === 1 ? changed(reply(), failing('STOPPED')) : reply())
    const dkls = (from: number) => set.sessions.slice(from).filter((text) => text.startsWith('dkls23'))
    for (let i = 0; i < 3; i++) {
      const before = set.reports.length
      const [signed] = await set.sign()
      expect(signed?.signers).toEqual([2, 3])
      expect(set.reports.length - before).toBeLessThanOrEqual(5)
    }
    // Once another pair has failed, this one is preferred.
    expect(dkls(0).filter((text) => text.endsWith('STOPPED')).length).toBeGreaterThan(0)
    const before = set.reports.length
    for (let i = 0; i < 5; i++) await set.sign()
    expect(new Set(dkls(before))).toEqual(new Set(['dkls23 2,3 done']))
  })
})

describe('DKLs23', () => {
  beforeEach(() => {
    set.up.delete(3)
  })

  it('takes 16 items at a time', async () => {
    set = new Set3(1)
    set.up.delete(3)
    const signed = await set.sign(200)
    expect(signed).toHaveLength(200)
    const sizes = set.reports.map((r) => r.items.length)
    expect(Math.max(...sizes)).toBe(16)
    expect(sizes.reduce((a, b) => a + b)).toBe(200)
    expect(sizes.length).toBe(13)
  })

  it('takes over a larger batch that hm left, in parts, one after the other', async () => {
    set = new Set3(1)
    let under = 0
    let most = 0
    set.signers.answer = async (seen, reply) => {
      if (seen.protocol === 'hm' && seen.to === 3) throw new Error('connection reset')
      if (seen.protocol !== 'dkls23' || seen.to !== 1) return reply()
      if (seen.round === 0) under += 1
      most = Math.max(most, under)
      if (seen.round === 2) under -= 1
      return reply()
    }
    const signed = await set.sign(100)
    expect(signed.map((s) => s.engine)).toEqual(signed.map(() => 'dkls23'))
    const [first, ...rest] = set.reports.map((r) => r.items.length)
    expect([first, Math.max(...rest), most]).toEqual([100, 16, 1])
  })

  it('waits for set-ups that are under way', async () => {
    set.ready = false
    setTimeout(() => {
      set.ready = true
    }, 120)
    const [signed] = await set.sign()
    expect([signed?.engine, set.sessions]).toEqual(['dkls23', ['dkls23 1,2 done']])
  })

  it('says that the signers are not ready, when they are not for seconds', async () => {
    set.ready = false
    const { failure, released } = await set.problem()
    expect([failure.type, released, set.sessions]).toEqual(['setting_up', false, []])
  })

  it('O-11 a ban ends with another pair, or with a failure that says so; the same pair is not tried again', async () => {
    set.up.add(3)
    const ban = (seen: { readonly to: PartyId; readonly round: number; readonly protocol: string }): boolean =>
      seen.protocol === 'hm' || (seen.to === 1 && seen.round === 2)
    set.signers.answer = (seen, reply) => (ban(seen) ? changed(reply(), failing('ABORT')) : reply())
    set.onRefresh = () => {
      for (const { engine, signers, end } of set.reports) {
        if (engine === 'dkls23' && end.type === 'failed') set.banned.add(signers.join())
      }
    }
    const [signed] = await set.sign()
    expect([signed?.engine, signed?.signers]).toEqual(['dkls23', [2, 3]])
    const tried = set.reports.filter((r) => r.engine === 'dkls23').map((r) => r.signers.join())
    expect(new Set(tried).size).toBe(tried.length)
    expect(set.refreshed).toContain(1)

    set.up.delete(3)
    set.banned.add('1,2')
    const before = set.reports.length
    const { failure } = await set.problem()
    expect(failure).toEqual({ type: 'quorum', missing: [3], banned: [[1, 2]] })
    for (const pair of ['1,3', '2,3']) set.banned.add(pair)
    expect((await set.problem()).failure).toEqual({
      type: 'engine',
      banned: [
        [1, 2],
        [1, 3],
        [2, 3],
      ],
    })
    expect(set.reports.length).toBe(before)
  })

  it('a share that may have left is said, also when the next session fails early', async () => {
    set.signers.answer = (seen, reply) => {
      if (seen.to === 1 && seen.round === 2) throw new Error('connection reset')
      return reply()
    }
    const { failure, released } = await set.problem()
    expect([failure, released]).toEqual([{ type: 'quorum', missing: [1, 3], banned: [] }, true])
  })
})
