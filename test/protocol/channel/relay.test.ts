import { describe, expect, it } from 'vitest'
import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { settleViews } from '../../../src/protocol/channel/views.ts'
import { concat, u8, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import {
  delay,
  drop,
  duplicate,
  equivocate,
  flip,
  inject,
  nameOf,
  OFFSETS,
  patch,
  type Rule,
  replace,
  resign,
  showBoth,
  spliceFrom,
  whenOf,
} from '../../simulator/relay.ts'
import type { Run } from '../../simulator/run-session.ts'
import { identityOf, setupOf } from '../../simulator/world.ts'
import { chat, endings, finished, type Heard, chatWorld as world } from './chatter.ts'

const all = [1, 2, 3]
const honest = chat('honest')
const context = (run: Run<Heard, never>) => ({
  sessionId: run.sessionId,
  signers: all,
  roster: world.roster,
  curves: world.curves,
})
const appended = ({ body }: Envelope): Partial<Envelope> => ({ body: concat(body, u8(0)) })

describe('an honest relay', () => {
  it('T-04: 200 random orders give the same words and transcripts at every signer', () => {
    const transcripts = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const run = chat(`order ${i}`)
      expect(finished(run), run.seed).toEqual(all)
      const ofRun = new Set([...run.ends.values()].map((e) => (e.type === 'done' ? e.result.transcript : '')))
      expect(ofRun.size, run.seed).toBe(1)
      for (const t of ofRun) transcripts.add(t)
    }
    // Fresh ephemeral keys each time: no two sessions share a transcript.
    expect(transcripts.size).toBe(200)
  })

  it('a run is a function of its seed', () => {
    expect(chat('same').traffic).toEqual(chat('same').traffic)
  })
})

describe('damaged envelopes are ignored and the session completes when the true one comes', () => {
  const kinds = honest.sent.filter((p) => p.from === 2 && p.to === 1)

  it.each(kinds.map((p) => [nameOf(p), p] as const))('14.1 flipped bytes: each of %s', (_, parcel) => {
    let tried = 0
    const flipEach: Rule['act'] = (p) => {
      tried = p.bytes.length
      return [
        ...Array.from({ length: p.bytes.length }, (_, i) => ({ ...p, bytes: flip(i, 1 << (i % 8))(Uint8Array.from(p.bytes)) })),
        { ...p, late: 1 },
      ]
    }
    expect(finished(chat('flips', { rules: [{ when: whenOf(parcel), act: flipEach }] }))).toEqual(all)
    expect(tried).toBeGreaterThan(170)
  })

  it.each(kinds.map((p) => [nameOf(p), p] as const))(
    'D-01, 14.1 unknown headers: %s cut, extended, of other length, magic, suite, protocol, round, parties',
    (_, parcel) => {
      const { sender, receiver, length, body, magic, suite, protocol, round: at } = OFFSETS
      const changes: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
        () => new Uint8Array(0),
        (bytes) => bytes.slice(0, -1),
        (bytes) => bytes.slice(0, body),
        (bytes) => concat(bytes, u8(0)),
        (bytes) => concat(bytes, bytes),
        patch(length, u32(0)),
        patch(length, u32(1 << 30)),
        patch(length, u32(0xffffffff)),
        patch(magic, u32(0)),
        patch(magic, Uint8Array.of(0x51, 0x52, 0x4c, 0x31)),
        patch(suite, u16(9)),
        patch(protocol, u8(9)),
        patch(at, u8(parcel.round + 1)),
        patch(at, u8(0)),
        patch(sender, concat(u16(1), u16(2))),
        patch(sender, u16(3)),
        patch(receiver, u16(3)),
        patch(receiver, u16(0xffff)),
        patch(receiver, u16(0)),
      ]
      const act: Rule['act'] = (p) => [
        ...changes.map((change) => ({ ...p, bytes: change(Uint8Array.from(p.bytes)) })),
        { ...p, late: 1 },
      ]
      expect(finished(chat('damage', { rules: [{ when: whenOf(parcel), act }] }))).toEqual(all)
    },
  )

  it('T-10, 14.1 replay: every message of another session, and those of this one that are for others or our own', () => {
    const other = chat('another session', {
      setup: setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'another' }),
    })
    // The recorded run has the seed of this one, so its messages are this session's own, to the byte.
    const foreign = honest.sent.filter((q) => q.from === 1 || (q.kind === 'direct' && q.to !== 1))
    const act: Rule['act'] = (p) => [...[...foreign, ...other.sent].map((q) => ({ ...p, bytes: q.bytes })), { ...p, late: 1 }]
    const run = chat('honest', { rules: [{ when: { to: 1 }, act }] })
    expect(finished(run)).toEqual(all)
    expect(run.traffic).toHaveLength(honest.traffic.length)
  })

  it('T-10, 14.1 replay: the same seats, keys and words in an earlier session with another id', () => {
    const setup = setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'later' })
    const run = chat('honest', {
      setup,
      rules: [{ when: {}, act: (p) => [...spliceFrom(honest.sent)(p), { ...p, late: 1 }] }],
    })
    expect(finished(run)).toEqual(all)
  })
})

