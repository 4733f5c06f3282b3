import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { BANNED, telling } from '../attack/lies.ts'
import { dealPair, rogueSet } from '../attack/pair-set.ts'
import type { TestSet } from '../host/set/in-process-set.ts'
import { makeKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { ROUNDS } from '../protocol/dkls23/pair-run.ts'
import { type Scenario, signing, survive } from './crash-scenarios.ts'
import { crashSet } from './crash-set.ts'
import { armCrash, countWrites } from './process-death.ts'

const SIGNER = 'signer-1.db'
const POINTS = [
  [1, 'before'],
  [1, 'after'],
  [2, 'after'],
] as const

const marks = (set: TestSet): number =>
  set.signers.reduce((sum, { store }) => sum + store.database.statement('SELECT session_id FROM pair_checks').all().length, 0)

it('14.4 crash, S-01 a signer dies at any write of a DKLs23 session: no mark outlives its check, nobody is banned, and it signs', async () => {
  // All three sign, so each session comes by signer 1.
  const c = await crashSet({ threshold: 3, config: { ecdsaEngines: ['dkls23'] } })
  const { set } = c
  try {
    for (const [a, b] of pairsOf([1, 2, 3])) dealPair(set, a, b)
    const key = await makeKey(set, 'ecdsa-secp256k1')
    const other = await makeKey(set, 'eddsa-ed25519')
    let burnt = 0
    const scenario: Scenario = () => {
      const run = signing(c, key)()
      return {
        calls: () => {
          // Set-ups are dealt: real ones take a second of every signer here, and are not what is tested.
          c.meddle(async (_to, route, frame, deliver) => {
            if (route === 'openPair') throw new Error('lost')
            return await deliver(frame)
          })
          return run.calls()
        },
        check: async (endings) => {
          await until('every check has ended', () => marks(set) === 0)
          for (const [a, b] of pairsOf([1, 2, 3])) {
            for (const [id, peer] of [
              [a, b],
              [b, a],
            ] as const) {
              const { status, strikes } = set.signerOf(id).pairs.row(peer)
              expect([status, strikes], `${id} of ${peer}`).toEqual([expect.stringMatching(/^(ok|burnt|none)$/), 0])
              if (status === 'burnt') burnt += 1
              // Each point for itself: three would be a ban.
              set.signerOf(id).store.database.statement('UPDATE pairs SET crashes = 0').run()
            }
            dealPair(set, a, b)
          }
          await run.check(endings as never)
        },
      }
    }
    // A mark set and taken in each of two rounds, and the claim. Requests that come at once may make two sessions of it.
    for (const k of [1, 2, 3, 4, 5])
      for (const moment of ['before', 'after'] as const) await survive(c, scenario, { file: SIGNER, k, moment }, other)
    expect(burnt).toBeGreaterThan(0)
  } finally {
    await c.close()
  }
}, 180_000)

it('O-10, 14.4 crash a host dies at any write of a ban: the peer is banned or the seeds are gone, and if the answer left it is banned', async () => {
  const r = await rogueSet()
  const { set } = r
  const path = join(set.dir, SIGNER)
  try {
    const key = await makeKey(set, 'ecdsa-secp256k1')
    r.rogue.lie = () => telling(BANNED.X, [1])
    const lied = async (): Promise<Reply> => {
      const s = await r.open(key, [1, 3])
      return await r.round(1, s, 1, s.mail)
    }
    const anew = async (): Promise<Uint8Array> => {
      const { pairs, store } = set.signerOf(1)
      await pairs.lift(3)
      store.database.statement('UPDATE pairs SET crashes = 0').run()
      r.deal(1, 3)
      return pairs.row(3).setup?.sealed as Uint8Array
    }
    await anew()
    const writes = (await countWrites(lied)).get(SIGNER) ?? 0
    // The mark and the ban; taking the mark away finds nothing left to do.
    expect(writes).toBeGreaterThanOrEqual(2)
    const outcomes = new Set<string>()
    for (let k = 1; k <= writes; k++) {
      for (const moment of ['before', 'after'] as const) {
        const sealed = await anew()
        const armed = armCrash({ file: SIGNER, k, moment }, () => {})
        const reply = await lied().catch(() => undefined)
        armed.stop()
        expect(armed.dead(), `write ${k}, ${moment}`).toBe(true)
        set.restart(1)
        const { status } = set.signerOf(1).pairs.row(3)
        outcomes.add(`${status} ${reply === undefined ? 'unheard' : 'answered'}`)
        if (reply !== undefined) expect([reply.type, reply.code, status]).toEqual([REPLY_TYPES.failed, 'ABORT', 'banned'])
        // Before the first mark is on the disk nothing was evaluated.
        else expect(status).toMatch(k === 1 && moment === 'before' ? /^ok$/ : /^(banned|burnt)$/)
        if (status === 'ok') continue
        const needle = Buffer.from(sealed.subarray(100, 164))
        for (const file of [path, `${path}-wal`])
          expect(existsSync(file) && readFileSync(file).includes(needle), file).toBe(false)
      }
    }
    expect([...outcomes].sort()).toEqual(['banned unheard', 'burnt unheard', 'ok unheard'])
  } finally {
    set.close()
  }
}, 120_000)

it('14.4 crash, O-12 a signer dies at any write of a set-up: it has the old one or the new one and says which, nobody is blamed', async () => {
  const r = await rogueSet()
  const { set } = r
  try {
    const key = await makeKey(set, 'ecdsa-secp256k1')
    const rowsOf = () => [r.statusOf(1, 2), r.statusOf(2, 1)]
    const idOf = (id: number, peer: number): string => toHex(r.statusOf(id, peer).setup?.pairId ?? new Uint8Array(0))
    const heard = new Set<string>()
    // A set-up costs both signers a third of a second; pair-writes.test.ts has every write without it.
    for (const [k, moment] of POINTS) {
      r.deal(1, 2)
      const old = idOf(1, 2)
      set.signerOf(2).pairs.refusedSetup([1])
      const armed = armCrash({ file: SIGNER, k, moment }, () => {})
      const { sessionId, mail } = await r.setUp(1, 2, ROUNDS)
      const frame = r.c.roundFrame(sessionId, ROUNDS, mail)
      const [dying, other] = await Promise.allSettled([1, 2].map((id) => r.c.ask(id, 'round', frame)))
      armed.stop()
      expect([armed.dead(), dying?.status, other?.status], `write ${k}, ${moment}`).toEqual([true, 'rejected', 'fulfilled'])
      set.restart(1)
      const made = idOf(2, 1)
      expect(made).not.toBe(old)
      expect(idOf(1, 2), `write ${k}, ${moment}`).toBe(k === 1 && moment === 'before' ? old : made)
      for (const row of rowsOf()) expect(row).toMatchObject({ status: 'ok', strikes: 0, crashes: 0 })
      // Whether they still fit is what the two tell by their names; a session with set-ups that do not is no session.
      heard.add((await r.sign(key, [1, 2])).join())
    }
    expect([...heard]).toEqual(['sent,refused PAIR_UNKNOWN', 'done,done'])
  } finally {
    set.close()
  }
}, 120_000)
