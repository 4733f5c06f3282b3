import { describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/protocol/channel/channel.ts'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { FullChannel, type FullChannelOptions } from '../../../src/protocol/channel/full-channel.ts'
import { LightChannel } from '../../../src/protocol/channel/light-channel.ts'
import { type Progress, Session } from '../../../src/protocol/channel/session.ts'
import { PROTOCOLS, SUITES, sessionId } from '../../../src/protocol/channel/setup.ts'
import { concat, u8, u16 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { broadcastOf, type Env, type Protocol } from '../../../src/protocol/engine/round.ts'
import { OFFSETS, patch, resign } from '../../simulator/relay.ts'
import { openSession, type Plan } from '../../simulator/run-session.ts'
import { identityOf, setupOf } from '../../simulator/world.ts'
import { chatter, chatWorld, expectedWords, type Heard } from './chatter.ts'

const world = chatWorld
const setup = setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, name: 'session tests' })
const id = sessionId(setup)
const open = <R, C = never>(
  self: PartyId,
  scriptFor: (env: Env) => Protocol<R, C>,
  more: Partial<Plan<R, C>> = {},
): Session<R, C> => openSession({ world, setup, seed: 'session', scriptFor, ...more }, id, self)

/** Envelopes of an undisturbed run by round and sender, as recipient 1 gets them. */
function recording(): { readonly byRound: ReadonlyMap<number, readonly Uint8Array[]>; readonly own: readonly Uint8Array[] } {
  const sessions = new Map([1, 2, 3].map((self) => [self, open(self, chatter)] as const))
  const byRound = new Map<number, Uint8Array[]>([
    [1, []],
    [2, []],
    [3, []],
  ])
  const own: Uint8Array[] = []
  let pending = [...sessions].flatMap(([from, s]) => s.start().outgoing.map((bytes) => ({ from, bytes })))
  while (pending.length > 0) {
    for (const { from, bytes } of pending) {
      const envelope = decodeEnvelope(bytes)
      if (from === 1) own.push(bytes)
      else if (envelope?.receiver === 1 || envelope?.receiver === 0xffff) byRound.get(envelope.round)?.push(bytes)
    }
    pending = pending.flatMap(({ from, bytes }) =>
      [...sessions].flatMap(([self, s]) =>
        self === from ? [] : s.receive([bytes]).outgoing.map((out) => ({ from: self, bytes: out })),
      ),
    )
  }
  return { byRound, own }
}
const { byRound, own } = recording()
const round = (r: number): readonly Uint8Array[] => byRound.get(r) as readonly Uint8Array[]
const end = (progress: Progress<Heard, never>): unknown => progress.end
const done = { type: 'done', result: { words: expectedWords(1, [1, 2, 3]) } }
const failed = (code: string, culprits: readonly PartyId[] = []): object => ({ type: 'failed', fault: { code, culprits } })

describe('the ordinary course', () => {
  it('sends, says whom it waits for, ends once', () => {
    const s = open(1, chatter)
    const first = s.start()
    expect(first).toMatchObject({ outgoing: [own[0]], commits: [], waitingFor: [2, 3] })
    expect(s.receive([round(1)[0] as Uint8Array])).toMatchObject({ outgoing: [], waitingFor: [3] })
    const second = s.receive([round(1)[1] as Uint8Array])
    expect(second.outgoing).toEqual(own.slice(1, 4))
    expect(s.round).toBe(2)
    expect(s.receive(round(2)).outgoing).toEqual(own.slice(4))
    expect(end(s.receive(round(3)))).toMatchObject(done)
    expect(s.ended).toBe(true)
    expect(s.waitingFor).toEqual([])
  })

  it('waits for both the broadcast and the direct message of each peer', () => {
    const s = open(1, chatter)
    s.start()
    s.receive(round(1))
    for (const [i, bytes] of round(2).entries()) {
      expect(s.waitingFor.length).toBeGreaterThan(0)
      const progress = s.receive([bytes])
      expect(progress.outgoing.length).toBe(i === round(2).length - 1 ? 1 : 0)
    }
  })
})

