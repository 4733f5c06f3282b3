import { describe, expect, it } from 'vitest'
import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { concat, fromHex, u16 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Evidence } from '../../../src/protocol/engine/round.ts'
import { MAX_EVIDENCE } from '../../../src/protocol/keygen/messages.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { equivocate, OFFSETS, patch, type Rule, resign } from '../../simulator/relay.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { identityOf } from '../../simulator/world.ts'
import { assertSafe, type Keygen, type KeygenRun, keygen, outcome, pendingOf, worldOf } from './keygen-fixture.ts'
import { verdictsOf } from './read-traffic.ts'
import { type Deviation, rogueDealer, type Verdict } from './rogue-dealer.ts'

const ROGUE = 3
const schemes = ['ecdsa-secp256k1', 'ecdsa-p256', 'eddsa-ed25519'] as const
const play = (deviation: Deviation, options: Keygen = {}): KeygenRun => {
  const run = keygen({ ...options, rogues: new Map([[ROGUE, rogueDealer(deviation)]]) })
  assertSafe(run, [ROGUE])
  for (const end of run.ends.values()) expect(end.type, run.seed).toBe('failed')
  return run
}

describe.each(schemes)("D4, D4' with %s: a bad share is shown to everybody, and everybody names its sender", (scheme) => {
  const group = groupOf(scheme, worldOf(3).curves)
  const order = fromHex(group.order.toString(16).padStart(64, '0'))
  const beyond = scheme === 'eddsa-ed25519' ? order.toReversed() : order
  const onlyTo = (
    victim: PartyId,
    change: (share: Uint8Array, chainPart: Uint8Array) => { share: Uint8Array; chainPart: Uint8Array },
  ): Deviation => ({
    share: (to, share, chainPart) => (to === victim ? change(share, chainPart) : { share, chainPart }),
  })
  const bodyTo = (victim: PartyId, change: (body: Uint8Array) => Uint8Array): Deviation => ({
    shareBytes: (to, body) => (to === victim ? change(body) : body),
  })

  const shares: readonly (readonly [string, Deviation, string])[] = [
    ['off by one', onlyTo(1, (share, chainPart) => ({ share: group.addAssign(share, group.scalar(1)), chainPart })), 'DKG_SHARE'],
    ['negated', onlyTo(1, (share, chainPart) => ({ share: group.negAssign(share), chainPart })), 'DKG_SHARE'],
    ['zero', onlyTo(1, (_, chainPart) => ({ share: new Uint8Array(32), chainPart })), 'DKG_SHARE'],
    ['the order', onlyTo(1, (_, chainPart) => ({ share: beyond, chainPart })), 'DKG_SHARE'],
    ['2^256 - 1', onlyTo(1, (_, chainPart) => ({ share: new Uint8Array(32).fill(0xff), chainPart })), 'DKG_SHARE'],
    ['of length 0', bodyTo(1, () => new Uint8Array(0)), 'DKG_SHARE'],
    ['cut', bodyTo(1, (body) => body.slice(0, -1)), 'DKG_SHARE'],
    ['followed by a byte', bodyTo(1, (body) => concat(body, Uint8Array.of(0))), 'DKG_SHARE'],
    ['in an envelope of 100 KB', bodyTo(1, () => new Uint8Array(100_000)), 'DKG_SHARE'],
    [
      'K-11: another chain part than to the others',
      onlyTo(1, (share) => ({ share, chainPart: new Uint8Array(32).fill(1) })),
      'DKG_CHAIN',
    ],
  ]

  it.each(shares)('K-07, P-05, 14.2 share: %s', (_, deviation, code) => {
    const run = play(deviation, { scheme })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual([`${code}:3`, `${code}:3`])
    expect(verdictsOf(run).get(1)).toMatchObject({ type: 'complaint', value: { accused: ROGUE } })
    // The victim has no share to keep; the other one may have stored its own as pending and never gets a certificate.
    expect(pendingOf(run, 1)).toBeUndefined()
    expect(pendingOf(run, 2)).toBeDefined()
  })

  it('K-07, 14.2 share: correct for another receiver', () => {
    const shown = new Map<PartyId, Uint8Array>()
    const remember = (to: PartyId, body: Uint8Array): Uint8Array => {
      shown.set(to, Uint8Array.from(body))
      return body
    }
    play({ shareBytes: remember }, { scheme })
    const run = play(
      bodyTo(1, () => shown.get(2) as Uint8Array),
      { scheme },
    )
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_SHARE:3', 'DKG_SHARE:3'])
  })

  it('K-11, 14.2 cc_j: a chain part that fits nobody', () => {
    const run = play({ share: (to, share) => ({ share, chainPart: new Uint8Array(32).fill(to) }) }, { scheme })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_CHAIN:3', 'DKG_CHAIN:3'])
    for (const id of [1, 2]) expect(pendingOf(run, id)).toBeUndefined()
  })

  it('14.2 share: a ciphertext that does not open', () => {
    const garble: Rule = {
      when: { round: 2, from: ROGUE, to: 1, kind: 'direct' },
      act: equivocate(worldOf(3), ({ body }) => ({ body: body.map((b) => b ^ 1) })),
    }
    const run = play({}, { scheme, rules: [garble] })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_SHARE:3', 'DKG_SHARE:3'])
  })

  it('a ciphertext shorter than its tag', () => {
    const cut: Rule = {
      when: { round: 2, from: ROGUE, to: 1, kind: 'direct' },
      act: equivocate(worldOf(3), () => ({ body: new Uint8Array(3) })),
    }
    const run = play({}, { scheme, rules: [cut] })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_SHARE:3', 'DKG_SHARE:3'])
  })
})

