import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/actors/crypto-commands.ts'
import { LiveSession, type SessionHooks } from '../../src/actors/live-session.ts'
import { FullChannel } from '../../src/protocol/channel/full-channel.ts'
import { PROTOCOLS, SUITES } from '../../src/protocol/channel/setup.ts'
import { Fault, SetupError } from '../../src/protocol/engine/fault.ts'
import { broadcastOf, type Protocol } from '../../src/protocol/engine/round.ts'
import { REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { identityOf, makeWorld } from '../simulator/world.ts'

const world = makeWorld({ ids: 2, seed: 'live session' })
const { roster, curves } = world
const said = ({ reply }: Answer): string => `${reply.type} ${reply.code}`.trim()

type Script = Protocol<number, string>

interface Seen {
  ends: number
  commits: string[]
  wiped: number
}

/** Sends one byte, waits for the peer's, stores something, is done. */
function* honest(self: number, seen: Seen, fault?: Error): Script {
  try {
    const inbox = yield { name: 'test/one', broadcast: Uint8Array.of(self), from: [3 - self] }
    if (fault !== undefined) throw fault
    const theirs = broadcastOf(inbox, 3 - self)[0] as number
    yield { name: 'test/two', assembler: Uint8Array.of(theirs), from: [], commit: `store ${theirs}` }
    return theirs
  } finally {
    seen.wiped += 1
  }
}

function sessionOf(
  self: number,
  script: (seen: Seen) => Script = (seen) => honest(self, seen),
  hooks: Partial<SessionHooks<number, string>> = {},
) {
  const seen: Seen = { ends: 0, commits: [], wiped: 0 }
  const shared = {
    identity: identityOf(world, self),
    roster,
    signers: [1, 2],
    sessionId: new Uint8Array(32).fill(9),
    suite: SUITES.none,
    protocol: PROTOCOLS.frost,
    curves,
    rng: seededRng(`live ${self}`),
  }
  const session = LiveSession.open<number, string>({
    ...shared,
    self,
    channel: new FullChannel({ ...shared, signedOnly: true }),
    deadline: 100,
    script: script(seen),
    hooks: {
      onCommit: (commit) => {
        seen.commits.push(commit)
        return { detail: commit }
      },
      onDone: (result) => ({ reply: { result: Uint8Array.of(result) } }),
      ...hooks,
      onEnd: () => {
        seen.ends += 1
        hooks.onEnd?.()
      },
    },
  })
  return { session, seen }
}

const envelopeOf2 = (): readonly Uint8Array[] => sessionOf(2).session.start().reply.envelopes

describe('a live session', () => {
  it('adds its hooks’ words to the answers and ends once', () => {
    const { session, seen } = sessionOf(1)
    expect(said(session.start())).toBe('0')
    const answer = session.receive(1, envelopeOf2())
    expect(said(answer)).toBe('1')
    expect([answer.detail, answer.reply.result, answer.reply.envelopes.length]).toEqual(['store 2', Uint8Array.of(2), 1])
    expect(session.ended).toBe(true)
    session.end()
    session.end()
    expect(seen).toEqual({ ends: 1, commits: ['store 2'], wiped: 1 })
  })

  it('gives the same answer to the same round, with what has to be stored, and runs nothing again', () => {
    const { session, seen } = sessionOf(1)
    session.start()
    const mail = envelopeOf2()
    expect(said(session.receive(1, []))).toBe('0')
    const answer = session.receive(1, mail)
    expect(session.receive(1, mail)).toBe(answer)
    expect(session.receive(1, [])).toBe(answer)
    expect(said(session.receive(2, mail))).toBe('2 STOPPED')
    expect(seen.commits).toEqual(['store 2'])
  })

  it('T-17 keeps of an ended session its last reply alone: those before are megabytes', () => {
    const { session } = sessionOf(1, function* (): Script {
      yield { name: 'test/one', broadcast: Uint8Array.of(1), from: [2] }
      yield { name: 'test/two', broadcast: Uint8Array.of(1), from: [2] }
      yield { name: 'test/three', assembler: Uint8Array.of(1), from: [], commit: 'store' }
      return 1
    } as never)
    const peer = sessionOf(2, function* (): Script {
      yield { name: 'test/one', broadcast: Uint8Array.of(2), from: [1] }
      yield { name: 'test/two', broadcast: Uint8Array.of(2), from: [1] }
      return 2
    } as never).session
    const [mine, theirs] = [session.start().reply.envelopes, peer.start().reply.envelopes]
    const second = session.receive(1, theirs)
    expect(session.receive(1, theirs)).toBe(second)
    const last = session.receive(2, peer.receive(1, mine).reply.envelopes)
    expect(said(last)).toBe('1')
    expect(session.receive(2, [])).toBe(last)
    expect(said(session.receive(1, theirs))).toBe('2 STOPPED')
  })

  it('T-11 knows no round but its own', () => {
    const { session } = sessionOf(1)
    session.start()
    for (const number of [0, 2, 255]) expect(said(session.receive(number, envelopeOf2()))).toBe('2 STOPPED')
    expect(said(session.receive(1, envelopeOf2()))).toBe('1')
  })

  it('turns a fault into data, once, and keeps that answer too', () => {
    const { session, seen } = sessionOf(1, (s) => honest(1, s, new Fault('FROST_MALFORMED', [2], 'x'.repeat(500))))
    session.start()
    const answer = session.receive(1, envelopeOf2())
    expect([said(answer), answer.reply.culprits, answer.detail.length]).toEqual(['2 FROST_MALFORMED', [2], 400])
    expect(session.receive(1, envelopeOf2())).toBe(answer)
    expect([seen.ends, seen.wiped]).toEqual([1, 1])
  })

  it.each([
    ['refuses its set-up', new SetupError('SETUP_REFUSED', 'no')],
    ['has a bug', new TypeError('oops')],
  ])('gives its secrets back when the script %s at the start', (_what, error) => {
    // biome-ignore lint/correctness/useYield: it throws before it would.
    const { session, seen } = sessionOf(1, function* (): Script {
      throw error
    })
    expect(() => session.start()).toThrow(error)
    expect([session.ended, seen.ends]).toEqual([true, 1])
    expect(said(session.receive(1, envelopeOf2()))).toBe('2 STOPPED')
  })

  it('never goes on when what it wanted stored is lost', () => {
    const { session, seen } = sessionOf(1, undefined, {
      onCommit: () => {
        throw new Error('sealing failed')
      },
    })
    session.start()
    expect(() => session.receive(1, envelopeOf2())).toThrow('sealing failed')
    expect([session.ended, seen.ends, seen.wiped]).toEqual([true, 1, 1])
    expect(said(session.receive(1, envelopeOf2()))).toBe('2 STOPPED')
  })

  it('T-17 counts what it keeps when it has ended: with what convicts a peer, as large as that peer made it', () => {
    const script = (self: number) =>
      function* (): Script {
        yield { name: 'test/large', broadcast: new Uint8Array(self === 2 ? 700_000 : 1), from: [3 - self] }
        throw new Fault('FROST_MALFORMED', [2])
      }
    const peer = sessionOf(2, () => script(2)()).session.start().reply.envelopes
    const { session } = sessionOf(1, () => script(1)())
    session.start()
    expect(session.bytes).toBe(0)
    session.receive(1, peer)
    expect(session.bytes).toBeGreaterThan(700_000)
  })

  it('leaves out exhibits that would make the answer too long to send', () => {
    const large = (self: number) =>
      function* (): Script {
        yield { name: 'test/large', broadcast: new Uint8Array(self === 2 ? 900_000 : 200_000), from: [3 - self] }
        throw new Fault('INCONSISTENT_BROADCAST')
      }
    const peer = sessionOf(2, () => large(2)()).session.start().reply.envelopes
    const { session } = sessionOf(1, () => large(1)())
    session.start()
    const answer = session.receive(1, peer)
    expect([said(answer), answer.reply.exhibits]).toEqual([`${REPLY_TYPES.failed} INCONSISTENT_BROADCAST`, []])
  })
})
