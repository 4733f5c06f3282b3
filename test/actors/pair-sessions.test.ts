import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/actors/crypto-commands.ts'
import type { PairRecord } from '../../src/actors/pair-secrets.ts'
import { PAIR_SECRET } from '../../src/protocol/dkls23/pair-record.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { OPEN_PAIR, OPEN_SIGNING, PAIR_STATES, REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { BANNED, type Lie, STRUCK, telling } from '../attack/lies.ts'
import type { RogueSigner } from '../attack/rogue-signer.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { type ActorSet, type ActorSetOptions, actorSet, type StoredKey } from './actor-set.ts'

const rng = seededRng('pair sessions')
const PAIRS: readonly (readonly [number, number])[] = [
  [1, 2],
  [1, 3],
  [2, 3],
]
const said = ({ reply }: Answer): string => {
  const type = Object.entries(REPLY_TYPES).find(([, n]) => n === reply.type)?.[0] ?? ''
  return reply.code === '' ? type : `${type} ${reply.code}`
}

/** Three signers, all paired, with an ECDSA key. */
function scene(seed: string, options: Partial<ActorSetOptions> = {}): { readonly set: ActorSet; readonly key: StoredKey } {
  const set = actorSet({ seed, ...options })
  const key = set.storeKey('ecdsa-secp256k1', 'key')
  return { set, key }
}

/** A session up to the messages of round 1. */
function opened(set: ActorSet, key: StoredKey, signers: readonly number[], count = 1) {
  const setup = set.setupOf({ protocol: 'dkls23', suite: 'ecdsa-secp256k1', signers, deadline: set.now() + 20_000 })
  const items = Array.from({ length: count }, () => set.itemOf(key, set.signRequest(key)))
  const openings = signers.map((id) => set.openSigning(id, setup, items, [key]))
  return { setup, items, openings, mail: openings.flatMap((a) => a.reply.envelopes), id: set.signingId(setup, items) }
}

/** Both rounds. @returns the answers of the last that was reached, by signer. */
function played(set: ActorSet, s: ReturnType<typeof opened>): readonly Answer[] {
  let answers = s.openings
  for (let round = 1; round <= 2; round++) {
    const mail = answers.flatMap((a) => a.reply.envelopes)
    answers = s.setup.signers.map((id) => set.round(id, s.id, round, mail))
  }
  return answers
}
const secretOf = (set: ActorSet, id: number, peer: number) =>
  PAIR_SECRET.decode(set.recordsOf(id).get(peer)?.sealed as Uint8Array)

describe('a set-up of two signers', () => {
  it('gives both the same name and what fits together; it is to be stored with the answer that says done', () => {
    const { set } = scene('set-up')
    const { frame, id } = set.pairFrame(1, 2)
    const ended = set.relayAll(
      [1, 2],
      id,
      [1, 2].map((signer) => set.ask(signer, 'openPair', { frame })),
    )
    for (const [i, { reply, setup }] of ended.entries()) {
      expect([reply.type, setup?.peer]).toEqual([REPLY_TYPES.done, 2 - i])
      expect(setup?.pairId).toEqual(reply.result)
    }
    const [a, b] = ended.map(({ setup }) => PAIR_SECRET.decode(setup?.sealed as Uint8Array))
    expect(a?.pairId).toEqual(b?.pairId)
    expect(a?.sender.psid).toEqual(b?.receiver.psid)
    expect(a?.zseed).toEqual(b?.zseed)
    // 0: nothing of it stays in the worker until a session needs it.
    expect(set.actorOf(1).load).toMatchObject({ open: 0, pairs: 0 })
  })

  it('is refused by name where the operator does not want the engine, and so is a session that signs', () => {
    const { set, key } = scene('policy', { withoutDkls23: [2] })
    expect(said(set.ask(2, 'openPair', { frame: set.pairFrame(1, 2).frame }))).toBe('refused DKLS_POLICY')
    expect(opened(set, key, [1, 2]).openings.map(said)).toEqual(['refused PAIR_UNKNOWN', 'refused DKLS_POLICY'])
  })

  it('has exactly two signers, no suite and a deadline; other bytes are no set-up', () => {
    const { set } = scene('wrong set-ups')
    const good = { protocol: 'pair' as const, suite: 'none' as const, signers: [1, 2], deadline: set.now() + 20_000 }
    const asked = (changes: object): string =>
      said(set.ask(1, 'openPair', { frame: OPEN_PAIR.encode({ setup: set.setupOf({ ...good, ...changes }) }) }))
    expect(asked({ signers: [1, 2, 3] })).toBe('refused DKLS_PARAM')
    expect(asked({ protocol: 'prss' })).toBe('refused SETUP_REFUSED')
    expect(asked({ suite: 'ecdsa-secp256k1' })).toBe('refused SETUP_REFUSED')
    expect(asked({ signers: [2, 3] })).toBe('refused SETUP_REFUSED')
    expect(asked({ deadline: set.now() + 300_000 })).toBe('refused SETUP_REFUSED')
    expect(said(set.ask(1, 'openPair', { frame: rng(40) }))).toBe('refused MALFORMED')
    expect(asked({})).toBe('sent')
  })
})

