import { describe, expect, it } from 'vitest'
import {
  contentDigest,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  headerBytes,
} from '../../../src/protocol/channel/envelope.ts'
import { FullChannel, type FullChannelOptions } from '../../../src/protocol/channel/full-channel.ts'
import { keyCommitment } from '../../../src/protocol/channel/message-key.ts'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { equalBytes, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { directOf, type Env, type Evidence, type Protocol, peersOf } from '../../../src/protocol/engine/round.ts'
import { inject, OFFSETS, type Rule, replace, resign } from '../../simulator/relay.ts'
import { runSession } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { identityOf, setupOf, type World } from '../../simulator/world.ts'
import { chat, chatter, chatWorld, endings, finished } from './chatter.ts'

const world = chatWorld
const all = [1, 2, 3]
const SECRET = new Uint8Array(32).map((_, i) => 200 - i)

/** Two rounds of direct messages; gives the evidence for each. */
function* whisper(env: Env): Protocol<ReadonlyMap<string, Evidence>> {
  const peers = peersOf(env)
  const evidence = new Map<string, Evidence>()
  for (let round = 1; round <= 3; round++) {
    const direct = new Map(peers.map((to) => [to, SECRET]))
    const inbox = yield { name: 'whisper', broadcast: new Uint8Array(0), direct, from: peers }
    for (const from of peers) {
      if (!equalBytes(directOf(inbox, from), SECRET)) throw new Error('lost in transit')
      evidence.set(`${from} to ${env.self} in ${round}`, env.evidence(from))
    }
  }
  return evidence
}
const setup = setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'whisper' })
const whispers = runSession({ world, setup, seed: 'keys', scriptFor: whisper })
const evidence = new Map(
  all.flatMap((id) => {
    const end = whispers.ends.get(id)
    return end?.type === 'done' ? [...end.result] : []
  }),
)

describe('message keys', () => {
  it('one per sender, receiver and round (TOB-SILA-6)', () => {
    expect(evidence.size).toBe(18)
    expect(new Set([...evidence.values()].map((e) => toHex(e.key))).size).toBe(18)
  })

  it('evidence opens its own envelope and no other', () => {
    for (const [name, { envelope, key }] of evidence) {
      for (const [other, { envelope: bytes }] of evidence) {
        const e = decodeEnvelope(bytes)
        if (e === null) throw new Error('evidence is an envelope')
        const opened = world.curves.open(key, headerBytes(e, e.body.length), e.body)
        expect(opened).toEqual(name === other ? SECRET : null)
        expect(equalBytes(keyCommitment(key), e.keyCommitment)).toBe(name === other)
      }
      expect(decodeEnvelope(envelope)).not.toBe(null)
    }
  })

  it('T-13: what was whispered is nowhere on the wire', () => {
    const names = new Map([['secret', SECRET]])
    for (const bytes of whispers.traffic) expect(findSecrets(bytes, names)).toEqual([])
    expect(whispers.traffic).toHaveLength(27)
  })

  it('the header is bound to the ciphertext', () => {
    const [first] = evidence.values()
    if (first === undefined) throw new Error('no evidence')
    const e = decodeEnvelope(first.envelope)
    if (e === null) throw new Error('evidence is an envelope')
    const header = headerBytes(e, e.body.length)
    for (let i = 0; i < header.length; i++) {
      const changed = Uint8Array.from(header)
      changed[i] = (changed[i] as number) ^ 1
      expect(world.curves.open(first.key, changed, e.body)).toBe(null)
    }
  })
})

