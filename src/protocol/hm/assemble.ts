import { FpInvertBatch } from '@noble/curves/abstract/modular.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Group } from '../curve/group.ts'
import { concat, equalBytes } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { type Assembly, type Outcome, presentItems, type PublicItem, readOpening } from '../signing/batch.ts'
import type { Refusal } from '../signing/refusal.ts'
import { setConstants } from './constants.ts'
import { bindOf, contextOf } from './context.ts'
import { noncePoint } from './nonce-point.ts'
import { ANSWER, digestScalar, OPENING, POINT, readPoints } from './sign.ts'

const SCALAR = 32

export interface HmAssembly extends Assembly {
  readonly suite: number
  readonly kids: readonly Uint8Array[]
  readonly tickets: readonly Uint8Array[]
}

/**
 * The assembler of H2 (honest-majority-ecdsa.md 1.4). It holds no secret: `mu` and `nu` are terminal openings, s = nu / mu, and the
 * final ECDSA verification is the complete check. Items are released one by one; a failed one does not void the others.
 * @throws Fault HM_VIEW when the answers are about different lists, HM_R_MALFORMED, HM_SHARE_MALFORMED naming the sender.
 */
export function assemble(a: HmAssembly): readonly Outcome[] {
  const group = a.curves.secp256k1
  const count = a.items.length
  const constants = setConstants(group, a.signers)
  const points = new Map<PartyId, readonly (Uint8Array | null)[]>()
  const refusals = new Map<PartyId, readonly (Refusal | null)[]>()
  for (const j of a.signers) {
    const body = a.openings.get(j) as Uint8Array
    points.set(j, readPoints(group, body, j, count))
    refusals.set(j, readOpening(OPENING, body, j, count, POINT, 'HM_R_MALFORMED').refusals)
  }
  const present = presentItems(points, count)
  const ctx = contextOf({ ...a, instances: a.items.map((i) => i.instance) })
  const bind = bindOf(ctx, count, present, a.signers, points)
  const shares = new Map<PartyId, Uint8Array>()
  for (const j of a.signers) shares.set(j, readAnswer(a.answers.get(j) as Uint8Array, j, bind, present.length))

  const totals = present.map((_, k) => ({
    mu: total(group, a.signers, shares, 2 * k),
    nu: total(group, a.signers, shares, 2 * k + 1),
  }))
  // mu and nu are public once opened, so BigInt and one shared inversion (Montgomery's trick, zeros stay out) are fine.
  const inverses = FpInvertBatch(
    secp256k1.Point.Fn,
    totals.map((t) => t.mu),
  )
  const outcomes = new Map<number, Outcome>()
  present.forEach((b, k) => {
    const list = new Map(a.signers.map((j) => [j, points.get(j)?.[b] as Uint8Array]))
    const nonce = noncePoint(group, constants, list)
    const inverse = inverses[k]
    if (nonce === null) outcomes.set(b, { type: 'failed', code: 'HM_R_ZERO', culprits: [] })
    else if (inverse === undefined) outcomes.set(b, { type: 'failed', code: 'HM_MU_ZERO', culprits: [] })
    else outcomes.set(b, finish(a, a.items[b] as PublicItem, nonce, ((totals[k]?.nu ?? 0n) * inverse) % group.order))
  })
  return a.items.map((_, b) => outcomes.get(b) ?? refused(refusals, b))
}

function finish(a: HmAssembly, item: PublicItem, nonce: { r: Uint8Array; recovery: number }, quotient: bigint): Outcome {
  const group = a.curves.secp256k1
  const high = quotient > group.order / 2n // low-s, flipping the parity of R (protocols.md 6.7)
  const signature = concat(nonce.r, group.scalar(high ? group.order - quotient : quotient))
  const digest = digestScalar(group, item.input)
  if (quotient === 0n || !a.curves.ecdsaVerify(signature, digest, item.publicKey)) {
    return { type: 'failed', code: 'HM_SIG_INVALID', culprits: [] }
  }
  return { type: 'signed', signature, recovery: high ? nonce.recovery ^ 1 : nonce.recovery }
}

function readAnswer(body: Uint8Array, from: PartyId, bind: Uint8Array, present: number): Uint8Array {
  let answer: { readonly bind: Uint8Array; readonly shares: Uint8Array }
  try {
    answer = ANSWER.decode(body)
  } catch {
    throw new Fault('HM_SHARE_MALFORMED', [from])
  }
  if (!equalBytes(answer.bind, bind)) throw new Fault('HM_VIEW')
  if (answer.shares.length !== present * 2 * SCALAR) throw new Fault('HM_SHARE_MALFORMED', [from])
  return answer.shares
}

function total(group: Group, signers: readonly PartyId[], shares: ReadonlyMap<PartyId, Uint8Array>, index: number): bigint {
  let sum = 0n
  for (const j of signers) {
    const scalar = (shares.get(j) as Uint8Array).subarray(index * SCALAR, (index + 1) * SCALAR)
    if (!group.isScalar(scalar)) throw new Fault('HM_SHARE_MALFORMED', [j])
    sum += group.toBigInt(scalar)
  }
  return sum % group.order
}

const refused = (refusals: ReadonlyMap<PartyId, readonly (Refusal | null)[]>, b: number): Outcome => ({
  type: 'refused',
  by: new Map([...refusals].flatMap(([j, list]) => (list[b] == null ? [] : [[j, list[b]] as const]))),
})
