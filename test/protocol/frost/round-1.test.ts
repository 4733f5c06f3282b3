import { ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { assemble } from '../../../src/protocol/frost/assemble.ts'
import { ANSWER, openingOf } from '../../../src/protocol/frost/sign.ts'
import type { Commitment } from '../../../src/protocol/frost/signature-share.ts'
import type { SigningCommit } from '../../../src/protocol/signing/batch.ts'
import { equivocate, type Rule } from '../../simulator/relay.ts'
import type { Twin } from '../../simulator/twin.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32, numbered, refusedItem } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import {
  answersOf,
  assembleRun,
  assemblyOf,
  ends,
  FROST_SCHEMES,
  type FrostCase,
  type FrostRun,
  frostItems,
  makeFrostCase,
  openingsOf,
  runFrost,
  suiteOf,
} from './frost-run.ts'
import { expectBatch, signed } from './verify-signature.ts'

const M = 3

function expectHarmless(c: FrostCase, run: FrostRun): void {
  for (const id of c.signers.filter((s) => s !== M)) {
    expect(run.assembler.has(id)).toBe(false)
    expect(run.commits.get(id)).toEqual([])
  }
  expectBatch(c, assembleRun(c, runFrost(c, { name: 'after' })))
}

describe.each(FROST_SCHEMES)('%s', (scheme) => {
  const group = suiteOf(scheme).group(nativeCurves)
  const c = makeFrostCase({ scheme, ids: 3, threshold: 3, seed: 'round 1', inputs: [bytes32('1'), bytes32('2')] })
  const format = openingOf(group)
  const honestRun = runFrost(c)
  const own = format.read(openingsOf(honestRun).get(M) as Uint8Array, M, 2).points as readonly Commitment[]
  const flat = (list: readonly Commitment[]): readonly Uint8Array[] => list.flatMap((p) => [p.hiding, p.binding])
  const [mine] = own as [Commitment]
  const sendsBody = (broadcast: Uint8Array): ReadonlyMap<PartyId, Twin<SigningCommit>> =>
    new Map([[M, { send: (e, round) => (round === 1 ? { ...e, broadcast } : e) }]])
  const sends = (points: readonly Uint8Array[]) => sendsBody(format.encode(frostItems(c, M), points))

  function expectMalformed(malicious: ReadonlyMap<PartyId, Twin<SigningCommit>>): void {
    const run = runFrost(c, { malicious })
    expect(ends(run)).toMatchObject({ 1: 'FROST_MALFORMED 3', 2: 'FROST_MALFORMED 3' })
    expectHarmless(c, run)
    const openings = new Map(openingsOf(honestRun)).set(M, openingsOf(run).get(M) as Uint8Array)
    expect(faultOf(() => assemble({ ...assemblyOf(c, honestRun), openings }))).toEqual({ code: 'FROST_MALFORMED', culprits: [3] })
  }

  const bad = scheme === 'eddsa-ed25519' ? badEdwards(own) : badWeierstrass(own)
  it.each(bad)('P-01, P-02, P-04, 14.6 bad point: %s as hiding or binding: FROST_MALFORMED naming 3', (_, point) => {
    expectMalformed(sends(flat([{ ...mine, hiding: point }, own[1] as Commitment])))
    expectMalformed(sends(flat([own[0] as Commitment, { ...mine, binding: point }])))
  })

  it('F-05: hiding = binding: FROST_MALFORMED naming 3', () => {
    expectMalformed(sends(flat([{ hiding: mine.hiding, binding: mine.hiding }, own[1] as Commitment])))
  })

  it.each([
    ['empty', () => new Uint8Array(0)],
    ['a commitment missing', () => format.encode(frostItems(c, M), flat([mine]))],
    ['a commitment extra', () => format.encode(frostItems(c, M), flat([mine, mine, mine]))],
    ['half a commitment', () => format.encode(frostItems(c, M), flat(own).slice(0, 3))],
    ['an item missing', () => format.encode(frostItems(c, M).slice(1), flat([mine]))],
    ['an item extra', () => format.encode([...frostItems(c, M), ...frostItems(c, M)], [...flat(own), ...flat(own)])],
    ['a trailing byte', () => concat(format.encode(frostItems(c, M), flat(own)), Uint8Array.of(0))],
    ['an unknown refusal', () => format.encode(frostItems(c, M), flat(own)).with(3, 77)],
  ])('F-05, D-04, 14.6 list: with %s: FROST_MALFORMED naming 3', (_, body) => {
    expectMalformed(sendsBody(body()))
  })

  it("F-05, 14.6 own commitment: altered or missing in the relay's view: there is no such view; the signer's own copy is its frame's", () => {
    const mirror: Rule = {
      when: { from: 1, to: 2, round: 1 },
      act: (parcel) => [parcel, { ...parcel, to: 1, bytes: parcel.bytes.with(120, 0) }],
    }
    const run = runFrost(c, { rules: [mirror] })
    expectBatch(c, assembleRun(c, run))
  })

  const theirs = format.read(openingsOf(honestRun).get(1) as Uint8Array, 1, 2).points as readonly Commitment[]
  const double = (point: Uint8Array): Uint8Array => group.sum([point, point]) as Uint8Array
  const [mineOf1] = theirs as [Commitment]
  it.each<[string, readonly Commitment[]]>([
    ["another signer's commitments", theirs],
    ["another signer's, negated", theirs.map((p) => ({ hiding: group.negate(p.hiding), binding: group.negate(p.binding) }))],
    ["another signer's, hiding and binding exchanged", theirs.map((p) => ({ hiding: p.binding, binding: p.hiding }))],
    ['the generator', theirs.map(() => ({ hiding: group.generator, binding: double(group.generator) }))],
    [
      "one point of another's and its negative",
      theirs.map(() => ({ hiding: mineOf1.hiding, binding: group.negate(mineOf1.hiding) })),
    ],
  ])("F-05, P-09 %s as one's own: no signature, and no honest signer is named", (_, borrowed) => {
    const run = runFrost(c, { malicious: sends(flat(borrowed)) })
    expect(faultOf(() => assembleRun(c, run))).toEqual({ code: 'FROST_VIEW', culprits: [] })
    // With the view of the others copied as well, its share cannot fit what it said.
    const honestView = ANSWER.decode(answersOf(run).get(1) as Uint8Array).view
    const { shares } = ANSWER.decode(answersOf(run).get(M) as Uint8Array)
    const answers = new Map(answersOf(run)).set(M, ANSWER.encode({ view: honestView, shares }))
    for (const outcome of assemble({ ...assemblyOf(c, run), answers })) {
      expect(outcome).toEqual({ type: 'failed', code: 'FROST_SHARE', culprits: [M] })
    }
  })

  it('F-05, 14.6 list: an unknown sender, a member of the roster outside the session: ignored', () => {
    const two = makeFrostCase({ scheme, ids: 3, threshold: 2, signers: [1, 2], seed: 'round 1' })
    const other = runFrost(makeFrostCase({ scheme, ids: 3, threshold: 2, signers: [2, 3], seed: 'round 1' }))
    const intruder = other.sent.find((p) => p.from === 3)?.bytes as Uint8Array
    const run = runFrost(two, { rules: [{ when: { from: 2, to: 1, round: 1 }, act: (p) => [{ ...p, bytes: intruder }, p] }] })
    expectBatch(two, assembleRun(two, run))
  })

  it('F-06: 3 shows different commitments to 1 and 2: FROST_VIEW, nobody named; the key signs afterwards', () => {
    const other = flat([{ hiding: group.baseMul(group.scalar(5)), binding: mine.binding }, own[1] as Commitment])
    const rule: Rule = {
      when: { from: M, to: 2, round: 1 },
      act: equivocate(c.world, () => ({ body: format.encode(frostItems(c, M), other) })),
    }
    const run = runFrost(c, { rules: [rule] })
    expect(faultOf(() => assembleRun(c, run))).toEqual({ code: 'FROST_VIEW', culprits: [] })
    expectBatch(c, assembleRun(c, runFrost(c, { name: 'after' })))
  })

  it('F-06: 3 refuses an item towards 2 only: FROST_VIEW, nobody named', () => {
    const items = frostItems(c, M).with(1, refusedItem(c.items[1] as (typeof c.items)[0], 'policy_denied'))
    const rule: Rule = {
      when: { from: M, to: 2, round: 1 },
      act: equivocate(c.world, () => ({ body: format.encode(items, flat([mine])) })),
    }
    expect(faultOf(() => assembleRun(c, runFrost(c, { rules: [rule] })))).toEqual({ code: 'FROST_VIEW', culprits: [] })
  })

  it('decision 13: refusals are per item, positions keep their index', () => {
    const batch = makeFrostCase({ scheme, ids: 3, threshold: 2, inputs: numbered('refusals', 4).map(bytes32), seed: 'refusals' })
    const refusing = (id: PartyId) =>
      frostItems(batch, id).map((item, b) =>
        (id === 1 && b === 0) || (id === 2 && b !== 1 && b !== 3)
          ? refusedItem(batch.items[b] as (typeof batch.items)[0], 'key_frozen')
          : item,
      )
    const run = runFrost(batch, { params: (id) => ({ items: refusing(id) }) })
    const outcomes = assembleRun(batch, run)
    expect(outcomes[0]).toEqual({
      type: 'refused',
      by: new Map([
        [1, 'key_frozen'],
        [2, 'key_frozen'],
      ]),
    })
    expect(outcomes[2]).toEqual({ type: 'refused', by: new Map([[2, 'key_frozen']]) })
    for (const b of [1, 3]) expect(signed(outcomes[b])).toHaveLength(64)
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([{ type: 'answer', present: [1, 3] }])
    expect([...answersOf(run).keys()].sort()).toEqual([1, 2])
  })
})

