import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { openingOf } from '../../../src/protocol/hm/sign.ts'
import type { SigningCommit } from '../../../src/protocol/signing/batch.ts'
import { OFFSETS, type Rule } from '../../simulator/relay.ts'
import type { Twin } from '../../simulator/twin.ts'
import { makeGenerations } from '../prss/establish-run.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import {
  answersOf,
  assembleRun,
  ECDSA_SCHEMES,
  groupOf,
  type HmCase,
  type HmRun,
  makeHmCase,
  openingsOf,
  remac,
  runHm,
  signerItems,
} from './hm-run.ts'
import { expectBatch } from './verify-signature.ts'

/** An x without a point. */
const OFF_CURVE = { 'ecdsa-secp256k1': '05', 'ecdsa-p256': '01' } as const

describe.each(ECDSA_SCHEMES)('%s', (scheme) => {
  const c = makeHmCase({ scheme, digests: [bytes32('1'), bytes32('2')], seed: 'round 1' })
  const group = groupOf(c)
  const format = openingOf(group)
  const M = 3
  const honestRun = runHm(c)
  const honest = openingsOf(honestRun)
  const pointsOf = (body: Uint8Array): readonly Uint8Array[] => format.read(body, M, 2).points as readonly Uint8Array[]
  const R = (id: PartyId, b = 0): Uint8Array => pointsOf(honest.get(id) as Uint8Array)[b] as Uint8Array

  /** Signer 3 sends these points in place of its own, validly authenticated. */
  const sends = (points: readonly Uint8Array[]): ReadonlyMap<PartyId, Twin<SigningCommit>> =>
    new Map([[M, { send: (e, round) => (round === 1 ? { ...e, broadcast: format.encode(signerItems(c, M), points) } : e) }]])
  const sendsBody = (body: Uint8Array): ReadonlyMap<PartyId, Twin<SigningCommit>> =>
    new Map([[M, { send: (e, round) => (round === 1 ? { ...e, broadcast: body } : e) }]])

  const ends = (run: HmRun): Readonly<Record<PartyId, string>> =>
    Object.fromEntries(
      [...run.ends].map(([id, end]) => [id, end.type === 'done' ? 'done' : [end.fault.code, ...end.fault.culprits].join(' ')]),
    )

  function expectHarmless(run: HmRun): void {
    // No honest answer exists, so nothing that depends on a share left a host; and the key still signs.
    expect([...run.assembler.keys()].filter((id) => id !== M)).toEqual([])
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([])
    expectBatch(c.items, assembleRun(c, runHm(c, { name: 'after' }), 'after'), scheme)
  }

  describe('hm 7.2 R_3: in place of the right point', () => {
    const other = makeHmCase({ scheme, digests: [bytes32('1'), bytes32('2')], seed: 'another case' })
    const elsewhere = pointsOf(openingsOf(runHm(other)).get(M) as Uint8Array)
    const session = pointsOf(openingsOf(runHm(c, { name: 'another session' })).get(M) as Uint8Array)
    const plus = (a: Uint8Array, b: Uint8Array): Uint8Array => group.sum([a, b]) as Uint8Array
    const cases: readonly [string, readonly Uint8Array[]][] = [
      ['random', [group.baseMul(bytes32('random')), R(3, 1)]],
      ['+G', [plus(R(3), group.generator), R(3, 1)]],
      ['-G', [plus(R(3), group.negate(group.generator)), R(3, 1)]],
      ['-R_3', [group.negate(R(3)), R(3, 1)]],
      ['2R_3', [plus(R(3), R(3)), R(3, 1)]],
      ['R_1 copied', [R(1), R(1, 1)]],
      ['R_2 copied', [R(2), R(2, 1)]],
      ['-R_1', [group.negate(R(1)), R(3, 1)]],
      ['instances swapped', [R(3, 1), R(3)]],
      ['of instance 0 in both places', [R(3), R(3)]],
      ['of another session', session],
      ['of another set and key', elsewhere],
      ['wrong in the second instance only', [R(3), plus(R(3, 1), group.generator)]],
    ]
    for (const [name, points] of cases) {
      it(`${name}: HM_R_DEGREE at P1 and P2, nobody named`, () => {
        const run = runHm(c, { malicious: sends(points) })
        expect(ends(run)).toMatchObject({ 1: 'HM_R_DEGREE', 2: 'HM_R_DEGREE' })
        expectHarmless(run)
      })
    }

    it('hm 7.2 lists: a rushing member gains nothing: from R_1 and R_2 one value follows, and it is the honest one', () => {
      expect(toHex(plus(plus(R(2), R(2)), group.negate(R(1))))).toBe(toHex(R(3)))
    })

    const { p } = (scheme === 'ecdsa-p256' ? p256 : secp256k1).Point.CURVE()
    const malformed: readonly [string, Uint8Array][] = [
      ['33 zero bytes', new Uint8Array(33)],
      ['infinity 00 and junk', concat(Uint8Array.of(0), bytes32('junk'))],
      ['prefix 04', concat(Uint8Array.of(4), R(3).slice(1))],
      ['prefix 05', concat(Uint8Array.of(5), R(3).slice(1))],
      ['prefix 06 (hybrid)', concat(Uint8Array.of(6), R(3).slice(1))],
      ['prefix 07 (hybrid)', concat(Uint8Array.of(7), R(3).slice(1))],
      ['x = p', concat(Uint8Array.of(2), Buffer.from(p.toString(16), 'hex'))],
      ['x of all ones', concat(Uint8Array.of(2), new Uint8Array(32).fill(255))],
      ['x not on the curve', concat(Uint8Array.of(2), Buffer.from(OFF_CURVE[scheme].padStart(64, '0'), 'hex'))],
    ]
    for (const [name, point] of malformed) {
      it(`P-01, P-02, ${name}: HM_R_MALFORMED naming 3`, () => {
        const run = runHm(c, { malicious: sends([R(3), point]) })
        expect(ends(run)).toMatchObject({ 1: 'HM_R_MALFORMED 3', 2: 'HM_R_MALFORMED 3' })
        expectHarmless(run)
        expect(faultOf(() => assembleRun(c, { ...honestRun, sent: run.sent }))).toEqual({ code: 'HM_R_MALFORMED', culprits: [3] })
      })
    }

    it('an uncompressed point among compressed ones shifts the lengths: HM_R_MALFORMED', () => {
      const run = runHm(c, { malicious: sends([concat(R(3), bytes32('y')), R(3, 1)]) })
      expect(ends(run)).toMatchObject({ 1: 'HM_R_MALFORMED 3', 2: 'HM_R_MALFORMED 3' })
    })
  })

  describe('hm 7.2 lists: a body that is none', () => {
    const own = honest.get(M) as Uint8Array
    const bodies: readonly [string, Uint8Array][] = [
      ['empty', new Uint8Array(0)],
      ['one byte', Uint8Array.of(0x92)],
      ['one point missing', format.encode(signerItems(c, M), [R(3)])],
      ['one point extra', format.encode(signerItems(c, M), [R(3), R(3, 1), R(3)])],
      ['one item missing', format.encode(signerItems(c, M).slice(1), [R(3)])],
      ['one item extra', format.encode([...signerItems(c, M), ...signerItems(c, M)], [R(3), R(3, 1), R(3), R(3, 1)])],
      ['a trailing byte', concat(own, Uint8Array.of(0))],
      ['cut', own.slice(0, -1)],
      ['a refusal that no version sends', Uint8Array.from(own).with(3, 200)],
      ['a refusal with its point left in', Uint8Array.from(own).with(3, 2)],
      ['of 256 KiB', new Uint8Array(1 << 18)],
    ]
    for (const [name, body] of bodies) {
      it(`${name}: HM_R_MALFORMED naming 3`, () => {
        const run = runHm(c, { malicious: sendsBody(body) })
        expect(ends(run)).toMatchObject({ 1: 'HM_R_MALFORMED 3', 2: 'HM_R_MALFORMED 3' })
        expectHarmless(run)
      })
    }

    it('a member missing: P1 and P2 wait for it, nobody is named', () => {
      const run = runHm(c, { rules: [{ when: { from: M, round: 1 }, act: () => [] }] })
      expect(ends(run)).toMatchObject({ 1: 'TIMEOUT', 2: 'TIMEOUT' })
      expect(run.missing.get(1)).toEqual([M])
      expectHarmless(run)
    })
  })

  describe('split views', () => {
    /** What 3 shows to `to` differs from what it shows to the others; its MACs are good. */
    const shows = (to: PartyId, body: Uint8Array, signed = true): Rule => ({
      when: { from: M, to, round: 1 },
      act: (parcel) => [{ ...parcel, bytes: remac(c, parcel.bytes, { body }, signed) }],
    })

    it('hm 7.2 R_3 split: right to P1, wrong to P2: P2 HM_R_DEGREE, P1 answers, no signature, later session unaffected', () => {
      const run = runHm(c, { rules: [shows(2, format.encode(signerItems(c, M), [R(1), R(3, 1)]))] })
      expect(ends(run)).toMatchObject({ 1: 'done', 2: 'HM_R_DEGREE' })
      expect(run.commits.get(1)).toEqual([{ type: 'answer', present: [0, 1] }])
      expect([...answersOf(run).keys()]).not.toContain(2)
      expectBatch(c.items, assembleRun(c, runHm(c, { name: 'after split' }), 'after split'), scheme)
    })

    it('hm 7.2 R_3 split: 3 refuses an item towards P2 only: different present sets, HM_VIEW, nobody named', () => {
      const refusing = signerItems(c, M).with(1, { instance: c.items[1]?.instance as Uint8Array, refusal: 'policy_denied' })
      const run = runHm(c, { rules: [shows(2, format.encode(refusing, [R(3)]))] })
      expect(ends(run)).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
      expect(run.commits.get(2)).toEqual([{ type: 'answer', present: [0] }])
      expect(faultOf(() => assembleRun(c, run))).toEqual({ code: 'HM_VIEW', culprits: [] })
    })

    it('hm 7.2 R_3 split: two different messages of 3 to P1: EQUIVOCATION naming 3; unless one of them is unsigned', () => {
      const both = (signed: boolean): Rule => ({
        when: { from: M, to: 1, round: 1 },
        act: (parcel) => [
          parcel,
          { ...parcel, bytes: remac(c, parcel.bytes, { body: format.encode(signerItems(c, M), [R(1), R(3, 1)]) }, signed) },
        ],
      })
      // Both orders of arrival: some schedules complete the round before the second message comes.
      const found = new Set<string>()
      for (let seed = 0; seed < 20; seed++) found.add(ends(runHm(c, { rules: [both(true)], seed: `both ${seed}` }))[1] as string)
      expect(found).toContain('EQUIVOCATION 3')
      expect([...found].filter((end) => !['EQUIVOCATION 3', 'done', 'HM_R_DEGREE'].includes(end))).toEqual([])
      for (let seed = 0; seed < 20; seed++) {
        expect(ends(runHm(c, { rules: [both(false)], seed: `both ${seed}` }))[1]).toMatch(/^(EQUIVOCATION|done|HM_R_DEGREE)$/)
      }
    })

    it('decision 17: a malformed list under a bad lazy signature names nobody, under a good one its sender', () => {
      const bad = format.encode(signerItems(c, M), [R(3), new Uint8Array(33)])
      expect(ends(runHm(c, { rules: [shows(1, bad, false)] }))[1]).toBe('HM_R_MALFORMED')
      expect(ends(runHm(c, { rules: [shows(1, bad, true)] }))[1]).toBe('HM_R_MALFORMED 3')
    })

    it('decision 17: a bad lazy signature on a good list is not even looked at', () => {
      const flips: Rule = {
        when: { from: M, round: 1 },
        act: (parcel) => {
          const signature = Uint8Array.from((decodeEnvelope(parcel.bytes) as Envelope).signature).fill(9)
          return [{ ...parcel, bytes: remac(c, parcel.bytes, { signature }, false) }]
        },
      }
      const run = runHm(c, { rules: [flips] })
      expectBatch(c.items, assembleRun(c, run), scheme)
    })

    it('hm 7.2 R_1: as shown to P1, altered by the relay: HM_R_OWN, nobody named', () => {
      const mirror = (change: (bytes: Uint8Array) => Uint8Array): Rule => ({
        when: { from: 1, to: 2, round: 1 },
        act: (parcel) => [parcel, { ...parcel, to: 1, bytes: change(Uint8Array.from(parcel.bytes)) }],
      })
      // 3 is late, so that the copy arrives while P1 still waits.
      const held: Rule = { when: { to: 1, from: 3, round: 1 }, act: (parcel) => [{ ...parcel, late: 1 }] }
      for (const at of [OFFSETS.body + 10, OFFSETS.receiver, OFFSETS.prev]) {
        const altered = mirror((bytes) => bytes.with(at, (bytes[at] as number) ^ 1))
        const run = runHm(c, { rules: [altered, held] })
        expect(ends(run)[1]).toBe('HM_R_OWN')
        expect(run.assembler.has(1)).toBe(false)
      }
      expect(ends(runHm(c, { rules: [mirror((bytes) => bytes), held] }))[1]).toBe('done')
    })
  })

  describe("hm 7.1 contributions: t' = 2, two members of a subset with different keys, forced past the confirmation", () => {
    it('HM_R_DEGREE at all who can see it, nobody named, nothing sent', () => {
      const five: HmCase = makeHmCase({ scheme, ids: 5, threshold: 3, seed: 'five' })
      const others = makeGenerations(five.world, 3, five.signers, 'another generation')
      const one = five.generations.get(1)
      const foreign = others.get(1)?.subsets.find((k) => k.members.join() === '1,2,5')
      if (one === undefined || foreign === undefined) throw new Error('no such subset')
      const mixed = { ...one, subsets: one.subsets.map((k) => (k.members.join() === '1,2,5' ? { ...foreign, kid: k.kid } : k)) }
      const run = runHm({ ...five, generations: new Map(five.generations).set(1, mixed) })
      expect(ends(run)).toEqual({ 1: 'HM_R_DEGREE', 2: 'HM_R_DEGREE', 3: 'HM_R_DEGREE', 4: 'HM_R_DEGREE', 5: 'HM_R_DEGREE' })
      expect(run.assembler.size).toBe(0)
    })
  })

  describe('n = 5: two malicious signers and one honest majority', () => {
    it('wrong points of 4 and 5, alone and together: HM_R_DEGREE at the honest ones; the key signs afterwards', () => {
      const five = makeHmCase({ scheme, ids: 5, threshold: 3, seed: 'five' })
      const lie = (seed: string): Twin<SigningCommit> => ({
        send: (e, round) =>
          round === 1 ? { ...e, broadcast: format.encode(signerItems(five, 1), [group.baseMul(bytes32(seed))]) } : e,
      })
      for (const liars of [[4], [5], [4, 5]]) {
        const run = runHm(five, { malicious: new Map(liars.map((id) => [id, lie(`lie ${id}`)])) })
        for (const id of [1, 2, 3]) expect(ends(run)[id]).toBe('HM_R_DEGREE')
        expect(run.assembler.has(1)).toBe(false)
      }
      expectBatch(five.items, assembleRun(five, runHm(five, { name: 'after' }), 'after'), scheme)
    })
  })
})
