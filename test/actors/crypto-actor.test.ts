import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/actors/crypto-commands.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { isEcdsa, SCHEMES, type Scheme } from '../../src/protocol/request/document.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { type ActorSet, actorSet, type StoredKey } from './actor-set.ts'

const rng = seededRng('crypto actor test')
const said = ({ reply }: Answer): string => {
  const type = Object.entries(REPLY_TYPES).find(([, n]) => n === reply.type)?.[0] ?? ''
  return reply.code === '' ? type : `${type} ${reply.code}`
}
const shape = (set: ActorSet, scheme: Scheme) =>
  isEcdsa(scheme)
    ? { setup: { protocol: 'hm' as const, suite: scheme, signers: [1, 2, 3] }, hm: set.establish() }
    : { setup: { protocol: 'frost' as const, suite: scheme, signers: [1, 2] }, hm: undefined }

/** A session up to the answers of round 1. */
function opened(set: ActorSet, scheme: Scheme, key: StoredKey, count = 1) {
  const { setup: changes, hm } = shape(set, scheme)
  const setup = set.setupOf(changes)
  const items = Array.from({ length: count }, () => set.itemOf(key, set.signRequest(key)))
  const openings = setup.signers.map((id) => set.openSigning(id, setup, items, [key], hm === undefined ? {} : { hm }))
  const mail = openings.flatMap((a) => a.reply.envelopes)
  return { setup, items, openings, mail, hm, id: set.signingId(setup, items) }
}

