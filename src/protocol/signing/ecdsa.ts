import { SUITES } from '../channel/setup.ts'
import type { Curves } from '../curve/curves.ts'
import type { EcdsaGroup, Group } from '../curve/group.ts'
import { readInteger } from '../curve/operands.ts'
import { concat, equalBytes } from '../engine/bytes.ts'
import { type FaultCode, SetupError } from '../engine/fault.ts'
import { instanceDigest } from '../request/instance.ts'
import type { AcceptedItem, PublicItem } from './batch.ts'

/** What the ECDSA schemes differ in. */
export interface EcdsaCurve {
  readonly group: EcdsaGroup
  /** Of 64-byte r || s with low s, 32-byte digest, 33-byte key. */
  readonly verify: Curves['ecdsaVerify']
}

/** By the number of the suite; undefined when that is no ECDSA. */
export function ecdsaCurve(suite: number, curves: Curves): EcdsaCurve | undefined {
  switch (suite) {
    case SUITES['ecdsa-secp256k1']:
      return { group: curves.secp256k1, verify: curves.ecdsaVerify }
    case SUITES['ecdsa-p256']:
      return { group: curves.p256, verify: curves.ecdsaP256Verify }
    default:
      return undefined
  }
}

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
  { group, verify }: EcdsaCurve,
  { input, publicKey }: PublicItem,
  nonce: NoncePoint,
  s: bigint,
): { readonly signature: Uint8Array; readonly recovery: number } | null {
  const high = s > group.order / 2n // -s belongs to -R, whose y has the other parity
  const signature = concat(nonce.r, group.scalar(high ? group.order - s : s))
  if (s === 0n || !verify(signature, input, publicKey)) return null
  return { signature, recovery: high ? nonce.recovery ^ 1 : nonce.recovery }
}

/**
 * z = digest mod q (protocols.md 6.7), from an input that must be the digest inside the instance: nonces and masks depend on the
 * instance, so a share over any other digest would be a second use of them.
 * @throws SetupError with `code`.
 */
export function digestScalar(group: Group, { item }: AcceptedItem, code: FaultCode): Uint8Array {
  if (item.input.length !== 32 || !equalBytes(instanceDigest(item.instance), item.input))
    throw new SetupError(code, 'not the digest of the instance')
  const z = group.scalar(readInteger(item.input, 'big'))
  if (group.isZero(z)) throw new SetupError(code, 'anybody can sign a digest that is 0 mod q')
  return z
}
