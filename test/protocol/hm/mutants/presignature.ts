import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import { nativeCurves } from '../../../simulator/world.ts'
import { bytes32, dealKey } from '../../signing/dealt-key.ts'
import { div, forgeryOf, keyAmong, type Loot, onLine } from './loot.ts'
import { lambda } from './model.ts'
import { Fq, intOf, mod, Point, rOf } from './session.ts'

// The naive presignature that was attacked in public (honest-majority-ecdsa.md 2.3) and that Quorate does not have: k, 1/k and a mask
// are fixed before anybody knows what will be signed, and each honest signer answers once. One signer is corrupt (t' = 1).

const digestOf = (name: string): bigint => mod(intOf(bytes32(name)))
const random = digestOf

const IDS = [1, 2, 3, 4, 5]
const KEY = dealKey({ curves: nativeCurves, scheme: 'ecdsa-secp256k1', ids: IDS, threshold: 2, seed: 'presignature' })
export const PRESIGNATURE_SECRET = intOf(KEY.secret)
const X = KEY.publicKey
const share = (id: PartyId): bigint => intOf(KEY.shares.get(id) as Uint8Array)

/** c(Z) of degree 1 with c(0) = 1/k, mask d(Z) of degree 2 with d(0) = 0, and s_i = c_i (h + r (x_i + e)) + d_i. */
const INVERSE = random('1/k')
const r = rOf(Point.BASE.multiply(Fq.inv(INVERSE)))
const c = (id: PartyId): bigint => mod(INVERSE + random('slope') * BigInt(id))
const d = (id: PartyId): bigint => mod(BigInt(id) * (random('d1') + random('d2') * BigInt(id)))
const answerOf = (id: PartyId, h: bigint, e = 0n): bigint => mod(c(id) * (h + r * (share(id) + e)) + d(id))

/** Honest signers that each answer once, as the relay asks them. */
function askOnce(): (id: PartyId, h: bigint, e?: bigint) => bigint {
  const asked = new Set<PartyId>()
  return (id, h, e) => {
    if (asked.has(id)) throw new Error(`${id} has answered`)
    asked.add(id)
    return answerOf(id, h, e)
  }
}

/** The value at `x` of the polynomial of lowest degree through the points. */
function interpolate(points: ReadonlyMap<PartyId, bigint>, x: PartyId): bigint {
  return [...points].reduce((sum, [i, value]) => {
    const l = [...points.keys()].reduce((p, j) => (j === i ? p : mod(p * BigInt(x - j) * Fq.inv(mod(BigInt(i - j))))), 1n)
    return mod(sum + l * value)
  }, 0n)
}
const keyOf = (inverse: bigint, s: bigint, h: bigint): Loot => keyAmong([div(s * Fq.inv(inverse) - h, r)], X)

/** 3t'+2 signers, two disjoint honest halves, two digests: two signatures with one nonce. */
function disjointHalves(): Loot {
  const ask = askOnce()
  const [h1, h2] = [digestOf('A'), digestOf('B')]
  const [s1, s2] = [
    [[1, 2, 5], h1],
    [[3, 4, 5], h2],
  ].map(([set, h]) => {
    const digest = h as bigint
    const points = (set as PartyId[]).map((id) => [id, id === 5 ? answerOf(5, digest) : ask(id, digest)] as const)
    return interpolate(new Map(points), 0)
  }) as [bigint, bigint]
  return keyOf(div(s1 - s2, h1 - h2), s1, h1)
}

/** 2t'+3 signers, three digests: the polynomial of the first is known, its distance at two more signers is c_i (h - hA). */
function threeSets(): Loot {
  const ask = askOnce()
  const [hA, hB, hC] = [digestOf('A'), digestOf('B'), digestOf('C')]
  const whole = new Map([1, 2, 5].map((id) => [id, id === 5 ? answerOf(5, hA) : ask(id, hA)]))
  const [c3, c4] = [
    [3, hB],
    [4, hC],
  ].map(([id, h]) => div(ask(Number(id), BigInt(h as bigint)) - interpolate(whole, Number(id)), BigInt(h as bigint) - hA)) as [
    bigint,
    bigint,
  ]
  return keyOf(onLine(3, c3, 4, c4, 0), interpolate(whole, 0), hA)
}

