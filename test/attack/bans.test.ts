import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMAND, COMMANDS } from '../../src/actors/crypto-commands.ts'
import { WorkerError } from '../../src/actors/worker-pool.ts'
import { MAX_STRIKES } from '../../src/host/store/pair-store.ts'
import { PAIR_STATES, REPLY, REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { makeKey, type TestKey } from '../host/set/signing-keys.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { CheatingReceiver } from '../protocol/dkls23/cheating-receiver.ts'
import { BANNED, type Lie, STRUCK, telling } from './lies.ts'
import { fresh } from './malicious-coordinator.ts'
import { type RogueSet, rogueSet, said } from './pair-set.ts'

let r: RogueSet
let key: TestKey
beforeEach(async () => {
  r = await rogueSet()
  r.dealAll()
  key = await makeKey(r.set, 'ecdsa-secp256k1')
})
afterEach(() => r.set.close())

/** A session of signer 1 with the liar. */
const lied = async (lie: Lie, to: readonly number[] = [1]): Promise<readonly string[]> => {
  r.rogue.lie = () => telling(lie, to)
  const ends = await r.sign(key, [1, 3])
  r.rogue.lie = () => ({})
  return ends
}
const signs = async (signers: readonly number[]): Promise<void> => {
  expect(await r.sign(key, signers)).toEqual(signers.map(() => 'done'))
}
const stateOf = (id: number, peer: number) =>
  r.set
    .signerOf(id)
    .pairs.states()
    .find((s) => s.peer === peer)

describe('O-10 a peer that failed a check', () => {
  it.each(Object.entries(BANNED))('%s: is banned by the host it lied to, durably, and by no other', async (_, lie: Lie) => {
    const old = r.idOf(1, 3)
    expect((await lied(lie))[0]).toBe('failed ABORT')
    const { status, ban, setup } = r.statusOf(1, 3)
    expect([status, ban?.code, setup]).toEqual(['banned', lie.code, null])
    expect(stateOf(1, 3)).toMatchObject({ state: PAIR_STATES.banned, code: 'ABORT', pairId: new Uint8Array(0) })
    expect(r.statusOf(2, 3).status).toBe('ok')
    expect(r.unblamed()).toBe(true)
    await signs([1, 2])
    await signs([2, 3])
    // Refused by name: with the old set-up, with another, with a new one, through any coordinator, after a restart.
    const refused = async (): Promise<void> => {
      for (const pairs of [[old], [fresh(32)]])
        expect(said((await r.open(key, [1, 3], 1, pairs)).first[0] as Reply)).toBe('refused PAIR_BANNED')
      expect((await r.c.ask(1, 'openPair', r.pairFrame(1, 3))).code).toBe('PAIR_BANNED')
    }
    await refused()
    r.set.loseWorker(1)
    await refused()
    r.set.restart(1)
    await refused()
    await signs([1, 2])
  })

  it('is banned after the store was restored from before, too', async () => {
    const copy = join(sharedDirectory(), `banned-${crypto.randomUUID()}.db`)
    r.set.restart(1, (file) => copyFileSync(file, copy))
    await lied(BANNED.X)
    r.set.restart(1, (file) => {
      rmSync(`${file}-wal`, { force: true })
      copyFileSync(copy, file)
    })
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', setup: null })
    expect(said((await r.open(key, [1, 3])).first[0] as Reply)).toBe('refused PAIR_BANNED')
    await signs([1, 2])
  })

  it('hm 7.6 two engines: sessions that were running with it end, those with others do not', async () => {
    const [running, other, bystander] = [await r.open(key, [1, 3]), await r.open(key, [1, 3]), await r.open(key, [1, 2])]
    const second = await Promise.all([1, 3].map((id) => r.round(id, other, 1, other.mail)))
    await lied(BANNED.mu)
    expect((await r.round(1, running, 1, running.mail)).code).toMatch(/^(STOPPED|PAIR_UNKNOWN)$/)
    const late = await r.round(
      1,
      other,
      2,
      second.flatMap((reply) => reply.envelopes),
    )
    expect([late.type, late.envelopes.length]).toEqual([REPLY_TYPES.failed, 0])
    expect((await r.play(bystander)).map(said)).toEqual(['done', 'done'])
  })

  it('says on the wire that the session ended, whatever check it was, and nothing more', async () => {
    const words: string[] = []
    const told: (string | undefined)[] = []
    for (const lie of [BANNED.at, BANNED.Gamma_u, BANNED.Gamma_v]) {
      r.rogue.lie = () => telling(lie, [1])
      const s = await r.open(key, [1, 3])
      const first = await Promise.all([1, 3].map((id) => r.round(id, s, 1, s.mail)))
      const frame = r.c.roundFrame(
        s.sessionId,
        2,
        first.flatMap((reply) => reply.envelopes),
      )
      const answer = await r.c.send(1, 'round', frame)
      expect(await r.c.send(1, 'round', frame)).toEqual(answer)
      words.push(Buffer.from(answer).toString('hex'))
      told.push(stateOf(1, 3)?.code)
      await r.set.signerOf(1).pairs.lift(3)
      r.deal(1, 3)
    }
    expect(new Set(words).size).toBe(1)
    expect(new Set(told)).toEqual(new Set(['ABORT']))
    const reply = REPLY.decode(Buffer.from(words[0] as string, 'hex'))
    expect(reply).toEqual({ ...reply, type: REPLY_TYPES.failed, code: 'ABORT', culprits: [], envelopes: [], exhibits: [] })
  })

  it('is usable again only after an operator has lifted the ban and a new set-up was made', async () => {
    const old = r.idOf(1, 3)
    await lied(BANNED.eta)
    expect(await r.set.signerOf(1).pairs.renew(3)).toBe('banned')
    expect(await r.set.signerOf(1).pairs.lift(3)).toBe('lifted')
    for (const pairs of [[old], [new Uint8Array(32)]]) {
      expect((await r.open(key, [1, 3], 1, pairs)).first[0]?.code).toMatch(/^PAIR_(UNKNOWN|BANNED)$/)
    }
    expect(stateOf(1, 3)).toMatchObject({ state: PAIR_STATES.none, code: '' })
    r.deal(1, 3)
    await signs([1, 3])
    r.set.restart(1)
    await signs([1, 3])
  })

  it('a disk that is full lets no answer out, and forgets no ban', async () => {
    const full = new Error('full')
    const fails = async (): Promise<() => void> => {
      const { pairs } = r.set.signerOf(1).store
      const { ban } = pairs
      Object.assign(pairs, {
        ban: () => {
          throw full
        },
      })
      r.rogue.lie = () => telling(BANNED.X, [1])
      const s = await r.open(key, [1, 3])
      await expect(r.round(1, s, 1, s.mail)).rejects.toBe(full)
      expect(r.statusOf(1, 3).status).toBe('ok')
      // As good as stored.
      expect((await r.open(key, [1, 3])).first[0]?.code).toBe('PAIR_BANNED')
      expect((await r.c.ask(1, 'openPair', r.pairFrame(1, 3))).code).toBe('PAIR_BANNED')
      expect(stateOf(1, 3)).toMatchObject({ state: PAIR_STATES.banned, code: 'ABORT' })
      return () => void Object.assign(pairs, { ban })
    }
    // The process ends before there is room: the mark tells the next one.
    await fails()
    r.set.restart(1)
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'burnt', setup: null })
    // There is room again: the next heartbeat stores it.
    r.deal(1, 3)
    const room = await fails()
    room()
    stateOf(1, 3)
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', ban: { code: 'OTE_CHECK' } })
    await signs([1, 2])
  })
})

