import { describe, expect, it } from 'vitest'
import { CHOOSE, CONFIRM, OFFER } from '../../../src/protocol/dkls23/pair-setup.ts'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Twin } from '../../simulator/twin.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { group, pointsIn } from './base-ot-run.ts'
import {
  BEFORE_REHEARSAL,
  CHOOSE_ROUNDS,
  endOf,
  expectFair,
  field,
  heardBy,
  OPENING,
  opens,
  type PairRun,
  ROUNDS,
  runPair,
  says,
  secretsOf,
} from './pair-run.ts'

const world = makeWorld({ ids: 3, seed: 'malicious pair' })
const HONEST = 1
const M = 3
const signers = [HONEST, M]

const withM = (hooks: Twin<never>): PairRun => runPair({ world, signers, seed: 'malicious', malicious: new Map([[M, hooks]]) })

/** How the honest signer ends. Whatever M does: nobody honest is named, nobody is banned, and one session has one pair id. */
function against(hooks: Twin<never>): string {
  const run = withM(hooks)
  expectFair(run, [M])
  const kept = [...run.ends.values()].flatMap((end) => (end.type === 'done' ? [toHex(end.result.pairId)] : []))
  expect(new Set(kept).size).toBeLessThanOrEqual(1)
  return endOf(run, HONEST)
}

const NOT_POINTS: readonly (readonly [string, Uint8Array])[] = [
  ['33 zero bytes', new Uint8Array(33)],
  ['prefix 00', concat(Uint8Array.of(0), group.generator.slice(1))],
  ['prefix 04', concat(Uint8Array.of(4), group.generator.slice(1))],
  ['hybrid prefix 06', concat(Uint8Array.of(6), group.generator.slice(1))],
  ['x = 5, off the curve', concat(Uint8Array.of(2), new Uint8Array(31), Uint8Array.of(5))],
  ['x beyond the prime', concat(Uint8Array.of(2), new Uint8Array(32).fill(0xff))],
]

describe('14.3 points: what is no point', () => {
  it.each(NOT_POINTS)('P-01, P-02 A_pt %s: SETUP_MALFORMED naming its sender, at once', (_, point) => {
    expect(
      against(
        says(
          1,
          field(OFFER, () => ({ point })),
        ),
      ),
    ).toBe('SETUP_MALFORMED 3')
  })

  it.each(NOT_POINTS)('P-01, P-02 phi %s: SETUP_MALFORMED naming its sender', (_, point) => {
    for (const at of [0, 63]) {
      const change = field(CHOOSE, ({ phi }) => ({ phi: concat(...pointsIn(phi).with(at, point)) }))
      expect(against(says(CHOOSE_ROUNDS[0], change))).toBe('SETUP_MALFORMED 3')
    }
  })
})

describe('14.3 points: points that were not made as they should be', () => {
  it.each([
    ["the honest signer's own, sent back", () => OFFER.decode(heardBy(withM, HONEST, 1)).point],
    ['the generator', () => group.generator],
    ['a point of nobody', () => group.baseMul(bytes32('nobody'))],
  ])('O-03, P-09 A_pt is %s: M cannot extend seeds that it does not know, PAIR_REHEARSAL', (_, pointOf) => {
    const point = pointOf()
    expect(
      against(
        says(
          1,
          field(OFFER, () => ({ point })),
        ),
      ),
    ).toBe('PAIR_REHEARSAL')
  })

  /** M's own points are changed in each part; M then has other seeds than it thinks, and its own script finds that out. */
  const choosing = (change: (points: readonly Uint8Array[]) => readonly Uint8Array[]): Twin<never> => ({
    send: (exchange, round) =>
      (CHOOSE_ROUNDS as readonly number[]).includes(round)
        ? (says(
            round,
            field(CHOOSE, ({ phi }) => ({ phi: concat(...change(pointsIn(phi))) })),
          ).send?.(exchange, round) ?? exchange)
        : exchange,
  })

  it.each([
    ['all equal across i', (points: readonly Uint8Array[]) => points.map((_, k) => points[k % 2] as Uint8Array)],
    ['sides swapped', (points: readonly Uint8Array[]) => points.map((_, k) => points[k ^ 1] as Uint8Array)],
    ['one of them another', (points: readonly Uint8Array[]) => points.with(9, group.generator)],
  ])('O-03 phi: %s: M is left with random seeds, and the honest signer keeps nothing', (_, change) => {
    const run = withM(choosing(change))
    expectFair(run, [M])
    expect([endOf(run, HONEST), endOf(run, M)]).toEqual(['TIMEOUT', 'PAIR_REHEARSAL'])
  })

  it('O-03 one part sent again in the place of another', () => {
    let first: ReadonlyMap<PartyId, Uint8Array> | undefined
    const run = withM({
      send: (exchange, round) => {
        if (round === CHOOSE_ROUNDS[0])
          first = new Map([...(exchange.direct ?? [])].map(([to, body]) => [to, Uint8Array.from(body)]))
        return round === CHOOSE_ROUNDS[2] && first !== undefined ? { ...exchange, direct: first } : exchange
      },
    })
    expect([endOf(run, HONEST), endOf(run, M)]).toEqual(['TIMEOUT', 'PAIR_REHEARSAL'])
  })
})

describe('14.3 rehearsal: the end of a whole set-up', () => {
  it('a wrong product: PAIR_REHEARSAL, naming nobody, and no word more', () => {
    const round = BEFORE_REHEARSAL + OPENING
    const run = withM(opens({ du: bytes32('wrong') }, round))
    expect(endOf(run, HONEST)).toBe('PAIR_REHEARSAL')
    expect(run.sent.filter((p) => p.from === HONEST && p.round > round)).toEqual([])
  })

  it('a wrong ok tag, and the own one sent back: PAIR_REHEARSAL, naming nobody', () => {
    const own = heardBy(withM, HONEST, ROUNDS)
    expect(against(says(ROUNDS, () => own))).toBe('PAIR_REHEARSAL')
    const flipped = field(CONFIRM, ({ tag }) => ({ tag: tag.map((b, i) => (i === 31 ? b ^ 1 : b)) }))
    expect(against(says(ROUNDS, flipped))).toBe('PAIR_REHEARSAL')
  })

  it('an ok tag that is no message: SETUP_MALFORMED naming its sender', () => {
    expect(against(says(ROUNDS, (body) => body.slice(1)))).toBe('SETUP_MALFORMED 3')
  })

  it('O-15 another part of the zero shares’ seed than M goes on with: it alone has another seed than the pair', () => {
    const run = withM(
      says(
        ROUNDS,
        field(CONFIRM, () => ({ zeroPart: bytes32('another') })),
      ),
    )
    const [a, b] = [...secretsOf(run).values()]
    expect(a?.pairId).toEqual(b?.pairId)
    expect(a?.zseed).not.toEqual(b?.zseed)
  })

  it('O-12 a signer that says nothing more, after any round: missed, not named; nothing is kept', () => {
    for (const round of [1, CHOOSE_ROUNDS[1], ROUNDS]) {
      const run = runPair({ world, signers, seed: 'malicious', rules: [{ when: { from: M, round }, act: () => [] }] })
      expect(endOf(run, HONEST)).toBe('TIMEOUT')
      expect(run.missing.get(HONEST)).toEqual([M])
    }
  })
})
