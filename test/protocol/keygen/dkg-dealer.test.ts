import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { concat, fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { possessionChallenge, prove } from '../../../src/protocol/keygen/proof.ts'
import { groupOf as groupOfScheme } from '../../../src/protocol/keygen/scheme.ts'
import { commit } from '../../../src/protocol/sharing/feldman.ts'
import { abscissa, evaluate, randomPolynomial } from '../../../src/protocol/sharing/polynomial.ts'
import { equivocate } from '../../simulator/relay.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { assertSafe, type Keygen, type KeygenRun, keygen, outcome, outcomes, worldOf } from './keygen-fixture.ts'
import { revealsOf } from './read-traffic.ts'
import { type Deviation, rogueDealer } from './rogue-dealer.ts'

/** Signer n is malicious unless said otherwise; the others must all end with `expected`. */
function assertBlamed(deviation: Deviation, expected: string, options: Keygen = {}): KeygenRun {
  const world = options.world ?? worldOf(3)
  const rogue = world.roster.members.at(-1)?.id as PartyId
  const run = keygen({ ...options, world, rogues: new Map([[rogue, rogueDealer(deviation)]]) })
  for (const id of run.ends.keys()) if (id !== rogue) expect(outcome(run, id), run.seed).toBe(`${expected}:${rogue}`)
  assertSafe(run, [rogue])
  return run
}
const schemes = ['ecdsa-secp256k1', 'ecdsa-p256', 'eddsa-ed25519'] as const
/** The order plus a small number, in the group's byte order: congruent to the number, but no canonical scalar. */
function beyondOrder(group: Group, more: bigint): Uint8Array {
  const bytes = fromHex((group.order + more).toString(16).padStart(64, '0'))
  return group.name === 'ed25519' ? bytes.toReversed() : bytes
}

describe('the harness itself', () => {
  it('a dealer that deviates in nothing is only caught for its empty confirmation', () => {
    assertBlamed({}, 'DKG_CONF')
  })
})

describe.each(schemes)('D1 with %s: the commitment vector', (scheme) => {
  const other = (length: number): Deviation => ({
    polynomial: (_, env) => randomPolynomial(groupOf(env.curves), length, env.rng),
  })
  const groupOf = (curves: Curves): Group => groupOfScheme(scheme, curves)

  it.each([
    [2, 3, 'none', 0],
    [2, 3, 't - 1', 1],
    [2, 3, 't + 1', 3],
    [2, 3, '2t', 4],
    [3, 5, 't - 1', 2],
    [3, 5, 't + 1', 4],
    [2, 2, 't + 1', 3],
    [3, 3, 't - 1', 2],
    [2, 3, '16, the codec maximum', 16],
  ])('K-04, D-04, 14.2 C_j: %i of %i with %s coefficients and shares that fit them', (threshold, n, _, length) => {
    assertBlamed(other(length), 'DKG_MALFORMED', { world: worldOf(n), threshold, scheme })
  })

  it('K-04, D-02, 14.2 C_j: 17 entries, and as many as fit into one envelope: refused before anything is allocated for them', () => {
    const packr = new Packr({ useRecords: false })
    for (const count of [17, 25_000]) {
      const point = worldOf(3).curves.secp256k1.generator
      const bytes = Uint8Array.from(
        packr.pack([new Uint8Array(32), Array(count).fill(point), [point, point.slice(1)], new Uint8Array(32)]),
      )
      assertBlamed({ revealBytes: () => bytes }, 'DKG_MALFORMED', { scheme })
    }
  })

  it('14.2 colluders: two whose extra coefficients cancel', () => {
    const extra = groupOf(worldOf(4).curves).randomScalar(seededRng('cancel'))
    const run = keygen({
      world: worldOf(4),
      scheme,
      rogues: new Map(
        [3, 4].map((id) => [
          id,
          rogueDealer({
            polynomial: (honest, env) => {
              const coefficient = Uint8Array.from(extra)
              return [...honest, id === 3 ? coefficient : groupOf(env.curves).negAssign(coefficient)]
            },
          }),
        ]),
      ),
    })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_MALFORMED:3', 'DKG_MALFORMED:3'])
    assertSafe(run, [3, 4])
  })

  const bad: Readonly<Record<string, string>> =
    scheme !== 'eddsa-ed25519'
      ? {
          'P-01: 33 zero bytes': '00'.repeat(33),
          'P-01: prefix 0 followed by junk': `00${'79'.repeat(32)}`,
          'P-02: x = p':
            scheme === 'ecdsa-p256' ? `02ffffffff00000001${'00'.repeat(12)}${'ff'.repeat(12)}` : `02${'ff'.repeat(27)}fefffffc2f`,
          'P-02: x > p': `02${'ff'.repeat(32)}`,
          'P-02: x not on the curve': `02${'00'.repeat(31)}${scheme === 'ecdsa-p256' ? '01' : '05'}`,
          'P-02: hybrid prefix 06': '0679be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
          'P-02: prefix 04': '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
        }
      : {
          'P-01, P-04: the identity (0, 1)': `01${'00'.repeat(31)}`,
          'P-04: (0, -1), order 2': `ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`,
          'P-04: order 4': '00'.repeat(32),
          'P-04: order 8': '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
          'P-04: the generator plus the point of order 2': '95'.concat('99'.repeat(30), '99'),
          'P-02: y = p + 1, the identity again': `eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`,
          'P-02: negative zero x': `01${'00'.repeat(30)}80`,
          'P-02: y not on the curve': `02${'00'.repeat(31)}`,
        }

  it.each(Object.entries(bad))('P-01, P-02, P-04, 14.2 C_j: %s, at each place', (_, hex) => {
    for (const place of [0, 1]) {
      assertBlamed(
        { commitTo: (reveal) => ({ ...reveal, commitments: reveal.commitments.with(place, fromHex(hex)) }) },
        'DKG_MALFORMED',
        { scheme },
      )
    }
  })

  it('P-03: points of another length or curve', () => {
    const { secp256k1, ed25519 } = worldOf(3).curves
    const packr = new Packr({ useRecords: false })
    const wrong =
      scheme === 'eddsa-ed25519'
        ? [secp256k1.generator, secp256k1.generator.slice(1)]
        : [ed25519.generator, concat(Uint8Array.of(4), new Uint8Array(64))]
    for (const point of wrong) {
      const body = [new Uint8Array(32), [point, point], [point, new Uint8Array(32)], new Uint8Array(32)]
      assertBlamed({ revealBytes: () => Uint8Array.from(packr.pack(body)) }, 'DKG_MALFORMED', { scheme })
    }
  })

  it('K-06: the identity as leading coefficient is refused, whatever its encoding: a degree lower than agreed is a lower threshold', () => {
    // On P-256, x = 0 is a point like others.
    const encodings = { 'eddsa-ed25519': [`01${'00'.repeat(31)}`], 'ecdsa-p256': [], 'ecdsa-secp256k1': [`02${'00'.repeat(32)}`] }
    const identities = [...(scheme === 'eddsa-ed25519' ? [] : ['00'.repeat(33)]), ...encodings[scheme]]
    for (const hex of identities) {
      const run = assertBlamed(
        {
          // f is constant, so its shares fit C_0 and an identity in the place of C_1.
          polynomial: (honest) => [honest[0] as Uint8Array, new Uint8Array(32)].slice(0, 1),
          commitTo: (reveal) => ({ ...reveal, commitments: [reveal.commitments[0] as Uint8Array, fromHex(hex)] }),
        },
        'DKG_MALFORMED',
        { scheme },
      )
      expect(revealsOf(run).get(3)?.commitments.map(toHex)[1]).toBe(hex)
    }
  })
})

describe('bodies that are no message of their round', () => {
  it.each([
    ['empty', () => new Uint8Array(0)],
    ['cut', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['one byte more', (bytes: Uint8Array) => concat(bytes, Uint8Array.of(0))],
    ['a commitment of 31 bytes', () => concat(Uint8Array.of(0x91, 0xc4, 31), new Uint8Array(31))],
    ['nil', () => Uint8Array.of(0xc0)],
  ])('D-01 round 1: %s', (_, change) => {
    assertBlamed({ commitBytes: change }, 'DKG_MALFORMED')
  })

  it.each([
    ['empty', () => new Uint8Array(0)],
    ['cut', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['one byte more', (bytes: Uint8Array) => concat(bytes, Uint8Array.of(0))],
    ['the message of round 1', () => concat(Uint8Array.of(0x91, 0xc4, 32), new Uint8Array(32))],
  ])('D-01 round 2: %s', (_, change) => {
    assertBlamed({ revealBytes: change }, 'DKG_MALFORMED')
  })
})

describe('D2: the commitment opens to what was committed', () => {
  const another: Deviation['reveal'] = (_, env) => {
    const group = env.curves.secp256k1
    const polynomial = randomPolynomial(group, env.threshold, env.rng)
    const commitments = commit(group, polynomial)
    const possession = prove(group, polynomial, possessionChallenge(group, env.sessionId, env.self, commitments), env.rng)
    return { salt: env.rng(32), commitments, possession, chainCommitment: env.rng(32) }
  }

  it('K-08, 14.2 C_j rogue: a constant term chosen after round 1, with a valid proof for it', () => {
    assertBlamed({ reveal: another }, 'DKG_COMMIT')
  })

  it('Z-02 each field of what is opened is fixed by com', () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((b, i) => (i === 5 ? b ^ 1 : b))
    const changes: readonly NonNullable<Deviation['reveal']>[] = [
      (r) => ({ ...r, salt: flip(r.salt) }),
      (r) => ({ ...r, chainCommitment: flip(r.chainCommitment) }),
      (r) => ({ ...r, commitments: r.commitments.toReversed() }),
      (r, env) => ({ ...r, commitments: r.commitments.with(1, env.curves.secp256k1.generator) }),
      (r) => ({ ...r, possession: { ...r.possession, commitment: flip(r.possession.commitment) } }),
      (r) => ({ ...r, possession: { ...r.possession, response: flip(r.possession.response) } }),
    ]
    for (const reveal of changes) assertBlamed({ reveal }, 'DKG_COMMIT')
  })

  it.each([
    [2, 2],
    [2, 3],
    [3, 3],
  ])('K-09, TOB-BRON-13: commit to one polynomial, open another that agrees at the honest signers (%i of %i)', (threshold, n) => {
    // g = f + h with h zero at every honest id: shares of f fit g there. Degree n - 1 >= t - 1 is needed in general.
    const group = worldOf(n).curves.secp256k1
    const honest = Array.from({ length: n - 1 }, (_, i) => i + 1)
    assertBlamed(
      {
        reveal: (committed, env) => {
          let vanishing: readonly Uint8Array[] = [group.randomScalar(env.rng)]
          for (const id of honest) vanishing = timesRoot(group, vanishing, id)
          const extra = commit(group, vanishing)
          const length = Math.max(committed.commitments.length, extra.length)
          const commitments = Array.from({ length }, (_, m) => {
            const both = [committed.commitments[m], extra[m]].filter((p) => p !== undefined)
            return group.sum(both) as Uint8Array
          })
          return { ...committed, commitments: commitments.slice(0, threshold) }
        },
      },
      'DKG_COMMIT',
      { world: worldOf(n), threshold },
    )
  })

  it("K-10: another signer's commitment and opening under one's own id", () => {
    // Everything that signer 1 says is known beforehand, from a run with the same randomness.
    const first = revealsOf(keygen()).get(1)
    if (first === undefined) throw new Error('signer 1 opened nothing')
    const run = assertBlamed({ commitTo: () => first }, 'DKG_POP')
    // The same bytes committed to by both: com binds the party, so the copied message itself would not open.
    const commitments = run.sent
      .filter((p) => p.round === 1 && p.kind === 'broadcast')
      .map((p) => toHex(p.bytes.slice(112 + 32, -64)))
    expect(new Set(commitments).size).toBe(3)
    const copied = commitments[0] as string
    assertBlamed({ commitBytes: () => fromHex(copied), reveal: () => first }, 'DKG_COMMIT')
  })
})

describe.each(schemes)('D3 with %s: the proof of possession', (scheme) => {
  const blamed = (
    possession: (
      honest: { commitment: Uint8Array; response: Uint8Array },
      group: Group,
    ) => { commitment: Uint8Array; response: Uint8Array },
  ): void => {
    const commitTo: Deviation['commitTo'] = (reveal, env) => ({
      ...reveal,
      possession: possession(reveal.possession, groupOfScheme(scheme, env.curves)),
    })
    assertBlamed({ commitTo }, 'DKG_POP', { scheme })
  }

  it('Z-02, Z-10, P-05, 14.2 pop: A and z altered, zero, beyond the order, not a point, the identity', () => {
    const identity = scheme === 'eddsa-ed25519' ? `01${'00'.repeat(31)}` : '00'.repeat(33)
    blamed((p, g) => ({ ...p, commitment: g.generator }))
    blamed((p, g) => ({ ...p, commitment: g.negate(p.commitment) }))
    blamed((p) => ({ ...p, commitment: fromHex(identity) }))
    blamed((p) => ({ ...p, commitment: p.commitment.map((b) => b ^ 0xff) }))
    blamed((p, g) => ({ ...p, response: g.scalar(0) }))
    blamed((p, g) => ({ ...p, response: g.scalar(1) }))
    blamed((p, g) => ({ ...p, response: g.negAssign(p.response) }))
    blamed((p, g) => ({ ...p, response: beyondOrder(g, 0n) }))
    blamed((p, g) => ({ ...p, response: beyondOrder(g, 1n) }))
    blamed((p) => ({ ...p, response: new Uint8Array(32).fill(0xff) }))
    blamed((_, g) => ({ commitment: fromHex(identity), response: g.scalar(0) }))
  })

  it('Z-01, K-08, 14.2 pop: a proof that was valid in another session, or for another signer in this one', () => {
    const earlier = revealsOf(keygen({ scheme, seed: 'earlier', name: 'earlier' }))
    const present = revealsOf(keygen({ scheme }))
    for (const stolen of [earlier.get(3), earlier.get(1), present.get(1)]) {
      if (stolen === undefined) throw new Error('nothing to steal')
      // With the statement it was made for, and with one's own.
      assertBlamed({ commitTo: () => stolen }, 'DKG_POP', { scheme })
      assertBlamed({ commitTo: (own) => ({ ...own, possession: stolen.possession }) }, 'DKG_POP', { scheme })
    }
  })

  it('K-08 a proof for the constant term alone does not cover the other coefficients', () => {
    const commitTo: Deviation['commitTo'] = (reveal, env) => {
      const group = groupOfScheme(scheme, env.curves)
      const known = group.randomScalar(env.rng)
      // C_1 = Y - C_0 with unknown logarithm; only C_0 = known * G is proven.
      const commitments = [
        group.baseMul(known),
        revealsOf(keygen({ scheme, seed: 'stranger' })).get(1)?.commitments[0] as Uint8Array,
      ]
      const challenge = possessionChallenge(group, env.sessionId, env.self, commitments)
      return { ...reveal, commitments, possession: prove(group, [known], challenge, env.rng) }
    }
    assertBlamed({ commitTo }, 'DKG_POP', { scheme })
  })

  it('Z-01 a proof made for another scheme on the same curve', () => {
    if (scheme === 'eddsa-ed25519') return
    const stolen = revealsOf(keygen({ scheme: 'schnorr-secp256k1' })).get(3)
    if (stolen === undefined) throw new Error('nothing to steal')
    assertBlamed({ commitTo: () => stolen }, 'DKG_POP')
  })
})

describe('P-06 D6: contributions that cancel', () => {
  it.each(schemes)('P-06 with %s: a key that would be the identity is no key, and names nobody', (scheme) => {
    // Cannot happen to signers that commit first: the test knows the others\' randomness, a dealer does not.
    const coefficients = new Map<PartyId, readonly Uint8Array[]>()
    const watching = (id: PartyId) =>
      rogueDealer({
        polynomial: (honest) => {
          coefficients.set(
            id,
            honest.map((a) => Uint8Array.from(a)),
          )
          return honest
        },
      })
    keygen({ scheme, rogues: new Map([1, 2].map((id) => [id, watching(id)])) })
    const cancel: Deviation = {
      polynomial: (_, env) => {
        const group = groupOfScheme(scheme, env.curves)
        return [0, 1].map((m) => {
          const sum = Uint8Array.from(coefficients.get(1)?.[m] as Uint8Array)
          return group.negAssign(group.addAssign(sum, coefficients.get(2)?.[m] as Uint8Array))
        })
      },
    }
    const run = keygen({ scheme, rogues: new Map([[3, rogueDealer(cancel)]]) })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['DKG_KEY_ZERO', 'DKG_KEY_ZERO'])
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([])
    assertSafe(run, [3])
  })
})

describe('K-05, 14.2 C_j split: another vector for each recipient', () => {
  it('is an opening that does not fit for at least one of them, and nobody finishes', () => {
    const shorter = (body: Uint8Array): Uint8Array => body.slice(0, -1)
    const longer = (body: Uint8Array): Uint8Array => concat(body, Uint8Array.of(0))
    for (const change of [shorter, longer]) {
      const run = keygen({
        rules: [
          {
            when: { round: 2, from: 3, to: 2, kind: 'broadcast' },
            act: equivocate(worldOf(3), ({ body }) => ({ body: change(body) })),
          },
        ],
      })
      expect(outcome(run, 2)).toBe('DKG_MALFORMED:3')
      expect(outcome(run, 1)).toBe('TIMEOUT')
      assertSafe(run, [3])
    }
  })
})

describe('attacks at every threshold', () => {
  it.each([
    [2, 2],
    [3, 5],
  ])('K-07, K-08 at %i of %i', (threshold, n) => {
    const at: Keygen = { world: worldOf(n), threshold }
    assertBlamed({ reveal: (r) => ({ ...r, salt: new Uint8Array(32) }) }, 'DKG_COMMIT', at)
    assertBlamed(
      { commitTo: (r, env) => ({ ...r, possession: { ...r.possession, response: env.curves.secp256k1.scalar(5) } }) },
      'DKG_POP',
      at,
    )
    assertBlamed({ share: (_, share, chainPart) => ({ share: share.toReversed(), chainPart }) }, 'DKG_SHARE', at)
    const run = keygen({
      ...at,
      rogues: new Map([
        [1, rogueDealer({ share: (to, share, chainPart) => ({ share: to === 2 ? new Uint8Array(32) : share, chainPart }) })],
      ]),
    })
    for (const [id, end] of Object.entries(outcomes(run))) if (id !== '1') expect(end, run.seed).toBe('DKG_SHARE:1')
    assertSafe(run, [1])
  })
})

/** p(Z) * (Z - id). */
function timesRoot(group: Group, polynomial: readonly Uint8Array[], id: PartyId): readonly Uint8Array[] {
  const scaled = polynomial.map((a) => group.mulAssign(Uint8Array.from(a), group.scalar(-id)))
  return [...scaled, new Uint8Array(32)].map((low, m) => {
    const high = polynomial[m - 1]
    return high === undefined ? low : group.addAssign(Uint8Array.from(low), high)
  })
}

describe('timesRoot', () => {
  it('vanishes at its roots', () => {
    const group = worldOf(3).curves.secp256k1
    const polynomial = timesRoot(group, timesRoot(group, [group.scalar(5)], 1), 2)
    expect(polynomial.map((a) => group.toBigInt(a))).toEqual([10n, group.order - 15n, 5n])
    for (const id of [1, 2]) expect(group.isZero(evaluate(group, polynomial, abscissa(group, id)))).toBe(true)
  })
})
