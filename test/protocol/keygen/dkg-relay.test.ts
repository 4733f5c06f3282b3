import { describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import { settleViews } from '../../../src/protocol/channel/views.ts'
import { concat, u16 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { type DkgParams, dkg } from '../../../src/protocol/keygen/dkg.ts'
import {
  delay,
  drop,
  duplicate,
  equivocate,
  flip,
  inject,
  nameOf,
  OFFSETS,
  type Parcel,
  patch,
  type Rule,
  record,
  replace,
  showBoth,
  spliceFrom,
  whenOf,
} from '../../simulator/relay.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { twin } from '../../simulator/twin.ts'
import { assertDone, assertSafe, type KeygenScript, keygen, outcome, outcomes, worldOf } from './keygen-fixture.ts'

const world = worldOf(3)
const all = [1, 2, 3]
const honest = keygen()
const appended = ({ body }: Envelope): Partial<Envelope> => ({ body: concat(body, Uint8Array.of(0)) })

describe('T-04: order and delay', () => {
  it('60 random orders give every signer the same key', () => {
    for (let i = 0; i < 60; i++)
      assertDone(keygen({ seed: `order ${i}`, scheme: i % 2 === 0 ? 'ecdsa-secp256k1' : 'eddsa-ed25519' }))
  })

  it('one seed, many orders: the order does not change the key', () => {
    const keys = [1, 2, 3].map((late) => {
      const end = keygen({ rules: [{ when: { from: late }, act: delay }] }).ends.get(1)
      return end?.type === 'done' ? end.result.certificate.key : null
    })
    expect(keys[0]).not.toBe(null)
    expect(keys).toEqual([keys[0], keys[0], keys[0]])
  })
})

describe('T-07: every single fault of a relay, at every message of 2 of 3', () => {
  const other = keygen({ name: 'recorded', seed: 'recorded' })
  const earlier = keygen({ name: 'earlier' })
  const third = (p: Parcel): PartyId => all.find((id) => id !== p.from && id !== p.to) as PartyId
  const stopping: Readonly<Record<string, Rule['act']>> = {
    drop,
    'flip in the body': replace(flip(OFFSETS.body + 3)),
    'flip in the signature': replace((bytes) => flip(bytes.length - 1)(bytes)),
    cut: replace((bytes) => bytes.slice(0, -1)),
    'swap sender and receiver': replace((bytes) =>
      patch(OFFSETS.sender, concat(bytes.slice(42, 44), bytes.slice(40, 42)))(bytes),
    ),
    'say it was the third': (p) => [{ ...p, bytes: patch(OFFSETS.sender, u16(third(p)))(Uint8Array.from(p.bytes)) }],
    'to the third': (p) => [{ ...p, to: third(p) }],
    'message of another session': spliceFrom(other.sent),
    'message of a session with the same randomness': spliceFrom(earlier.sent),
  }
  const harmless: Readonly<Record<string, Rule['act']>> = {
    duplicate,
    delay,
    'damaged copy first': inject(flip(OFFSETS.body)),
    'damaged header first': inject(flip(OFFSETS.round)),
    'old message first': (p) => [...spliceFrom(other.sent)(p), { ...p, late: 1 }],
  }

  it.each(Object.entries(harmless))('%s: everybody has the key', (_, act) => {
    for (const parcel of honest.sent) assertDone(keygen({ rules: [{ when: whenOf(parcel), act }] }))
  })

  it.each(Object.entries(stopping))('%s: silence, never blame, and no key that a signer lacks', (name, act) => {
    expect(honest.sent).toHaveLength(24)
    for (const parcel of honest.sent) {
      const run = keygen({ rules: [{ when: whenOf(parcel), act }] })
      const where = `${name} at ${nameOf(parcel)}`
      assertSafe(run)
      expect(outcome(run, parcel.to), where).toBe('TIMEOUT')
      expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
      for (const [id, end] of Object.entries(outcomes(run))) expect(['TIMEOUT', 'done'], `${where}: ${id}`).toContain(end)
      // Before round 3 a lost message stops everybody; in round 3 the others have the key and this one has it as pending.
      expect(Object.values(outcomes(run)).filter((end) => end === 'done').length, where).toBe(parcel.round === 3 ? 2 : 0)
    }
  })

  it('two faults at random, 60 times', () => {
    const acts = [...Object.values(stopping), ...Object.values(harmless)]
    const rng = seededRng('pairs')
    for (let i = 0; i < 60; i++) {
      const rules = [0, 1].map(() => ({
        when: whenOf(honest.sent[pick(rng, honest.sent.length)] as Parcel),
        act: acts[pick(rng, acts.length)] as Rule['act'],
      }))
      const run = keygen({ rules, seed: `pair ${i}` })
      assertSafe(run)
      for (const end of Object.values(outcomes(run))) expect(['TIMEOUT', 'done'], run.seed).toContain(end)
    }
  })
})

describe('T-05: a signer that shows two faces', () => {
  const broadcasts = honest.sent.filter((p) => p.kind === 'broadcast' && p.from === 3 && p.to === 2)

  it.each(broadcasts.map((p) => [nameOf(p), p] as const))(
    '%s differs from what 1 got: no honest culprit, nothing half-finished',
    (_, parcel) => {
      const run = keygen({ rules: [{ when: whenOf(parcel), act: equivocate(world, appended) }] })
      assertSafe(run, [3])
      if (parcel.round < 3) for (const id of [1, 2]) expect(outcome(run, id)).not.toBe('done')
    },
  )

  it('round 1: both notice before they look at anything of round 2, and the envelopes name 3', () => {
    // Another ephemeral key: the body is well-formed for both.
    const rule: Rule = {
      when: { round: 1, from: 3, to: 2 },
      act: equivocate(world, ({ body }) => ({ body: body.with(0, (body[0] as number) ^ 4) })),
    }
    const run = keygen({ rules: [rule] })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
    const exhibits = [1, 2].flatMap((id) => {
      const end = run.ends.get(id)
      return end?.type === 'failed' ? end.exhibits : []
    })
    const context = { sessionId: run.sessionId, signers: all, roster: world.roster, curves: world.curves }
    expect(settleViews(context, exhibits)).toEqual({ equivocators: [3], falsePrev: [] })
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([])
  })

  it.each(honest.sent.filter((p) => p.from === 3 && p.to === 2).map((p) => [nameOf(p), p] as const))(
    'both versions of %s to one signer name 3',
    (_, parcel) => {
      const rules: readonly Rule[] = [
        { when: whenOf(parcel), act: showBoth(world, appended) },
        { when: { round: parcel.round, to: 2 }, act: delay },
      ]
      const run = keygen({ rules })
      expect(outcome(run, 2)).toBe('EQUIVOCATION:3')
      assertSafe(run, [3])
    },
  )

  it('D5: a false prev in round 3 stops the key and names nobody by itself; the envelopes do', () => {
    const lie = equivocate(world, () => ({ prev: new Uint8Array(32).fill(1) }))
    const relayed: Parcel[] = []
    const run = keygen({
      rules: [
        { when: { round: 3, from: 3 }, act: record(relayed, lie) },
        { when: {}, act: record(relayed) },
      ],
    })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
    assertSafe(run, [3])
    const context = { sessionId: run.sessionId, signers: all, roster: world.roster, curves: world.curves }
    expect(
      settleViews(
        context,
        relayed.map((p) => p.bytes),
      ),
    ).toEqual({ equivocators: [], falsePrev: [3] })
  })
})

describe('D-01, E16: whatever one signer says, the others end with a typed fault or a key', () => {
  type Mutation = (bytes: Uint8Array, rng: ReturnType<typeof seededRng>) => Uint8Array
  const mutations: readonly Mutation[] = [
    (b, rng) => (b.length === 0 ? b : b.with(pick(rng, b.length), pick(rng, 256))),
    (b, rng) => b.slice(0, pick(rng, b.length + 1)),
    (b, rng) => concat(b, rng(1 + pick(rng, 40))),
    (b, rng) => rng(b.length),
    (b, rng) => {
      const at = pick(rng, b.length + 1)
      return concat(b.slice(0, at), new Uint8Array(pick(rng, 5)).fill(0xff), b.slice(at))
    },
    () => new Uint8Array(0),
  ]
  const places = ['round 1 broadcast', 'round 2 broadcast', 'round 2 direct', 'round 3 broadcast'] as const

  it.each(places)('%s: 60 mutations', (place) => {
    const rng = seededRng(`fuzz ${place}`)
    const [, round, kind] = place.split(' ')
    for (let i = 0; i < 60; i++) {
      const mutate = mutations[i % mutations.length] as Mutation
      const rogue = (env: Env, params: DkgParams): KeygenScript =>
        twin(dkg(env, params), {
          send: (exchange, r) => {
            if (`${r}` !== round) return exchange
            if (kind === 'direct')
              return { ...exchange, direct: new Map([...(exchange.direct ?? [])].map(([to, b]) => [to, mutate(b, rng)])) }
            return { ...exchange, broadcast: mutate(exchange.broadcast as Uint8Array, rng) }
          },
        })
      const run = keygen({
        seed: `fuzz ${i}`,
        rogues: new Map([[3, rogue]]),
        scheme: i % 2 === 0 ? 'ecdsa-secp256k1' : 'eddsa-ed25519',
      })
      assertSafe(run, [3])
    }
  })

  it('envelopes with random bodies, validly signed, in every place of round 2', () => {
    const rng = seededRng('random bodies')
    for (let i = 0; i < 40; i++) {
      const rule: Rule = {
        when: { round: 2, from: 3, ...(i % 2 === 0 ? { kind: 'direct' as const } : {}) },
        act: equivocate(world, () => ({ body: rng(pick(rng, 300)) })),
      }
      assertSafe(keygen({ seed: `body ${i}`, rules: [rule] }), [3])
    }
  })
})

describe('what is on the wire', () => {
  it('24 parcels of 15 envelopes, each of its one length', () => {
    const lengths = new Map<string, Set<number>>()
    for (const bytes of honest.traffic) {
      const { round, receiver, body } = decodeEnvelope(bytes) as Envelope
      const name = `round ${round} ${receiver === 0xffff ? 'broadcast' : 'direct'}`
      lengths.set(name, (lengths.get(name) ?? new Set()).add(body.length))
    }
    expect([...lengths].map(([name, set]) => [name, ...set]).sort()).toEqual([
      ['round 1 broadcast', 67],
      ['round 2 broadcast', 210],
      ['round 2 direct', 85],
      ['round 3 broadcast', 139],
    ])
  })
})
