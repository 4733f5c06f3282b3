import type { EcdsaGroup } from '../curve/group.ts'
import { equalBytes, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import { type NoncePoint, noncePointOf } from '../signing/ecdsa.ts'

/**
 * S4 and S5 of protocols.md 6.4: `chi P - Gamma == d G` in every item. Full points are compared: by x alone, the input -r_j would pass for r_j (protocols.md 13).
 */
export function productsFit(
  group: EcdsaGroup,
  chi: readonly Uint8Array[],
  points: readonly Uint8Array[],
  gammas: readonly Uint8Array[],
  shares: readonly Uint8Array[],
): boolean {
  const fits = points.map((point, k) => {
    const product = group.mulSecret(point, chi[k] as Uint8Array)
    const share = group.baseMul(shares[k] as Uint8Array)
    const sum = group.sum([share, gammas[k] as Uint8Array])
    const fit = sum !== null && equalBytes(product, sum)
    wipe(product, share, sum ?? undefined)
    return fit
  })
  return fits.every((fit) => fit)
}

/** S7: the signers' pk add up to the item's key. @throws Fault PK_SUM, which names nobody. */
export function assertKeySum(group: EcdsaGroup, keyPoints: readonly Uint8Array[], publicKey: Uint8Array): void {
  const sum = group.sum(keyPoints)
  if (sum === null || !equalBytes(sum, publicKey)) throw new Fault('PK_SUM')
}

/** S8: R = sum of R_j and its r. @throws Fault R_ZERO when either is zero, which names nobody. */
export function nonceSum(group: EcdsaGroup, points: readonly Uint8Array[]): NoncePoint {
  const sum = group.sum(points)
  const nonce = sum === null ? null : noncePointOf(group, sum)
  if (nonce === null) throw new Fault('R_ZERO')
  return nonce
}
