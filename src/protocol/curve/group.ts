import type { Rng } from '../engine/bytes.ts'

/**
 * A prime-order group as bytes in, bytes out. Two back ends implement it (noble everywhere, native on servers) and agree
 * bit for bit; a test compares them.
 *
 * Scalars are 32 bytes, canonical (< order): big-endian on secp256k1 and P-256 (SEC 1), little-endian on Ed25519 (RFC 8032). Points are the
 * compressed encoding, 33 or 32 bytes; the identity has no encoding and appears only as `null` from {@link Group.sum}.
 *
 * Operations marked *secret* take secret operands and are constant-time in the native back end; those marked *public* may take
 * variable time and must never see a secret (decisions.md 23). `assign` operations overwrite their first operand, so
 * that a secret lives in one buffer that can be wiped.
 */
export interface Group {
  readonly name: 'secp256k1' | 'p256' | 'ed25519'
  readonly pointLength: 33 | 32
  readonly order: bigint
  /** The generator's encoding. */
  readonly generator: Uint8Array

  /** Canonical scalar, 32 bytes, zero allowed. Constant-time in the value. */
  isScalar(bytes: Uint8Array): boolean
  /** All bytes zero; constant-time. */
  isZero(scalar: Uint8Array): boolean
  /** Canonical encoding of a point of the prime-order group other than the identity (Ed25519: torsion-free). *public* */
  isPoint(bytes: Uint8Array): boolean

  /** Uniform in 1..order-1. *secret* */
  randomScalar(rng: Rng): Uint8Array
  /** A wide big-endian (secp256k1, P-256: 48 bytes) or little-endian (Ed25519: 64 bytes) integer mod order. *secret* */
  reduceWide(wide: Uint8Array): Uint8Array
  /** The scalar of a small or big public integer, reduced mod order; negative integers wrap. *public* */
  scalar(value: number | bigint): Uint8Array
  /** The integer of a public scalar. *public* */
  toBigInt(scalar: Uint8Array): bigint

  /** acc = acc + b mod order. *secret* */
  addAssign(acc: Uint8Array, b: Uint8Array): Uint8Array
  /** acc = acc * b mod order. *secret* */
  mulAssign(acc: Uint8Array, b: Uint8Array): Uint8Array
  /** acc = -acc mod order. *secret* */
  negAssign(acc: Uint8Array): Uint8Array

  /** scalar * G. *secret* @throws RangeError when the scalar is zero. */
  baseMul(scalar: Uint8Array): Uint8Array
  /** scalar * point; null for the identity. *public* @throws RangeError on an invalid point. */
  mulPublic(point: Uint8Array, scalar: Uint8Array): Uint8Array | null
  /** Sum of at least one point; null for the identity. *public* @throws RangeError on an invalid point. */
  sum(points: readonly Uint8Array[]): Uint8Array | null
  /** -point. *public* @throws RangeError on an invalid point. */
  negate(point: Uint8Array): Uint8Array
}

/** A group that ECDSA signs in. */
export interface EcdsaGroup extends Group {
  readonly name: 'secp256k1' | 'p256'
  readonly pointLength: 33
  /**
   * scalar * point for a point of somebody else, 33 bytes; the result is as *secret* as the scalar. On curves of cofactor 1 only: every
   * valid point has the group's order, so the result tells nothing about the scalar modulo a small number.
   * @throws RangeError on an invalid point or a scalar of zero.
   */
  mulSecret(point: Uint8Array, scalar: Uint8Array): Uint8Array
}
