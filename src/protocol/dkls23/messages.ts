import type { Group } from '../curve/group.ts'
import { wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { blame } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { type Opening, readStatus } from '../signing/batch.ts'
import { MAX_MULTIPLICATIONS, XI } from './parameters.ts'

const POINT = 33
const SCALAR = 32
const MAX_POINTS = MAX_MULTIPLICATIONS * POINT
const MAX_SCALARS = MAX_MULTIPLICATIONS * SCALAR
/** RVOLE_TWO of the largest batch. */
const MAX_PRODUCT = MAX_MULTIPLICATIONS * (3 * XI + 1) * SCALAR + 128

/** Round 1, to all: which items this signer takes part in, and com_i. */
export const OPENING = message({ status: bytes({ max: MAX_MULTIPLICATIONS }), commitment: bytes(32) }, MAX_MULTIPLICATIONS + 64)

/** Round 2, to one peer (protocols.md 6.3). Points and scalars are concatenated, in the order of the items. */
export const MULTIPLY = message(
  {
    salt: bytes(32),
    /** R of every item that the sender takes part in, so that its commitment opens. */
    points: bytes({ max: MAX_POINTS }),
    /** RVOLE_TWO over the present items; so are all fields below. */
    product: bytes({ max: MAX_PRODUCT }),
    gammaU: bytes({ max: MAX_POINTS }),
    gammaV: bytes({ max: MAX_POINTS }),
    psi: bytes({ max: MAX_SCALARS }),
    /** pk; empty for two signers, where the certificate says what it must be. */
    keys: bytes({ max: MAX_POINTS }),
  },
  MAX_PRODUCT + 4 * MAX_POINTS + MAX_SCALARS + 128,
)

/** Round 3, to the assembler: R and w || u of every present item. */
export const ANSWER = message(
  { points: bytes({ max: MAX_POINTS }), shares: bytes({ max: 2 * MAX_SCALARS }) },
  MAX_POINTS + 2 * MAX_SCALARS + 32,
)

export interface Committed extends Opening<true> {
  readonly commitment: Uint8Array
}

/** @throws Fault SIGN_MALFORMED naming the sender. */
export const readOpening = (body: Uint8Array, from: PartyId, count: number): Committed =>
  blame(from, 'SIGN_MALFORMED', () => {
    const { status, commitment } = OPENING.decode(body)
    const refusals = readStatus(status, count)
    return { commitment, refusals, points: refusals.map((refusal) => (refusal === null ? true : null)) }
  })

/** One peer's round 2, taken apart. */
export interface Multiplied {
  readonly salt: Uint8Array
  readonly points: readonly Uint8Array[]
  readonly product: Uint8Array
  readonly gammaU: readonly Uint8Array[]
  readonly gammaV: readonly Uint8Array[]
  readonly psi: readonly Uint8Array[]
  readonly keys: readonly Uint8Array[]
}

/** How many entries a peer's lists must have. */
export interface Expected {
  readonly accepted: number
  readonly present: number
  readonly keys: number
}

/** S1, but for the product, which its own reader checks. *secret* `body`, `psi`: the caller wipes them. @throws Fault SIGN_MALFORMED naming the sender. */
export const readMultiplied = (group: Group, body: Uint8Array, from: PartyId, expected: Expected): Multiplied =>
  blame(from, 'SIGN_MALFORMED', () => {
    const { salt, product, ...m } = MULTIPLY.decode(body)
    const { accepted, present, keys } = expected
    try {
      return {
        salt,
        product,
        points: pointsIn(group, m.points, accepted),
        gammaU: pointsIn(group, m.gammaU, present),
        gammaV: pointsIn(group, m.gammaV, present),
        psi: scalarsIn(group, m.psi, present),
        keys: pointsIn(group, m.keys, keys),
      }
    } finally {
      wipe(m.psi)
    }
  })

const split = (input: Uint8Array, width: number, count: number): readonly Uint8Array[] => {
  if (input.length !== count * width) throw new RangeError('another number of entries')
  return Array.from({ length: count }, (_, k) => input.slice(k * width, (k + 1) * width))
}

/** @throws RangeError unless these are so many points, none of them the identity. */
export function pointsIn(group: Group, input: Uint8Array, count: number): readonly Uint8Array[] {
  const points = split(input, POINT, count)
  if (!points.every((point) => group.isPoint(point))) throw new RangeError('not a point')
  return points
}

/** @throws RangeError unless these are so many canonical scalars. */
export function scalarsIn(group: Group, input: Uint8Array, count: number): readonly Uint8Array[] {
  const scalars = split(input, SCALAR, count)
  if (!scalars.every((scalar) => group.isScalar(scalar))) throw new RangeError('not a canonical scalar')
  return scalars
}