/** Everything of 32 bytes that is no point of prime order. */
function badEdwards(own: readonly Commitment[]): readonly (readonly [string, Uint8Array])[] {
  const { Point } = ed25519
  const generator = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  const torsion = Array.from({ length: 8 }, (_, k) => (k === 0 ? Point.ZERO : generator.multiplyUnsafe(BigInt(k))))
  const mixed = torsion.slice(1).map((t) => Point.fromBytes((own[0] as Commitment).hiding).add(t))
  const p = 2n ** 255n - 19n
  const little = (value: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
  return [
    ...torsion.map((t, k) => [`torsion point ${k}`, t.toBytes()] as const),
    ...mixed.map((t, k) => [`prime order plus torsion ${k + 1}`, t.toBytes()] as const),
    ['identity with negative zero x', little(1n + 2n ** 255n)],
    ['(0, -1) with negative zero x', little(p - 1n + 2n ** 255n)],
    ['y = p', little(p)],
    ['y = p + 1, the identity again', little(p + 1n)],
    ['all ones', new Uint8Array(32).fill(255)],
    ['not on the curve', little(2n)],
  ]
}

function badWeierstrass(own: readonly Commitment[]): readonly (readonly [string, Uint8Array])[] {
  const x = (own[0] as Commitment).hiding.slice(1)
  return [
    ['33 zero bytes', new Uint8Array(33)],
    ['00 and junk', concat(Uint8Array.of(0), x)],
    ...[1, 4, 5, 6, 7, 0x82].map((prefix) => [`prefix ${prefix}`, concat(Uint8Array.of(prefix), x)] as const),
    ['x of all ones', concat(Uint8Array.of(2), new Uint8Array(32).fill(255))],
    ['x not on the curve', concat(Uint8Array.of(2), new Uint8Array(31), Uint8Array.of(5))],
  ]
}
