import { describe, expect, it } from 'vitest'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { setConstants } from '../../../src/protocol/hm/constants.ts'
import { type HmParams, sign } from '../../../src/protocol/hm/sign.ts'
import type { Generation, SharedKey } from '../../../src/protocol/prss/generation.ts'
import { accepted, bytes32, type DealtKey, itemOf } from '../signing/dealt-key.ts'
import { assembleRun, hmSetup, makeHmCase, openingsOf, runHm, signerItems, ticketsOf } from './hm-run.ts'
import { expectBatch } from './verify-signature.ts'

const c = makeHmCase({ digests: [bytes32('a'), bytes32('b')], seed: 'parameters' })
const key = c.keys[0] as DealtKey
const real = c.generations.get(1) as Generation

/** PRSS keys that must not be read: a getter counts the PRF calls. */
function countedGeneration(): { readonly generation: Generation; readonly reads: () => number } {
  let count = 0
  const watch = (k: SharedKey): SharedKey => ({
    ...k,
    get prf() {
      count++
      return k.prf
    },
  })
  const pairs = new Map([...real.pairs].map(([peer, k]) => [peer, watch(k)]))
  return { generation: { ...real, pairs, subsets: [...pairs.values()] }, reads: () => count }
}

const baseEnv: Env = {
  self: 1,
  parties: [1, 2, 3],
  threshold: 2,
  sessionId: bytes32('session'),
  roster: c.world.roster,
  rng: () => {
    throw new Error('H2 draws no randomness')
  },
  curves: c.world.curves,
  transcript: () => new Uint8Array(32),
  evidence: () => {
    throw new Error('no directs')
  },
}
const { generation, reads } = countedGeneration()
const baseParams: HmParams = { suite: 1, generation, tickets: ticketsOf(c, 'x'), items: signerItems(c, 1) }

const start = (env: Partial<Env>, params: Partial<HmParams>): unknown =>
  sign({ ...baseEnv, ...env }, { ...baseParams, ...params }).next()

describe('hm 7.1 S, hm 7.1 ticket, hm 7.1 instances: HM_PARAM, before any PRF call', () => {
  const ticket = bytes32('t').slice(0, 16)
  const item = (input: Uint8Array) => accepted(key, 1, { ...itemOf(key, bytes32('x'), 'x'), input })
  const zero = new Uint8Array(32)
  const order = Buffer.from(c.world.curves.secp256k1.order.toString(16), 'hex')
  const cases: readonly [string, Partial<Env>, Partial<HmParams>][] = [
    ["S of size 2t'", { parties: [1, 2] }, { tickets: [ticket, ticket], generation: { ...generation, signers: [1, 2] } }],
    [
      "S of size 2t'+2",
      { parties: [1, 2, 3, 4] },
      { tickets: Array(4).fill(ticket), generation: { ...generation, signers: [1, 2, 3, 4] } },
    ],
    ['a duplicate id', { parties: [1, 2, 2] }, { generation: { ...generation, signers: [1, 2, 2] } }],
    ['unsorted ids', { parties: [2, 1, 3] }, { generation: { ...generation, signers: [2, 1, 3] } }],
    ['id 0', { parties: [0, 1, 2] }, { generation: { ...generation, signers: [0, 1, 2] } }],
    ['another set than the generation', { parties: [1, 2, 4] }, {}],
    ['not in the list', { self: 4 }, {}],
    [
      "t' of 0: one signer",
      { parties: [1], threshold: 1 },
      { tickets: [ticket], generation: { ...generation, signers: [1], threshold: 1 } },
    ],
    ["t' other than the generation's", { threshold: 3, parties: [1, 2, 3, 4, 5] }, { tickets: Array(5).fill(ticket) }],
    ['generation of another threshold', {}, { generation: { ...generation, threshold: 3 } }],
    ['suite: none', {}, { suite: 0 }],
    ['suite: a FROST key', {}, { suite: 3 }],
    ['suite: Ed25519', {}, { suite: 4 }],
    ['suite: a number that nothing has', {}, { suite: 5 }],
    ['a ticket missing', {}, { tickets: [ticket, ticket] }],
    ['a ticket too many', {}, { tickets: [ticket, ticket, ticket, ticket] }],
    ['a short ticket', {}, { tickets: [ticket, ticket, ticket.slice(1)] }],
    ['B = 0', {}, { items: [] }],
    ['B = 257', {}, { items: Array(257).fill(signerItems(c, 1)[0]) }],
    ['a digest of 31 bytes', {}, { items: [item(new Uint8Array(31).fill(1))] }],
    ['a digest of 33 bytes', {}, { items: [item(new Uint8Array(33).fill(1))] }],
    ['a digest that is not the one of the instance', {}, { items: [item(bytes32('other'))] }],
    ['a zero digest', {}, { items: [accepted(key, 1, itemOf(key, zero, 'zero'))] }],
    ['a digest of q', {}, { items: [accepted(key, 1, itemOf(key, order, 'q'))] }],
  ]
  for (const [name, env, params] of cases) {
    it(name, () => {
      let caught: unknown
      try {
        start(env, params)
      } catch (error) {
        caught = error
      }
      expect(caught).toBeInstanceOf(SetupError)
      expect((caught as SetupError).code).toBe('HM_PARAM')
      expect(reads()).toBe(0)
    })
  }

  it('the same call with nothing wrong starts, and reads the keys (so the counter counts)', () => {
    expect(start({}, {})).toMatchObject({ done: false })
    expect(reads()).toBeGreaterThan(0)
  })
})