describe('T-07: one fault at a time, at every message', () => {
  const other = chat('recorded', { setup: setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'recorded' }) })
  const faults: Readonly<Record<string, Rule['act']>> = {
    drop,
    duplicate,
    delay,
    flip: replace(flip(OFFSETS.body)),
    cut: replace((bytes) => bytes.slice(0, -1)),
    splice: spliceFrom(other.sent),
    'flip, then the true one': inject(flip(OFFSETS.prev)),
    'to another': (p) => [{ ...p, to: all.find((id) => id !== p.from && id !== p.to) as PartyId }],
  }
  const harmless = new Set(['duplicate', 'delay', 'flip, then the true one'])

  it.each(Object.entries(faults))('%s', (name, act) => {
    for (const parcel of honest.sent) {
      const run = chat(`fault ${name}`, { rules: [{ when: whenOf(parcel), act }] })
      const where = `${name} at ${nameOf(parcel)}, seed ${run.seed}`
      if (harmless.has(name)) expect(finished(run), where).toEqual(all)
      else {
        // Whoever lacks the message waits in vain and names nobody; others finish or wait for that one.
        expect(endings(run)[parcel.to], where).toBe('TIMEOUT')
        expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
        for (const end of run.ends.values())
          if (end.type === 'failed') expect(end.fault, where).toMatchObject({ code: 'TIMEOUT', culprits: [] })
        finished(run)
      }
    }
  })
})

describe('T-05: equivocation', () => {
  it.each([1, 2, 3])('14.1 split broadcast: two signed broadcasts of round %i, one to each peer', (round) => {
    const run = chat('split', {
      rules: [{ when: { round, from: 3, to: 2, kind: 'broadcast' }, act: equivocate(world, appended) }],
    })
    if (round === 3) {
      // Nothing follows the last round, so nothing compares it: protocols that output a key end with a certificate.
      expect(endings(run)[1]).toBe('done')
      return
    }
    // Both honest signers notice in the next round, before they read anything of it, and name nobody on the word of one view.
    expect(endings(run)).toMatchObject({ 1: 'INCONSISTENT_BROADCAST', 2: 'INCONSISTENT_BROADCAST' })
    const exhibits = [1, 2].flatMap((id) => {
      const end = run.ends.get(id)
      return end?.type === 'failed' ? end.exhibits : []
    })
    expect(settleViews(context(run), exhibits)).toEqual({ equivocators: [3], falsePrev: [] })
  })

  it.each(honest.sent.filter((p) => p.from === 3 && p.to === 2).map((p) => [nameOf(p), p] as const))(
    '14.1 twice: both versions of %s to one peer name the author',
    (_, parcel) => {
      // The rest of the round is held back, so that it is still open when the second version comes.
      const rules = [
        { when: whenOf(parcel), act: showBoth(world, appended) },
        { when: { round: parcel.round, to: 2 }, act: delay },
      ]
      const run = chat('both', { rules })
      expect(endings(run)[2]).toBe('EQUIVOCATION:3')
      expect(endings(run)[1]).not.toContain(':')
    },
  )

  it('a version that the author did not sign changes nothing and names nobody', () => {
    const unsigned = (bytes: Uint8Array): Uint8Array => {
      bytes[OFFSETS.body] = (bytes[OFFSETS.body] as number) ^ 1
      return bytes
    }
    for (const round of [1, 2, 3])
      expect(finished(chat('unsigned', { rules: [{ when: { round, from: 3, to: 2 }, act: inject(unsigned) }] }))).toEqual(all)
  })
})