describe('a session that signs with set-ups', () => {
  it('announces what is to be marked, and hands the claims over with the answer', () => {
    const { set, key } = scene('signs')
    for (const pair of PAIRS) {
      set.dealPair(...pair)
      const s = opened(set, key, pair, 3)
      for (const [i, opening] of s.openings.entries()) {
        const peer = pair[1 - i] as number
        const pairId = set.recordsOf(pair[i] as number).get(peer)?.pairId
        expect(opening.checked).toEqual({ sessionId: s.id, items: 3, peers: [{ peer, pairId }] })
      }
      const answers = played(set, s)
      expect(answers.map(said)).toEqual(['done', 'done'])
      expect(answers.map((a) => a.claims.length)).toEqual([3, 3])
      const { code, outcomes } = set.assemble(s.setup, s.items, [key, key, key], s.openings, answers)
      expect([code, outcomes.map((o) => o.type)]).toEqual(['', [0, 0, 0]])
    }
  })

  it('14.4 crash: looks at no message before it is marked, whatever round it is in', () => {
    const { set, key } = scene('unmarked')
    set.dealPair(1, 2)
    const s = opened(set, key, [1, 2])
    const unmarked = (round: number, mail: readonly Uint8Array[]): string => said(set.unmarkedRound(1, s.id, round, mail))
    expect(unmarked(1, s.mail)).toBe('failed STOPPED')
    const second = s.setup.signers.map((id) => set.round(id, s.id, 1, s.mail))
    expect(second.map(said)).toEqual(['sent', 'sent'])
    // A frame that comes again is answered from what was said.
    expect(unmarked(1, s.mail)).toBe('sent')
    expect(
      unmarked(
        2,
        second.flatMap((a) => a.reply.envelopes),
      ),
    ).toBe('failed STOPPED')
    expect(played(set, s).map(said)).toEqual(['done', 'done'])
  })

  it('O-12 compares the set-ups that are named with its own before it opens any: another name is no session and no ban', () => {
    const { set, key } = scene('names')
    set.dealPair(1, 2)
    const old = set.recordsOf(1).get(2)
    set.dealPair(1, 2)
    // Signer 1 is shown the set-up before the one that signer 2 is shown.
    const s = opened(set, key, [1, 2])
    expect(s.openings.map(said)).toEqual(['sent', 'sent'])
    const { setup, items } = s
    const asked = (pairs: readonly Uint8Array[], records = [...set.recordsOf(1).values()]): string => {
      const again = { ...setup, coordinatorNonce: rng(32) }
      const frame = OPEN_SIGNING.encode({ setup: again, generation: new Uint8Array(0), tickets: [], pairs, items })
      return said(set.ask(1, 'openSigning', { frame, known: [null], keys: [], pairs: records }))
    }
    const name = set.recordsOf(1).get(2)?.pairId as Uint8Array
    expect(asked([old?.pairId as Uint8Array])).toBe('refused PAIR_UNKNOWN')
    expect(asked([])).toBe('refused DKLS_PARAM')
    expect(asked([name, name])).toBe('refused DKLS_PARAM')
    expect(asked([name], [])).toBe('refused PAIR_UNKNOWN')
    const stored = set.recordsOf(1).get(2) as PairRecord
    for (const [state, code] of [
      [PAIR_STATES.none, 'PAIR_UNKNOWN'],
      [PAIR_STATES.burnt, 'PAIR_UNKNOWN'],
      [PAIR_STATES.exhausted, 'PAIR_UNKNOWN'],
      [PAIR_STATES.banned, 'PAIR_BANNED'],
    ] as const) {
      expect(asked([name], [{ ...stored, state }])).toBe(`refused ${code}`)
    }
    expect(asked([name])).toBe('sent')
  })

  it('O-12 a record in another’s place, or damaged, does not open, or does not say what it is: no session, and nothing is kept of it', () => {
    const { set, key } = scene('mixed up')
    set.dealPair(1, 2)
    set.dealPair(1, 3)
    const stored = set.recordsOf(1).get(2) as PairRecord
    const foreign = (set.recordsOf(1).get(3) as PairRecord).sealed
    for (const sealed of [foreign, rng(40), new Uint8Array(0)]) {
      set.recordsOf(1).set(2, { ...stored, sealed })
      const [refused] = opened(set, key, [1, 2]).openings
      expect([said(refused as Answer), set.actorOf(1).load.pairs]).toEqual(['refused PAIR_UNKNOWN', 0])
      expect(refused?.detail).toContain('does not open')
      expect(refused?.unopened).toEqual({ peer: 2, pairId: stored.pairId })
    }
    set.recordsOf(1).set(2, stored)
    expect(played(set, opened(set, key, [1, 2])).map(said)).toEqual(['done', 'done'])
  })

  it('O-12 goes on with its own copy when the set-up is replaced or dropped meanwhile: no honest signer is banned for zeros', () => {
    const { set, key } = scene('replaced')
    set.dealPair(1, 2)
    const s = opened(set, key, [1, 2])
    const before = toHex(secretOf(set, 1, 2).zseed)
    set.dealPair(1, 2)
    expect(toHex(secretOf(set, 1, 2).zseed)).not.toBe(before)
    const other = opened(set, key, [1, 2])
    expect(other.openings.map(said)).toEqual(['sent', 'sent'])
    for (const session of [s, other]) expect(played(set, session).map(said)).toEqual(['done', 'done'])
  })
})

