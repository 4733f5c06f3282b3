import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope, macInput } from '../../../src/protocol/channel/envelope.ts'
import { LightChannel } from '../../../src/protocol/channel/light-channel.ts'
import { memberOf } from '../../../src/protocol/channel/roster.ts'
import { PROTOCOLS, SUITES } from '../../../src/protocol/channel/setup.ts'
import { u8 } from '../../../src/protocol/engine/bytes.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../../../src/protocol/engine/party.ts'
import { broadcastOf, type Env, type Exchange, type Protocol, peersOf } from '../../../src/protocol/engine/round.ts'
import { delay, drop, duplicate, equivocate, flip, inject, type Rule, replace } from '../../simulator/relay.ts'
import { type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { identityOf, setupOf } from '../../simulator/world.ts'
import { endings, chatWorld as world } from './chatter.ts'

const all = [1, 2, 3]
const pairKey = (a: PartyId, b: PartyId): Uint8Array => seededRng(`mac ${Math.min(a, b)} ${Math.max(a, b)}`)(32)
const macKeysOf = (self: PartyId): ReadonlyMap<PartyId, Uint8Array> =>
  new Map(all.filter((id) => id !== self).map((id) => [id, pairKey(self, id)]))
const sessionId = seededRng('light')(32)
const channel = (self: PartyId, macKeys = macKeysOf(self)): LightChannel =>
  new LightChannel({
    identity: identityOf(world, self),
    roster: world.roster,
    signers: all,
    sessionId,
    suite: SUITES['ecdsa-secp256k1'],
    protocol: PROTOCOLS.hm,
    curves: world.curves,
    macKeys,
  })
const say: Exchange = { name: 'say', broadcast: u8(7), assembler: u8(8), from: [2, 3] }
const sealed = channel(1)
  .seal(1, say)
  .map((a) => a.envelope)
const [broadcast, toAssembler] = sealed as [Envelope, Envelope]

describe('light envelopes', () => {
  it('one broadcast with a MAC per receiver, one message to the assembler without, both signed', () => {
    expect(sealed.map((e) => [e.kind, e.receiver, [...e.macs.keys()]])).toEqual([
      ['light', EVERYONE, [2, 3]],
      ['light', ASSEMBLER, []],
    ])
    for (const e of sealed) {
      expect(world.curves.ed25519Verify(e.signature, contentDigest(e, e.body), memberOf(world.roster, 1).signKey)).toBe(true)
    }
  })

  it('are accepted by each receiver, after a trip over the wire', () => {
    for (const id of [2, 3])
      expect(channel(id).authenticate(decodeEnvelope(encodeEnvelope(broadcast)) as Envelope)).not.toBe(null)
  })

  it('T-08: a missing MAC is a wrong MAC', () => {
    expect(channel(2).authenticate({ ...broadcast, macs: new Map() })).toBe(null)
    expect(channel(2).authenticate({ ...broadcast, macs: new Map([[3, broadcast.macs.get(3) as Uint8Array]]) })).toBe(null)
    expect(channel(2).authenticate({ ...broadcast, macs: new Map([[2, broadcast.macs.get(3) as Uint8Array]]) })).toBe(null)
  })

  it('are broadcasts only: one to a single signer or to the assembler is refused in spite of a good MAC', () => {
    for (const receiver of [2, ASSEMBLER]) {
      const one = { ...broadcast, receiver }
      const mac = hmac(sha256, pairKey(1, 2), macInput(one, contentDigest(one, one.body)))
      expect(channel(2).authenticate({ ...one, macs: new Map([[2, mac]]) })).toBe(null)
    }
  })

  it('the MAC covers every header field, the body and the unverified signature', () => {
    const other = new Uint8Array(32).fill(1)
    const changes: readonly Partial<Envelope>[] = [
      { suite: 2 },
      { protocol: 1 },
      { round: 2 },
      { sessionId: other },
      { sender: 3 },
      { prev: other },
      { keyCommitment: other },
      { body: u8(6) },
      { signature: flip(0)(Uint8Array.from(broadcast.signature)) },
    ]
    for (const change of changes) expect(channel(2).authenticate({ ...broadcast, ...change })).toBe(null)
    for (let i = 0; i < 32; i++) {
      const mac = flip(i)(Uint8Array.from(broadcast.macs.get(2) as Uint8Array))
      expect(channel(2).authenticate({ ...broadcast, macs: new Map([[2, mac]]) })).toBe(null)
    }
  })

  it('fields that light envelopes do not use are zero, whatever the MAC says', () => {
    const receiver = channel(2)
    for (const field of ['prev', 'keyCommitment'] as const) {
      const envelope = { ...broadcast, [field]: new Uint8Array(32).fill(1) }
      const digest = contentDigest(envelope, envelope.body)
      const mac = hmac(sha256, pairKey(1, 2), macInput(envelope, digest))
      expect(receiver.authenticate({ ...envelope, macs: new Map([[2, mac]]) })).toBe(null)
    }
  })

  it('a wiped MAC key, which a relay knows, neither seals nor accepts: HM_KID', () => {
    const wiped = new Map(all.map((id) => [id, new Uint8Array(32)]))
    const gone = expect.objectContaining({ code: 'HM_KID', culprits: [] })
    expect(() => channel(1, wiped).seal(1, say)).toThrow(gone)
    expect(() => channel(2, wiped).authenticate(broadcast)).toThrow(gone)
  })

  it('a signer without a MAC key for a peer does not speak past it', () => {
    expect(() => channel(1, new Map([[2, pairKey(1, 2)]])).seal(1, say)).toThrow('no MAC key for 3')
  })

  it('decisions.md 17: the signature is not needed to be heard, only to be blamed', () => {
    const unsigned = { ...broadcast, signature: new Uint8Array(64) }
    const digest = contentDigest(unsigned, unsigned.body)
    const mac = hmac(sha256, pairKey(1, 2), macInput(unsigned, digest))
    const heard = channel(2).authenticate({ ...unsigned, macs: new Map([[2, mac]]) })
    expect(heard).not.toBe(null)
    expect(channel(2).signed(unsigned)).toBe(false)
    expect(channel(2).signed(broadcast)).toBe(true)
    expect(channel(2).signed({ ...broadcast, body: u8(6) })).toBe(false)
  })

  it('no downgrade: a full envelope is not taken, nor a light one to somebody else', () => {
    expect(channel(2).authenticate({ ...broadcast, kind: 'full' })).toBe(null)
    expect(channel(2).authenticate({ ...broadcast, receiver: 2 })).toBe(null)
    expect(channel(2).authenticate(toAssembler)).toBe(null)
  })

  it('a sender without a shared key is nobody', () => {
    expect(channel(2).authenticate({ ...broadcast, sender: 4 })).toBe(null)
    expect(channel(1).authenticate(broadcast)).toBe(null)
  })

  it('nothing secret travels on it: direct messages are refused, and there is no transcript and no evidence', () => {
    const light = channel(1)
    expect(() => light.seal(1, { ...say, direct: new Map([[2, u8(1)]]) })).toThrow('not encrypted')
    expect(() => light.transcript()).toThrow()
    expect(() => light.evidence(2)).toThrow()
    light.wipe()
  })
})

describe('a session on the light channel', () => {
  function* talk(env: Env): Protocol<readonly number[]> {
    const heard: number[] = []
    const inbox = yield { name: 'talk', broadcast: u8(env.self), from: peersOf(env) }
    for (const from of peersOf(env)) heard.push(broadcastOf(inbox, from)[0] as number)
    yield { name: 'answer', assembler: u8(100 + env.self), from: [] }
    return heard
  }
  const setup = setupOf(world, { protocol: 'hm', suite: 'ecdsa-secp256k1', threshold: 2 })
  const run = (rules: readonly Rule[] = []): Run<readonly number[], never> =>
    runSession({
      world,
      setup,
      seed: 'talk',
      scriptFor: talk,
      rules,
      channelFor: (o) => new LightChannel({ ...o, macKeys: macKeysOf(o.identity.id) }),
    })

  it('delivers, and the assembler gets the signed answers', () => {
    const { ends, assembler } = run()
    expect(ends.get(1)).toMatchObject({ type: 'done', result: [2, 3] })
    for (const id of all) {
      const answer = decodeEnvelope(assembler.get(id)?.[0] as Uint8Array) as Envelope
      expect(answer.body).toEqual(u8(100 + id))
      expect(
        world.curves.ed25519Verify(answer.signature, contentDigest(answer, answer.body), memberOf(world.roster, id).signKey),
      ).toBe(true)
    }
  })

  it('T-07: drop times out, duplicates and flipped bytes are ignored', () => {
    expect(endings(run([{ when: { from: 2, to: 1 }, act: drop }]))).toEqual({ 1: 'TIMEOUT', 2: 'done', 3: 'done' })
    expect(endings(run([{ when: {}, act: duplicate }]))).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
    expect(endings(run([{ when: { from: 2, to: 1 }, act: replace(flip(112)) }]))).toMatchObject({ 1: 'TIMEOUT' })
    expect(endings(run([{ when: { kind: 'broadcast' }, act: inject(flip(112)) }]))).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
  })

  /** A malicious signer can compute MACs over anything; whether it also signs decides if it can be named. */
  const secondVersion =
    (signs: boolean): Rule['act'] =>
    (parcel) => {
      const envelope = { ...(decodeEnvelope(parcel.bytes) as Envelope), body: u8(99) }
      const digest = contentDigest(envelope, envelope.body)
      const signature = signs ? world.curves.ed25519Sign(digest, identityOf(world, parcel.from).signSeed) : new Uint8Array(64)
      const mac = hmac(sha256, pairKey(parcel.from, parcel.to), macInput({ signature }, digest))
      return [parcel, { ...parcel, bytes: encodeEnvelope({ ...envelope, signature, macs: new Map([[parcel.to, mac]]) }) }]
    }
  const holdBack: Rule = { when: { from: 2, to: 1 }, act: delay }

  it('T-05: two versions of a broadcast abort; the author is named when both are signed', () => {
    expect(endings(run([{ when: { from: 3, to: 1 }, act: secondVersion(true) }, holdBack]))[1]).toBe('EQUIVOCATION:3')
  })

  it('T-05: and nobody when one is not: a MAC convinces its receiver only', () => {
    expect(endings(run([{ when: { from: 3, to: 1 }, act: secondVersion(false) }, holdBack]))[1]).toBe('EQUIVOCATION')
  })

  it('equivocate is for full envelopes only: a test that used it here would prove nothing', () => {
    expect(() => run([{ when: { from: 2 }, act: equivocate(world, () => ({ body: u8(0) })) }])).toThrow('full envelopes')
  })
})