describe('T-06, 14.1 wrong prev: a signer that lies about what it received (D5)', () => {
  const lie = (bytes: Uint8Array): Uint8Array => resign(world, bytes, () => ({ prev: new Uint8Array(32).fill(1) }))

  it.each([1, 2, 3])('in round %i: INCONSISTENT_BROADCAST, no ban; the signed envelopes show who lied', (round) => {
    const rules: readonly Rule[] = [{ when: { round, from: 2 }, act: replace(lie) }]
    const run = chat('prev', { rules })
    expect(endings(run)).toMatchObject({ 1: 'INCONSISTENT_BROADCAST', 3: 'INCONSISTENT_BROADCAST' })
    // What the coordinator relayed: the lie in place of the true envelope.
    const relayed = run.sent.map((p) => (p.round === round && p.from === 2 ? lie(p.bytes) : p.bytes))
    const { equivocators, falsePrev } = settleViews(context(run), relayed)
    expect(equivocators).toEqual([])
    expect(falsePrev).toEqual([2])
  })
})

describe('settleViews', () => {
  const bytes = honest.traffic

  it('finds nothing in an honest session, whole or in part', () => {
    expect(settleViews(context(honest), bytes)).toEqual({ equivocators: [], falsePrev: [] })
    expect(settleViews(context(honest), [])).toEqual({ equivocators: [], falsePrev: [] })
    for (let skip = 0; skip < bytes.length; skip++) {
      expect(settleViews(context(honest), bytes.toSpliced(skip, 1))).toEqual({ equivocators: [], falsePrev: [] })
    }
  })

  it('T-06 a liar can add nothing in the name of another: unsigned, foreign and damaged envelopes do not count', () => {
    const [first] = bytes as [Uint8Array]
    const elsewhere = chat('elsewhere', {
      setup: setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'elsewhere' }),
    })
    const forged = [
      patch(OFFSETS.body, u8(9))(Uint8Array.from(first)),
      patch(OFFSETS.sender, u16(2))(Uint8Array.from(first)),
      patch(OFFSETS.sender, u16(9))(Uint8Array.from(first)),
      first.slice(0, -1),
      new Uint8Array(0),
      ...elsewhere.traffic,
    ]
    expect(settleViews(context(honest), [...bytes, ...forged])).toEqual({ equivocators: [], falsePrev: [] })
  })

  it('names who signed a first message that claims a round before it', () => {
    const [first] = bytes as [Uint8Array]
    const { sender } = decodeEnvelope(first) as Envelope
    const claimed = resign(world, first, () => ({ prev: new Uint8Array(32).fill(1) }))
    expect(settleViews(context(honest), [claimed])).toEqual({ equivocators: [], falsePrev: [sender] })
  })

  it('looks at full envelopes only: a light one, though its author signed it, is of another kind of session', () => {
    const [first] = bytes as [Uint8Array]
    const envelope = { ...(decodeEnvelope(first) as Envelope), kind: 'light' as const, body: u8(9) }
    const signature = world.curves.ed25519Sign(
      contentDigest(envelope, envelope.body),
      identityOf(world, envelope.sender).signSeed,
    )
    const light = encodeEnvelope({ ...envelope, signature })
    expect(settleViews(context(honest), [...bytes, light])).toEqual({ equivocators: [], falsePrev: [] })
  })

  it('a second signature over the same content is no second version', () => {
    const envelope = decodeEnvelope(bytes[0] as Uint8Array) as Envelope
    const twice = resign(world, bytes[0] as Uint8Array, () => ({}))
    expect(contentDigest(decodeEnvelope(twice) as Envelope, envelope.body)).toEqual(contentDigest(envelope, envelope.body))
    expect(settleViews(context(honest), [...bytes, twice])).toEqual({ equivocators: [], falsePrev: [] })
  })

  it('knows the signers of the session only: another of the roster can neither be named nor stand in for one', () => {
    const two = { ...context(honest), signers: [1, 2] }
    const doubled = honest.sent.filter((p) => p.kind === 'broadcast' && p.from === 3).map((p) => resign(world, p.bytes, appended))
    expect(settleViews(two, [...bytes, ...doubled])).toMatchObject({ equivocators: [] })
  })

  it('names several equivocators, each once, ascending', () => {
    const second = honest.sent
      .filter((p) => p.kind === 'broadcast' && p.from !== 2)
      .map((p) => resign(world, p.bytes, appended))
      .toReversed()
    expect(settleViews(context(honest), [...bytes, ...second])).toEqual({ equivocators: [1, 3], falsePrev: [] })
  })
})