/** Signer 3 is rogue and paired with both others. */
function withRogue(seed: string): { readonly set: ActorSet; readonly key: StoredKey; readonly rogue: RogueSigner } {
  const { set, key } = scene(seed)
  const rogue = set.makeRogue(3, [key])
  for (const pair of PAIRS) set.dealPair(...pair)
  return { set, key, rogue }
}

it('T-17 a batch that is too large for DKLs23 is refused before any of it is judged or remembered', () => {
  const { set, key } = scene('too large')
  set.dealPair(1, 2)
  const item = set.itemOf(key, set.signRequest(key))
  const setup = set.setupOf({ protocol: 'dkls23', suite: 'ecdsa-secp256k1', signers: [1, 2], deadline: set.now() + 20_000 })
  expect(said(set.openSigning(1, setup, Array(65).fill(item), [key]))).toBe('refused DKLS_PARAM')
  expect(set.actorOf(1).load).toMatchObject({ seen: 0, keys: 0, pairs: 0, reserved: 0 })
})

it('T-17 a coordinator opens as many large sessions as there is memory for, and no more: a host without dies in the middle of checks', () => {
  const { set, key } = scene('memory')
  set.dealPair(1, 2)
  const items = Array.from({ length: 64 }, () => set.itemOf(key, set.signRequest(key)))
  const open = (): string => {
    const setup = set.setupOf({ protocol: 'dkls23', suite: 'ecdsa-secp256k1', signers: [1, 2], deadline: set.now() + 20_000 })
    return said(set.openSigning(1, setup, items, [key]))
  }
  for (let i = 0; i < 20; i++) expect(open()).toBe('sent')
  expect(open()).toBe('sent')
  expect(open()).toBe('refused OVERLOADED')
})

