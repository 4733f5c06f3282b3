import { beforeAll, describe, expect, it } from 'vitest'
import { commitmentOf, contextOf } from '../../../src/protocol/dkls23/context.ts'
import { MULTIPLY, OPENING } from '../../../src/protocol/dkls23/messages.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { type AcceptedItem, statusOf } from '../../../src/protocol/signing/batch.ts'
import { equivocate, type Rule } from '../../simulator/relay.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32, numbered, refusedItem } from '../signing/dealt-key.ts'
import { badPoints } from './bad-points.ts'
import {
  answersOf,
  assembleRun,
  type DklsCase,
  type DklsOptions,
  type DklsRun,
  dklsParams,
  ends,
  makeDklsCase,
  openingsOf,
  runDkls,
  SCHEMES,
  signerItems,
} from './dkls-run.ts'
import { broadcasts, extends_, type Multiply, multiplies, multipliesOnly, together, withInputs } from './rogue.ts'
import { expectBatch } from './verify-signature.ts'

const M = 3

/** Nothing of an honest signer left after the fault, and nothing is stored; the same set-ups and keys sign in the next session. */
function expectHarmless(c: DklsCase, run: DklsRun): void {
  for (const id of c.signers.filter((s) => s !== M)) {
    expect(run.assembler.has(id)).toBe(false)
    expect(run.commits.get(id)).toEqual([])
  }
}

