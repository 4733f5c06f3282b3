import { beforeEach, describe, expect, it } from 'vitest'
import { type Choice, type EndedSession, EngineChoice, type Wish } from '../../src/actors/engine-choice.ts'
import type { SignerState } from '../../src/actors/signer-monitor.ts'
import { pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { ManualTimers } from './manual-timers.ts'

type Pair = 'ready' | 'missing' | 'banned' | 'off'
const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n)

/** Signers and keepers as the choice sees them. */
class World {
  readonly parties: readonly PartyId[]
  readonly timers = new ManualTimers()
  readonly up: Set<PartyId>
  readonly returnedAt = new Map<PartyId, number>()
  readonly lostAt = new Map<PartyId, number>()
  readonly boots = new Map<PartyId, number>()
  readonly pairs = new Map<string, Pair>()
  readonly breakers: string[] = []
  /** Whether a generation and tickets can be had, and whether some operator has switched hm off. */
  generation = true
  off = false
  ensured = 0

  constructor(n = 3) {
    this.parties = Array.from({ length: n }, (_, i) => i + 1)
    this.up = new Set(this.parties)
    for (const pair of pairsOf(this.parties)) this.pairs.set(pair.join(), 'ready')
  }

  readonly #pair = (a: PartyId, b: PartyId): Pair => this.pairs.get([a, b].sort((x, y) => x - y).join()) as Pair

  allPairs(state: Pair): void {
    for (const name of this.pairs.keys()) this.pairs.set(name, state)
  }

  bootsOf(ids: readonly PartyId[]): readonly Uint8Array[] {
    return ids.map((id) => bytes(this.boots.get(id) ?? 0))
  }

  down(id: PartyId): void {
    this.up.delete(id)
    this.lostAt.set(id, this.timers.elapsed())
  }

  back(id: PartyId): void {
    this.up.add(id)
    this.lostAt.delete(id)
    this.returnedAt.set(id, this.timers.elapsed())
  }

  restart(id: PartyId): void {
    this.boots.set(id, (this.boots.get(id) ?? 0) + 1)
    this.back(id)
  }

