import { describe, expect, it } from 'vitest'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import type { Opening } from '../../../src/protocol/dkls23/pair-rehearsal.ts'
import { BLOCK } from '../../../src/protocol/dkls23/parameters.ts'
import { RVOLE_ONE, RVOLE_TWO } from '../../../src/protocol/dkls23/rvole.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Run } from '../../simulator/run-session.ts'
import type { Twin } from '../../simulator/twin.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { bit, group } from './base-ot-run.ts'
import { dealt, EXTEND, endOf, expectFair, field, heardBy, MULTIPLY, OPENING, opens, runRehearsal, says } from './pair-run.ts'

const world = makeWorld({ ids: 3, seed: 'rehearsal' })
const HONEST = 1
const M = 3
const signers = [HONEST, M]
const c = { world, signers, seed: 'rehearsal' }

const withM = (hooks: Twin<never>): Run<void, never> => runRehearsal({ ...c, malicious: new Map([[M, hooks]]) })
/** How the honest signer ends; it never names an honest one and never bans. */
function against(hooks: Twin<never>): string {
  const run = withM(hooks)
  expectFair(run, [M])
  return endOf(run, HONEST)
}
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((b, i) => (i === at ? b ^ 1 : b))

type One = ReturnType<typeof RVOLE_ONE.decode>
type Two = ReturnType<typeof RVOLE_TWO.decode>
const one = (change: (value: One) => Partial<One>) => says(EXTEND, field(RVOLE_ONE, change))
const two = (change: (value: Two) => Partial<Two>) => says(MULTIPLY, field(RVOLE_TWO, change))
const FIELDS = ['u', 'v', 'cu', 'cv', 'b', 'du', 'dv'] as const satisfies readonly (keyof Opening)[]

describe('an honest rehearsal', () => {
  it('passes at both, and leaves the set-up as it was', () => {
    const setups = dealt(signers, 'kept')
    const before = structuredClone(setups)
    const run = runRehearsal(c, setups)
    expect(signers.map((id) => endOf(run, id))).toEqual(['done', 'done'])
    expect(setups).toEqual(before)
  })

  it('opens other values in another session on the same set-up', () => {
    const setups = dealt(signers, 'same')
    const openingIn = (seed: string) =>
      heardBy((hooks) => runRehearsal({ ...c, seed, malicious: new Map([[M, hooks]]) }, setups), HONEST, OPENING)
    expect(openingIn('a')).not.toEqual(openingIn('b'))
  })
})

type Setup = Pick<PairSecret, 'sender' | 'receiver'>
const setupOf = (setups: ReturnType<typeof dealt>, id: PartyId): Setup => setups.get(id) as Setup
const damage = (bytes: Uint8Array, at: number): void => void bytes.set([(bytes[at] as number) ^ 4], at)

describe('14.3 rehearsal: a set-up that does not fit is found, and nobody is named or banned', () => {
  it.each([
    ['seeds0', (s: Setup) => s.receiver.seeds0],
    ['seeds1', (s: Setup) => s.receiver.seeds1],
    ['seeds of the other direction', (s: Setup) => s.sender.seeds],
    ['Delta', (s: Setup) => s.sender.delta],
    ['psid', (s: Setup) => s.sender.psid],
    ['psid of the other direction', (s: Setup) => s.receiver.psid],
  ])('%s with wrong bits at one of them', (_, of) => {
    const setups = dealt(signers, 'damaged')
    const bytes = of(setupOf(setups, HONEST))
    for (let at = 5; at < bytes.length; at += BLOCK) damage(bytes, at)
    const run = runRehearsal(c, setups)
    expectFair(run)
    // Whoever finds it says no more, and the other one waits or finds it too.
    const ends = signers.map((id) => endOf(run, id))
    expect(ends.filter((end) => !['PAIR_REHEARSAL', 'TIMEOUT'].includes(end))).toEqual([])
    expect(ends).toContain('PAIR_REHEARSAL')
  })

  it('one direction of another set-up at one of them', () => {
    const setups = new Map(dealt(signers, 'exchanged'))
    setups.set(HONEST, { ...setupOf(setups, HONEST), sender: setupOf(dealt(signers, 'another'), HONEST).sender })
    const run = runRehearsal(c, setups)
    expectFair(run)
    expect(signers.map((id) => endOf(run, id))).toContain('PAIR_REHEARSAL')
  })
})

