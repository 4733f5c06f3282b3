import { describe, expect, it } from 'vitest'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { assemble, type FrostAssembly } from '../../../src/protocol/frost/assemble.ts'
import { ANSWER, sign } from '../../../src/protocol/frost/sign.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32, dealKey, numbered } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import { answersOf, assembleRun, assemblyOf, FROST_SCHEMES, frostItems, makeFrostCase, runFrost, suiteOf } from './frost-run.ts'
import { expectBatch, signed } from './verify-signature.ts'

describe.each(FROST_SCHEMES)('%s', (scheme) => {
  const suite = suiteOf(scheme)
  const group = suite.group(nativeCurves)
  const c = makeFrostCase({ scheme, ids: 3, threshold: 3, seed: 'round 2', inputs: numbered('round 2', 3).map(bytes32) })
  const run = runFrost(c)
  const base = assemblyOf(c, run)
  const honest = assemble(base).map(signed)
  const answers = answersOf(run)
  const decoded = (id: PartyId) => ANSWER.decode(answers.get(id) as Uint8Array)
  const shareOf = (id: PartyId, k = 0): Uint8Array => decoded(id).shares.slice(32 * k, 32 * k + 32)
  /** These signers send another share for item 0. */
  const withShares = (changes: Readonly<Record<PartyId, Uint8Array>>): FrostAssembly => ({
    ...base,
    answers: new Map(
      [...answers].map(([id, body]) => {
        const share = changes[id]
        return [
          id,
          share === undefined
            ? body
            : ANSWER.encode({ view: decoded(id).view, shares: concat(share, decoded(id).shares.slice(32)) }),
        ]
      }),
    ),
  })
  const withBodies = (changes: Readonly<Record<PartyId, Uint8Array>>): FrostAssembly => ({
    ...base,
    answers: new Map([...answers].map(([id, body]) => [id, changes[id] ?? body])),
  })
  const plus = (a: Uint8Array, b: number): Uint8Array => group.addAssign(Uint8Array.from(a), group.scalar(b))
  const order = group.scalar(0)
  {
    // The order itself in the group's byte order: -1 plus 1 without a reduction.
    const last = group.scalar(-1)
    const at = scheme === 'eddsa-ed25519' ? 0 : 31
    order.set(last)
    order[at] = (order[at] as number) + 1
  }

  describe('F-07, S-09: a wrong share names its sender, costs its item and no other', () => {
    const wrong: readonly (readonly [string, (id: PartyId) => Uint8Array])[] = [
      ['+ 1', (id) => plus(shareOf(id), 1)],
      ['- 1', (id) => plus(shareOf(id), -1)],
      ['negated', (id) => group.negAssign(shareOf(id))],
      ['0', () => new Uint8Array(32)],
      ['1', () => group.scalar(1)],
      ['order - 1', () => group.scalar(-1)],
      ['the order (P-05: not canonical)', () => order],
      ['all ones', () => new Uint8Array(32).fill(255)],
      ['of another item', (id) => shareOf(id, 1)],
      ["another signer's, renamed", (id) => shareOf(id === 1 ? 2 : 1)],
      [
        'of another session',
        (id) => ANSWER.decode(answersOf(runFrost(c, { name: 'other' })).get(id) as Uint8Array).shares.slice(0, 32),
      ],
    ]
    it.each(wrong)('P-05, 14.6 z_i wrong, 14.6 z_i range: share %s', (_, share) => {
      for (const id of c.signers) {
        const outcomes = assemble(withShares({ [id]: share(id) }))
        expect(outcomes[0]).toEqual({ type: 'failed', code: 'FROST_SHARE', culprits: [id] })
        expect(outcomes.slice(1).map(signed)).toEqual(honest.slice(1))
      }
    })

    it('14.6 z_i wrong: two, both named', () => {
      const outcomes = assemble(withShares({ 1: plus(shareOf(1), 1), 3: plus(shareOf(3), 1) }))
      expect(outcomes[0]).toEqual({ type: 'failed', code: 'FROST_SHARE', culprits: [1, 3] })
    })

    it('two whose errors cancel: the signature is the right one, so there is nothing to blame', () => {
      expect(assemble(withShares({ 1: plus(shareOf(1), 9), 3: plus(shareOf(3), -9) })).map(signed)).toEqual(honest)
    })

    it('14.6 epochs: a share of another epoch (same key, refreshed polynomial): named', () => {
      const other = dealKey({ curves: nativeCurves, scheme, ids: [1, 2, 3], threshold: 3, seed: 'another epoch' })
      const mixed = runFrost(c, {
        params: (id) =>
          id === 2
            ? { items: frostItems(c, 2).map((i) => ({ ...i, share: Uint8Array.from(other.shares.get(2) as Uint8Array) })) }
            : {},
      })
      for (const outcome of assembleRun(c, mixed)) expect(outcome).toEqual({ type: 'failed', code: 'FROST_SHARE', culprits: [2] })
    })
  })

  describe('the form of answers', () => {
    it('Z-07 a wrong view: FROST_VIEW, nobody named, before any blame', () => {
      const view = bytes32('wrong')
      for (const shares of [decoded(3).shares, new Uint8Array(0), new Uint8Array(96).fill(255)]) {
        expect(faultOf(() => assemble(withBodies({ 3: ANSWER.encode({ view, shares }) })))).toEqual({
          code: 'FROST_VIEW',
          culprits: [],
        })
      }
    })

    it('the right view and another length, or no answer by its bytes: FROST_MALFORMED naming the sender', () => {
      const own = decoded(3)
      const bodies = [
        ANSWER.encode({ ...own, shares: own.shares.slice(1) }),
        ANSWER.encode({ ...own, shares: own.shares.slice(32) }),
        ANSWER.encode({ ...own, shares: concat(own.shares, own.shares) }),
        new Uint8Array(0),
        concat(answers.get(3) as Uint8Array, Uint8Array.of(0)),
      ]
      for (const body of bodies)
        expect(faultOf(() => assemble(withBodies({ 3: body })))).toEqual({ code: 'FROST_MALFORMED', culprits: [3] })
    })

    it('a missing message is a mistake of the host and names nobody', () => {
      expect(() => assemble({ ...base, answers: new Map([...answers].filter(([id]) => id !== 2)) })).toThrow('no message of 2')
      expect(() => assemble({ ...base, openings: new Map() })).toThrow('no message of 1')
    })
  })

  describe('F-07: all shares right, the input of the assembler wrong: nobody is named', () => {
    const stranger = dealKey({ curves: nativeCurves, scheme, ids: [1, 2, 3], threshold: 3, seed: 'stranger' })
    const item = base.items[0] as FrostAssembly['items'][0]
    const changes: readonly (readonly [string, Partial<FrostAssembly>])[] = [
      ['another key', { items: base.items.with(0, { ...item, publicKey: stranger.publicKey }) }],
      ['another message', { items: base.items.with(0, { ...item, input: bytes32('other') }) }],
      ['another instance', { items: base.items.with(0, { ...item, instance: bytes32('other') }) }],
      ['another order of items', { items: base.items.toReversed() }],
      ['another session', { sessionId: bytes32('other') }],
      ['another suite number', { suiteNumber: 1 }],
    ]
    it.each(changes)('%s: FROST_VIEW', (_, change) => {
      expect(faultOf(() => assemble({ ...base, ...change }))).toEqual({ code: 'FROST_VIEW', culprits: [] })
    })

    it("F-08: verifying shares come from the record; with another key's record a wrong share is noticed and nobody convicted", () => {
      const confused = {
        ...withShares({ 3: plus(shareOf(3), 1) }),
        verifyingShares: base.items.map(() => stranger.verifyingShares),
      }
      expect(assemble(confused)[0]).toEqual({ type: 'failed', code: 'FROST_SIG_INVALID', culprits: [] })
      expect(assemble(confused).slice(1).map(signed)).toEqual(honest.slice(1))
    })
  })

  it('F-08: a record whose verifying shares cancel convicts nobody', () => {
    // On the line through 0: it interpolates to the identity.
    const throughZero = new Map(c.signers.map((id) => [id, group.baseMul(group.scalar(id))]))
    const cancelling = { ...withShares({ 1: plus(shareOf(1), 1) }), verifyingShares: base.items.map(() => throughZero) }
    expect(assemble(cancelling)[0]).toEqual({ type: 'failed', code: 'FROST_SIG_INVALID', culprits: [] })
  })

  it('F-09, U-01: nothing leaves that does not verify', () => {
    const lying = { ...nativeCurves, ed25519Verify: () => false, schnorrVerify: () => false }
    for (const outcome of assemble({ ...base, curves: lying }))
      expect(outcome).toEqual({ type: 'failed', code: 'FROST_SIG_INVALID', culprits: [] })
  })

  it('F-11: R or s in any other encoding does not verify', () => {
    const signature = honest[0] as Uint8Array
    const { input, publicKey } = base.items[0] as FrostAssembly['items'][0]
    expect(suite.verify(nativeCurves, signature, input, publicKey)).toBe(true)
    const [R, s] = [signature.slice(0, 32), signature.slice(32)]
    const others = [
      concat(Uint8Array.of(2), signature),
      concat(Uint8Array.of(4), R, R, s),
      concat(signature, Uint8Array.of(0)),
      signature.slice(1),
      concat(R, s.toReversed()),
      concat(R.toReversed(), s),
      concat(R.with(31, (R[31] as number) ^ 0x80), s),
      concat(R, group.negAssign(Uint8Array.from(s))),
      concat(R, order),
    ]
    for (const other of others) expect(suite.verify(nativeCurves, other, input, publicKey)).toBe(false)
  })

  it('S-14, S-05 parameters: not exactly t signers, 0 or 257 items: refused before anything is drawn', () => {
    const env: Env = {
      self: 1,
      parties: [1, 2, 3],
      threshold: 3,
      sessionId: bytes32('session'),
      roster: c.world.roster,
      rng: () => {
        throw new Error('randomness before the checks')
      },
      curves: nativeCurves,
      transcript: () => new Uint8Array(32),
      evidence: () => {
        throw new Error('none')
      },
    }
    const start =
      (change: Partial<Env>, items = frostItems(c, 1)) =>
      () =>
        sign({ ...env, ...change }, { suite, suiteNumber: 4, items }).next()
    expect(start({ threshold: 2 })).toThrow(SetupError)
    expect(start({ parties: [1, 2] })).toThrow(SetupError)
    expect(start({}, [])).toThrow(SetupError)
    expect(start({}, Array(257).fill(frostItems(c, 1)[0]))).toThrow(SetupError)
    expect(start({})).toThrow('randomness before')
  })

  it('S-04, S-06, T-16: a signer that approved another message under the same instance: its share is wrong at the assembler only', () => {
    // The host derives both from one document; if it did not, the views differ and no honest signer is named.
    const other = frostItems(c, 1).map((i) =>
      'item' in i ? { ...i, item: { ...i.item, input: bytes32('another message') } } : i,
    )
    const split = runFrost(c, { params: (id) => (id === 1 ? { items: other } : {}) })
    expect(faultOf(() => assembleRun(c, split))).toEqual({ code: 'FROST_VIEW', culprits: [] })
    expectBatch(c, assembleRun(c, runFrost(c, { name: 'after' })))
  })
})