describe('T-02, T-03, T-04: order, repetition and excess', () => {
  it('hears peers before it has begun itself', () => {
    const s = open(1, chatter)
    expect(s.receive(round(1)).outgoing).toEqual([])
    expect(s.start().outgoing).toHaveLength(4)
  })

  it('keeps the messages of the next round', () => {
    const s = open(1, chatter)
    s.start()
    s.receive(round(2))
    expect(s.receive(round(1)).outgoing).toHaveLength(4)
    expect(s.round).toBe(3)
    expect(end(s.receive(round(3)))).toMatchObject(done)
  })

  it('does not keep messages further ahead: a peer that is two rounds on does not exist', () => {
    const s = open(1, chatter)
    s.start()
    s.receive(round(3))
    s.receive(round(1))
    s.receive(round(2))
    expect(s.round).toBe(3)
    expect(s.waitingFor).toEqual([2, 3])
    expect(end(s.receive(round(3)))).toMatchObject(done)
  })

  it('14.1 twice: ignores the same bytes again, in this round and in later ones', () => {
    const s = open(1, chatter)
    s.start()
    for (const r of [1, 2]) {
      s.receive([...round(r), ...round(r)])
      s.receive([...round(1), ...round(r)])
    }
    expect(end(s.receive([...round(3), ...round(3)]))).toMatchObject(done)
  })

  it('T-03 a flood for rounds to come is not even looked at beyond the next one; of that one each kind is kept once', () => {
    let looked = 0
    let kept = 0
    const counting = (options: FullChannelOptions): Channel => {
      const channel = new FullChannel(options)
      const authenticate = channel.authenticate.bind(channel)
      channel.authenticate = (envelope) => {
        looked += 1
        const accepted = authenticate(envelope)
        if (accepted !== null) kept += 1
        return accepted
      }
      return channel
    }
    const s = open(1, chatter, { channelFor: counting })
    s.start()
    const [last] = round(3) as [Uint8Array]
    for (let i = 0; i < 5000; i++) s.receive([patch(OFFSETS.round, u8(3 + (i % 250)))(Uint8Array.from(last))])
    expect([looked, kept]).toEqual([0, 0])
    const early = round(2).filter((bytes) => decodeEnvelope(bytes)?.sender === 2)
    s.receive([...early, ...early])
    expect(kept).toBe(4)
    // A second version for that round fails its author there and then.
    const second = resign(world, early[0] as Uint8Array, ({ body }) => ({ body: concat(body, u8(0)) }))
    expect(end(s.receive([second]))).toMatchObject(failed('EQUIVOCATION', [2]))
    // Another session between the same three, at the same signer, is none the worse.
    const other = open(1, chatter)
    other.start()
    for (const r of [1, 2]) other.receive(round(r))
    expect(end(other.receive(round(3)))).toMatchObject(done)
  })

  it('ignores another version once the round is closed', () => {
    const s = open(1, chatter)
    s.start()
    s.receive(round(1))
    const late = resign(world, round(1)[0] as Uint8Array, ({ body }) => ({ body: concat(body, u8(0)) }))
    s.receive([late, ...round(2)])
    expect(end(s.receive(round(3)))).toMatchObject(done)
  })

  it('14.1 twice: two signed versions of one message name their author, broadcast or direct, also when they come early', () => {
    for (const r of [1, 2]) {
      for (const bytes of round(r)) {
        const second = resign(world, bytes, ({ body }) => ({ body: concat(body, u8(0)) }))
        const author = decodeEnvelope(bytes)?.sender as PartyId
        for (const early of [false, true]) {
          const s = open(1, chatter)
          if (!early || r === 2) s.start()
          if (r === 2 && !early) s.receive(round(1))
          s.receive([bytes])
          expect(end(s.receive([second]))).toMatchObject(failed('EQUIVOCATION', [author]))
        }
      }
    }
  })
})

