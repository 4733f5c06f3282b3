import type { EcdsaGroup } from '../curve/group.ts'
import { hashToSecp256k1 } from '../curve/hash-to-curve.ts'
import { concat, type Rng, u32, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { label, TH } from '../engine/transcript.ts'
import { BLOCK } from './parameters.ts'

/**
 * Batched endemic OT by programmable-once public functions (McQuoid, Rosulek, Roy 2021; protocols.md 4.1): 128 random OTs in two messages.
 * Who sends here receives in the OT extension: Bob offers one point, Alice answers with two points per OT and learns one of his two seeds.
 * Always on secp256k1, whatever curve is signed on (attacks.md: Devious Transfer).
 */

/** OTs that one message carries: hashing to the curve takes most of the time, and a signer's worker has other sessions to serve. */
export const OT_PART = 32
/** phi_{i,0} and phi_{i,1} of one part. */
export const PHI_POINTS = 2 * OT_PART

/** What both sides hash into every point and key of one direction. */
export interface BaseOt {
  readonly group: EcdsaGroup
  /** Names the direction, 32 bytes; fresh by both parties' nonces. */
  readonly psid: Uint8Array
}

/** O1: one for all OTs. `secret` belongs to Bob, who wipes it. */
export interface Offer {
  readonly secret: Uint8Array
  /** A_pt = secret * G, 33 bytes. */
  readonly point: Uint8Array
}

export function makeOffer(group: EcdsaGroup, rng: Rng): Offer {
  const secret = group.randomScalar(rng)
  return { secret, point: group.baseMul(secret) }
}

/** Bit `i` of Delta, 0 or 1; secret, so it may enter arithmetic only. */
const bitOf = (delta: Uint8Array, i: number): number => ((delta[i >> 3] as number) >> (i & 7)) & 1

/**
 * O2, Alice: the points of OTs first .. first + OT_PART - 1, `point` being Bob's. Her choice in OT i is 1 - Delta_i: Delta_i names the
 * seed that she does not learn. The seeds that she does learn go into `seeds` (128 x 16 bytes) at their places.
 */
export function choose(
  { group, psid }: BaseOt,
  point: Uint8Array,
  delta: Uint8Array,
  first: number,
  seeds: Uint8Array,
  rng: Rng,
): Uint8Array {
  const phi: Uint8Array[] = []
  for (let i = first; i < first + OT_PART; i++) {
    const choice = Uint8Array.of(1 ^ bitOf(delta, i))
    const beta = group.randomScalar(rng)
    // A uniform point. That Alice knows its logarithm gives her nothing: P of this side also has a hash of the other side in it.
    const blind = group.randomScalar(rng)
    const other = group.baseMul(blind)
    const product = group.baseMul(beta)
    const hashed = hashToPoint(psid, i, choice, other)
    const negated = group.negate(hashed)
    const mine = group.sum([product, negated])
    const shared = group.mulSecret(point, beta)
    try {
      if (mine === null) throw new Error('the random source is broken: a point that it made is a hash')
      phi.push(...ordered(choice, mine, other))
      writeSeed(seeds, psid, i, choice, point, shared)
    } finally {
      wipe(choice, beta, blind, other, product, hashed, negated, mine ?? undefined, shared)
    }
  }
  return concat(...phi)
}

/**
 * Bob's end of O2: both seeds of OTs first .. first + OT_PART - 1, at their places in `seeds0` and `seeds1` (128 x 16 bytes). `phi`:
 * {@link PHI_POINTS} valid points of `receiver`.
 * @throws Fault SETUP_MALFORMED naming the receiver, if it hit the one point that makes P the identity.
 */
export function accept(
  { group, psid }: BaseOt,
  offer: Offer,
  first: number,
  phi: readonly Uint8Array[],
  seeds: readonly [Uint8Array, Uint8Array],
  receiver: PartyId,
): void {
  for (let k = 0; k < OT_PART; k++) {
    const pair = [phi[2 * k], phi[2 * k + 1]] as [Uint8Array, Uint8Array]
    for (const side of [0, 1] as const) {
      const choice = Uint8Array.of(side)
      const point = group.sum([pair[side], hashToPoint(psid, first + k, choice, pair[1 - side] as Uint8Array)])
      if (point === null) throw new Fault('SETUP_MALFORMED', [receiver], 'a point that cancels')
      const shared = group.mulSecret(point, offer.secret)
      try {
        writeSeed(seeds[side], psid, first + k, choice, offer.point, shared)
      } finally {
        wipe(shared)
      }
    }
  }
}

/** HG(baseot-h2c, psid, i, choice, other): index and side keep the OTs of a batch apart (TOB-BRON-3), psid the batches. */
function hashToPoint(psid: Uint8Array, i: number, choice: Uint8Array, other: Uint8Array): Uint8Array {
  const message = concat(...[psid, u32(i), choice, other].flatMap((part) => [u32(part.length), part]))
  const point = hashToSecp256k1(message, label(TAGS.baseOtPoint))
  wipe(message)
  return point
}

function writeSeed(seeds: Uint8Array, psid: Uint8Array, i: number, choice: Uint8Array, offered: Uint8Array, shared: Uint8Array) {
  const key = TH(TAGS.baseOtKey, psid, u32(i), choice, offered, shared)
  seeds.set(key.subarray(0, BLOCK), i * BLOCK)
  wipe(key)
}

/** [mine, other] for choice 0, [other, mine] for choice 1, without a branch or an index that knows which. */
function ordered(choice: Uint8Array, mine: Uint8Array, other: Uint8Array): [Uint8Array, Uint8Array] {
  const swap = -(choice[0] as number)
  const first = new Uint8Array(mine.length)
  const second = new Uint8Array(mine.length)
  for (let b = 0; b < mine.length; b++) {
    const [x, y] = [mine[b] as number, other[b] as number]
    const difference = (x ^ y) & swap
    first[b] = x ^ difference
    second[b] = y ^ difference
  }
  return [first, second]
}