describe('hm 7.1 instances: sessions that differ never meet', () => {
  const code = (run: ReturnType<typeof runHm>) =>
    Object.fromEntries([...run.ends].map(([id, end]) => [id, end.type === 'failed' ? end.fault.code : 'done']))

  it('one digest differing between two signers, in spite of one session id: HM_R_DEGREE, no round 2, nobody named', () => {
    const other = itemOf(key, bytes32('another digest'), 'parameters/0')
    const items = (id: number) => [accepted(key, id, other), ...signerItems(c, id).slice(1)]
    const run = runHm(c, { params: (id) => (id === 2 ? { items: items(id) } : {}) })
    expect(code(run)).toEqual({ 1: 'HM_R_DEGREE', 2: 'HM_R_DEGREE', 3: 'HM_R_DEGREE' })
    expect([...run.ends.values()].flatMap((e) => (e.type === 'failed' ? e.fault.culprits : []))).toEqual([])
    expect(run.assembler.size).toBe(0)
    expect([...run.commits.values()].flat()).toEqual([])
  })

  it('swapped order of the instances, another ticket, another generation: the same', () => {
    const swapped = runHm(c, { params: (id) => (id === 3 ? { items: signerItems(c, id).toReversed() } : {}) })
    const tickets = runHm(c, { params: (id) => (id === 3 ? { tickets: ticketsOf(c, 'other') } : {}) })
    const kids = runHm(c, {
      params: (id) => (id === 3 ? { generation: { ...(c.generations.get(3) as Generation), kids: [] } } : {}),
    })
    for (const run of [swapped, tickets, kids]) {
      expect(code(run)).toEqual({ 1: 'HM_R_DEGREE', 2: 'HM_R_DEGREE', 3: 'HM_R_DEGREE' })
      expect(run.assembler.size).toBe(0)
    }
  })

  it('another session with the same signers and batch afterwards works', () => {
    const outcomes = assembleRun(c, runHm(c, { name: 'later' }), 'later')
    expectBatch(c.items, outcomes)
  })

  it('hm 7.1 replay: one session byte for byte, tickets and session ids unchecked: identical bytes, never a second R for the ctx', () => {
    const first = runHm(c, { seed: 'first schedule' })
    const again = runHm(c, { seed: 'second schedule' })
    expect(openingsOf(again)).toEqual(openingsOf(first))
    const order = (run: typeof first) => [...run.traffic].map((b) => Buffer.from(b).toString('hex')).sort()
    expect(order(again)).toEqual(order(first))
  })

  it('hm 7.1 ticket: a fresh one alone gives unrelated points', () => {
    const first = openingsOf(runHm(c))
    const second = openingsOf(runHm(c, { params: () => ({ tickets: ticketsOf(c, 'fresh') }) }))
    for (const id of c.signers) expect(second.get(id)).not.toEqual(first.get(id))
  })

  it('hm 7.2 absent P2: a setup in which it never takes part: P1 and P3 wait, nobody is named, no round 2 exists', () => {
    const run = runHm(c, { rules: [{ when: { from: 2 }, act: () => [] }] })
    expect(code(run)).toMatchObject({ 1: 'TIMEOUT', 3: 'TIMEOUT' })
    expect([run.missing.get(1), run.missing.get(3)]).toEqual([[2], [2]])
    expect(run.sent.filter((p) => p.round === 2 && p.from !== 2)).toEqual([])
  })

  it('T-09: the session id covers the batch', () => {
    const longer = makeHmCase({ digests: [bytes32('a'), bytes32('b'), bytes32('c')], seed: 'parameters' })
    expect(hmSetup(longer).purpose).not.toEqual(hmSetup(c).purpose)
  })
})

describe('t, S and constants', () => {
  it('setConstants takes odd sets of three or more only', () => {
    const group = c.world.curves.secp256k1
    for (const ids of [[], [1], [1, 2], [1, 2, 3, 4]]) expect(() => setConstants(group, ids)).toThrow(RangeError)
  })
})