describe.each(SCHEMES)('%s', (scheme) => {
  const group = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
  const two = makeDklsCase({ scheme, signers: [1, M], seed: 'checks', digests: numbered('checks', 2).map(bytes32) })
  const three = makeDklsCase({ scheme, threshold: 3, seed: 'checks', digests: numbered('checks', 2).map(bytes32) })
  const plus = (scalar: Uint8Array, n: number): Uint8Array => group.addAssign(Uint8Array.from(scalar), group.scalar(n))
  /** The k-th point of a list, moved by G. */
  const moved = (points: Uint8Array, k: number): Uint8Array => {
    const out = Uint8Array.from(points)
    out.set(group.sum([points.slice(33 * k, 33 * k + 33), group.generator]) as Uint8Array, 33 * k)
    return out
  }

  /** Both honest signers of three, or the one of two, end with this and name M. */
  function expectFault(c: DklsCase, code: string, options: DklsOptions, culprits: readonly PartyId[] = [M]): void {
    const run = runDkls(c, options)
    const expected = [code, ...culprits].join(' ')
    const honest = Object.entries(ends(run)).filter(([id]) => Number(id) !== M)
    expect(honest).toEqual(c.signers.filter((id) => id !== M).map((id) => [String(id), expected]))
    expectHarmless(c, run)
  }
  // What the curves differ in shows with two signers.
  const both: [string, DklsCase][] = [['t = 2', two]]
  if (scheme === 'ecdsa-secp256k1') both.push(['t = 3', three])

  describe.each(both)('%s', (_, c) => {
    const present = c.items.length

    it('OTE_CHECK on X, t, U: before anything of round 2 is made: ban', () => {
      const flips = {
        u: (u: Uint8Array) => u.with(40, (u[40] as number) ^ 1),
        x: (x: Uint8Array) => x.with(3, (x[3] as number) ^ 4),
        t: (t: Uint8Array) => t.with(77, (t[77] as number) ^ 8),
      }
      expect(VERDICTS.OTE_CHECK).toBe('ban')
      for (const field of ['x', 't'] as const) {
        const malicious = extends_(M, (one) => ({ ...one, [field]: flips[field](one[field]) }))
        const run = runDkls(c, { malicious })
        expectFault(c, 'OTE_CHECK', { malicious })
        expect(run.sent.filter((p) => p.round === 2 && p.from !== M)).toEqual([])
      }
      // A row of U passes where the honest signer's bit of Delta is 0: one of a few rows does not.
      const codes = Array.from({ length: 8 }, (_, row) => {
        const at = 100 + row * (c.items.length * 52 + 16)
        return ends(
          runDkls(c, { malicious: extends_(M, (one) => ({ ...one, u: one.u.with(at, (one.u[at] as number) ^ 1) })) }),
        )[1]
      })
      expect(codes).toContain('OTE_CHECK 3')
      expect(codes.filter((code) => code !== 'OTE_CHECK 3' && code !== 'done')).toEqual([])
    })

    it.each<[string, (m: Multiply) => Multiply]>([
      ['a point of R less', (m) => ({ ...m, points: m.points.slice(33) })],
      ['a point of R more', (m) => ({ ...m, points: concat(m.points, m.points.slice(0, 33)) })],
      ['Gamma^u of one item', (m) => ({ ...m, gammaU: m.gammaU.slice(33) })],
      ['Gamma^v of three items', (m) => ({ ...m, gammaV: concat(m.gammaV, m.gammaV.slice(0, 33)) })],
      ['psi of no item', (m) => ({ ...m, psi: new Uint8Array(0) })],
      ['psi beyond the order', (m) => ({ ...m, psi: m.psi.map((b, i) => (i < 32 ? 255 : b)) })],
      ['half a point', (m) => ({ ...m, gammaU: m.gammaU.slice(0, -16) })],
      ['no product', (m) => ({ ...m, product: new Uint8Array(0) })],
      ['keys of another number', (m) => ({ ...m, keys: m.keys.length === 0 ? m.gammaU : new Uint8Array(0) })],
    ])('S1 lengths: %s: SIGN_MALFORMED', (_, change) => {
      expectFault(c, 'SIGN_MALFORMED', { malicious: multiplies(M, change) })
    })

    it('P-05 S1: transfers of another number, scalars beyond the order in the product: SIGN_MALFORMED', () => {
      for (const change of [
        (at: Uint8Array) => at.slice(96),
        (at: Uint8Array) => concat(at, at.slice(0, 96)),
        (at: Uint8Array) => at.map((b, i) => (i >= 960 && i < 992 ? 255 : b)),
      ]) {
        expectFault(c, 'SIGN_MALFORMED', { malicious: multipliesOnly(M, (p) => ({ ...p, at: change(p.at) })) })
      }
    })

    it.each(badPoints(scheme))('P-01, P-02 S1: %s in place of R, Gamma^u, Gamma^v, pk: SIGN_MALFORMED', (_, point) => {
      const put = (points: Uint8Array): Uint8Array => concat(point, points.slice(33))
      const fields = (['points', 'gammaU', 'gammaV', 'keys'] as const).filter((field) => field !== 'keys' || c.threshold > 2)
      for (const field of fields) {
        expectFault(c, 'SIGN_MALFORMED', { malicious: multiplies(M, (m) => ({ ...m, [field]: put(m[field]) })) })
      }
    })

    it.each<[string, (m: Multiply) => Multiply]>([
      ['another salt', (m) => ({ ...m, salt: bytes32('another salt') })],
      ['another R', (m) => ({ ...m, points: moved(m.points, 1) })],
      ['two R exchanged', (m) => ({ ...m, points: concat(m.points.slice(33), m.points.slice(0, 33)) })],
    ])('O-09, 14.5 com_j S2: %s than it committed to: SIGN_COMMIT', (_, change) => {
      expectFault(c, 'SIGN_COMMIT', { malicious: multiplies(M, change) })
    })

    it('14.5 com_j S2: the commitment and opening of another signer, copied: SIGN_COMMIT', () => {
      const other = runDkls(c)
      const theirs = OPENING.decode(openingsOf(other).get(1) as Uint8Array)
      let opened: Multiply | undefined
      runDkls(c, { malicious: multiplies(1, (m) => (opened = m)) })
      const { salt, points } = opened as unknown as Multiply
      const malicious = together(
        broadcasts(M, (body) => OPENING.encode({ ...OPENING.decode(body), commitment: theirs.commitment })),
        multiplies(M, (m) => ({ ...m, salt, points })),
      )
      expectFault(c, 'SIGN_COMMIT', { malicious })
    })

    it('S3: eta, mu, nonce_A changed: RVOLE_CHECK: ban', () => {
      expect(VERDICTS.RVOLE_CHECK).toBe('ban')
      for (const field of ['mu', 'nonce'] as const) {
        const malicious = multipliesOnly(M, (p) => ({ ...p, [field]: p[field].with(5, (p[field][5] as number) ^ 1) }))
        expectFault(c, 'RVOLE_CHECK', { malicious })
      }
      const eta = multipliesOnly(M, (p) => ({ ...p, eta: concat(plus(p.eta.slice(0, 32), 1), p.eta.slice(32)) }))
      expectFault(c, 'RVOLE_CHECK', { malicious: eta })
    })

    it.each([0, 1])('O-09, 14.5 Gamma S4, S5: of item %i moved: EC_CHECK_U, EC_CHECK_V: ban', (k) => {
      expect([VERDICTS.EC_CHECK_U, VERDICTS.EC_CHECK_V]).toEqual(['ban', 'ban'])
      expectFault(c, 'EC_CHECK_U', { malicious: multiplies(M, (m) => ({ ...m, gammaU: moved(m.gammaU, k) })) })
      expectFault(c, 'EC_CHECK_V', { malicious: multiplies(M, (m) => ({ ...m, gammaV: moved(m.gammaV, k) })) })
    })

    it('14.5 Gamma S4, S5: errors of two items that cancel, of u and v exchanged, of two items exchanged: ban', () => {
      const opposite = (points: Uint8Array): Uint8Array => {
        const [first, second] = [points.slice(0, 33), points.slice(33)] as const
        return concat(
          group.sum([first, group.generator]) as Uint8Array,
          group.sum([second, group.negate(group.generator)]) as Uint8Array,
        )
      }
      const swapped = (points: Uint8Array): Uint8Array => concat(points.slice(33), points.slice(0, 33))
      for (const change of [opposite, swapped]) {
        expectFault(c, 'EC_CHECK_U', { malicious: multiplies(M, (m) => ({ ...m, gammaU: change(m.gammaU) })) })
        expectFault(c, 'EC_CHECK_V', { malicious: multiplies(M, (m) => ({ ...m, gammaV: change(m.gammaV) })) })
      }
      expectFault(c, 'EC_CHECK_U', { malicious: multiplies(M, (m) => ({ ...m, gammaU: m.gammaV, gammaV: m.gammaU })) })
    })

    const negated = (list: readonly Uint8Array[]): readonly Uint8Array[] =>
      list.map((scalar) => group.negAssign(Uint8Array.from(scalar)))
    const shifted = (list: readonly Uint8Array[]): readonly Uint8Array[] =>
      list.map((s, k) => (k === present - 1 ? plus(s, 1) : s))

    it.each<
      [
        string,
        string,
        (i: { u: readonly Uint8Array[]; v: readonly Uint8Array[] }) => { u: readonly Uint8Array[]; v: readonly Uint8Array[] },
      ]
    >([
      ['x-only: -r_j in place of r_j', 'EC_CHECK_U', ({ u, v }) => ({ u: negated(u), v })],
      ['x-only: -sk_j in place of sk_j', 'EC_CHECK_V', ({ u, v }) => ({ u, v: negated(v) })],
      ['another nonce than R_j says', 'EC_CHECK_U', ({ u, v }) => ({ u: shifted(u), v })],
      ['another key share than pk_j says', 'EC_CHECK_V', ({ u, v }) => ({ u, v: shifted(v) })],
      ['nonce and key share exchanged', 'EC_CHECK_U', ({ u, v }) => ({ u: v, v: u })],
      ['two items exchanged', 'EC_CHECK_U', ({ u, v }) => ({ u: u.toReversed(), v: v.toReversed() })],
      ['key shares of two items exchanged', 'EC_CHECK_V', ({ u, v }) => ({ u, v: v.toReversed() })],
    ])('O-09, 14.4 inputs, 14.5 x-only S4, S5: multiplies with %s, all else consistent: %s: ban', (_, code, change) => {
      withInputs(
        (from, __, inputs) => (from === M ? change(inputs) : inputs),
        () => expectFault(c, code, {}),
      )
    })
  })

  it('14.4 inputs: different ones to two peers: a ban at the one who got the wrong ones, nobody named by the other', () => {
    const run = withInputs(
      (from, to, { u, v }) => (from === M && to === 2 ? { u: u.map((s) => plus(s, 1)), v } : { u, v }),
      () => runDkls(three),
    )
    expect(ends(run)).toMatchObject({ 1: 'done', 2: 'EC_CHECK_U 3' })
    expect(run.assembler.has(2)).toBe(false)
  })

  it('O-09, 14.5 pk_j S5, S6: with two signers, a key share other than the certified one: EC_CHECK_V', () => {
    const items = signerItems(two, M).map((item) => ({ ...item, share: plus((item as AcceptedItem).share, 1) }))
    expectFault(two, 'EC_CHECK_V', { params: (id) => (id === M ? { items } : {}) })
  })

  it('O-09, 14.5 pk_j S5: changed in the message: EC_CHECK_V', () => {
    for (const k of [0, 1])
      expectFault(three, 'EC_CHECK_V', { malicious: multiplies(M, (m) => ({ ...m, keys: moved(m.keys, k) })) })
  })

  it('O-09, 14.5 pk_j S7: another key share, consistently: PK_SUM, nobody named', () => {
    const items = signerItems(three, M).map((item, b) =>
      b === 0 ? item : { ...item, share: plus((item as AcceptedItem).share, 1) },
    )
    expectFault(three, 'PK_SUM', { params: (id) => (id === M ? { items } : {}) }, [])
  })

  it('14.5 pk_j S7: two colluders whose changes cancel: harmless, the same key signs', () => {
    const shift = (id: PartyId, n: number) => {
      const lambda = { 2: -3, 3: 1 }[id] as number // of {1, 2, 3} at 0
      const inverse = group.scalar(lambda === 1 ? 1n : -inverseOf3(group.order))
      const change = group.mulAssign(group.scalar(n), inverse)
      return signerItems(three, id).map((item) => ({
        ...item,
        share: group.addAssign(Uint8Array.from((item as AcceptedItem).share), change),
      }))
    }
    const run = runDkls(three, { params: (id) => (id === 1 ? {} : { items: shift(id, id === 2 ? 5 : -5) }) })
    expect(ends(run)).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
    expectBatch(three, assembleRun(three, run))
  })

  it('O-15 S7: two signers with different seeds for zero shares: PK_SUM, nobody named, no signature', () => {
    const pairs = new Map(three.pairs.get(2))
    const pair = pairs.get(1) as NonNullable<ReturnType<typeof pairs.get>>
    const run = runDkls(three, {
      params: (id) => (id === 2 ? { pairs: pairs.set(1, { ...pair, zseed: bytes32('other') }) } : {}),
    })
    expect(ends(run)).toEqual({ 1: 'PK_SUM', 2: 'PK_SUM', 3: 'PK_SUM' })
    expect(run.assembler.size).toBe(0)
  })

  describe('S-10, 14.5 R_j sum S8: the nonces add up to zero, made by a signer that knows the others’ (nobody can)', () => {
    const nonces = new Map<PartyId, readonly Uint8Array[]>()
    beforeAll(() => {
      withInputs(
        (from, _, inputs) => {
          nonces.set(
            from,
            inputs.u.map((r) => Uint8Array.from(r)),
          )
          return inputs
        },
        () => runDkls(two),
      )
    })
    it('R_ZERO, nobody named', () => {
      const minus = (nonces.get(1) as readonly Uint8Array[]).map((r) => group.negAssign(Uint8Array.from(r)))
      const points = concat(...minus.map((r) => group.baseMul(r)))
      const salt = bytes32('salt')
      const { suite } = dklsParams(two, 1)
      const ctx = contextOf({
        sessionId: runDkls(two).sessionId,
        suite,
        threshold: 2,
        signers: two.signers,
        instances: two.items.map((i) => i.instance),
      })
      const commitment = commitmentOf(ctx, M, salt, [points.slice(0, 33), points.slice(33)])
      const malicious = together(
        broadcasts(M, (body) => OPENING.encode({ ...OPENING.decode(body), commitment })),
        multiplies(M, (m) => ({ ...m, salt, points })),
      )
      withInputs(
        (from, _, { u, v }) => ({ u: from === M ? minus : u, v }),
        () => expectFault(two, 'R_ZERO', { malicious }, []),
      )
    })
  })

  describe('14.5 R_j split S9: views of round 1 are compared before any check that bans', () => {
    const code = (run: DklsRun) => [1, 2].map((id) => ends(run)[id])
    const openingWith = (
      change: (fields: { status: Uint8Array; commitment: Uint8Array }) => { status: Uint8Array; commitment: Uint8Array },
    ): Rule => ({
      when: { from: M, to: 2, round: 1, kind: 'broadcast' },
      act: equivocate(three.world, ({ body }) => ({
        body: concat(body.slice(0, 32), OPENING.encode(change(OPENING.decode(body.slice(32))))),
      })),
    })

    it('two commitments: INCONSISTENT_BROADCAST, nobody named by those who cannot know', () => {
      const run = runDkls(three, { rules: [openingWith((o) => ({ ...o, commitment: bytes32('another') }))] })
      expect(code(run)).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
      expectHarmless(three, run)
    })

    it('an item refused towards 2 only: the same', () => {
      const refusing = signerItems(three, M).with(1, refusedItem(three.items[1] as (typeof three.items)[0], 'key_frozen'))
      const run = runDkls(three, { rules: [openingWith((o) => ({ ...o, status: statusOf(refusing) }))] })
      expect(code(run)).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
      expectHarmless(three, run)
    })

    it('with products that would fail as well: still no ban, since nobody looks at them', () => {
      const run = runDkls(three, {
        rules: [openingWith((o) => ({ ...o, commitment: bytes32('another') }))],
        malicious: multiplies(M, (m) => ({ ...m, gammaU: m.gammaV })),
      })
      expect(code(run)).toEqual(['INCONSISTENT_BROADCAST', 'INCONSISTENT_BROADCAST'])
    })

    it('R_j other than committed towards one receiver: SIGN_COMMIT there, and no signature', () => {
      const malicious = multiplies(M, (m, to) => (to === 2 ? { ...m, points: moved(m.points, 0) } : m))
      const run = runDkls(three, { malicious })
      expect(code(run)).toEqual(['done', 'SIGN_COMMIT 3'])
      expect([...answersOf(run).keys()]).not.toContain(2)
    })
  })

  it('14.5 psi_j: changed: all end well, the signature does not verify, nobody can be named', () => {
    for (const c of [two, three]) {
      const run = runDkls(c, {
        malicious: multiplies(M, (m) => ({ ...m, psi: concat(plus(m.psi.slice(0, 32), 1), m.psi.slice(32)) })),
      })
      expect([...run.ends.values()].map(({ type }) => type)).toEqual(c.signers.map(() => 'done'))
      const outcomes = assembleRun(c, run)
      expect(outcomes[0]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
      expect(outcomes[1]?.type).toBe('signed')
    }
  })

  it('round 1 is no opening: SIGN_MALFORMED, before anything of round 2 is made', () => {
    for (const change of [
      () => new Uint8Array(1),
      (body: Uint8Array) => OPENING.encode({ ...OPENING.decode(body), status: Uint8Array.of(0) }),
      (body: Uint8Array) => OPENING.encode({ ...OPENING.decode(body), status: Uint8Array.of(0, 99) }),
    ]) {
      expectFault(three, 'SIGN_MALFORMED', { malicious: broadcasts(M, change) })
    }
  })
})

describe('all peers before acting', () => {
  const c = makeDklsCase({ threshold: 3, signers: [1, 2, 3], seed: 'two cheaters' })
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(7, (bytes[7] as number) ^ 1)
  const first = (run: DklsRun) => ends(run)[1]
  const bad = {
    malformed: (id: PartyId) => multiplies(id, (m) => ({ ...m, psi: new Uint8Array(1) })),
    badProduct: (id: PartyId) =>
      multiplies(id, (m) => ({ ...m, product: MULTIPLY.encode({ ...m, product: new Uint8Array(0) }) })),
    rvole: (id: PartyId) => multipliesOnly(id, (p) => ({ ...p, mu: flipped(p.mu) })),
    gammaU: (id: PartyId) => multiplies(id, (m) => ({ ...m, gammaU: m.gammaV })),
    gammaV: (id: PartyId) => multiplies(id, (m) => ({ ...m, gammaV: m.gammaU })),
    ote: (id: PartyId) => extends_(id, (one) => ({ ...one, x: flipped(one.x) })),
    shortU: (id: PartyId) => extends_(id, (one) => ({ ...one, u: one.u.slice(1) })),
  }

  it.each<[string, readonly (keyof typeof bad)[], string]>([
    ['both fail S3', ['rvole', 'rvole'], 'RVOLE_CHECK 2 3'],
    ['2 fails S5, 3 fails S3: one fault that names both', ['gammaV', 'rvole'], 'RVOLE_CHECK 2 3'],
    ['2 fails S4, 3 fails S5: one fault that names both', ['gammaU', 'gammaV'], 'EC_CHECK_U 2 3'],
    ['2’s product does not parse, 3 fails S4: the ban goes first', ['badProduct', 'gammaU'], 'EC_CHECK_U 3'],
    [
      '2’s message does not parse, 3 would fail S4: nobody looked, so 3 has learnt nothing',
      ['malformed', 'gammaU'],
      'SIGN_MALFORMED 2',
    ],
    ['both fail the OT extension', ['ote', 'ote'], 'OTE_CHECK 2 3'],
    ['2’s matrix has another length, 3 fails the OT extension: the ban goes first', ['shortU', 'ote'], 'OTE_CHECK 3'],
    ['2 fails the OT extension, 3’s matrix has another length: the same', ['ote', 'shortU'], 'OTE_CHECK 2'],
  ])('%s', (_, [of2, of3], expected) => {
    const hooks = [bad[of2 as keyof typeof bad](2), bad[of3 as keyof typeof bad](3)]
    expect(first(runDkls(c, { malicious: together(...hooks) }))).toBe(expected)
  })
})

const inverseOf3 = (order: bigint): bigint => {
  for (let k = 1n; k < 3n; k++) if ((k * order + 1n) % 3n === 0n) return (k * order + 1n) / 3n
  throw new Error('the order is a multiple of 3')
}