it('T-03 frames count with the session that they may stay with; one for which there is no room ends, and others go on', () => {
  const { set, key } = scene('frames')
  set.dealPair(1, 2)
  const [flooded, other] = [opened(set, key, [1, 2]), opened(set, key, [1, 2])]
  const junk = Array.from({ length: 8 }, () => new Uint8Array(2_900_000))
  const answers = Array.from({ length: 12 }, () => said(set.round(1, flooded.id, 1, junk)))
  expect(answers).toEqual([...Array(11).fill('sent'), 'failed OVERLOADED'])
  expect(said(set.round(1, flooded.id, 1, flooded.mail))).toBe('failed STOPPED')
  expect(played(set, other).map(said)).toEqual(['done', 'done'])
})

describe('a peer that lies', () => {
  it.each(Object.entries(BANNED))('O-10, O-08 %s: the ban is with the answer, the wire says that it ended', (_, lie: Lie) => {
    const { set, key, rogue } = withRogue('bans')
    const [s, other, third] = [opened(set, key, [1, 3]), opened(set, key, [1, 3]), opened(set, key, [1, 2])]
    rogue.lie = () => telling(lie, [1])
    const lying = opened(set, key, [1, 3])
    const { frame, id } = set.pairFrame(1, 3)
    const pair = set.ask(1, 'openPair', { frame })
    expect(said(pair)).toBe('sent')
    const open = set.actorOf(1).load.open
    let answer = lying.openings[0] as Answer
    for (let round = 1; round <= lie.round; round++) {
      const mail = round === 1 ? lying.mail : [1, 3].flatMap((who) => set.round(who, lying.id, 1, lying.mail).reply.envelopes)
      answer = set.round(1, lying.id, round, mail)
    }
    const evidence = answer.judgement?.bans[0]?.evidence as Uint8Array
    expect(answer.judgement).toEqual({ sessionId: lying.id, bans: [{ peer: 3, code: lie.code, evidence }], strikes: [] })
    expect(equalBytes(evidence, new Uint8Array(32))).toBe(false)
    const { type, code, culprits, exhibits, envelopes } = answer.reply
    expect({ type, code, culprits, exhibits, envelopes }).toEqual({
      type: REPLY_TYPES.failed,
      code: 'ABORT',
      culprits: [],
      exhibits: [],
      envelopes: [],
    })
    // The same frame brings the same answer, and with it the ban again.
    expect(set.round(1, lying.id, lie.round, [])).toEqual(answer)
    // Sessions that were running with it are over, others are not; its set-up is gone from memory.
    expect(set.actorOf(1).load.open).toBe(open - 4)
    expect(set.round(1, s.id, 1, s.mail).reply.code).toBe('STOPPED')
    expect(set.round(1, other.id, 1, other.mail).reply.code).toBe('STOPPED')
    expect(set.round(1, id, 1, []).reply.code).toBe('STOPPED')
    expect(set.actorOf(1).load.pairs).toBe(1)
    expect(played(set, third).map(said)).toEqual(['done', 'done'])
    // And new ones are refused, although the store has not said so yet.
    rogue.lie = () => ({})
    expect(said(opened(set, key, [1, 3]).openings[0] as Answer)).toBe('refused PAIR_BANNED')
    expect(played(set, opened(set, key, [2, 3])).map(said)).toEqual(['done', 'done'])
    // A new set-up has other seeds. Whether it may be made is the store's to say.
    set.dealPair(1, 3)
    expect(played(set, opened(set, key, [1, 3])).map(said)).toEqual(['done', 'done'])
  })

  it.each(Object.entries(STRUCK))('O-13 %s: a strike, and nothing else', (_, lie: Lie) => {
    const { set, key, rogue } = withRogue('strikes')
    const running = opened(set, key, [1, 3])
    rogue.lie = () => telling(lie, [1])
    const s = opened(set, key, [1, 3])
    const first = [1, 3].map((id) => set.round(id, s.id, 1, s.mail))
    const answer =
      lie.round === 1
        ? (first[0] as Answer)
        : set.round(
            1,
            s.id,
            2,
            first.flatMap((a) => a.reply.envelopes),
          )
    const evidence = answer.judgement?.strikes[0]?.evidence
    expect(answer.judgement).toEqual({ sessionId: s.id, bans: [], strikes: [{ peer: 3, code: lie.code, evidence }] })
    expect([answer.reply.code, answer.reply.culprits]).toEqual([lie.code, [3]])
    rogue.lie = () => ({})
    expect(played(set, running).map(said)).toEqual(['done', 'done'])
  })

  it('O-12 with three signers each bans for what it was told itself, and no honest signer another', () => {
    const { set, rogue } = withRogue('three')
    const key = set.storeKey('ecdsa-secp256k1', 'three of three', 'cred_alice', 3)
    const rogueOfThree = set.makeRogue(3, [key])
    for (const [peer, pair] of rogue.pairs) rogueOfThree.pairs.set(peer, pair)
    for (const [name, lie] of Object.entries<Lie>(BANNED)) {
      const setup = set.setupOf({
        protocol: 'dkls23',
        suite: 'ecdsa-secp256k1',
        threshold: 3,
        signers: [1, 2, 3],
        deadline: set.now() + 20_000,
      })
      const items = [set.itemOf(key, set.signRequest(key))]
      rogueOfThree.lie = () => telling(lie, [1])
      const openings = setup.signers.map((id) => set.openSigning(id, setup, items, [key]))
      const id = set.signingId(setup, items)
      let answers: readonly Answer[] = openings
      for (let round = 1; round <= lie.round; round++) {
        const mail = answers.flatMap((a) => a.reply.envelopes)
        answers = setup.signers.map((who) => set.round(who, id, round, mail))
      }
      expect(
        answers[0]?.judgement?.bans.map(({ peer, code }) => [peer, code]),
        name,
      ).toEqual([[3, lie.code]])
      expect(answers[1]?.judgement, name).toBeNull()
      // Signer 1 is silent now: signer 2 blames nobody for it.
      expect(answers[1]?.reply.code, name).toBe('')
      set.dealPair(1, 3)
    }
  })
})

it('dropPairs ends what runs with a peer and forgets its set-up', () => {
  const { set, key } = scene('drop')
  set.dealPair(1, 2)
  const s = opened(set, key, [1, 2])
  const record = set.recordsOf(1).get(2) as PairRecord
  expect(set.actorOf(1).load).toMatchObject({ open: 1, pairs: 1 })
  set.ask(1, 'dropPairs', {
    pairs: [{ ...record, state: PAIR_STATES.none, pairId: new Uint8Array(0), sealed: new Uint8Array(0) }],
  })
  expect(set.actorOf(1).load).toMatchObject({ open: 0, reserved: 0, pairs: 0 })
  expect(set.round(1, s.id, 1, s.mail).reply.code).toBe('STOPPED')
  expect(said(opened(set, key, [1, 2]).openings[0] as Answer)).toBe('refused PAIR_BANNED')
})