describe('14.4 crash: a host that ends during a check', () => {
  /** Signer 1 stops where its worker has got the messages and not answered. */
  const dies = async (how: 'process' | 'worker'): Promise<void> => {
    const s = await r.open(key, [1, 3])
    const signer = r.set.signerOf(1)
    const { actor } = signer
    if (how === 'worker') {
      actor.call = () => {
        throw Object.assign(new Error('WORKER_LOST'), { code: 'WORKER_LOST' })
      }
      await expect(r.round(1, s, 1, s.mail)).rejects.toThrow('WORKER_LOST')
      r.set.loseWorker(1)
    } else {
      let asked = (): void => {}
      const reached = new Promise<void>((resolve) => {
        asked = resolve
      })
      actor.call = (bytes) => {
        if (COMMAND.decode(bytes).kind === COMMANDS.round) asked()
        throw new Error('the process is gone')
      }
      // Nothing of the dead process runs on.
      Object.assign(signer.pairs, { lost: async () => {} })
      void r.round(1, s, 1, s.mail).catch(() => undefined)
      await reached
      r.set.restart(1)
    }
  }

  it.each(['process', 'worker'] as const)(
    'its %s: the seeds are gone, the peer is not banned, a new set-up serves',
    async (how) => {
      await dies(how)
      expect(r.statusOf(1, 3)).toMatchObject({ status: 'burnt', setup: null, crashes: 1, ban: null })
      expect(stateOf(1, 3)?.state).toBe(PAIR_STATES.burnt)
      expect((await r.open(key, [1, 3], 1, [r.rogue.pairs.get(1)?.pairId as Uint8Array])).first[0]?.code).toBe('PAIR_UNKNOWN')
      await signs([1, 2])
      r.deal(1, 3)
      await signs([1, 3])
    },
  )

  it('the third time the peer is banned, for BURNT', async () => {
    for (const how of ['process', 'worker', 'process'] as const) {
      expect(r.statusOf(1, 3).status).toBe('ok')
      await dies(how)
      if (r.statusOf(1, 3).status === 'burnt') r.deal(1, 3)
    }
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', crashes: 3, ban: { code: 'BURNT' } })
    expect(stateOf(1, 3)).toMatchObject({ state: PAIR_STATES.banned, code: 'BURNT' })
  })

  it('a worker that refused the frame has evaluated nothing: nothing is burnt', async () => {
    const s = await r.open(key, [1, 3])
    const { actor } = r.set.signerOf(1)
    const call = actor.call.bind(actor)
    // The last one is what frames meet that come while the worker, lost by whatever accident, starts again: anybody can send them.
    for (const code of ['OVERLOADED', 'STOPPED', 'WORKER_LOST'] as const) {
      actor.call = () => {
        throw new WorkerError(code, 0, '', false)
      }
      await expect(r.round(1, s, 1, s.mail)).rejects.toThrow(code)
    }
    actor.call = call
    expect(r.unblamed()).toBe(true)
    expect((await r.play(s)).map(said)).toEqual(['done', 'done'])
    r.set.restart(1)
    await signs([1, 3])
  })
})