describe('K-07: what a complaint gives away and what not', () => {
  it("shows one share of an aborted run; the accused's other messages stay closed", () => {
    const run = play({ share: (to, share, chainPart) => ({ share: to === 1 ? new Uint8Array(32) : share, chainPart }) })
    const verdict = verdictsOf(run).get(1)
    if (verdict?.type !== 'complaint') throw new Error('no complaint')
    const shown = decodeEnvelope(verdict.value.envelope)
    expect(shown).toMatchObject({ sender: ROGUE, receiver: 1, round: 2 })
    expect(run.sent.filter((p) => p.from === ROGUE && p.kind === 'direct' && p.to === 1).map((p) => p.bytes)).toEqual([
      verdict.value.envelope,
    ])
  })

  it('at 3 of 5, everybody names the sender of two bad shares, and the two victims complain', () => {
    const run = keygen({
      world: worldOf(5),
      threshold: 3,
      rogues: new Map([
        [5, rogueDealer({ share: (to, share, chainPart) => ({ share: to <= 2 ? new Uint8Array(32) : share, chainPart }) })],
      ]),
    })
    for (const id of [1, 2, 3, 4]) expect(outcome(run, id), run.seed).toBe('DKG_SHARE:5')
    expect(
      [...verdictsOf(run)]
        .filter(([, v]) => v.type === 'complaint')
        .map(([id]) => id)
        .sort(),
    ).toEqual([1, 2])
    assertSafe(run, [5])
  })

  it('an envelope too long to be shown in another: the victim knows, the others are not told lies', () => {
    // Longer than any honest message by four orders of magnitude; the largest that travels is judged, one byte more is not shown.
    const overhead = OFFSETS.body + 16 + 64
    const fits = play({ shareBytes: (to, body) => (to === 1 ? new Uint8Array(MAX_EVIDENCE - overhead) : body) })
    expect([outcome(fits, 1), outcome(fits, 2)]).toEqual(['DKG_SHARE:3', 'DKG_SHARE:3'])
    const over = play({ shareBytes: (to, body) => (to === 1 ? new Uint8Array(MAX_EVIDENCE - overhead + 1) : body) })
    expect([outcome(over, 1), outcome(over, 2)]).toEqual(['DKG_SHARE:3', 'TIMEOUT'])
    expect(over.missing.get(2)).toEqual([1])
  })

  it('an accused that falls silent delays the verdict and is still not joined by anybody honest', () => {
    const run = keygen({
      rogues: new Map([
        [ROGUE, rogueDealer({ share: (to, share, chainPart) => ({ share: to === 1 ? new Uint8Array(32) : share, chainPart }) })],
      ]),
      rules: [{ when: { round: 3, from: ROGUE }, act: () => [] }],
    })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_SHARE:3', 'TIMEOUT'])
    expect(run.missing.get(2)).toEqual([ROGUE])
    assertSafe(run, [ROGUE])
  })
})

