import { Field, FpInvertBatch } from '@noble/curves/abstract/modular.js'
import type { EcdsaGroup } from '../curve/group.ts'
import { concat, equalBytes } from '../engine/bytes.ts'
import { blame, Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { type Assembly, bodyOf, type Outcome, type PublicItem, presentItems, refusedBy } from '../signing/batch.ts'
import { ecdsaCurve, ecdsaSignature, noncePointOf } from '../signing/ecdsa.ts'
import { ANSWER, pointsIn, readOpening } from './messages.ts'

const SCALAR = 32

export interface DklsAssembly extends Assembly {
  readonly suite: number
}

/**
 * The assembler (protocols.md 6.6 without re-randomisation). It holds no secret: s = sum w / sum u, and the final ECDSA verification is the
 * complete check. Items are released one by one; a failed one does not void the others. A wrong share is not attributable.
 * @throws Fault DKLS_VIEW when the answers are about different nonces; SIGN_MALFORMED naming the sender of bytes that are no opening
 * or no answer.
 */
export function assemble(a: DklsAssembly): readonly Outcome[] {
  const curve = ecdsaCurve(a.suite, a.curves)
  if (curve === undefined) throw new Error('DKLs23 assembles ECDSA only')
  const { group } = curve
  const openings = new Map(a.signers.map((j) => [j, readOpening(bodyOf(a.openings, j), j, a.items.length)]))
  const present = presentItems(new Map([...openings].map(([j, { points }]) => [j, points])), a.items.length)
  const answers = a.signers.map((j) => readAnswer(group, bodyOf(a.answers, j), j))
  const lists = answers.map(({ points }) => concat(...points))
  const points = (answers[0] as Answer).points
  if (points.length !== present.length || !lists.every((list) => equalBytes(list, lists[0] as Uint8Array))) {
    throw new Fault('DKLS_VIEW')
  }
  const totals = present.map((_, k) => total(group, answers, k))
  // Both sums are public once opened, so BigInt and one shared inversion (Montgomery's trick, zeros stay out) are fine.
  const inverses = FpInvertBatch(
    Field(group.order),
    totals.map(({ u }) => u),
  )
  const outcomes = new Map<number, Outcome>()
  present.forEach((b, k) => {
    const { w, culprits } = totals[k] as Total
    const nonce = noncePointOf(group, points[k] as Uint8Array)
    const inverse = inverses[k]
    const s = inverse === undefined ? 0n : (w * inverse) % group.order
    const found = nonce === null ? null : ecdsaSignature(curve, a.items[b] as PublicItem, nonce, s)
    if (culprits.length > 0) outcomes.set(b, { type: 'failed', code: 'SIGN_MALFORMED', culprits })
    else if (found === null) outcomes.set(b, { type: 'failed', code: 'SIG_INVALID', culprits: [] })
    else outcomes.set(b, { type: 'signed', ...found })
  })
  return a.items.map((_, b) => outcomes.get(b) ?? refusedBy(openings, b))
}

interface Answer {
  readonly from: PartyId
  readonly points: readonly Uint8Array[]
  /** w || u of each of them. */
  readonly shares: Uint8Array
}

/** What the bytes alone show is the sender's fault at once; what depends on the other answers is judged after they agree. */
const readAnswer = (group: EcdsaGroup, body: Uint8Array, from: PartyId): Answer =>
  blame(from, 'SIGN_MALFORMED', () => {
    const { points, shares } = ANSWER.decode(body)
    const count = shares.length / (2 * SCALAR)
    return { from, points: pointsIn(group, points, count), shares }
  })

interface Total {
  readonly w: bigint
  readonly u: bigint
  /** Who sent something that is no scalar; the sums mean nothing then. */
  readonly culprits: readonly PartyId[]
}

/** The k-th present item's shares summed up. A scalar out of range costs this item, not the batch. */
function total(group: EcdsaGroup, answers: readonly Answer[], k: number): Total {
  let w = 0n
  let u = 0n
  const culprits: PartyId[] = []
  for (const { from, shares } of answers) {
    const at = 2 * SCALAR * k
    const first = shares.subarray(at, at + SCALAR)
    const second = shares.subarray(at + SCALAR, at + 2 * SCALAR)
    if (!group.isScalar(first) || !group.isScalar(second)) culprits.push(from)
    else {
      w += group.toBigInt(first)
      u += group.toBigInt(second)
    }
  }
  return { w: w % group.order, u: u % group.order, culprits }
}