describe('O-13 what shows nobody a secret', () => {
  it.each(Object.entries(STRUCK))('%s: a strike each, and after so many within a day a ban', async (_, lie: Lie) => {
    for (let i = 1; i < MAX_STRIKES; i++) {
      expect((await lied(lie))[0]).toBe(`failed ${lie.code}`)
      expect(r.statusOf(1, 3)).toMatchObject({ status: 'ok', strikes: i })
    }
    await signs([1, 3])
    const running = await r.open(key, [1, 3])
    await lied(lie)
    expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', ban: { code: lie.code } })
    expect((await r.round(1, running, 1, running.mail)).code).toMatch(/^(STOPPED|PAIR_UNKNOWN)$/)
    expect(r.unblamed()).toBe(true)
    await signs([1, 2])
  })

  it('a coordinator that brings one such message again and again makes one strike of it', async () => {
    r.rogue.lie = () => telling(STRUCK['U too short'], [1])
    const s = await r.open(key, [1, 3])
    for (let i = 0; i < MAX_STRIKES; i++) expect((await r.round(1, s, 1, s.mail)).code).toBe('SIGN_MALFORMED')
    expect(r.statusOf(1, 3).strikes).toBe(1)
  })
})

it('O-13, O-10 64 bets on bits of Delta, one in each session: exactly one abort is ever seen', {
  timeout: 120_000,
}, async () => {
  let aborts = 0
  let refusals = 0
  let won = 0
  for (let attempt = 0; attempt < 64; attempt++) {
    r.rogue.lie = ({ context: ctx, suite, count }) => {
      const pair = r.rogue.pairs.get(1)
      if (pair === undefined) throw new Error('no set-up')
      const cheat = new CheatingReceiver(
        { group: r.set.curves.secp256k1, suite, ctx, sender: 1, receiver: 3, count },
        pair.receiver,
        fresh(32),
        fresh(68),
      )
      // Delta_i = 0, or the check fails.
      const message = cheat.message({ errors: new Map([[attempt % 128, fresh(68)]]) })
      return telling({ round: 1, code: '', change: () => message }, [1])
    }
    const s = await r.open(key, [1, 3])
    if (s.first[0]?.type === REPLY_TYPES.refused) {
      expect(s.first[0].code).toBe('PAIR_BANNED')
      refusals += 1
      continue
    }
    const reply = await r.round(1, s, 1, s.mail)
    if (reply.type === REPLY_TYPES.sent) won += 1
    else {
      expect(reply.code).toBe('ABORT')
      aborts += 1
    }
    if (attempt % 20 === 19) r.set.restart(1)
  }
  expect([aborts, won + aborts + refusals]).toEqual([1, 64])
  expect(won).toBeLessThan(32)
  expect(r.statusOf(1, 3)).toMatchObject({ status: 'banned', ban: { code: 'OTE_CHECK' } })
})

