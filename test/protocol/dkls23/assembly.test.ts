import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assemble, type DklsAssembly } from '../../../src/protocol/dkls23/assemble.ts'
import { ANSWER, OPENING } from '../../../src/protocol/dkls23/messages.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { signed } from '../hm/verify-signature.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import { badPoints } from './bad-points.ts'
import { answersOf, assemblyOf, makeDklsCase, runDkls, SCHEMES } from './dkls-run.ts'
import { expectBatch } from './verify-signature.ts'

describe.each(SCHEMES)('%s', (scheme) => {
  const group = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
  const c = makeDklsCase({ scheme, threshold: 3, seed: 'assembly', digests: numbered('assembly', 3).map(bytes32) })
  const base = assemblyOf(c, runDkls(c))
  const honest = assemble(base).map(signed)
  const other = ANSWER.decode(answersOf(runDkls(c, { name: 'other session' })).get(2) as Uint8Array)
  const answerOf = (id: PartyId) => ANSWER.decode(base.answers.get(id) as Uint8Array)
  const withAnswer = (id: PartyId, answer: { readonly points: Uint8Array; readonly shares: Uint8Array }): DklsAssembly => ({
    ...base,
    answers: new Map(base.answers).set(id, ANSWER.encode(answer)),
  })
  /** Signer 2's w (0) or u (1) of item 1, changed. */
  const withScalar = (which: 0 | 1, change: (scalar: Uint8Array) => Uint8Array): DklsAssembly => {
    const { points, shares } = answerOf(2)
    const at = 64 + 32 * which
    const changed = Uint8Array.from(shares)
    changed.set(change(shares.slice(at, at + 32)), at)
    return withAnswer(2, { points, shares: changed })
  }
  const plus = (scalar: Uint8Array, n: number): Uint8Array => group.addAssign(Uint8Array.from(scalar), group.scalar(n))
  const order = Buffer.from(group.order.toString(16), 'hex')

  it('an honest batch whole', () => expectBatch(c, honest))

  it.each<[string, (scalar: Uint8Array) => Uint8Array]>([
    ['plus 1', (s) => plus(s, 1)],
    ['negated', (s) => group.negAssign(Uint8Array.from(s))],
    ['0', () => new Uint8Array(32)],
    ['1', () => group.scalar(1)],
    ['q - 1', () => group.scalar(-1)],
    ["another item's", () => answerOf(2).shares.slice(0, 32)],
    ["another signer's", () => answerOf(1).shares.slice(64, 96)],
    ["another session's", () => other.shares.slice(64, 96)],
  ])('S-09, S-10, 14.5 w_j, u_j: %s: SIG_INVALID for that item alone, nobody named', (_, change) => {
    for (const which of [0, 1] as const) {
      const outcomes = assemble(withScalar(which, change))
      expect(outcomes[1]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
      expect([outcomes[0], outcomes[2]]).toEqual([honest[0], honest[2]])
    }
  })

  it.each<[string, Uint8Array]>([
    ['q', order],
    ['2^256 - 1', new Uint8Array(32).fill(255)],
  ])('P-05, S-09, 14.5 w_j, u_j: %s is no scalar: SIGN_MALFORMED for that item alone, naming its sender', (_, scalar) => {
    for (const which of [0, 1] as const) {
      const outcomes = assemble(withScalar(which, () => scalar))
      expect(outcomes[1]).toEqual({ type: 'failed', code: 'SIGN_MALFORMED', culprits: [2] })
      expect([outcomes[0], outcomes[2]]).toEqual([honest[0], honest[2]])
    }
  })

  it('S-10, 14.5 w_j, u_j: a share that makes sum u zero: SIG_INVALID, nobody named', () => {
    const rest = [1, 3].reduce<Uint8Array>(
      (acc, id) => group.addAssign(acc, answerOf(id).shares.slice(96, 128)),
      new Uint8Array(32),
    )
    const outcomes = assemble(withScalar(1, () => group.negAssign(rest)))
    expect(outcomes[1]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
  })

  it('14.5 w_j, u_j: both scaled alike by all, and errors that cancel: the one right signature', () => {
    const changed = (id: PartyId, n: number): Uint8Array => {
      const { shares } = answerOf(id)
      const out = Uint8Array.from(shares)
      out.set(plus(shares.slice(64, 96), n), 64)
      return ANSWER.encode({ ...answerOf(id), shares: out })
    }
    const answers = new Map(base.answers).set(1, changed(1, 7)).set(3, changed(3, -7))
    expect(assemble({ ...base, answers })).toEqual(honest)
  })

  describe('R', () => {
    it('another one in one answer: DKLS_VIEW, nobody named', () => {
      const { points, shares } = answerOf(2)
      const another = concat(group.generator, points.slice(33))
      const exchanged = concat(points.slice(33, 66), points.slice(0, 33), points.slice(66))
      for (const list of [another, exchanged]) {
        expect(faultOf(() => assemble(withAnswer(2, { points: list, shares })))).toEqual({ code: 'DKLS_VIEW', culprits: [] })
      }
    })

    it('fewer or more items in one answer, in all answers: DKLS_VIEW, nobody named', () => {
      const { points, shares } = answerOf(2)
      const fewer = { points: points.slice(33), shares: shares.slice(64) }
      const more = { points: concat(points, group.generator), shares: concat(shares, shares.slice(0, 64)) }
      for (const answer of [fewer, more]) {
        expect(faultOf(() => assemble(withAnswer(2, answer)))).toEqual({ code: 'DKLS_VIEW', culprits: [] })
        const answers = new Map(c.signers.map((id) => [id, ANSWER.encode(answer)]))
        expect(faultOf(() => assemble({ ...base, answers }))).toEqual({ code: 'DKLS_VIEW', culprits: [] })
      }
    })

    // P-256 has points with x = 0, secp256k1 has none.
    it.skipIf(scheme === 'ecdsa-secp256k1')('one with r = 0 in all answers: no signature', () => {
      const zero = concat(Uint8Array.of(2), new Uint8Array(32))
      expect(group.isPoint(zero)).toBe(true)
      const answers = new Map(
        c.signers.map((id) => {
          const { points, shares } = answerOf(id)
          return [id, ANSWER.encode({ points: concat(zero, points.slice(33)), shares })]
        }),
      )
      expect(assemble({ ...base, answers })[0]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
    })

    it('another one in all answers: no signature', () => {
      const answers = new Map(
        c.signers.map((id) => {
          const { points, shares } = answerOf(id)
          return [id, ANSWER.encode({ points: concat(group.generator, points.slice(33)), shares })]
        }),
      )
      const outcomes = assemble({ ...base, answers })
      expect(outcomes[0]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
      expect(outcomes.slice(1)).toEqual(honest.slice(1))
    })

    it.each(badPoints(scheme))('P-01, P-02 %s: SIGN_MALFORMED naming its sender', (_, point) => {
      const { points, shares } = answerOf(2)
      const fault = faultOf(() => assemble(withAnswer(2, { points: concat(point, points.slice(33)), shares })))
      expect(fault).toEqual({ code: 'SIGN_MALFORMED', culprits: [2] })
    })

    it.each([
      ['half a share', (a: { points: Uint8Array; shares: Uint8Array }) => ({ ...a, shares: a.shares.slice(32) })],
      ['a share without a point', (a: { points: Uint8Array; shares: Uint8Array }) => ({ ...a, points: a.points.slice(33) })],
      ['half a point', (a: { points: Uint8Array; shares: Uint8Array }) => ({ ...a, points: a.points.slice(16) })],
    ])('D-04 %s: SIGN_MALFORMED naming its sender', (_, change) => {
      expect(faultOf(() => assemble(withAnswer(2, change(answerOf(2)))))).toEqual({ code: 'SIGN_MALFORMED', culprits: [2] })
    })
  })

  it('an opening of another batch, or none: SIGN_MALFORMED naming its sender; a missing one: a mistake of the host, which names nobody', () => {
    const wrong = [new Uint8Array(3), OPENING.encode({ status: Uint8Array.of(0, 0), commitment: bytes32('c') })]
    for (const body of wrong) {
      const openings = new Map(base.openings).set(3, body)
      expect(faultOf(() => assemble({ ...base, openings }))).toEqual({ code: 'SIGN_MALFORMED', culprits: [3] })
    }
    for (const missing of ['openings', 'answers'] as const) {
      const bodies = new Map(base[missing])
      bodies.delete(3)
      expect(() => assemble({ ...base, [missing]: bodies })).toThrow('no message of 3')
    }
    expect(() => assemble({ ...base, suite: 4 })).toThrow('ECDSA only')
  })

  it('S-09 the answers of another session, or to another key or digest: no signature', () => {
    const elsewhere = assemblyOf(c, runDkls(c, { name: 'other session' }))
    expect(
      faultOf(() => assemble({ ...base, answers: new Map(base.answers).set(1, elsewhere.answers.get(1) as Uint8Array) })),
    ).toEqual({
      code: 'DKLS_VIEW',
      culprits: [],
    })
    const [a, b, d] = base.items as [(typeof base.items)[0], (typeof base.items)[0], (typeof base.items)[0]]
    for (const items of [
      [{ ...a, publicKey: b.publicKey }, b, d],
      [{ ...a, input: b.input }, b, d],
    ]) {
      const outcomes = assemble({ ...base, items })
      expect(outcomes[0]).toEqual({ type: 'failed', code: 'SIG_INVALID', culprits: [] })
      expect(outcomes.slice(1)).toEqual(honest.slice(1))
    }
  })

  it('any changed byte of an answer: a typed fault or a failed item, never another signature', () => {
    const body = base.answers.get(2) as Uint8Array
    for (let at = 0; at < body.length; at += 3) {
      const answers = new Map(base.answers).set(2, body.with(at, (body[at] as number) ^ (1 << (at % 8))))
      try {
        for (const outcome of assemble({ ...base, answers }))
          if (outcome.type === 'signed') expect(honest).toContainEqual(outcome)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        expect([['DKLS_VIEW'], ['SIGN_MALFORMED', 2]]).toContainEqual([error.code, ...error.culprits])
      }
    }
  })

  it('random bytes as openings and answers: a fault', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(1, 2, 3),
        fc.constantFrom('openings', 'answers'),
        (bytes, id, where) => {
          expect(() => assemble({ ...base, [where]: new Map(base[where as 'answers']).set(id, bytes) })).toThrow(Fault)
        },
      ),
      { numRuns: 100, seed: 3 },
    )
  })
})