/** Dual vector of {1, 2, 3, 4}: kills whatever has degree 2, so the masks and the product of two lines. */
const DUAL = [1n, -3n, 3n, -1n] as const
const dual = (values: readonly bigint[]): bigint => mod(values.reduce((sum, v, i) => sum + (DUAL[i] as bigint) * v, 0n))

/** 2t'+2 signers, three digests with h1 = 4 h2 - 3 h3: what is left is a multiple of 1/k. */
function threeDigests(): Loot {
  const ask = askOnce()
  const [h2, h3] = [digestOf('B'), digestOf('C')]
  const h1 = mod(4n * h2 - 3n * h3)
  const answers = [ask(1, h1), ask(2, h2), ask(3, h3)]
  // Signer 4's own answer without a digest: d_4 + r x_4 c_4.
  const rest = dual([...answers, answerOf(4, 0n)])
  // rest = h1 c_1 - 3 h2 c_2 + 3 h3 c_3 with c_i = c_0 + i (c_4 - c_0) / 4
  const weight = (i: bigint): bigint => mod(1n - div(i, 4n))
  const factors = [h1, -3n * h2, 3n * h3] as const
  const known = factors.reduce((sum, f, i) => sum + f * div(BigInt(i + 1), 4n) * c(4), 0n)
  const inverse = div(
    rest - known,
    factors.reduce((sum, f, i) => sum + f * weight(BigInt(i + 1)), 0n),
  )
  const cOf = (id: PartyId): bigint => onLine(0, inverse, 4, c(4), id)
  const bare = new Map([1, 2, 3].map((id, i) => [id, mod((answers[i] as bigint) - ([h1, h2, h3][i] as bigint) * cOf(id))]))
  return keyAmong([div(interpolate(bare, 0), r * inverse)], X)
}

/** 2t'+2 signers, one digest, two tweaks in two sessions: what is left is r (eB - eA) c_3. */
function twoTweaks(): Loot {
  const ask = askOnce()
  const [h, eA, eB] = [digestOf('A'), random('tweak A'), random('tweak B')]
  const answers = [ask(1, h, eA), ask(2, h, eA), ask(3, h, eB)]
  const rest = dual([...answers, answerOf(4, h, eA)])
  const c3 = div(rest, 3n * r * (eB - eA))
  const cOf = (id: PartyId): bigint => onLine(3, c3, 4, c(4), id)
  const plain = new Map([1, 2, 3].map((id, i) => [id, mod((answers[i] as bigint) - r * (i < 2 ? eA : eB) * cOf(id))]))
  return keyOf(cOf(0), interpolate(plain, 0), h)
}

/** Exactly 2t'+1 = 3 signers, one digest, e1 to P1 and e2 to P2: a signature for the tweak 2 e1 - e2, which is one for any digest. */
function exactSet(): Loot {
  const ask = askOnce()
  const [h, wanted, e1] = [digestOf('A'), digestOf('never approved'), random('tweak A')]
  const e = div(wanted - h, r)
  const at = (id: PartyId): bigint => onLine(0, e, 1, e1, id)
  const points = [ask(1, h, e1), ask(2, h, at(2)), answerOf(3, h, at(3))]
  const s = points.reduce((sum, value, i) => sum + lambda(i + 1, [1, 2, 3]) * value, 0n)
  return forgeryOf(wanted, r, mod(s), X)
}

export const PRESIGNATURE_ATTACKS = { disjointHalves, threeSets, threeDigests, twoTweaks, exactSet } as const