describe('K-07, 14.2 false complaint: a false complaint names its author at every honest signer', () => {
  const complain = (
    make: (own: Evidence, accused: PartyId) => { accused: PartyId; key: Uint8Array; envelope: Uint8Array },
    options: Keygen = {},
  ): void => {
    const verdict = (evidence: (from: PartyId) => Evidence): Verdict => ({ type: 'complaint', value: make(evidence(1), 1) })
    const run = play({ verdict }, options)
    expect([outcome(run, 1), outcome(run, 2)], run.seed).toEqual(['DKG_FALSE_COMPLAINT:3', 'DKG_FALSE_COMPLAINT:3'])
  }
  const other = keygen({ name: 'other', seed: 'keygen' })
  const recorded = (from: PartyId, to: PartyId, run: KeygenRun = other): Uint8Array =>
    run.sent.find((p) => p.round === 2 && p.kind === 'direct' && p.from === from && p.to === to)?.bytes as Uint8Array

  it.each(schemes)('of a good share, with true evidence: %s', (scheme) => {
    complain((own, accused) => ({ accused, ...own }), { scheme })
  })

  it('with another key: random, of the other peer, one bit off', () => {
    complain((own, accused) => ({ accused, envelope: own.envelope, key: seededRng('invented')(32) }))
    complain((own, accused) => ({ accused, envelope: own.envelope, key: own.key.map((b, i) => (i === 0 ? b ^ 1 : b)) }))
    const verdict = (evidence: (from: PartyId) => Evidence): Verdict => ({
      type: 'complaint',
      value: { accused: 1, envelope: evidence(1).envelope, key: evidence(2).key },
    })
    expect(outcome(play({ verdict }), 1)).toBe('DKG_FALSE_COMPLAINT:3')
  })

  it('with the envelope and key of another session', () => {
    let foreign: Evidence | undefined
    const verdict = (evidence: (from: PartyId) => Evidence): Verdict => {
      foreign = evidence(1)
      return { type: 'complaint', value: { accused: 1, ...foreign } }
    }
    play({ verdict }, { name: 'other', seed: 'other' })
    complain((_, accused) => ({ accused, ...(foreign as Evidence) }))
    complain((own, accused) => ({ accused, key: own.key, envelope: (foreign as Evidence).envelope }))
    complain((own, accused) => ({ accused, key: (foreign as Evidence).key, envelope: own.envelope }))
  })

  it('by a non-receiver, with an envelope to somebody else', () => {
    complain((own, accused) => ({ accused, key: own.key, envelope: recorded(1, 2, keygen()) }))
  })

  it('with an envelope to a colluder, who gives its key away: the share is right, for another place', () => {
    let shared: Evidence | undefined
    const colluder = rogueDealer({
      verdict: (evidence) => {
        shared = evidence(1)
        return { type: 'complaint', value: { accused: 1, ...evidence(1) } }
      },
    })
    keygen({ rogues: new Map([[2, colluder]]) })
    // The same randomness again, so that this is the session in which signer 1 sent that share.
    const accuser = rogueDealer({ verdict: () => ({ type: 'complaint', value: { accused: 1, ...(shared as Evidence) } }) })
    const run = keygen({
      rogues: new Map([
        [2, rogueDealer({})],
        [ROGUE, accuser],
      ]),
    })
    expect(shared?.envelope).toEqual(recorded(1, 2, run))
    expect(outcome(run, 1)).toBe('DKG_FALSE_COMPLAINT:3')
    assertSafe(run, [2, ROGUE])
  })

  it('with something that the accused signed in another place, and that does not open', () => {
    const garbled = ({ body }: Envelope): Partial<Envelope> => ({ body: body.map((b) => b ^ 1) })
    const changes: readonly Partial<Envelope>[] = [
      { suite: 4 },
      { protocol: 2 },
      { round: 1 },
      { round: 3 },
      { sessionId: seededRng('elsewhere')(32) },
      { receiver: 2 },
    ]
    for (const change of changes) {
      complain((own, accused) => ({
        accused,
        key: own.key,
        envelope: resign(worldOf(3), own.envelope, (e) => ({ ...garbled(e), ...change })),
      }))
    }
    complain((own, accused) => {
      const light = { ...(decodeEnvelope(own.envelope) as Envelope), kind: 'light' as const, body: new Uint8Array(40) }
      const seed = identityOf(worldOf(3), accused).signSeed
      const signature = worldOf(3).curves.ed25519Sign(contentDigest(light, light.body), seed)
      return { accused, key: own.key, envelope: encodeEnvelope({ ...light, signature }) }
    })
  })

  it('with an envelope from itself to itself', () => {
    complain((own) => ({
      accused: ROGUE,
      key: own.key,
      envelope: resign(worldOf(3), own.envelope, () => ({ sender: ROGUE, body: new Uint8Array(40) })),
    }))
  })

  it('about a message of another kind, round or sender', () => {
    const run = keygen()
    const broadcasts = run.sent.filter((p) => p.kind === 'broadcast' && p.from === 1).map((p) => p.bytes)
    for (const envelope of broadcasts) complain((own, accused) => ({ accused, key: own.key, envelope }))
    complain((own, accused) => ({ accused, key: own.key, envelope: recorded(2, 3, run) }))
  })

  it('with an envelope that the accused never signed: tampered, cut, empty, of another protocol or suite', () => {
    const changes: readonly ((envelope: Uint8Array) => Uint8Array)[] = [
      (e) => patch(OFFSETS.body, Uint8Array.of(0, 0))(e),
      (e) => patch(OFFSETS.kc, new Uint8Array(32))(e),
      (e) => patch(OFFSETS.prev, new Uint8Array(32))(e),
      (e) => patch(OFFSETS.suite, u16(4))(e),
      (e) => patch(OFFSETS.protocol, Uint8Array.of(2))(e),
      (e) => patch(OFFSETS.round, Uint8Array.of(1))(e),
      (e) => patch(OFFSETS.magic, Uint8Array.of(0))(e),
      (e) => patch(e.length - 1, Uint8Array.of((e.at(-1) as number) ^ 1))(e),
      (e) => e.slice(0, -1),
      () => new Uint8Array(0),
    ]
    for (const change of changes)
      complain((own, accused) => ({ accused, key: own.key, envelope: change(Uint8Array.from(own.envelope)) }))
  })

  it('of itself, and of nobody', () => {
    for (const accused of [ROGUE, 0, 4, 65534]) {
      complain((own) => ({ accused, ...own }))
      complain((own) => ({
        accused,
        key: own.key,
        envelope: patch(OFFSETS.sender, u16(accused))(Uint8Array.from(own.envelope)),
      }))
    }
  })

  it('two signers accuse each other falsely: the first is named, by all the same', () => {
    const liar = (accused: PartyId) =>
      rogueDealer({ verdict: (evidence) => ({ type: 'complaint', value: { accused, ...evidence(accused) } }) })
    const run = keygen({
      world: worldOf(5),
      threshold: 3,
      rogues: new Map([
        [2, liar(4)],
        [4, liar(2)],
      ]),
    })
    for (const id of [1, 3, 5]) expect(outcome(run, id)).toBe('DKG_FALSE_COMPLAINT:2')
    assertSafe(run, [2, 4])
  })
})