describe('T-01, T-10, T-14: what is not for this place', () => {
  const [broadcast2] = round(2) as readonly [Uint8Array]
  const ignored = (bytes: Uint8Array, at = 2): void => {
    const s = open(1, chatter)
    s.start()
    if (at === 2) s.receive(round(1))
    const before = s.waitingFor
    expect(s.receive([bytes])).toMatchObject({ outgoing: [], commits: [], waitingFor: before })
    if (at === 1) s.receive(round(1))
    s.receive(round(2))
    expect(end(s.receive(round(3)))).toMatchObject(done)
  }
  const signedWith = (change: Parameters<typeof resign>[2]): Uint8Array => resign(world, broadcast2, change)

  it('a sender field that the signature does not cover for', () => {
    ignored(patch(OFFSETS.sender, u16(3))(Uint8Array.from(broadcast2)))
    ignored(patch(OFFSETS.sender, u16(4))(Uint8Array.from(broadcast2)))
    ignored(patch(OFFSETS.sender, u16(0))(Uint8Array.from(broadcast2)))
  })

  it('a message to another, validly signed: it is neither read nor held against its sender', () => {
    ignored(signedWith(() => ({ receiver: 3 })))
    ignored(signedWith(() => ({ receiver: 0 })))
    ignored(signedWith(() => ({ receiver: 4 })))
  })

  it('another session, suite, protocol, round, validly signed', () => {
    ignored(signedWith(() => ({ sessionId: new Uint8Array(32) })))
    ignored(signedWith(() => ({ suite: 1 })))
    ignored(signedWith(() => ({ protocol: PROTOCOLS.dkg })))
    for (const r of [0, 1, 4, 255]) ignored(signedWith(() => ({ round: r })))
  })

  it('a broadcast with a key commitment is no broadcast', () => {
    ignored(signedWith(() => ({ keyCommitment: new Uint8Array(32).fill(1) })))
  })

  it('T-14 a direct message in a round of broadcasts does not stand for the broadcast', () => {
    ignored(
      resign(world, round(1)[0] as Uint8Array, () => ({ receiver: 1 })),
      1,
    )
  })

  it('T-14 a direct message sent to all is no broadcast', () => {
    const direct = round(2).find((bytes) => decodeEnvelope(bytes)?.receiver === 1) as Uint8Array
    ignored(resign(world, direct, () => ({ receiver: 0xffff })))
  })

  it('bytes that are no envelope, own bytes, nothing', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(300), own[0] as Uint8Array, own[1] as Uint8Array]) ignored(bytes)
    const s = open(1, chatter)
    s.start()
    expect(s.receive([])).toMatchObject({ outgoing: [], waitingFor: [2, 3] })
  })

  it('a signer of the roster that is not in the session', () => {
    const two = setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2, signers: [1, 2] })
    const plan = { world, setup: two, seed: 'session', scriptFor: chatter }
    const s = openSession(plan, sessionId(two), 1)
    s.start()
    const outsider = resign(world, round(1)[1] as Uint8Array, () => ({ sessionId: sessionId(two) }))
    expect(decodeEnvelope(outsider)?.sender).toBe(3)
    expect(s.receive([outsider])).toMatchObject({ outgoing: [], waitingFor: [2] })
    const insider = resign(world, round(1)[0] as Uint8Array, () => ({ sessionId: sessionId(two) }))
    expect(s.receive([insider]).outgoing).toHaveLength(2)
  })
})

