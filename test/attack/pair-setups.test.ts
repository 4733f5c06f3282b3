import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_STRIKES } from '../../src/host/store/pair-store.ts'
import { CONFIRM, OFFER } from '../../src/protocol/dkls23/pair-setup.ts'
import { RVOLE_ONE } from '../../src/protocol/dkls23/rvole.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { makeKey, type TestKey } from '../host/set/signing-keys.ts'
import { BEFORE_REHEARSAL, CHOOSE_ROUNDS, EXTEND, field, OPENING, opens, ROUNDS, says } from '../protocol/dkls23/pair-run.ts'
import { bytes32 } from '../protocol/signing/dealt-key.ts'
import { BANNED, telling } from './lies.ts'
import { type RogueSet, rogueSet, said } from './pair-set.ts'

let r: RogueSet
let key: TestKey
beforeEach(async () => {
  r = await rogueSet()
  r.dealAll()
  key = await makeKey(r.set, 'ecdsa-secp256k1')
})
afterEach(() => r.set.close())

/** A host lets one set-up begin in ten seconds with each peer; the tests do not wait for it. */
const later = (): void => {
  for (const id of [1, 2]) r.set.signerOf(id).pairs.refusedSetup([1, 2, 3])
}
const idAt = (id: number, peer: number): string => toHex(r.statusOf(id, peer).setup?.pairId ?? new Uint8Array(0))

describe('14.3 rehearsal: a signer that lies in set-ups, before real hosts', () => {
  const LIES = [
    [
      'bits of U',
      says(
        BEFORE_REHEARSAL + EXTEND,
        field(RVOLE_ONE, ({ u }) => ({ u: u.map((b, i) => (i < 68 ? b ^ 255 : b)) })),
      ),
    ],
    ['a product', opens({ du: bytes32('wrong') }, BEFORE_REHEARSAL + OPENING)],
    [
      'the confirmation',
      says(
        ROUNDS,
        field(CONFIRM, ({ tag }) => ({ tag: tag.map((b) => b ^ 1) })),
      ),
    ],
  ] as const

  it.each(LIES)('O-12 %s, as often as it likes: no ban, no strike, and the set-up in use stays in use', async (_, lie) => {
    const before = idAt(1, 3)
    const own = r.rogue.pairs.get(1)
    r.rogue.setupLie = lie
    for (let attempt = 0; attempt < 3; attempt++) {
      later()
      const { replies } = await r.setUp(1, 3)
      expect(said(replies[0] as (typeof replies)[number])).toBe('failed PAIR_REHEARSAL')
      expect(replies[0]?.culprits).toEqual([])
      expect(r.statusOf(1, 3)).toMatchObject({ status: 'ok', strikes: 0, crashes: 0, ban: null })
      expect(idAt(1, 3)).toBe(before)
    }
    // The liar believes in the set-up that it has spoilt at the very end; with the one before it signs.
    if (own !== undefined) r.rogue.pairs.set(1, own)
    expect(await r.sign(key, [1, 3])).toEqual(['done', 'done'])
    expect(r.unblamed()).toBe(true)
  })

  it('O-13 messages that anybody can see to be malformed are strikes, each naming it; the sixteenth within a day bans', async () => {
    r.rogue.setupLie = says(
      1,
      field(OFFER, () => ({ point: new Uint8Array(33) })),
    )
    for (let attempt = 1; attempt <= MAX_STRIKES; attempt++) {
      later()
      const { replies } = await r.setUp(1, 3)
      expect([said(replies[0] as (typeof replies)[number]), replies[0]?.culprits]).toEqual(['failed SETUP_MALFORMED', [3]])
      expect(r.statusOf(1, 3)).toMatchObject(attempt < MAX_STRIKES ? { status: 'ok', strikes: attempt } : { status: 'banned' })
    }
    later()
    expect((await r.setUp(1, 3)).replies.map(said)[0]).toBe('refused PAIR_BANNED')
    expect(await r.sign(key, [1, 2])).toEqual(['done', 'done'])
    expect(r.unblamed()).toBe(true)
  })

  it('O-10 a check failed elsewhere ends the set-up under way at once, and no other begins', async () => {
    later()
    const half = await r.setUp(1, 3, CHOOSE_ROUNDS[2])
    r.rogue.lie = () => telling(BANNED.at, [1])
    expect((await r.sign(key, [1, 3]))[0]).toBe('failed ABORT')
    const reply = await r.c.ask(1, 'round', r.c.roundFrame(half.sessionId, CHOOSE_ROUNDS[2], half.mail))
    expect([said(reply), reply.envelopes.length]).toEqual(['failed STOPPED', 0])
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', setup: null })
    later()
    expect(said(await r.c.ask(1, 'openPair', r.pairFrame(1, 3)))).toBe('refused PAIR_BANNED')
  })
})

describe('O-12 a coordinator that spoils set-ups of two honest signers', () => {
  it('keeps the last message from one of them: they have different set-ups, nobody is blamed, and another set-up mends it', async () => {
    const before = idAt(2, 1)
    later()
    const last = await r.setUp(1, 2, ROUNDS)
    expect(said(await r.c.ask(1, 'round', r.c.roundFrame(last.sessionId, ROUNDS, last.mail)))).toBe('done')
    expect([idAt(1, 2) === before, idAt(2, 1)]).toEqual([false, before])
    for (const pairs of [[idAt(1, 2)], [before]]) {
      const s = await r.open(
        key,
        [1, 2],
        1,
        pairs.map((id) => Buffer.from(id, 'hex')),
      )
      expect(s.first.map(said).sort()).toEqual(['refused PAIR_UNKNOWN', 'sent'])
    }
    expect(r.unblamed()).toBe(true)
    later()
    expect((await r.setUp(1, 2)).replies.map(said)).toEqual(['done', 'done'])
    expect(idAt(1, 2)).toBe(idAt(2, 1))
    expect(await r.sign(key, [1, 2])).toEqual(['done', 'done'])
  })

  it('makes a new one while a session signs with the old: the session ends, nobody is blamed, the next one signs', async () => {
    const running = await r.open(key, [1, 2])
    later()
    expect((await r.setUp(1, 2)).replies.map(said)).toEqual(['done', 'done'])
    const ends = await r.play(running)
    expect(ends.map(said)).toEqual(['failed PAIR_UNKNOWN', 'failed PAIR_UNKNOWN'])
    expect(ends.flatMap((reply) => reply.envelopes)).toEqual([])
    expect(r.unblamed()).toBe(true)
    expect(await r.sign(key, [1, 2])).toEqual(['done', 'done'])
  })

  it('mixes the messages of two set-ups, and shows one twice: both end as they would have, or wait', async () => {
    later()
    const one = await r.setUp(1, 2, CHOOSE_ROUNDS[1])
    later()
    const two = await r.setUp(1, 2, CHOOSE_ROUNDS[1])
    const round = CHOOSE_ROUNDS[1]
    for (const [session, mail] of [
      [one, two.mail],
      [two, one.mail],
    ] as const)
      expect((await r.c.ask(1, 'round', r.c.roundFrame(session.sessionId, round, mail))).envelopes).toEqual([])
    const frame = r.c.roundFrame(one.sessionId, round, one.mail)
    expect(await r.c.send(1, 'round', frame)).toEqual(await r.c.send(1, 'round', frame))
    expect(r.unblamed()).toBe(true)
    expect(await r.sign(key, [1, 2])).toEqual(['done', 'done'])
  })
})