describe('14.3 rehearsal: a lying signer', () => {
  it.each([
    ['X', one(({ x }) => ({ x: flipped(x, 3) }))],
    ['t', one(({ t }) => ({ t: flipped(t, 2047) }))],
    ['the nonce', one(({ nonce }) => ({ nonce: flipped(nonce, 0) }))],
    ['one bit of U', one(({ u }) => ({ u: flipped(u, 0) }))],
    ['all of U', one(({ u }) => ({ u: u.map((b) => b ^ 0xff) }))],
  ])('O-08 %s of the extension: a failed OT check is PAIR_REHEARSAL here, naming nobody', (_, hooks) => {
    expect(against(hooks)).toBe('PAIR_REHEARSAL')
  })

  it.each([
    ['a-tilde', two(({ at }) => ({ at: at.map((b, i) => (i % 32 === 31 ? b ^ 1 : b)) }))],
    ['eta', two(({ eta }) => ({ eta: flipped(eta, 31) }))],
    ['mu', two(({ mu }) => ({ mu: flipped(mu, 0) }))],
    ['the nonce', two(({ nonce }) => ({ nonce: flipped(nonce, 0) }))],
  ])('O-08 %s of the multiplication: PAIR_REHEARSAL, naming nobody', (_, hooks) => {
    expect(against(hooks)).toBe('PAIR_REHEARSAL')
  })

  it.each(FIELDS)('a wrong result, %s: PAIR_REHEARSAL, naming nobody', (name) => {
    for (const wrong of [new Uint8Array(32), group.scalar(1), bytes32('another')])
      expect(against(opens({ [name]: wrong }))).toBe('PAIR_REHEARSAL')
  })

  it.each(FIELDS)('P-05 %s not below the order: SETUP_MALFORMED naming its sender', (name) => {
    for (const wrong of [new Uint8Array(32).fill(0xff), group.scalar(-1).map((b, i) => (i === 31 ? b + 1 : b))])
      expect(against(opens({ [name]: wrong }))).toBe('SETUP_MALFORMED 3')
  })

  it("P-09 the honest signer's own opening, sent back: PAIR_REHEARSAL", () => {
    const own = heardBy(withM, HONEST, OPENING)
    expect(against(says(OPENING, () => own))).toBe('PAIR_REHEARSAL')
  })

  it.each([EXTEND, MULTIPLY, OPENING])('D-01 round %i: empty, cut, longer: SETUP_MALFORMED naming its sender', (round) => {
    expect(against(says(round, () => new Uint8Array(0)))).toBe('SETUP_MALFORMED 3')
    expect(against(says(round, (body) => body.slice(0, -1)))).toBe('SETUP_MALFORMED 3')
    expect(against(says(round, (body) => concat(body, Uint8Array.of(0))))).toBe('SETUP_MALFORMED 3')
  })

  it('D-04 matrices and lists of another size: SETUP_MALFORMED naming their sender', () => {
    const wrong = [
      one(({ u }) => ({ u: u.slice(1) })),
      one(({ u }) => ({ u: concat(u, u) })),
      one(() => ({ u: new Uint8Array(0) })),
      two(({ at }) => ({ at: at.slice(96) })),
      two(({ at }) => ({ at: concat(at, at) })),
      two(({ eta }) => ({ eta: concat(eta, eta) })),
      two(() => ({ eta: new Uint8Array(0) })),
    ]
    for (const hooks of wrong) expect(against(hooks)).toBe('SETUP_MALFORMED 3')
  })

  it('P-05 an a-tilde that is no canonical scalar: SETUP_MALFORMED naming its sender', () => {
    expect(against(two(({ at }) => ({ at: at.map((b, i) => (i < 32 ? 0xff : b)) })))).toBe('SETUP_MALFORMED 3')
  })
})

describe('14.3 rehearsal: guessing Delta (README: what a rehearsal gives away)', () => {
  it('an extension with a wrong seed in row i passes if Delta_i = 0: each guess is right half the time, and a wrong one ends this Delta', () => {
    const ends = Array.from({ length: 12 }, (_, row) => {
      const setups = dealt(signers, 'guess')
      damage(setupOf(setups, M).receiver.seeds0, BLOCK * row)
      const run = runRehearsal(c, setups)
      expectFair(run)
      return endOf(run, HONEST)
    })
    const { delta } = setupOf(dealt(signers, 'guess'), HONEST).sender
    expect(ends).toEqual(ends.map((_, row) => (bit(delta, row) === 0 ? 'done' : 'PAIR_REHEARSAL')))
    expect(new Set(ends).size).toBe(2)
  })
})
