import type { Group } from '../../../src/protocol/curve/group.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { lagrangeCoefficients } from '../../../src/protocol/sharing/polynomial.ts'

/** What t shares together would give away: f(at). Exists in tests only; no program of ours puts a key together. */
export function interpolate(group: Group, shares: ReadonlyMap<PartyId, Uint8Array>, at: PartyId = 0): Uint8Array {
  const total = new Uint8Array(32)
  for (const [id, coefficient] of lagrangeCoefficients(group, [...shares.keys()], at)) {
    group.addAssign(total, group.mulAssign(Uint8Array.from(shares.get(id) as Uint8Array), coefficient))
  }
  return total
}

/** The same in the exponent, from public verification shares. */
export function interpolatePoints(group: Group, points: ReadonlyMap<PartyId, Uint8Array>, at: PartyId = 0): Uint8Array | null {
  const terms = [...lagrangeCoefficients(group, [...points.keys()], at)].map(([id, coefficient]) =>
    group.mulPublic(points.get(id) as Uint8Array, coefficient),
  )
  return group.sum(terms.filter((term) => term !== null))
}

/** All subsets of `size` members. */
export function subsets<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]]
  return items.flatMap((first, i) => subsets(items.slice(i + 1), size - 1).map((rest) => [first, ...rest]))
}