describe('14.2 C_j split: no verdict on a complaint before views are equal', () => {
  it('a dealer that shows another opening to the accuser than to the judges convicts nobody honest', () => {
    // Signer 2 gets an opening that no share fits; it ends by itself and names 3. Signer 1 has another view and must not judge.
    const rules: readonly Rule[] = [
      {
        when: { round: 2, from: ROGUE, to: 2, kind: 'broadcast' },
        act: equivocate(worldOf(3), ({ body }) => ({ body: body.with(10, 255) })),
      },
    ]
    const run = keygen({ rules, rogues: new Map([[ROGUE, rogueDealer({})]]) })
    expect(outcome(run, 2)).toBe('DKG_COMMIT:3')
    expect(outcome(run, 1)).toBe('TIMEOUT')
    assertSafe(run, [ROGUE])
  })

  it('two round-1 versions with fitting openings: INCONSISTENT_BROADCAST before any share is looked at', () => {
    // Another ephemeral key for one peer is enough to split T_1.
    const rules: readonly Rule[] = [
      {
        when: { round: 1, from: ROGUE, to: 2 },
        act: equivocate(worldOf(3), ({ body }) => ({ body: body.with(0, (body[0] as number) ^ 2) })),
      },
    ]
    const run = keygen({ rules, rogues: new Map([[ROGUE, rogueDealer({ share: (_, share) => ({ share, chainPart: share }) })]]) })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([])
    assertSafe(run, [ROGUE])
  })
})
