import { secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { add, base, encode, negative, type Point, SECP256K1, times } from './curve.ts'
import { ROWS } from './extension.ts'
import { integer, join, TH, tagBytes } from './hashing.ts'

/** One pair set-up (protocols.md 4.1, 4.3): formulas from chosen randomness to what travels and what is kept. Always on secp256k1. */

const CURVE = SECP256K1

/** Ordered: Alice sends in the OT extension, and receives in the base OT. */
export const psidOf = (session: Uint8Array, alice: number, bob: number, nonceA: Uint8Array, nonceB: Uint8Array): Uint8Array =>
  TH('pair.', session, integer(alice, 2), integer(bob, 2), nonceA, nonceB)

/** `forth` is psid(min, max), `back` is psid(max, min). */
export const pairIdOf = (min: number, max: number, forth: Uint8Array, back: Uint8Array): Uint8Array =>
  TH('pair-id', integer(min, 2), integer(max, 2), forth, back)

export const zseedOf = (session: Uint8Array, min: number, max: number, sMin: Uint8Array, sMax: Uint8Array): Uint8Array =>
  TH('zseed', session, integer(min, 2), integer(max, 2), sMin, sMax)

/** HG. The map itself is the library's, which RFC 9380's vectors check; what goes in is ours. */
function hashToCurve(psid: Uint8Array, i: number, c: number, other: Point): Point {
  const lp = (part: Uint8Array): Uint8Array => join(integer(part.length, 4), part)
  const msg = join(lp(psid), lp(integer(i, 4)), lp(integer(c, 1)), lp(encode(other)))
  return secp256k1_hasher.hashToCurve(msg, { DST: tagBytes('baseot-h2c') }).toAffine()
}

const keyOf = (psid: Uint8Array, i: number, c: number, aPoint: Point, shared: Point): Uint8Array =>
  TH('baseot-key', psid, integer(i, 4), integer(c, 1), encode(aPoint), encode(shared)).slice(0, 16)

/** phi_{i,0}, phi_{i,1} */
export type Choice = readonly [Point, Point]

/** Bob's keys k_{i,0}, k_{i,1}, from his secret `a` and Alice's points. */
export function baseBob(psid: Uint8Array, a: bigint, phi: readonly Choice[]): readonly (readonly [Uint8Array, Uint8Array])[] {
  const aPoint = base(CURVE, a)
  return phi.map((pair, i) => {
    const key = (c: 0 | 1): Uint8Array => {
      const p = add(CURVE, pair[c], hashToCurve(psid, i, c, pair[1 - c] as Point))
      return keyOf(psid, i, c, aPoint, times(CURVE, a, p))
    }
    return [key(0), key(1)]
  })
}

export interface BaseAliceRandom {
  /** The choice bits c_i. */
  readonly choices: readonly boolean[]
  /** beta_i. */
  readonly exponents: readonly bigint[]
  /** phi_{i, 1 - c_i}: uniformly random points. */
  readonly others: readonly Point[]
}

/** Alice's points, her key k_{i, c_i} of each pair, and Delta_i = 1 - c_i. */
export function baseAlice(
  psid: Uint8Array,
  aPoint: Point,
  { choices, exponents, others }: BaseAliceRandom,
): { readonly phi: readonly Choice[]; readonly seeds: readonly Uint8Array[]; readonly delta: readonly boolean[] } {
  const phi = choices.map((choice, i): Choice => {
    const other = others[i] as Point
    const hidden = add(CURVE, base(CURVE, exponents[i] as bigint), negative(CURVE, hashToCurve(psid, i, Number(choice), other)))
    return choice ? [other, hidden] : [hidden, other]
  })
  if (phi.length !== ROWS) throw new RangeError('128 base OTs')
  return {
    phi,
    seeds: choices.map((choice, i) => keyOf(psid, i, Number(choice), aPoint, times(CURVE, exponents[i] as bigint, aPoint))),
    delta: choices.map((choice) => !choice),
  }
}
