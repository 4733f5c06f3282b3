import { invert } from '@noble/curves/abstract/modular.js'
import type { Group } from '../curve/group.ts'
import type { PartyId } from '../engine/party.ts'
import { subsetsOf } from '../prss/generation.ts'

/** An integer combination of the signers' points: sum of coefficient * R_id. */
export type Combination = ReadonlyMap<PartyId, bigint>

/** Public numbers of a signer set S with |S| = 2t' + 1 (honest-majority-ecdsa.md 1.2, 3.2). */
export interface SetConstants {
  /** lambda_i at 0 over all of S, as scalars. */
  readonly lambda: ReadonlyMap<PartyId, Uint8Array>
  /** t' equations, each `sum of others == last` with the last point brought to the right, by itself where integers allow it: R lies on degree t'. */
  readonly degreeChecks: readonly { readonly left: Combination; readonly right: readonly [PartyId, bigint] }[]
  /** R(0) from t'+1 of the points; integer coefficients where some choice of points has them. */
  readonly atZero: { readonly numerators: Combination; readonly denominator: bigint }
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b))

/** Lagrange coefficients at 0 as integers over one common positive denominator. */
function lagrangeAtZero(ids: readonly PartyId[]): { numerators: Map<PartyId, bigint>; denominator: bigint } {
  const fractions = ids.map((i) => {
    let n = 1n
    let d = 1n
    for (const j of ids) {
      if (j === i) continue
      n *= BigInt(j)
      d *= BigInt(j - i)
    }
    return { n: d < 0n ? -n : n, d: d < 0n ? -d : d }
  })
  const denominator = fractions.reduce((lcm, { n, d }) => {
    const reduced = d / gcd(n, d)
    return (lcm * reduced) / gcd(lcm, reduced)
  }, 1n)
  return {
    numerators: new Map(ids.map((id, k) => [id, ((fractions[k]?.n ?? 0n) * denominator) / (fractions[k]?.d ?? 1n)])),
    denominator,
  }
}

/** v_j = 1 / prod (x_j - x_m) over t'+2 ids, as coprime integers: sum v_j p(x_j) = 0 exactly for p of degree t'. */
function dualVector(ids: readonly PartyId[]): Combination {
  const denominators = ids.map((j) => ids.reduce((d, m) => (m === j ? d : d * BigInt(j - m)), 1n))
  const common = denominators.reduce((lcm, d) => (lcm * d) / gcd(lcm, d), 1n)
  const raw = denominators.map((d) => common / d)
  const factor = raw.reduce(gcd, 0n)
  return new Map(ids.map((j, k) => [j, (raw[k] as bigint) / factor]))
}

const weight = (values: Iterable<bigint>): bigint => [...values].reduce((sum, v) => sum + (v < 0n ? -v : v), 0n)

/** @throws RangeError unless |S| is odd and at least 3. */
export function setConstants(group: Group, signers: readonly PartyId[]): SetConstants {
  const degree = (signers.length - 1) / 2
  if (!Number.isInteger(degree) || degree < 1) throw new RangeError('hm needs 2t-1 signers')
  const full = lagrangeAtZero(signers)
  const scale = invert(full.denominator, group.order)
  const lambda = new Map(signers.map((id) => [id, group.scalar((full.numerators.get(id) ?? 0n) * scale)] as const))
  // Each t'+2 neighbours in the list: t' independent equations, which is all there are, and the shortest ones.
  const windows = Array.from({ length: degree }, (_, m) => signers.slice(m, m + degree + 2))
  const degreeChecks = windows.map((ids) => {
    const entries = [...dualVector(ids)]
    const last = entries.findLast(([, c]) => c === 1n || c === -1n) ?? (entries.at(-1) as [PartyId, bigint])
    const sign = last[1] < 0n ? 1n : -1n
    const left = new Map(entries.filter(([id]) => id !== last[0]).map(([id, c]) => [id, sign * c]))
    return { left, right: [last[0], -sign * last[1]] as const }
  })
  const choices = subsetsOf(signers, degree + 1).map(lagrangeAtZero)
  const integral = choices.filter((c) => c.denominator === 1n)
  const best = (integral.length > 0 ? integral : choices).reduce((a, b) =>
    weight(b.numerators.values()) < weight(a.numerators.values()) ? b : a,
  )
  return { lambda, degreeChecks, atZero: best }
}

/** Coefficients up to this many summed points are cheaper as repeated points in one call than as multiplications. */
const REPEAT_LIMIT = 16n

/** sum of coefficient * point over public points; null for the identity. */
export function combine(group: Group, points: ReadonlyMap<PartyId, Uint8Array>, coefficients: Combination): Uint8Array | null {
  const terms: Uint8Array[] = []
  const repeat = weight(coefficients.values()) <= REPEAT_LIMIT
  for (const [id, c] of coefficients) {
    if (c === 0n) continue
    const point = points.get(id) as Uint8Array
    const signed = c < 0n ? group.negate(point) : point
    const size = c < 0n ? -c : c
    if (repeat) for (let k = 0n; k < size; k++) terms.push(signed)
    else {
      const multiple = group.mulPublic(signed, group.scalar(size))
      if (multiple !== null) terms.push(multiple)
    }
  }
  if (terms.length < 2) return terms[0] ?? null
  return group.sum(terms)
}
