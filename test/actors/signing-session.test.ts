import { beforeEach, describe, expect, it } from 'vitest'
import type { SignerLink } from '../../src/actors/round.ts'
import { StageClock } from '../../src/actors/session-stages.ts'
import { type EngineSupplies, type SigningEnd, signingSession } from '../../src/actors/signing-session.ts'
import { makeRoster } from '../../src/protocol/channel/roster.ts'
import { nobleCurves as curves } from '../../src/protocol/curve/noble-curves.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { changed, FakeSigners, failing, someItem } from './fake-signers.ts'

const rng = seededRng('signing session')
const roster = makeRoster(
  1,
  [1, 2, 3].map((id) => ({
    id,
    signKey: curves.ed25519PublicKey(new Uint8Array(32).fill(id)),
    exchangeKey: curves.x25519PublicKey(new Uint8Array(32).fill(id)),
    tlsFingerprint: new Uint8Array(32).fill(id),
  })),
)
let signers: FakeSigners
beforeEach(() => {
  signers = new FakeSigners([1, 2, 3])
})

const HM: EngineSupplies = {
  engine: 'hm',
  supplies: { kids: [rng(32)], digest: rng(32), tickets: [rng(16), rng(16), rng(16)] },
}
const DKLS: EngineSupplies = { engine: 'dkls23', pairs: [rng(32), rng(32), rng(32)] }
const run = async (
  supplied: EngineSupplies,
  ids: readonly number[] = [1, 2, 3],
  items = 1,
  stages = new StageClock(() => 0),
): Promise<SigningEnd> =>
  await signingSession({
    scheme: supplied.engine === 'frost' ? 'eddsa-ed25519' : 'ecdsa-secp256k1',
    threshold: supplied.engine === 'hm' ? 2 : ids.length,
    links: ids.map((id) => signers.links.get(id) as SignerLink),
    items: Array.from({ length: items }, someItem),
    with: supplied,
    boots: ids.map((id) => new Uint8Array(32).fill(id)),
    roster,
    curves,
    now: 1_000_000,
    timeoutMs: 1000,
    rng,
    assemble: signers.assemble,
    onTickets: () => {},
    stages,
  })
const exchanges = () => signers.seen.map(({ to, round, mail }) => `${round} to ${to}: ${mail.join(' ')}`)

describe('a session', () => {
  it('of hm relays what each sent to all, its own included', async () => {
    expect(await run(HM)).toMatchObject({ type: 'done', released: true })
    const all = '1>all 2>all 3>all'
    expect(exchanges()).toEqual(['0 to 1: ', '0 to 2: ', '0 to 3: ', `1 to 1: ${all}`, `1 to 2: ${all}`, `1 to 3: ${all}`])
  })

  it('of DKLs23 has one exchange more, and what is for one signer goes to it alone', async () => {
    expect(await run(DKLS)).toMatchObject({ type: 'done', released: true, items: [{ type: 'signed' }] })
    const all = '1>all 2>all 3>all'
    expect(exchanges()).toEqual([
      ...['0 to 1: ', '0 to 2: ', '0 to 3: '],
      ...[`1 to 1: ${all} 2>1 3>1`, `1 to 2: ${all} 1>2 3>2`, `1 to 3: ${all} 1>3 2>3`],
      ...['2 to 1: 2>1 3>1', '2 to 2: 1>2 3>2', '2 to 3: 1>3 2>3'],
    ])
    const [command] = signers.assembled
    expect(command?.engine).toBe('dkls23')
    expect(command?.openings.map((body) => [...body])).toEqual([1, 2, 3].map((id) => [id, 0, 0xff]))
    expect(command?.answers.map((body) => [...body])).toEqual([1, 2, 3].map((id) => [id, 2, 0]))
  })

  it.each([
    ['hm', HM, [false, true]],
    ['DKLs23', DKLS, [false, false, true]],
  ] as const)(
    'of %s says that a share may have left from the exchange on that asks for shares, and not before',
    async (_name, supplied, released) => {
      for (const [round, expected] of released.entries()) {
        for (const end of ['lost', 'refused'] as const) {
          signers.answer = (seen, reply) => {
            if (seen.to !== 2 || seen.round !== round) return reply()
            if (end === 'lost') throw new Error('connection reset')
            return changed(reply(), failing('STOPPED'))
          }
          expect(await run(supplied)).toMatchObject({ type: 'failed', released: expected })
        }
      }
    },
  )

  it.each([
    ['leaves a message out', (all: readonly Uint8Array[]) => all.slice(1)],
    ['sends one twice', (all: readonly Uint8Array[]) => [...all, ...all.slice(-1)]],
    ['sends the same for two', (all: readonly Uint8Array[]) => [...all.slice(1, -1), ...all.slice(0, 1), ...all.slice(0, 1)]],
    ['sends none', () => []],
    ['sends rubbish', (all: readonly Uint8Array[]) => [...all.slice(1), new Uint8Array(9)]],
  ])('names a signer that %s, in every round, and asks nobody further', async (_what, change) => {
    for (const round of [0, 1, 2]) {
      signers = new FakeSigners([1, 2, 3])
      signers.answer = (seen, reply) =>
        seen.to === 2 && seen.round === round ? changed(reply(), ({ envelopes }) => ({ envelopes: change(envelopes) })) : reply()
      expect(await run(DKLS)).toMatchObject({ type: 'failed', code: 'MALFORMED', culprits: [2], released: round === 2 })
      expect(Math.max(...signers.seen.map((s) => s.round))).toBe(round)
    }
  })

  it('names nobody for a ban: no other party could check it', async () => {
    signers.answer = (seen, reply) => (seen.to === 1 && seen.round === 1 ? changed(reply(), failing('ABORT')) : reply())
    expect(await run(DKLS)).toMatchObject({ type: 'failed', code: 'ABORT', culprits: [], from: [1], released: false })
  })

  it('tells where its time went, stage by stage, and of one that failed what it finished', async () => {
    let at = 0
    const stages = async (supplied: EngineSupplies) => {
      const clock = new StageClock(() => at)
      await run(supplied, [1, 2, 3], 1, clock)
      return clock.times
    }
    const { assemble } = signers
    signers = Object.assign(signers, {
      assemble: (command: Uint8Array) => {
        at += 7
        return assemble(command)
      },
    })
    signers.answer = ({ round }, reply) => {
      at += 10 * (round + 1)
      return reply()
    }
    // Each of three signers takes its time; the worker says that 0.3 and 0.2 ms of the 7 were its own.
    expect(await stages(HM)).toEqual({ open: 30, round_1: 60, combine_wait: 6.5, combine: 0.3, verify: 0.2 })
    expect(await stages(DKLS)).toEqual({ open: 30, round_1: 60, round_2: 90, combine_wait: 6.5, combine: 0.3, verify: 0.2 })
    signers.answer = (seen, reply) => {
      at += 10
      return seen.round === 1 ? changed(reply(), failing('STOPPED')) : reply()
    }
    expect(await stages(DKLS)).toEqual({ open: 30 })
  })
})