  choice(ecdsaEngines: readonly ('hm' | 'dkls23')[] = ['hm', 'dkls23']): EngineChoice {
    return new EngineChoice({
      monitor: {
        up: () => [...this.up].sort((a, b) => a - b),
        down: () => this.parties.filter((id) => !this.up.has(id)),
        states: () => this.parties.map((id) => this.#state(id)),
        boots: (ids) => this.bootsOf(ids),
      },
      prss: {
        supplies: () => (this.generation && !this.off ? { kids: [], digest: bytes(1), tickets: [] } : null),
        ensure: async () => {
          this.ensured += 1
        },
        isOff: () => this.off,
      },
      pairs: {
        isReady: (a, b) => this.#pair(a, b) === 'ready',
        isAllowed: (a, b) => this.#pair(a, b) !== 'banned',
        isPossible: (a, b) => ['ready', 'missing'].includes(this.#pair(a, b)),
        idsOf: (ids) => pairsOf(ids).map(([a, b]) => bytes(16 * a + b)),
      },
      parties: this.parties,
      ecdsaEngines,
      timers: this.timers,
      onBreaker: (threshold, signers) => this.breakers.push(`${threshold}:${signers.join()}`),
    })
  }

  #state(id: PartyId): SignerState {
    const returnedAt = this.returnedAt.get(id) ?? null
    const lostAt = this.lostAt.get(id) ?? null
    return { id, up: this.up.has(id), since: 0, rttMs: 1, heardAt: 0, status: null, foreign: false, returnedAt, lostAt }
  }
}

const wish = (changes: Partial<Wish> = {}): Wish => ({
  scheme: 'ecdsa-secp256k1',
  threshold: 2,
  refusing: new Set(),
  marks: new Map(),
  hmFailures: 0,
  ...changes,
})
const told = (choice: Choice): string => {
  if (choice.type === 'session') return `${choice.with.engine} ${choice.signers.join()}`
  return choice.type === 'wait' ? 'wait' : choice.failure.type
}

let world: World
let choice: EngineChoice
beforeEach(() => {
  world = new World()
  choice = world.choice()
})
const chosen = async (changes: Partial<Wish> = {}): Promise<string> => told(await choice.choose(wish(changes)))
const some = async (times: number, changes: Partial<Wish> = {}): Promise<readonly string[]> => {
  const all: string[] = []
  for (let i = 0; i < times; i++) all.push(await chosen(changes))
  return [...new Set(all)].sort()
}
const ended = (engine: 'hm' | 'dkls23', signers: readonly PartyId[], fault: Partial<EndedSession['fault']> | null): void => {
  const started = world.timers.elapsed()
  world.timers.advance(10)
  const whole = fault === null ? null : { code: 'HM_SIG_INVALID', culprits: [], missing: [], ...fault }
  choice.ended({ engine, threshold: 2, signers, boots: world.bootsOf(signers), started, fault: whole })
}
const ALL = [1, 2, 3]
const PAIRS = ['dkls23 1,2', 'dkls23 1,3', 'dkls23 2,3']

describe('with all signers there', () => {
  it('ECDSA is signed by hm and 2t-1 signers, the others by FROST and t of them in turn', async () => {
    expect(await some(6)).toEqual(['hm 1,2,3'])
    expect(await some(6, { scheme: 'eddsa-ed25519' })).toEqual(['frost 1,2', 'frost 1,3', 'frost 2,3'])
    expect(choice.inUse('ecdsa-secp256k1', 2)).toBe('hm')
    expect(choice.hmSet(2)).toEqual(ALL)
  })

  it('a key for which hm needs more signers than there are is signed by DKLs23 alone', async () => {
    expect(choice.enginesFor('ecdsa-secp256k1', 3)).toEqual(['dkls23'])
    expect(await chosen({ threshold: 3 })).toBe('dkls23 1,2,3')
    expect(choice.hmSet(3)).toBeNull()
    world.down(2)
    expect(await chosen({ threshold: 3 })).toBe('quorum')
  })

  it('where hm cannot be supplied DKLs23 signs; without DKLs23 one waits for it', async () => {
    world.generation = false
    expect(await some(6)).toEqual(PAIRS)
    expect(world.ensured).toBeGreaterThan(0)
    choice = world.choice(['hm'])
    expect(await chosen()).toBe('wait')
  })

  it('the operator’s order decides, where both can', async () => {
    choice = world.choice(['dkls23', 'hm'])
    expect(await some(6)).toEqual(PAIRS)
    world.allPairs('missing')
    expect([await chosen(), choice.inUse('ecdsa-secp256k1', 2)]).toEqual(['hm 1,2,3', 'hm'])
  })

  it('hm that an operator has switched off is none, and without DKLs23 nothing is left', async () => {
    world.off = true
    expect(await some(6)).toEqual(PAIRS)
    choice = world.choice(['hm'])
    expect([await chosen(), choice.failureNow('ecdsa-secp256k1', 2)]).toEqual(['engine', { type: 'engine', banned: [] }])
  })
})

describe('a signer that is away', () => {
  it('costs hm: the others sign by DKLs23, and its pairs are not asked', async () => {
    world.down(2)
    expect(await some(6)).toEqual(['dkls23 1,3'])
    expect(choice.inUse('ecdsa-secp256k1', 2)).toBe('dkls23')
    expect(world.breakers).toEqual([])
  })

  it('with one more away it is a missing quorum, naming both', async () => {
    world.down(2)
    world.down(3)
    world.timers.advance(1000)
    expect(choice.failureNow('ecdsa-secp256k1', 2)).toEqual({ type: 'quorum', missing: [2, 3], banned: [] })
    expect(choice.inUse('ecdsa-secp256k1', 2)).toBeNull()
  })

  it('and has only just gone is not missed yet: a broken connection or a late heartbeat is no dead signer', async () => {
    world.down(2)
    world.down(3)
    expect([choice.failureNow('ecdsa-secp256k1', 2), choice.failureNow('eddsa-ed25519', 2)]).toEqual([null, null])
    expect(await chosen()).toBe('quorum')
    world.timers.advance(999)
    expect(choice.failureNow('ecdsa-secp256k1', 2)).toBeNull()
    world.timers.advance(1)
    expect(choice.failureNow('ecdsa-secp256k1', 2)?.type).toBe('quorum')
  })

  it('that is back takes part in hm again after three seconds without interruption', async () => {
    world.down(2)
    world.back(2)
    expect(await some(6)).toEqual(PAIRS)
    world.timers.advance(2999)
    expect(await some(6)).toEqual(PAIRS)
    world.timers.advance(1)
    expect(await some(6)).toEqual(['hm 1,2,3'])
  })

  it('that comes and goes takes no request with it', async () => {
    for (let i = 0; i < 20; i++) {
      world.down(2)
      expect(await some(3)).toEqual(['dkls23 1,3'])
      world.timers.advance(500)
      world.restart(2)
      for (let t = 0; t < 4; t++) {
        expect(await some(6)).toEqual(PAIRS)
        world.timers.advance(700)
      }
    }
    world.timers.advance(300)
    expect(await some(3)).toEqual(['hm 1,2,3'])
    expect(world.breakers).toEqual([])
  })

  it('that is back, but without what DKLs23 needs: hm at once rather than nothing', async () => {
    world.allPairs('missing')
    world.down(2)
    expect(await chosen()).toBe('wait')
    world.back(2)
    expect([await chosen(), choice.inUse('ecdsa-secp256k1', 2)]).toEqual(['hm 1,2,3', 'hm'])
  })

  it('while pairs are being set up DKLs23 uses those that are ready', async () => {
    world.down(1)
    world.pairs.set('2,3', 'missing')
    expect(await chosen()).toBe('wait')
    world.pairs.set('2,3', 'ready')
    expect(await chosen()).toBe('dkls23 2,3')
  })
})

describe('failures', () => {
  it('a request tries hm twice, then DKLs23; other requests go on with hm', async () => {
    expect(await some(3, { hmFailures: 1 })).toEqual(['hm 1,2,3'])
    expect(await some(6, { hmFailures: 2 })).toEqual(PAIRS)
    expect(await some(3)).toEqual(['hm 1,2,3'])
  })

  it('DKLs23 goes without those who refused or failed', async () => {
    expect(await some(6, { refusing: new Set([2]) })).toEqual(['dkls23 1,3'])
    expect(await some(6, { hmFailures: 2, marks: new Map([[3, 100]]) })).toEqual(['dkls23 1,2'])
  })

  it('hm 7.3 breaker: three failures within a minute open it for ten: an alarm, and DKLs23 signs', async () => {
    for (let i = 0; i < 3; i++) ended('hm', ALL, {})
    expect([world.breakers, choice.breakerLeft()]).toEqual([['2:1,2,3'], 600_000])
    expect(await some(6)).toEqual(PAIRS)
    expect(choice.inUse('ecdsa-secp256k1', 2)).toBe('dkls23')
    world.timers.advance(599_999)
    expect(await some(6)).toEqual(PAIRS)
    world.timers.advance(1)
    expect([await chosen(), choice.breakerLeft()]).toEqual(['hm 1,2,3', 0])
  })

  it('with an open breaker and no DKLs23 hm signs what it can', async () => {
    for (let i = 0; i < 3; i++) ended('hm', ALL, {})
    world.allPairs('off')
    expect(await chosen()).toBe('hm 1,2,3')
  })

  it.each([
    ['a signer that is down', (): void => world.down(2)],
    ['one that was started again', (): void => world.restart(2)],
  ])('%s opens nothing', async (_what, happens) => {
    for (let i = 0; i < 10; i++) {
      ended('hm', ALL, { code: 'TIMEOUT', missing: [2] })
      happens()
      world.timers.advance(1500)
      world.back(2)
      world.timers.advance(3000)
    }
    expect([world.breakers, choice.breakerLeft()]).toEqual([[], 0])
  })

  it('a signer that answers heartbeats and no session does', async () => {
    for (let i = 0; i < 3; i++) {
      ended('hm', ALL, { code: 'TIMEOUT', missing: [2] })
      world.down(2)
      world.back(2)
      world.timers.advance(3500)
    }
    expect(world.breakers).toEqual(['2:1,2,3'])
  })

  it.each(['OVERLOADED', 'WORKER_LOST', 'KEY_FROZEN', 'REQUEST_REPLAYED'])('%s says nothing of an engine', async (code) => {
    for (let i = 0; i < 10; i++) ended('hm', ALL, { code })
    expect(world.breakers).toEqual([])
  })

  it('sessions of hm that break together are one failure', () => {
    const boots = world.bootsOf(ALL)
    const fault = { code: 'HM_R_DEGREE', culprits: [], missing: [] }
    for (let i = 0; i < 2; i++) {
      const started = world.timers.elapsed()
      world.timers.advance(50)
      for (let k = 0; k < 4; k++) choice.ended({ engine: 'hm', threshold: 2, signers: ALL, boots, started, fault })
    }
    expect(world.breakers).toEqual([])
  })

  it('a pair that succeeds after one that failed, nobody knows why, is preferred until it fails or loses a signer', async () => {
    world.down(3)
    world.back(3)
    ended('dkls23', [1, 3], { code: 'SIG_INVALID' })
    expect(await some(6)).toEqual(PAIRS)
    ended('dkls23', [2, 3], null)
    ended('dkls23', [1, 2], null)
    expect(await some(6)).toEqual(['dkls23 2,3'])
    // A request that this pair failed goes elsewhere all the same.
    expect(
      await some(3, {
        marks: new Map([
          [2, 1],
          [3, 1],
        ]),
      }),
    ).not.toContain('dkls23 2,3')
    world.down(2)
    expect(await some(3)).toEqual(['dkls23 1,3'])
    world.back(2)
    expect(await some(6)).toEqual(['dkls23 2,3'])
    ended('dkls23', [2, 3], { code: 'TIMEOUT', missing: [3] })
    expect(await some(6)).toEqual(PAIRS)
  })

  it('failures that can be explained make no preference: all pairs in turn', async () => {
    world.generation = false
    ended('dkls23', [1, 2], { code: 'TIMEOUT', missing: [1] })
    ended('dkls23', [1, 2], { code: 'SIGN_MALFORMED', culprits: [2] })
    ended('dkls23', [1, 2], { code: 'OVERLOADED' })
    ended('dkls23', [2, 3], null)
    expect(await some(9)).toEqual(PAIRS)
  })
})

describe('bans', () => {
  it('close hm for every set that holds both, and the pair for DKLs23', async () => {
    world.pairs.set('1,2', 'banned')
    expect(await some(6)).toEqual(['dkls23 1,3', 'dkls23 2,3'])
    expect(choice.hmSet(2)).toBeNull()
    world = new World(5)
    choice = world.choice()
    world.pairs.set('1,2', 'banned')
    expect(await some(6)).toEqual(['hm 1,3,4'])
    expect(choice.hmSet(3)).toBeNull()
    for (const signers of await some(20, { threshold: 3 })) expect(signers).not.toMatch(/1,2/)
  })

  it('O-11 that leave no engine end a request at once, and say so', async () => {
    world.pairs.set('1,2', 'banned')
    world.down(3)
    world.timers.advance(1000)
    expect(choice.failureNow('ecdsa-secp256k1', 2)).toEqual({ type: 'quorum', missing: [3], banned: [[1, 2]] })
    world.back(3)
    world.allPairs('banned')
    expect(choice.failureNow('ecdsa-secp256k1', 2)).toEqual({
      type: 'engine',
      banned: [
        [1, 2],
        [1, 3],
        [2, 3],
      ],
    })
    expect([await chosen(), choice.inUse('ecdsa-secp256k1', 2)]).toEqual(['engine', null])
    expect(choice.failureNow('eddsa-ed25519', 2)).toBeNull()
  })
})
