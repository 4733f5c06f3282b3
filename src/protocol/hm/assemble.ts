import { Field, FpInvertBatch } from '@noble/curves/abstract/modular.js'
import type { Group } from '../curve/group.ts'
import { equalBytes } from '../engine/bytes.ts'
import { blame, Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { type Assembly, bodyOf, type Outcome, type PublicItem, presentItems, refusedBy } from '../signing/batch.ts'
import { type EcdsaCurve, ecdsaCurve, ecdsaSignature, type NoncePoint } from '../signing/ecdsa.ts'
import { setConstants } from './constants.ts'
import { bindOf, contextOf } from './context.ts'
import { noncePoint } from './nonce-point.ts'
import { ANSWER, openingOf } from './sign.ts'

const SCALAR = 32

export interface HmAssembly extends Assembly {
  readonly suite: number
  readonly kids: readonly Uint8Array[]
  readonly tickets: readonly Uint8Array[]
}

/**
 * The assembler of H2 (honest-majority-ecdsa.md 1.4). It holds no secret: `mu` and `nu` are terminal openings, s = nu / mu, and the
 * final ECDSA verification is the complete check. Items are released one by one; a failed one does not void the others.
 * @throws Fault HM_VIEW when the answers are about different lists; HM_R_MALFORMED, HM_SHARE_MALFORMED naming the sender of bytes
 * that are no opening or no answer.
 */
export function assemble(a: HmAssembly): readonly Outcome[] {
  const curve = ecdsaCurve(a.suite, a.curves)
  if (curve === undefined) throw new Error('hm assembles ECDSA only')
  const { group } = curve
  const count = a.items.length
  const constants = setConstants(group, a.signers)
  const format = openingOf(group)
  const openings = new Map(a.signers.map((j) => [j, format.read(bodyOf(a.openings, j), j, count)]))
  const points = new Map([...openings].map(([j, opening]) => [j, opening.points]))
  const present = presentItems(points, count)
  const ctx = contextOf({ ...a, instances: a.items.map((i) => i.instance) })
  const bind = bindOf(ctx, count, present, a.signers, points)
  const shares = new Map(a.signers.map((j) => [j, readAnswer(bodyOf(a.answers, j), j, bind, present.length)]))

  const totals = present.map((_, k) => total(group, a.signers, shares, k))
  // mu and nu are public once opened, so BigInt and one shared inversion (Montgomery's trick, zeros stay out) are fine.
  const inverses = FpInvertBatch(
    Field(group.order),
    totals.map((t) => t.mu),
  )
  const outcomes = new Map<number, Outcome>()
  present.forEach((b, k) => {
    const { nu, culprits } = totals[k] as Total
    const list = new Map(a.signers.map((j) => [j, points.get(j)?.[b] as Uint8Array]))
    const nonce = noncePoint(group, constants, list)
    const inverse = inverses[k]
    if (culprits.length > 0) outcomes.set(b, { type: 'failed', code: 'HM_SHARE_MALFORMED', culprits })
    else if (nonce === null) outcomes.set(b, { type: 'failed', code: 'HM_R_ZERO', culprits: [] })
    else if (inverse === undefined) outcomes.set(b, { type: 'failed', code: 'HM_MU_ZERO', culprits: [] })
    else outcomes.set(b, finish(curve, a.items[b] as PublicItem, nonce, (nu * inverse) % group.order))
  })
  return a.items.map((_, b) => outcomes.get(b) ?? refusedBy(openings, b))
}

function finish(curve: EcdsaCurve, item: PublicItem, nonce: NoncePoint, quotient: bigint): Outcome {
  const found = ecdsaSignature(curve, item, nonce, quotient)
  return found === null ? { type: 'failed', code: 'HM_SIG_INVALID', culprits: [] } : { type: 'signed', ...found }
}

/** What the bytes alone show is the sender's fault at once; what depends on the list is judged after the lists agree. */
function readAnswer(body: Uint8Array, from: PartyId, bind: Uint8Array, present: number): Uint8Array {
  const answer = blame(from, 'HM_SHARE_MALFORMED', () => ANSWER.decode(body))
  if (!equalBytes(answer.bind, bind)) throw new Fault('HM_VIEW')
  if (answer.shares.length !== present * 2 * SCALAR) throw new Fault('HM_SHARE_MALFORMED', [from])
  return answer.shares
}

interface Total {
  readonly mu: bigint
  readonly nu: bigint
  /** Who sent something that is no scalar; the sums mean nothing then. */
  readonly culprits: readonly PartyId[]
}

/** The k-th present item's openings summed up. A scalar out of range costs this item, not the batch. */
function total(group: Group, signers: readonly PartyId[], shares: ReadonlyMap<PartyId, Uint8Array>, k: number): Total {
  let mu = 0n
  let nu = 0n
  const culprits: PartyId[] = []
  for (const j of signers) {
    const at = 2 * SCALAR * k
    const pair = [at, at + SCALAR].map((from) => (shares.get(j) as Uint8Array).subarray(from, from + SCALAR))
    const [first, second] = pair as [Uint8Array, Uint8Array]
    if (!pair.every((scalar) => group.isScalar(scalar))) culprits.push(j)
    else {
      mu += group.toBigInt(first)
      nu += group.toBigInt(second)
    }
  }
  return { mu: mu % group.order, nu: nu % group.order, culprits }
}