describe('low-order X25519 keys', () => {
  const ONE = new Uint8Array(32)
  ONE[0] = 1
  // RFC 7748 7 / Curve25519 page: orders 1, 4 and 8, and the twist's.
  const lowOrder = [
    new Uint8Array(32),
    ONE,
    Uint8Array.from(Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex')),
    Uint8Array.from(Buffer.from('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'hex')),
    Uint8Array.from(Buffer.from('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex')),
  ]

  it.each(lowOrder.map((key) => [toHex(key), key] as const))(
    '14.1 low-order X25519: %s as ephemeral key names its sender',
    (_, key) => {
      const rule: Rule = {
        when: { round: 1, from: 2 },
        act: replace((bytes) => resign(world, bytes, ({ body }) => ({ body: Uint8Array.from([...key, ...body.slice(32)]) }))),
      }
      const run = chat('low order', { rules: [rule] })
      expect(endings(run)[1]).toBe('MALFORMED:2')
      expect(endings(run)[3]).toBe('MALFORMED:2')
    },
  )

  it('14.1 unknown headers: a first message without room for an ephemeral key names its sender, and a light one is not looked at', () => {
    const short = (bytes: Uint8Array) => resign(world, bytes, ({ body }) => ({ body: body.slice(0, 31) }))
    const run = chat('short', { rules: [{ when: { round: 1, from: 2 }, act: replace(short) }] })
    expect(endings(run)).toMatchObject({ 1: 'MALFORMED:2', 3: 'MALFORMED:2' })
    const light = (bytes: Uint8Array): Uint8Array => {
      const e = { ...(decodeEnvelope(bytes) as Envelope), kind: 'light' as const, body: SECRET, macs: new Map() }
      const signature = world.curves.ed25519Sign(contentDigest(e, e.body), identityOf(world, e.sender).signSeed)
      return encodeEnvelope({ ...e, signature })
    }
    const both = chat('light', {
      rules: [{ when: { from: 2 }, act: (p) => [{ ...p, bytes: light(p.bytes) }, p] }],
    })
    expect(finished(both)).toEqual(all)
  })

  it('a script that whispers before anybody has spoken is a mistake of ours: CHANNEL, nobody named', () => {
    function* hasty(env: Env): Protocol<void> {
      yield { name: 'hasty', direct: new Map(peersOf(env).map((to) => [to, SECRET])), from: peersOf(env) }
    }
    const run = runSession({ world, setup, seed: 'hasty', scriptFor: hasty })
    expect(endings(run)).toEqual({ 1: 'CHANNEL', 2: 'CHANNEL', 3: 'CHANNEL' })
  })

  it('in the roster: a typed fault that names whose key it is, no exception', () => {
    const members = world.roster.members.map((m) => (m.id === 3 ? { ...m, exchangeKey: new Uint8Array(32) } : m))
    const low: World = { ...world, roster: makeRoster(1, members) }
    const choice = setupOf(low, { protocol: 'prss', suite: 'none', threshold: 2 })
    const run = runSession({ world: low, setup: choice, seed: 'roster', scriptFor: chatter })
    expect(endings(run)).toMatchObject({ 1: 'CHANNEL:3', 2: 'CHANNEL:3' })
  })
})

describe('a round-1 broadcast without room for an ephemeral key', () => {
  it.each([0, 31])('%i bytes: MALFORMED names its sender', (length) => {
    const rule: Rule = {
      when: { round: 1, from: 3 },
      act: replace((bytes) => resign(world, bytes, () => ({ body: new Uint8Array(length) }))),
    }
    expect(endings(chat('short', { rules: [rule] }))).toMatchObject({ 1: 'MALFORMED:3', 2: 'MALFORMED:3' })
  })
})

describe('direct messages of a malicious sender', () => {
  const when = { round: 2, from: 3, to: 1, kind: 'direct' } as const
  const wrongCommitment = (bytes: Uint8Array): Uint8Array =>
    resign(world, bytes, () => ({ keyCommitment: new Uint8Array(32).fill(5) }))

  it('a key commitment that is not to our key is as if nothing had come, and names nobody', () => {
    const run = chat('kc', { rules: [{ when, act: replace(wrongCommitment) }] })
    expect(endings(run)[1]).toBe('TIMEOUT')
    expect(run.missing.get(1)).toEqual([3])
  })

  it('and the session goes on when the true message comes', () => {
    expect(finished(chat('kc then true', { rules: [{ when, act: inject(wrongCommitment) }] }))).toEqual(all)
  })

  it('a body that does not open reaches the script as an empty message, with evidence', () => {
    const garbled = (bytes: Uint8Array): Uint8Array => resign(world, bytes, ({ body }) => ({ body: body.map((b) => b ^ 1) }))
    const seen = new Map<PartyId, number>()
    const run = runSession({
      world,
      setup,
      seed: 'garbled',
      rules: [{ when: { ...when, round: 1 }, act: replace(garbled) }],
      scriptFor: function* (env): Protocol<number> {
        const peers = peersOf(env)
        const inbox = yield {
          name: 'one',
          broadcast: new Uint8Array(0),
          direct: new Map(peers.map((to) => [to, SECRET])),
          from: peers,
        }
        if (env.self === 1) for (const from of peers) seen.set(from, directOf(inbox, from).length)
        return env.evidence(peers[0] as PartyId).envelope.length
      },
    })
    expect(endings(run)).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
    expect([...seen]).toEqual([
      [2, 32],
      [3, 0],
    ])
  })
})

describe('signed only (FROST)', () => {
  const signedOnly = (options: FullChannelOptions): FullChannel => new FullChannel({ ...options, signedOnly: true })
  function* shout(env: Env): Protocol<string> {
    const peers = peersOf(env)
    for (let round = 1; round <= 2; round++) yield { name: 'shout', broadcast: Uint8Array.of(env.self), from: peers }
    return toHex(env.transcript())
  }

  it('sends the bodies as they are, draws nothing, and still compares views', () => {
    let drawn = 0
    const channelFor = (options: FullChannelOptions): FullChannel =>
      signedOnly({
        ...options,
        rng: (length) => {
          drawn += 1
          return options.rng(length)
        },
      })
    const run = runSession({ world, setup, seed: 'shout', scriptFor: shout, channelFor })
    const transcripts = new Set([...run.ends.values()].map((end) => (end.type === 'done' ? end.result : '')))
    expect(transcripts.size).toBe(1)
    expect(drawn).toBe(0)
    for (const { bytes } of run.sent) expect(decodeEnvelope(bytes)?.body).toHaveLength(1)
    const split: Rule = {
      when: { round: 1, from: 3, to: 2 },
      act: replace((bytes) => resign(world, bytes, () => ({ body: Uint8Array.of(9) }))),
    }
    expect(endings(runSession({ world, setup, seed: 'shout', scriptFor: shout, channelFor, rules: [split] }))).toMatchObject({
      1: 'INCONSISTENT_BROADCAST',
      2: 'INCONSISTENT_BROADCAST',
    })
  })

  it('a direct message on it is a bug of the script', () => {
    expect(() => runSession({ world, setup, seed: 'whisper', scriptFor: whisper, channelFor: signedOnly })).toThrow(
      'ephemeral keys',
    )
  })
})

describe('secrets of a channel', () => {
  it('evidence is a copy; after wipe there is none', () => {
    const channels = new Map<PartyId, FullChannel>()
    const taken = new Map<PartyId, Evidence>()
    runSession({
      world,
      setup,
      seed: 'wipe',
      channelFor: (options: FullChannelOptions) => {
        const channel = new FullChannel(options)
        channels.set(options.identity.id, channel)
        return channel
      },
      scriptFor: function* (env): Protocol<void> {
        const peers = peersOf(env)
        yield { name: 'one', broadcast: new Uint8Array(0), direct: new Map(peers.map((to) => [to, SECRET])), from: peers }
        const mine = env.evidence(peers[0] as PartyId)
        taken.set(env.self, mine)
        mine.key.fill(0)
        expect(env.evidence(peers[0] as PartyId).key).not.toEqual(mine.key)
      },
    })
    expect(taken.size).toBe(3)
    for (const [self, channel] of channels) expect(() => channel.evidence(self === 1 ? 2 : 1)).toThrow('no direct message')
  })

  it('the ephemeral secret is drawn once and wiped when the session ends, however it ends', () => {
    for (const rules of [[], [{ when: { round: 2, from: 2 }, act: () => [] }]] as const) {
      const drawn: Uint8Array[] = []
      const run = chat('ephemeral', {
        rules,
        channelFor: (options) =>
          new FullChannel({
            ...options,
            rng: (length) => {
              const bytes = options.rng(length)
              drawn.push(bytes)
              return bytes
            },
          }),
      })
      expect(drawn).toHaveLength(3)
      for (const bytes of drawn) expect(bytes).toEqual(new Uint8Array(32))
      expect(run.ends.size).toBe(3)
    }
  })

  it('no ephemeral secret is on the wire, its public key is', () => {
    const secrets = new Map<string, Uint8Array>()
    const run = chat('scan', {
      channelFor: (options) =>
        new FullChannel({
          ...options,
          rng: (length) => {
            const bytes = options.rng(length)
            secrets.set(`ephemeral ${options.identity.id}`, Uint8Array.from(bytes))
            return bytes
          },
        }),
    })
    for (const bytes of run.traffic) expect(findSecrets(bytes, secrets)).toEqual([])
    const [name, secret] = [...secrets][0] as [string, Uint8Array]
    const publicKey = world.curves.x25519PublicKey(secret)
    const first = run.sent.find((p) => p.round === 1 && `ephemeral ${p.from}` === name)?.bytes as Uint8Array
    expect(first.slice(OFFSETS.body, OFFSETS.body + 32)).toEqual(publicKey)
  })
})
