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

const PARTY = { psid: bytes32('distinguisher'), offered: group.baseMul(bytes32('offer')) }

/** Points of OTs with one choice, as Bob sees them: first of the side 0, then of the side 1. `parts` times 32 each. */
export function pointsOfChoice(fill: 0x00 | 0xff, parts: number): readonly [readonly Uint8Array[], readonly Uint8Array[]] {
  const rng = seededRng(`choice ${fill}`)
  const delta = new Uint8Array(BLOCK).fill(fill)
  const { psid, offered } = PARTY
  const phi = Array.from({ length: parts }, () =>
    pointsIn(choose({ group, psid }, offered, delta, 0, new Uint8Array(LAMBDA * BLOCK), rng)),
  ).flat()
  return [phi.filter((_, k) => k % 2 === 0), phi.filter((_, k) => k % 2 === 1)]
}

/** The bits of the encodings (parity, then x) that are set more often or less often than five standard deviations of a fair coin allow. */
export function unevenBits(points: readonly Uint8Array[]): readonly number[] {
  const most = 5 * Math.sqrt(points.length / 4)
  return Array.from({ length: 8 * POINT - 7 }, (_, i) => i + 7).filter((at) => {
    const ones = points.filter((point) => ((point[at >> 3] as number) >> (7 - (at & 7))) & 1).length
    return Math.abs(ones - points.length / 2) > most
  })
}
