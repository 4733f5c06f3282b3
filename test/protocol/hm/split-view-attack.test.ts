import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { setConstants } from '../../../src/protocol/hm/constants.ts'
import { bindOf, contextOf } from '../../../src/protocol/hm/context.ts'
import { maskShares, nonceShares } from '../../../src/protocol/hm/pseudo-random.ts'
import { ANSWER, openingOf } from '../../../src/protocol/hm/sign.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import type { Rule } from '../../simulator/relay.ts'
import { bytes32, type DealtKey } from '../signing/dealt-key.ts'
import {
  answersOf,
  assembleRun,
  contextFields,
  type HmRun,
  makeHmCase,
  openingsOf,
  runHm,
  sharesIn,
  signerItems,
} from './hm-run.ts'
import { openChannel } from './open-channel.ts'
import { expectBatch } from './verify-signature.ts'

// 7.2 and 7.4: signer 3 is malicious, colludes with the relay, and no message is authenticated. It shows P1 and P2 forged points on
// lines through their own, so that every check passes and r is whatever it likes; then the same context again with another r.

const c = makeHmCase({ digests: [bytes32('attack')], seed: 'attack' })
const group = c.world.curves.secp256k1
const key = c.keys[0] as DealtKey
const honestRun = runHm(c)
const openings = openingsOf(honestRun)
const format = openingOf(group)
const { Point } = secp256k1
const { Fn } = Point
type Point = InstanceType<typeof Point>
const mod = (v: bigint): bigint => Fn.create(v)
const int = (s: Uint8Array): bigint => group.toBigInt(s)

const trueR = new Map(
  c.signers.map((id) => [id, Point.fromBytes(format.read(openings.get(id) as Uint8Array, id, 1).points[0] as Uint8Array)]),
)

/** Three points on the line through `victim`'s true point whose value at 0 is T. */
function lineFor(victim: PartyId, T: Point): ReadonlyMap<PartyId, Point> {
  const slope = (trueR.get(victim) as Point).subtract(T).multiply(Fn.inv(BigInt(victim)))
  return new Map(c.signers.map((j) => [j, T.add(slope.multiply(BigInt(j)))]))
}

/** The relay shows each honest signer its own forged line. */
function forging(targets: ReadonlyMap<PartyId, Point>): readonly Rule[] {
  return [...targets].flatMap(([to, T]) => {
    const line = lineFor(to, T)
    return c.signers
      .filter((from) => from !== to)
      .map((from): Rule => {
        const body = format.encode(signerItems(c, from), [(line.get(from) as Point).toBytes(true)])
        return {
          when: { from, to, round: 1 },
          act: (parcel) => [{ ...parcel, bytes: encodeEnvelope({ ...(decodeEnvelope(parcel.bytes) as Envelope), body }) }],
        }
      })
  })
}
const attack = (targets: ReadonlyMap<PartyId, Point>): HmRun => runHm(c, { rules: forging(targets), channel: openChannel })

const target = (name: string): Point => Point.BASE.multiply(int(group.reduceWide(concat(bytes32(name), bytes32(name).slice(16)))))
const rOf = (T: Point): bigint => T.toAffine().x % group.order
const runA = new Map([1, 2].map((id) => [id, target(`A${id}`)]))
const runB = new Map([1, 2].map((id) => [id, target(`B${id}`)]))

/** What both answers of one honest signer, to one context under two values of r, tell when the masks are the same: a_i x_i. */
const product = (id: PartyId, nuA: bigint, nuB: bigint): bigint => {
  const lambda = int(setConstants(group, c.signers).lambda.get(id) as Uint8Array)
  const difference = rOf(runA.get(id) as Point) - rOf(runB.get(id) as Point)
  return mod((nuA - nuB) * Fn.inv(mod(lambda * difference)))
}

/**
 * The extraction: with a_3, x_3 known, a and x are lines with one unknown each; c1 = a_1 x_1 and c2 = a_2 x_2 give
 * a_3 x_1^2 + (c1 + a_3 x_3 - 4 c2) x_1 + x_3 c1 = 0.
 */
function extractKey(c1: bigint, c2: bigint): bigint | null {
  const ctx = contextOf(contextFields(c, honestRun))
  const a3 = int(nonceShares(group, c.generations.get(3) as Generation, 3, 1, 1, ctx)[0]?.[1] as Uint8Array)
  const x3 = int(key.shares.get(3) as Uint8Array)
  const b = mod(c1 + a3 * x3 - 4n * c2)
  const discriminant = mod(b * b - 4n * a3 * x3 * c1)
  let root: bigint
  try {
    root = Fn.sqrt(discriminant)
  } catch {
    return null
  }
  const candidates = [root, mod(-root)].map((r) => mod((r - b) * Fn.inv(mod(2n * a3))))
  const x1 = candidates.find(
    (x) => x !== 0n && Point.BASE.multiply(x).equals(Point.fromBytes(key.verifyingShares.get(1) as Uint8Array)),
  )
  // x(0) of the line through (1, x_1) and (3, x_3)
  return x1 === undefined ? null : mod((3n * x1 - x3) * Fn.inv(2n))
}