describe.each(SCHEMES)('a %s session of crypto actors', (scheme) => {
  it('signs, and hands the claims to its main thread together with the share and not before', () => {
    const set = actorSet({ seed: `signs ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const s = opened(set, scheme, key, 3)
    for (const opening of s.openings) {
      expect(said(opening)).toBe('sent')
      expect([opening.claims.length, opening.reply.envelopes.length]).toEqual([0, 1])
    }
    const answers = s.setup.signers.map((id) => set.round(id, s.id, 1, s.mail))
    for (const answer of answers) {
      expect(said(answer)).toBe('done')
      expect(answer.claims.map((c) => toHex(c.requestHash))).toEqual(s.items.map((i) => toHex(requestHash(i.request.document))))
      expect(answer.sessions).toBe(0)
    }
    const { code, outcomes } = set.assemble(s.setup, s.items, [key, key, key], s.openings, answers, s.hm)
    expect([code, outcomes.map((o) => o.type)]).toEqual(['', [0, 0, 0]])
  })

  it('T-11 decision 16: answers round 2 once; the same frame, and any other, gets the same bytes', () => {
    const set = actorSet({ seed: `once ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const s = opened(set, scheme, key)
    const answer = set.round(1, s.id, 1, s.mail)
    const again = set.round(1, s.id, 1, s.mail)
    expect(again).toEqual(answer)
    expect(set.round(1, s.id, 1, []).reply).toEqual(answer.reply)
    expect(set.round(1, s.id, 1, [...s.mail].reverse()).reply.envelopes).toEqual(answer.reply.envelopes)
    for (const number of [0, 2, 3, 255]) expect(said(set.round(1, s.id, number, s.mail))).toBe('failed STOPPED')
    set.abort(1, s.id)
    expect(said(set.round(1, s.id, 1, s.mail))).toBe('failed STOPPED')
  })

  it('T-03 waits for messages that are missing, and takes them one by one', () => {
    const set = actorSet({ seed: `waits ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const s = opened(set, scheme, key)
    const answer = set.round(1, s.id, 1, [])
    expect([said(answer), answer.reply.envelopes, answer.claims]).toEqual(['sent', [], []])
    const last = s.mail.map((envelope) => set.round(1, s.id, 1, [envelope])).at(-1) as Answer
    expect(said(last)).toBe('done')
  })

  it('T-09, T-10, 14.1 repeated session: the same set-up again is refused, running, ended or aborted; another session’s messages do nothing', () => {
    const set = actorSet({ seed: `again ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const { setup, items, hm, id, mail } = opened(set, scheme, key)
    const refused = hm === undefined ? 'refused SESSION_REUSED' : 'refused HM_TICKET'
    const open = (): string => said(set.openSigning(1, setup, items, [key], hm === undefined ? {} : { hm }))
    expect(open()).toBe(refused)
    set.round(1, id, 1, mail)
    expect(open()).toBe(refused)
    set.abort(1, id)
    expect(open()).toBe(refused)
    if (hm !== undefined) {
      const fresh = set.openSigning(1, setup, items, [key], { hm: { ...hm, tickets: set.freshTickets() } })
      expect(said(fresh)).toBe('refused SESSION_REUSED')
    }
    const other = opened(set, scheme, key)
    const answer = set.round(1, other.id, 1, mail)
    expect([said(answer), answer.reply.envelopes.length, answer.reply.culprits.length]).toEqual(['sent', 0, 0])
    expect(said(set.round(1, other.id, 1, other.mail))).toBe('done')
  })

  it('C5 ends at its deadline, with skew of clocks forgiven, and gives everything back', () => {
    const set = actorSet({ seed: `late ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const s = opened(set, scheme, key)
    set.pass(34_000)
    expect(said(set.round(1, s.id, 1, s.mail))).toBe('done')
    set.pass(1_001)
    expect(said(set.round(2, s.id, 1, s.mail))).toBe('failed HM_STALE')
    expect(set.actorOf(2).load).toMatchObject({ open: 0, ended: 0, seen: set.actorOf(2).load.seen, reserved: 0 })
    set.pass(120_000)
    set.ask(2, 'status')
    expect(set.actorOf(2).load).toMatchObject({ open: 0, ended: 0, seen: 0, reserved: 0 })
  })

  it('T-19 a restarted worker knows no session, takes no old ticket and signs anew', () => {
    const set = actorSet({ seed: `restart ${scheme}` })
    const key = set.storeKey(scheme, 'key')
    const s = opened(set, scheme, key)
    set.restart(1)
    expect(said(set.round(1, s.id, 1, s.mail))).toBe('failed STOPPED')
    expect(said(set.openSigning(1, s.setup, s.items, [key], { ...(s.hm && { hm: s.hm }) }))).toBe('refused SETUP_STALE')
    if (s.hm !== undefined) {
      const { boots: _, ...rest } = s.setup
      const setup = set.setupOf(rest)
      expect(said(set.openSigning(1, setup, s.items, [key], { hm: s.hm }))).toBe('refused HM_KID')
      const hm = { ...set.establish(), tickets: s.hm.tickets }
      expect(said(set.openSigning(1, setup, s.items, [key], { hm }))).toBe('refused HM_TICKET')
    }
    const next = opened(set, scheme, key)
    const answers = next.setup.signers.map((id) => set.round(id, next.id, 1, next.mail))
    const { outcomes } = set.assemble(next.setup, next.items, [key], next.openings, answers, next.hm)
    expect(outcomes.map((o) => o.type)).toEqual([0])
  })
})

describe('set-ups', () => {
  const set = actorSet({ seed: 'set-ups' })
  const eddsa = set.storeKey('eddsa-ed25519', 'ed')
  const ecdsa = set.storeKey('ecdsa-secp256k1', 'ec')
  const hm = set.establish()
  const open = (key: StoredKey, changes: object, more = {}): string => {
    const answer = set.openSigning(1, set.setupOf(changes), [set.itemOf(key, set.signRequest(key))], [key], more)
    return said(answer)
  }

  it.each([
    ['another roster', { rosterHash: new Uint8Array(32) }],
    ['a key', { keyId: new Uint8Array(32).fill(1) }],
    ['an epoch', { epoch: 1 }],
    ['threshold 1', { threshold: 1, signers: [1] }],
    ['a threshold above n', { threshold: 4 }],
    ['too few signers', { signers: [1] }],
    ['too many signers', { signers: [1, 2, 3] }],
    ['a signer twice', { signers: [1, 1] }],
    ['signers out of order', { signers: [2, 1] }],
    ['an unknown signer', { signers: [1, 4] }],
    ['somebody else’s session', { signers: [2, 3] }],
    ['a deadline that has passed', { deadline: 1_799_999_969_999 }],
    ['a deadline too far away', { deadline: 1_800_000_060_001 }],
    ['another protocol', { protocol: 'dkg' as const }],
    ['the PRSS protocol', { protocol: 'prss' as const }],
    ['ECDSA under FROST', { suite: 'ecdsa-secp256k1' as const }],
    ['no suite', { suite: 'none' as const }],
  ])('S-05, S-14 of FROST with %s are refused', (_what, changes) => {
    const before = set.actorOf(1).load
    expect(open(eddsa, changes)).toBe('refused SETUP_REFUSED')
    expect(set.actorOf(1).load).toMatchObject({ open: before.open, reserved: before.reserved })
  })

  const hmSetup = { protocol: 'hm' as const, suite: 'ecdsa-secp256k1' as const, signers: [1, 2, 3] }
  it.each([
    ['two signers', { ...hmSetup, signers: [1, 2] }, {}, 'HM_PARAM'],
    ['another suite', { ...hmSetup, suite: 'eddsa-ed25519' as const }, {}, 'HM_PARAM'],
    ['threshold 3', { ...hmSetup, threshold: 3 }, {}, 'HM_PARAM'],
    ['an unknown generation', hmSetup, { digest: new Uint8Array(32) }, 'HM_KID'],
    ['no ticket', hmSetup, { tickets: [] }, 'HM_TICKET'],
    ['a ticket too few', hmSetup, { tickets: hm.tickets.slice(0, 2) }, 'HM_TICKET'],
    ['somebody else’s ticket', hmSetup, { tickets: [...hm.tickets].reverse() }, 'HM_TICKET'],
    ['a ticket of nobody', hmSetup, { tickets: [rng(16), ...hm.tickets.slice(1)] }, 'HM_TICKET'],
  ])('S-05, S-13, S-14 of hm with %s are refused', (_what, setup, supplies, code) => {
    expect(open(ecdsa, setup, { hm: { ...hm, tickets: set.freshTickets(), ...supplies } })).toBe(`refused ${code}`)
  })

  it('of hm are refused by a signer whose operator does not offer it', () => {
    const other = actorSet({ seed: 'no hm', withoutHm: [1] })
    const key = other.storeKey('ecdsa-secp256k1', 'key')
    const hmLess = { ...hm, tickets: other.freshTickets() }
    const answer = other.openSigning(1, other.setupOf(hmSetup), [other.itemOf(key, other.signRequest(key))], [key], {
      hm: hmLess,
    })
    expect(said(answer)).toBe('refused HM_POLICY')
  })

  it('without items, with 257, or with one instance twice are refused', () => {
    const item = set.itemOf(eddsa, set.signRequest(eddsa))
    const setup = set.setupOf()
    expect(said(set.ask(1, 'openSigning', { frame: set.openFrame(setup, []) }))).toBe('refused SETUP_REFUSED')
    expect(said(set.ask(1, 'openSigning', { frame: set.openFrame(setup, [item, item]) }))).toBe('refused SETUP_REFUSED')
    expect(() =>
      set.openFrame(
        setup,
        Array.from({ length: 257 }, () => item),
      ),
    ).toThrow(RangeError)
  })

  it('D-01 that are no frame at all are refused, whatever the bytes', () => {
    const frame = set.openFrame(set.setupOf(), [set.itemOf(eddsa, set.signRequest(eddsa))])
    const broken = [
      new Uint8Array(0),
      rng(50),
      frame.slice(0, -1),
      Uint8Array.of(...frame, 0),
      Uint8Array.of(0xdd, 255, 255, 255, 255),
    ]
    for (const bytes of broken) {
      for (const kind of ['openSigning', 'openKeygen', 'openPrss', 'round', 'abort'] as const) {
        expect(said(set.ask(1, kind, { frame: bytes }))).toBe('refused MALFORMED')
      }
    }
    for (let i = 0; i < frame.length; i++) {
      const flipped = Uint8Array.from(frame, (b, at) => (at === i ? b ^ 1 : b))
      expect(set.ask(1, 'openSigning', { frame: flipped }).claims).toEqual([])
    }
  })

  it('F-04 at most 256 sessions are open; the next is told so and loses nothing but its turn', () => {
    const full = actorSet({ seed: 'full' })
    const key = full.storeKey('eddsa-ed25519', 'key')
    const item = full.itemOf(key, full.signRequest(key))
    const verdicts = Array.from({ length: 258 }, () => said(full.openSigning(1, full.setupOf(), [item], [key])))
    expect(verdicts.filter((v) => v === 'sent')).toHaveLength(256)
    expect(verdicts.slice(256)).toEqual(['refused OVERLOADED', 'refused OVERLOADED'])
    full.pass(36_000)
    expect(said(full.openSigning(1, full.setupOf(), [item], [key]))).toBe('sent')
    expect(full.actorOf(1).load).toMatchObject({ open: 1, reserved: 1 })
  })
})
