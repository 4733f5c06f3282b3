import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reply } from '../../src/protocol/frames/signer-frames.ts'
import { expectWorks, makeKey, problemOf, sign, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { BANNED, type Lie, telling } from './lies.ts'
import { type RogueSet, rogueSet, said } from './pair-set.ts'

const ROGUE = 3
const HONEST = [1, 2, 4] as const
/** One of each kind of check; bans.test.ts has all of them with two signers. */
const LIES = (['X', 'mu', 'Gamma_v'] as const).map((name) => [name, BANNED[name]] as const)

/** Four hosts of which any three sign, and signer 3 lies. With more than two in a session a lie to one is unseen by the others. */
describe('O-10, t = 3: a peer that failed a check of one host among several', () => {
  let r: RogueSet
  let key: TestKey
  /** Set-ups are dealt, so that they cost nothing: until then no coordinator may make others. */
  const config: { ecdsaEngines: readonly ('hm' | 'dkls23')[] } = { ecdsaEngines: ['hm'] }
  beforeAll(async () => {
    r = await rogueSet({ n: 4, threshold: 3, config })
    r.dealAll()
    key = await makeKey(r.set, 'ecdsa-secp256k1')
  })
  afterAll(() => r.set.close())

  const expectStanding = (bannedBy: readonly number[], code: string): void => {
    for (const id of HONEST) {
      const banned = bannedBy.includes(id)
      for (const peer of [1, 2, 3, 4].filter((other) => other !== id)) {
        const { status, ban, setup, strikes, crashes } = r.statusOf(id, peer)
        const isBanned = banned && peer === ROGUE
        expect([status, ban?.code, setup !== null], `${id} of ${peer}`).toEqual(
          isBanned ? ['banned', code, false] : ['ok', undefined, true],
        )
        expect([strikes, crashes]).toEqual([0, 0])
      }
    }
  }
  const forgive = async (by: readonly number[]): Promise<void> => {
    r.rogue.lie = () => ({})
    for (const id of by) {
      expect(await r.set.signerOf(id).pairs.lift(ROGUE)).toBe('lifted')
      r.deal(Math.min(id, ROGUE), Math.max(id, ROGUE))
    }
  }
  /** A session of three up to the round of the lie. @returns what each said last */
  const lied = async (lie: Lie, to: readonly number[], signers: readonly number[]): Promise<readonly Reply[]> => {
    r.rogue.lie = () => telling(lie, to)
    const s = await r.open(key, signers)
    r.rogue.lie = () => ({})
    let replies = s.first
    for (let round = 1; round <= lie.round; round++) {
      const mail = replies.flatMap((reply) => reply.envelopes)
      replies = await Promise.all(signers.map((id) => r.round(id, s, round, mail)))
    }
    return replies
  }

  it.each(LIES)('%s, told to one: it alone bans, durably; no host has anything against another', async (_, lie: Lie) => {
    const replies = await lied(lie, [1], [1, 2, 3])
    expect(said(replies[0] as Reply)).toBe('failed ABORT')
    expect(said(replies[1] as Reply)).not.toContain('failed')
    expectStanding([1], lie.code)
    r.set.restart(1)
    expectStanding([1], lie.code)
    expect(said((await r.open(key, [1, 3, 4])).first[0] as Reply)).toBe('refused PAIR_BANNED')
    for (const signers of [
      [1, 2, 4],
      [2, 3, 4],
    ])
      expect(await r.sign(key, signers)).toEqual(['done', 'done', 'done'])
    await forgive([1])
    expect(await r.sign(key, [1, 3, 4])).toEqual(['done', 'done', 'done'])
  })

  it('told to two: both ban; sessions of theirs with it end, those without one of the two go on', async () => {
    const [withBoth, withOne, without] = [
      await r.open(key, [1, 2, 3]),
      await r.open(key, [2, 3, 4]),
      await r.open(key, [1, 2, 4]),
    ]
    const replies = await lied(BANNED.mu, [1, 4], [1, 3, 4])
    expect([replies[0], replies[2]].map((reply) => said(reply as Reply))).toEqual(['failed ABORT', 'failed ABORT'])
    expectStanding([1, 4], 'RVOLE_CHECK')
    expect((await r.round(1, withBoth, 1, withBoth.mail)).code).toMatch(/^(STOPPED|PAIR_UNKNOWN)$/)
    expect((await r.round(4, withOne, 1, withOne.mail)).code).toMatch(/^(STOPPED|PAIR_UNKNOWN)$/)
    expect((await r.play(without)).map(said)).toEqual(['done', 'done', 'done'])
    await forgive([1, 4])
  })

  it('O-11 the coordinator tries such a set once, signs everything with the others, and says whom a ban keeps apart', async () => {
    config.ecdsaEngines = ['dkls23']
    await r.set.restartCoordinator()
    await until('pairs known', () => r.set.service.set().pairs.ready === 6)
    r.rogue.lie = () => telling(BANNED.Gamma_v, [1])
    const from = r.set.reports.length
    const together = () => r.set.reports.slice(from).filter(({ signers }) => signers.includes(1) && signers.includes(ROGUE))
    for (let i = 0; i < 12 && together().length === 0; i++) await expectWorks(r.set, key)
    for (let i = 0; i < 2; i++) await expectWorks(r.set, key)
    expect(together().map(({ end }) => end.type === 'failed' && end.code)).toEqual(['ABORT'])
    expectStanding([1], 'EC_CHECK_V')
    expect(r.set.service.set().pairs.list.filter(({ state }) => state !== 'ok')).toEqual([
      { signers: ['signer-1', 'signer-3'], state: 'banned', bannedBy: ['signer-1'] },
    ])
    r.set.kill(2)
    await until('signer 2 down', () => !r.set.monitor.up().includes(2))
    const problem = await problemOf(sign(r.set, key, someMessage()))
    expect([problem.code, problem.missing]).toEqual(['quorum_unavailable', ['signer-2']])
    expect(problem.message).toContain('by a ban, these do not sign together: signer-1 and signer-3')
    await forgive([1])
    await until('pairs known', () => r.set.service.set().pairs.ready === 6)
    expect((await expectWorks(r.set, key)).signers).toEqual([1, 3, 4])
    expectStanding([], '')
  })
})
