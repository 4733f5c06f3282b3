import { accept, choose, makeOffer, type Offer, OT_PART, PHI_POINTS } from '../../../src/protocol/dkls23/base-ot.ts'
import { BLOCK, LAMBDA } from '../../../src/protocol/dkls23/parameters.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'

export const group = nativeCurves.secp256k1
export const BOB = 2
const POINT = 33

export interface Transfer {
  readonly psid: Uint8Array
  readonly offer: Offer
  readonly delta: Uint8Array
  /** 256 points: phi_{0,0}, phi_{0,1}, phi_{1,0} .. */
  readonly phi: readonly Uint8Array[]
  readonly alice: readonly Uint8Array[]
  readonly bob: readonly [readonly Uint8Array[], readonly Uint8Array[]]
}

interface Choice {
  readonly seed: string
  readonly psid?: Uint8Array
  readonly delta?: Uint8Array
  readonly rng?: Rng
  /** What a lying Bob or Alice shows the other instead. */
  readonly shown?: (point: Uint8Array) => Uint8Array
  readonly answered?: (phi: readonly Uint8Array[]) => readonly Uint8Array[]
}

export const pointsIn = (phi: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: phi.length / POINT }, (_, k) => phi.slice(k * POINT, (k + 1) * POINT))
const seedsIn = (seeds: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: LAMBDA }, (_, i) => seeds.slice(i * BLOCK, (i + 1) * BLOCK))

/** One direction of a set-up without its channel. */
export function transfer({ seed, psid = bytes32('psid'), delta, rng, shown, answered }: Choice): Transfer {
  const random = rng ?? seededRng(seed)
  const chosen = delta ?? random(BLOCK)
  const offer = makeOffer(group, random)
  const seen = shown?.(offer.point) ?? offer.point
  const alice = new Uint8Array(LAMBDA * BLOCK)
  const bob = [new Uint8Array(LAMBDA * BLOCK), new Uint8Array(LAMBDA * BLOCK)] as const
  const said: Uint8Array[] = []
  for (let first = 0; first < LAMBDA; first += OT_PART)
    said.push(...pointsIn(choose({ group, psid }, seen, chosen, first, alice, random)))
  const phi = answered?.(said) ?? said
  for (let first = 0; first < LAMBDA; first += OT_PART)
    accept({ group, psid }, offer, first, phi.slice(2 * first, 2 * first + PHI_POINTS), [...bob], BOB)
  return { psid, offer, delta: chosen, phi, alice: seedsIn(alice), bob: [seedsIn(bob[0]), seedsIn(bob[1])] }
}

export const bit = (bytes: Uint8Array, i: number): 0 | 1 => (((bytes[i >> 3] as number) >> (i & 7)) & 1) as 0 | 1