describe('T-11: ends', () => {
  it('stop gives an end that nothing changes any more', () => {
    const s = open(1, chatter)
    s.start()
    expect(end(s.stop('TIMEOUT'))).toMatchObject(failed('TIMEOUT'))
    expect(end(s.stop('STOPPED'))).toMatchObject(failed('TIMEOUT'))
    expect(s.receive(round(1))).toMatchObject({ outgoing: [], waitingFor: [], end: failed('TIMEOUT') })
  })

  it('stop before the start', () => {
    const s = open(1, chatter)
    expect(end(s.stop())).toMatchObject(failed('STOPPED'))
    expect(s.start()).toMatchObject({ outgoing: [], end: failed('STOPPED') })
  })

  it('stop after success changes nothing', () => {
    const s = open(1, chatter)
    s.start()
    for (const r of [1, 2, 3]) s.receive(round(r))
    expect(end(s.stop())).toMatchObject(done)
  })

  it('a second start is a bug of the caller: loud, and the session is over', () => {
    const s = open(1, chatter)
    s.start()
    expect(() => s.start()).toThrow('starts once')
    expect(s.ended).toBe(true)
    expect(s.receive(round(1))).toMatchObject({ outgoing: [], end: failed('STOPPED') })
  })

  it('a bug in a script propagates after its secrets are wiped, and the session is over', () => {
    let wiped = false
    const s = open(1, function* (): Protocol<void> {
      try {
        yield { name: 'one', broadcast: u8(1), from: [2, 3] }
        throw new TypeError('bug')
      } finally {
        wiped = true
      }
    })
    s.start()
    expect(() => s.receive(round(1))).toThrow('bug')
    expect(wiped).toBe(true)
    expect(s.ended).toBe(true)
    expect(s.receive(round(2))).toMatchObject({ outgoing: [], end: failed('STOPPED') })
  })

  it('a message that completes no exchange: `from` empty goes on at once, after it was handed out', () => {
    const s = open(1, function* (): Protocol<string> {
      yield { name: 'parting word', broadcast: u8(1), from: [] }
      return 'gone'
    })
    const progress = s.start()
    expect(progress.outgoing).toHaveLength(1)
    expect(progress.end).toMatchObject({ type: 'done', result: 'gone' })
  })

  it('commits come with the call that hands out the bytes they must precede', () => {
    const s = open(1, function* (env): Protocol<Uint8Array, string> {
      yield { name: 'one', broadcast: u8(1), from: [2, 3] }
      const inbox = yield { name: 'two', broadcast: u8(2), from: [2], commit: 'stored before two' }
      return broadcastOf(inbox, env.parties[1] as PartyId)
    })
    expect(s.start()).toMatchObject({ commits: [] })
    const progress = s.receive(round(1))
    expect(progress.commits).toEqual(['stored before two'])
    expect(progress.outgoing).toHaveLength(1)
    expect(s.receive([])).toMatchObject({ commits: [], outgoing: [] })
  })
})

describe('own copies (hm)', () => {
  const macKeys = new Map([1, 2, 3].map((k) => [k, new Uint8Array(32).fill(k)]))
  const hello = function* (): Protocol<string> {
    yield { name: 'hello', broadcast: u8(7), from: [2, 3] }
    return 'done'
  }
  const start = (ownCopyFault?: 'HM_VIEW') => {
    const common = { self: 1, signers: [1, 2, 3], sessionId: id, suite: SUITES.none, protocol: PROTOCOLS.prss }
    const channel = new LightChannel({
      ...common,
      identity: identityOf(world, 1),
      roster: world.roster,
      curves: world.curves,
      macKeys,
    })
    return new Session({ ...common, channel, script: hello(), ...(ownCopyFault === undefined ? {} : { ownCopyFault }) })
  }

  it('a relay that shows another version of our own broadcast ends the session with the given code', () => {
    const s = start('HM_VIEW')
    const [mine] = s.start().outgoing as [Uint8Array]
    expect(s.receive([mine]).end).toBeUndefined()
    const changed = Uint8Array.from(mine)
    changed[OFFSETS.body] = 8
    expect(s.receive([changed]).end).toMatchObject(failed('HM_VIEW'))
  })

  it('a message in our own name that we never sent is such a version too, to whomever it goes', () => {
    const s = start('HM_VIEW')
    const [mine] = s.start().outgoing as [Uint8Array]
    expect(s.receive([patch(OFFSETS.receiver, u16(2))(Uint8Array.from(mine))]).end).toMatchObject(failed('HM_VIEW'))
  })

  it('copies of what we said in another round are no version of this one’s', () => {
    const s = start('HM_VIEW')
    const [mine] = s.start().outgoing as [Uint8Array]
    expect(
      s.receive([patch(OFFSETS.round, u8(2))(Uint8Array.from(mine)), patch(OFFSETS.round, u8(0))(Uint8Array.from(mine))]).end,
    ).toBeUndefined()
  })

  it('without the option such copies are ignored', () => {
    const s = start()
    const [mine] = s.start().outgoing as [Uint8Array]
    const changed = Uint8Array.from(mine)
    changed[OFFSETS.body] = 8
    expect(s.receive([mine, changed]).end).toBeUndefined()
  })
})