/** An honest signer's answer from production parts, under a bind of the test's choice; with the true bind it is production's answer. */
function answerUnder(id: PartyId, T: Point, bindFor: (bind: Uint8Array) => Uint8Array): Uint8Array {
  const ctx = contextOf(contextFields(c, honestRun))
  const g = c.generations.get(id) as Generation
  const points = new Map([...lineFor(id, T)].map(([j, p]) => [j, [p.toBytes(true)]]))
  const bind = bindOf(ctx, 1, [0], c.signers, points)
  const [k, a] = (nonceShares(group, g, id, 1, 1, ctx)[0] as [Uint8Array, Uint8Array]).map(int) as [bigint, bigint]
  const [maskMu, maskNu] = (maskShares(group, g, id, 1, 1, ctx, bindFor(bind))[0] as [Uint8Array, Uint8Array]).map(int) as [
    bigint,
    bigint,
  ]
  const lambda = int(setConstants(group, c.signers).lambda.get(id) as Uint8Array)
  const x = int(key.shares.get(id) as Uint8Array)
  const z = int(group.scalar(BigInt(`0x${toHex(c.items[0]?.input as Uint8Array)}`)))
  const mu = group.scalar(lambda * k * a + maskMu)
  const nu = group.scalar(lambda * a * (z + rOf(T) * x) + maskNu)
  return ANSWER.encode({ bind, shares: concat(mu, nu) })
}

const nuIn = (answer: Uint8Array | undefined): bigint => int(sharesIn(answer as Uint8Array)[1])
const extractFrom = (a: ReadonlyMap<PartyId, Uint8Array>, b: ReadonlyMap<PartyId, Uint8Array>): bigint | null => {
  const [c1, c2] = [1, 2].map((id) => product(id, nuIn(a.get(id)), nuIn(b.get(id)))) as [bigint, bigint]
  return extractKey(c1, c2)
}

describe('hm 7.2 forged line, hm 7.4 attacks: split view with forged R lists, channel authentication off', () => {
  const first = attack(runA)
  const second = attack(runB)

  it('the attack does get its lists accepted: both honest signers pass C1-C4 and answer', () => {
    for (const run of [first, second]) {
      for (const id of [1, 2]) expect(run.ends.get(id)?.type).toBe('done')
      expect([...answersOf(run).keys()]).toEqual(expect.arrayContaining([1, 2]))
    }
  })

  it('one run: the sums verify under no R that anybody saw', () => {
    const answers = answersOf(first)
    const [p1, p2] = [1, 2].map((id) => sharesIn(answers.get(id) as Uint8Array).map(int)) as [[bigint, bigint], [bigint, bigint]]
    const true3 = sharesIn(answersOf(honestRun).get(3) as Uint8Array).map(int) as [bigint, bigint]
    const digest = c.items[0]?.input as Uint8Array
    for (const T of [runA.get(1), runA.get(2), target('x')] as Point[]) {
      const mu = mod(p1[0] + p2[0] + true3[0])
      const s = mod((p1[1] + p2[1] + true3[1]) * Fn.inv(mu))
      for (const value of [s, mod(-s)]) {
        const signature = concat(group.scalar(rOf(T)), group.scalar(value))
        expect(secp256k1.verify(signature, digest, key.publicKey, { prehash: false, lowS: false, format: 'compact' })).toBe(false)
      }
    }
  })

  it('one context replayed with two lists, against production: the extraction finds nothing', () => {
    expect(extractFrom(answersOf(first), answersOf(second))).toBe(null)
  })

  it('the same script against the same answers without the bind in the masks: the whole key (so it would notice)', () => {
    const unbound = (targets: ReadonlyMap<PartyId, Point>) =>
      new Map([...targets].map(([id, T]) => [id, answerUnder(id, T, () => new Uint8Array(32))]))
    const found = extractFrom(unbound(runA), unbound(runB))
    expect(found).not.toBe(null)
    expect(group.scalar(found as bigint)).toEqual(key.secret)
  })

  it('and those answers differ from production in the bind only: with it they are production byte for byte', () => {
    for (const [id, T] of runA) expect(answerUnder(id, T, (bind) => bind)).toEqual(answersOf(first).get(id))
  })

  it('replaying the context with the same lists gives the same bytes (L5)', () => {
    expect(answersOf(attack(runA))).toEqual(answersOf(first))
  })

  it('nothing of the attack is left behind: the next honest session signs', () => {
    expectBatch(c.items, assembleRun(c, runHm(c, { name: 'next' }), 'next'))
  })
})

describe('hm 7.2 R total: C4 under forged lists', () => {
  it('R total identity: HM_R_ZERO at the victim, nobody named', () => {
    const run = attack(new Map([[1, Point.ZERO]]))
    expect(run.ends.get(1)).toMatchObject({ type: 'failed', fault: { code: 'HM_R_ZERO', culprits: [] } })
    expect(run.assembler.has(1)).toBe(false)
  })

  it('a forged list off the line: HM_R_DEGREE', () => {
    const line = lineFor(1, target('off'))
    const off = format.encode(signerItems(c, 2), [(line.get(2) as Point).add(Point.BASE).toBytes(true)])
    const rule: Rule = {
      when: { from: 2, to: 1, round: 1 },
      act: (parcel) => [{ ...parcel, bytes: encodeEnvelope({ ...(decodeEnvelope(parcel.bytes) as Envelope), body: off }) }],
    }
    const run = runHm(c, { rules: [rule], channel: openChannel })
    expect(run.ends.get(1)).toMatchObject({ type: 'failed', fault: { code: 'HM_R_DEGREE', culprits: [] } })
  })
})
