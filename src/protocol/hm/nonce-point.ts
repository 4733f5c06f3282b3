import { invert } from '@noble/curves/abstract/modular.js'
import type { Group } from '../curve/group.ts'
import { equalBytes } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { type NoncePoint, noncePointOf } from '../signing/ecdsa.ts'
import { combine, type SetConstants } from './constants.ts'

/** C3: the 2t'+1 points lie on a polynomial of degree t' (honest-majority-ecdsa.md 1.4, 3.2). */
export function onDegree(group: Group, constants: SetConstants, points: ReadonlyMap<PartyId, Uint8Array>): boolean {
  return constants.degreeChecks.every(({ left, right: [id, coefficient] }) => {
    const a = combine(group, points, left)
    const b = combine(group, points, new Map([[id, coefficient]]))
    return a !== null && b !== null && equalBytes(a, b)
  })
}

/** C4: R = R(0) and r; null when either is zero. */
export function noncePoint(group: Group, constants: SetConstants, points: ReadonlyMap<PartyId, Uint8Array>): NoncePoint | null {
  const { numerators, denominator } = constants.atZero
  const multiple = combine(group, points, numerators)
  if (multiple === null) return null
  const point = denominator === 1n ? multiple : group.mulPublic(multiple, group.scalar(invert(denominator, group.order)))
  return point === null ? null : noncePointOf(group, point)
}
