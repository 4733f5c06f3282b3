import type { Curves } from '../curve/curves.ts'
import type { Group } from '../curve/group.ts'
import { readInteger } from '../curve/operands.ts'
import { concat } from '../engine/bytes.ts'
import type { PublicItem } from './batch.ts'

export interface NoncePoint {
  /** R, compressed. */
  readonly point: Uint8Array
  /** r = x(R) mod q, a scalar. */
  readonly r: Uint8Array
  /** bit 0: y(R) odd; bit 1: x(R) >= q (protocols.md 6.7, TOB-BRON-1). */
  readonly recovery: number
}

/** r and the recovery id of a known R. */
export function noncePointOf(group: Group, point: Uint8Array): NoncePoint | null {
  const x = point.slice(1)
  const r = group.scalar(readInteger(x, 'big'))
  if (group.isZero(r)) return null
  return { point, r, recovery: ((point[0] as number) & 1) | (group.isScalar(x) ? 0 : 2) }
}

/**
 * The signature (r, s) of an item, low s (protocols.md 6.7), if it verifies under the item's key: what both ECDSA engines end with.
 * `s` is public and reduced.
 */
export function ecdsaSignature(
  group: Group,
  verify: Curves['ecdsaVerify'],
  { input, publicKey }: PublicItem,
  nonce: NoncePoint,
  s: bigint,
): { readonly signature: Uint8Array; readonly recovery: number } | null {
  const high = s > group.order / 2n // -s belongs to -R, whose y has the other parity
  const signature = concat(nonce.r, group.scalar(high ? group.order - s : s))
  if (s === 0n || !verify(signature, input, publicKey)) return null
  return { signature, recovery: high ? nonce.recovery ^ 1 : nonce.recovery }
}
