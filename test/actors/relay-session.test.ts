import { describe, expect, it } from 'vitest'
import { emptyAnswer } from '../../src/actors/crypto-commands.ts'
import { relay } from '../../src/actors/relay-session.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import { decodeEnvelope, encodeEnvelope, noBytes32 } from '../../src/protocol/channel/envelope.ts'
import { EVERYONE } from '../../src/protocol/engine/party.ts'
import { REPLY, REPLY_TYPES, type Reply, ROUND, type Route } from '../../src/protocol/frames/signer-frames.ts'

const SESSION = new Uint8Array(32).fill(3)
const letter = (sender: number, receiver: number, round = 1, note = 0): Uint8Array =>
  encodeEnvelope({
    kind: 'full',
    suite: 0,
    protocol: 1,
    round,
    sessionId: SESSION,
    sender,
    receiver,
    prev: noBytes32(),
    keyCommitment: noBytes32(),
    body: Uint8Array.of(note),
    signature: new Uint8Array(64),
    macs: new Map(),
  })

const reply = (changes: Partial<Reply>): Reply => ({ ...emptyAnswer().reply, ...changes })
const sent = (...envelopes: Uint8Array[]): Reply => reply({ type: REPLY_TYPES.sent, envelopes })
const done = (): Reply => reply({ type: REPLY_TYPES.done })
const failed = (code: string, ...envelopes: Uint8Array[]): Reply => reply({ type: REPLY_TYPES.failed, code, envelopes })

type Script = (round: number, mail: readonly { from: number; to: number; note: number }[]) => Reply | null

/** Signers that follow a script: what to answer to the open frame (round 0) and to each round; null is silence. */
function links(...scripts: Script[]) {
  const aborted: number[] = []
  const rounds: string[] = []
  const all = scripts.map((script, i): SignerLink => {
    const id = i + 1
    return {
      id,
      send: async (route: Route, frame) => {
        if (route === 'abort') {
          aborted.push(id)
          return REPLY.encode(done())
        }
        const { round, envelopes } = route === 'round' ? ROUND.decode(frame) : { round: 0, envelopes: [] }
        const mail = envelopes.map((bytes) => {
          const e = decodeEnvelope(bytes)
          return { from: e?.sender ?? 0, to: e?.receiver ?? 0, note: e?.body[0] ?? 0 }
        })
        rounds.push(`${id}:${round}`)
        const answer = script(round, mail)
        if (answer === null) throw new Error('silent')
        return REPLY.encode(answer)
      },
    }
  })
  return { all, aborted, rounds }
}

const run = (all: readonly SignerLink[]) => relay(all, { route: 'openKeygen', frame: new Uint8Array(1) }, SESSION, 100)
/** One broadcast and a letter to each of the others, then done. */
const honest =
  (id: number): Script =>
  (round) =>
    round === 0 ? sent(letter(id, EVERYONE), ...[1, 2, 3].filter((to) => to !== id).map((to) => letter(id, to))) : done()

describe('a relayed session', () => {
  it('gives everybody the broadcasts of the others and its own letters, and nothing else', async () => {
    const got = new Map<number, unknown>()
    const reading =
      (id: number): Script =>
      (round, mail) => {
        if (round === 1) got.set(id, mail.map(({ from, to }) => `${from}>${to === EVERYONE ? '*' : to}`).sort())
        return honest(id)(round, mail)
      }
    const end = await run(links(reading(1), reading(2), reading(3)).all)
    expect(end.type).toBe('done')
    expect(got).toEqual(
      new Map([
        [1, ['2>*', '2>1', '3>*', '3>1']],
        [2, ['1>*', '1>2', '3>*', '3>2']],
        [3, ['1>*', '1>3', '2>*', '2>3']],
      ]),
    )
  })

  it('T-17 ends with the missing named, the others aborted, and what finished kept', async () => {
    const { all, aborted } = links(
      honest(1),
      (round) => (round === 0 ? honest(2)(0, []) : null),
      (round) => (round === 0 ? honest(3)(0, []) : sent()),
    )
    const end = await run(all)
    expect(end.type === 'failed' && [end.missing, [...end.finished.keys()], end.failures.size]).toEqual([[2], [1], 0])
    await new Promise((resolve) => void setImmediate(resolve))
    expect(aborted).toEqual([2, 3])
  })

  it('ends at once when a signer refuses, and does not ask the others again', async () => {
    const { all, aborted, rounds } = links(honest(1), honest(2), () =>
      reply({ type: REPLY_TYPES.refused, code: 'request_expired' }),
    )
    const end = await run(all)
    expect(end.type === 'failed' && [...end.failures].map(([id, r]) => [id, r.code])).toEqual([[3, 'request_expired']])
    expect(rounds).toEqual(['1:0', '2:0', '3:0'])
    await new Promise((resolve) => void setImmediate(resolve))
    expect(aborted).toEqual([1, 2, 3])
  })

  it('delivers a failed signer’s last word once, since it may be a complaint the others have to judge', async () => {
    const heard: number[] = []
    const judge =
      (id: number): Script =>
      (round, mail) => {
        if (round < 2) return round === 0 ? honest(id)(0, []) : sent(letter(id, EVERYONE, 2))
        heard.push(...mail.filter((m) => m.from === 3).map((m) => m.note))
        return failed('DKG_SHARE')
      }
    const complaint: Script = (round) => (round === 0 ? honest(3)(0, []) : failed('DKG_SHARE', letter(3, EVERYONE, 2, 42)))
    const end = await run(links(judge(1), judge(2), complaint).all)
    expect(heard).toEqual([42, 42])
    expect(end.type === 'failed' && end.failures.size).toBe(3)
  })

  it('T-01 passes on nothing in another signer’s name, and one letter of each kind per signer and round', async () => {
    const flood = Array.from({ length: 31 }, (_, i) => letter(3, i % 2 === 0 ? EVERYONE : 1, 1, i))
    const counts: number[] = []
    const counting =
      (id: number): Script =>
      (round, mail) => {
        if (round === 1) counts.push(mail.filter((m) => m.from === 3).length, mail.filter((m) => m.from === 2).length)
        return honest(id)(round, mail)
      }
    const end = await run(
      links(counting(1), honest(2), (round) => (round === 0 ? sent(letter(2, EVERYONE, 1, 9), ...flood) : done())).all,
    )
    expect(end.type).toBe('done')
    expect(counts).toEqual([2, 2])
  })

  it('ends, and tells the signers, when somebody always wants another round', async () => {
    const endless: Script = () => sent()
    const { all, aborted } = links(endless, honest(2), honest(3))
    const end = await run(all)
    expect(end.type === 'failed' && [[...end.finished.keys()], end.missing]).toEqual([[2, 3], []])
    await new Promise((resolve) => void setImmediate(resolve))
    expect(aborted).toEqual([1])
  })
})