describe('O-12 nobody but a peer itself gets it banned', () => {
  it('set-ups are counted, and refuse at the end of their life', async () => {
    expect(await r.sign(key, [1, 2], 5)).toEqual(['done', 'done'])
    expect([r.statusOf(1, 2).signatures, r.statusOf(2, 1).signatures]).toEqual([5, 5])
    r.exhaust(1, 2)
    expect((await r.open(key, [1, 2])).first.map(said)).toEqual(['refused PAIR_UNKNOWN', 'sent'])
    expect(stateOf(1, 2)).toMatchObject({ state: PAIR_STATES.exhausted, signatures: 2 ** 24 })
    r.deal(1, 2)
    await signs([1, 2])
  })

  it('a coordinator that shows two honest signers different set-ups gets sessions that never meet', async () => {
    const before = r.idOf(1, 2)
    const s = await r.open(key, [1, 2])
    r.deal(1, 2)
    const t = await r.open(key, [1, 2])
    // Mail of one in the other: ignored, as is the old name.
    expect((await r.round(1, s, 1, t.mail)).envelopes).toEqual([])
    expect((await r.round(2, t, 1, s.mail)).envelopes).toEqual([])
    expect((await r.open(key, [1, 2], 1, [before])).first.map(said)).toEqual(['refused PAIR_UNKNOWN', 'refused PAIR_UNKNOWN'])
    expect((await r.play(t)).map(said)).toEqual(['done', 'done'])
    expect(r.unblamed()).toBe(true)
  })

  it('whatever a relay does to any message of two honest signers: no ban, no strike', async () => {
    const other = await r.open(key, [1, 2])
    const ways: readonly ((mail: readonly Uint8Array[], foreign: readonly Uint8Array[]) => readonly Uint8Array[])[] = [
      () => [],
      (mail) => mail.slice(1),
      (mail) => [...mail, ...mail],
      (mail) => [...mail].reverse(),
      (_, foreign) => foreign,
      (mail, foreign) => [...foreign, ...mail],
      (mail) => mail.map((e) => e.slice(0, -1)),
      ...[4, 7, 41, 43, 60, 100, 115, 300, 5000].map(
        (at) => (mail: readonly Uint8Array[]) => mail.map((e) => Uint8Array.from(e, (b, i) => (i === at % e.length ? b ^ 1 : b))),
      ),
    ]
    for (const target of [1, 2]) {
      for (const way of ways) {
        const s = await r.open(key, [1, 2])
        const first = await Promise.all([1, 2].map((id) => r.round(id, s, 1, id === target ? way(s.mail, other.mail) : s.mail)))
        const mail = first.flatMap((reply) => reply.envelopes)
        for (const id of [1, 2]) {
          await r.round(id, s, 2, id === target ? way(mail, s.mail) : mail)
          await r.round(id, s, 1, way(s.mail, mail))
        }
        expect(r.unblamed()).toBe(true)
      }
    }
    r.set.restart(1)
    expect(r.unblamed()).toBe(true)
    await signs([1, 2])
  })
})
