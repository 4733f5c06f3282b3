import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMAND, COMMANDS } from '../../src/actors/crypto-commands.ts'
import { ABORT, PAIR_STATES, REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { makeKey, type TestKey } from '../host/set/signing-keys.ts'
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

const full = new Error('full')
/** What signer 1's store cannot do, until the disk has room again. */
const noRoomFor = (method: 'ban' | 'burn'): (() => void) => {
  const { pairs } = r.set.signerOf(1).store
  const before = pairs[method]
  Object.assign(pairs, {
    [method]: () => {
      throw full
    },
  })
  return () => void Object.assign(pairs, { [method]: before })
}
/** Signer 1's worker evaluates the next messages and its answer is lost. */
const losesAnswer = (): void => {
  const { actor } = r.set.signerOf(1)
  const call = actor.call.bind(actor)
  actor.call = (bytes) => {
    const answer = call(bytes)
    if (COMMAND.decode(bytes).kind !== COMMANDS.round) return answer
    actor.call = call
    throw new Error('the answer is lost')
  }
}
const abort = (s: Awaited<ReturnType<RogueSet['open']>>) =>
  r.c.ask(1, 'abort', ABORT.encode({ sessionId: Uint8Array.from(s.sessionId) }))

describe('14.4 crash: what the disk did not take', () => {
  it('a ban: the mark stays with it, whatever frames of the session come next', async () => {
    noRoomFor('ban')
    r.rogue.lie = () => telling(BANNED.X, [1])
    const s = await r.open(key, [1, 3])
    await expect(r.round(1, s, 1, s.mail)).rejects.toBe(full)
    // The worker forgets the session and its answer, so the next one bans nobody.
    await abort(s)
    expect(said(await r.round(1, s, 1, s.mail))).toBe('failed STOPPED')
    r.set.restart(1)
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'burnt', setup: null })
  })

  it('the end of a check that nobody saw: out of use at once, burnt when there is room, or by the next start', async () => {
    for (const next of ['room', 'start']) {
      const room = noRoomFor('burn')
      const s = await r.open(key, [1, 3])
      losesAnswer()
      await expect(r.round(1, s, 1, s.mail)).rejects.toBe(full)
      await abort(s)
      expect(said(await r.round(1, s, 1, s.mail))).toBe('failed STOPPED')
      expect((await r.open(key, [1, 3])).first.map(said)[0]).toMatch(/^refused PAIR_(UNKNOWN|BANNED)$/)
      room()
      if (next === 'start') r.set.restart(1)
      const states = r.set.signerOf(1).pairs.states()
      expect(states.map(({ state }) => state)).toEqual([PAIR_STATES.ok, PAIR_STATES.burnt])
      expect(r.statusOf(1, 3)).toMatchObject({ status: 'burnt', setup: null })
      r.deal(1, 3)
    }
    expect(await r.sign(key, [1, 3])).toEqual(['done', 'done'])
  })
})

it('O-10 a worker that lives on after a check of unknown outcome keeps nothing of the set-up, and no session with that peer', async () => {
  const { actor } = r.set.signerOf(1)
  const [s, running] = [await r.open(key, [1, 3]), await r.open(key, [1, 3])]
  expect(actor.load).toMatchObject({ open: 2, pairs: 1 })
  losesAnswer()
  await expect(r.round(1, s, 1, s.mail)).rejects.toThrow('lost')
  expect(actor.load).toMatchObject({ open: 0, pairs: 0 })
  expect((await r.round(1, running, 1, running.mail)).type).toBe(REPLY_TYPES.failed)
  expect(await r.sign(key, [1, 2])).toEqual(['done', 'done'])
})

it('O-10 a share from before a ban does not leave after it: the frame comes again, and the store has room now', async () => {
  const s = await r.open(key, [1, 3])
  const second = await Promise.all([1, 3].map((id) => r.round(id, s, 1, s.mail)))
  const last = (): ReturnType<RogueSet['round']> =>
    r.round(
      1,
      s,
      2,
      second.flatMap((reply) => reply.envelopes),
    )
  const { store } = r.set.signerOf(1)
  const { claim } = store
  Object.assign(store, {
    claim: () => {
      throw full
    },
  })
  await expect(last()).rejects.toBe(full)
  Object.assign(store, { claim })
  r.rogue.lie = () => telling(BANNED.X, [1])
  await r.sign(key, [1, 3])
  expect(r.statusOf(1, 3).status).toBe('banned')
  const late = await last()
  expect([late.type, late.envelopes.length]).toEqual([REPLY_TYPES.failed, 0])
})

it('an operator hears that a ban is lifted, also when the worker does not', async () => {
  r.rogue.lie = () => telling(BANNED.X, [1])
  await r.sign(key, [1, 3])
  r.set.signerOf(1).actor.call = () => {
    throw new Error('starting')
  }
  expect(await r.set.signerOf(1).pairs.lift(3)).toBe('lifted')
})
