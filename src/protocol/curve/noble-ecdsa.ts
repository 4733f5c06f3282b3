import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import type { Curves } from './curves.ts'
import type { EcdsaGroup } from './group.ts'
import { bigintScalars } from './noble-scalars.ts'

/** A short Weierstrass curve of cofactor 1 with a 256-bit order, by noble. */
export function nobleEcdsaGroup(name: EcdsaGroup['name'], { Point }: ECDSA): EcdsaGroup {
  type Point = InstanceType<typeof Point>
  const scalars = bigintScalars(Point.Fn.ORDER, 'big', 48)

  /** noble also reads the 65-byte form, which this project has no use for: one encoding per point (attacks.md P-02). */
  function decode(bytes: Uint8Array): Point {
    try {
      if (bytes.length === 33) return Point.fromBytes(bytes)
    } catch {
      // noble's message may quote the operand; ours does not.
    }
    throw new RangeError(`not a compressed ${name} point`)
  }

  function isPoint(bytes: Uint8Array): boolean {
    try {
      decode(bytes)
      return true
    } catch {
      return false
    }
  }

  const encode = (point: Point): Uint8Array | null => (point.is0() ? null : point.toBytes(true))

  /** `multiply`, not `multiplyUnsafe`: fixed sequence of steps, the scalar blinded (for every point, because the cofactor is 1). */
  function multiply(point: Point, scalar: Uint8Array): Uint8Array {
    const value = scalars.toBigInt(scalar)
    if (value === 0n) throw new RangeError('zero times a point has no encoding')
    return point.multiply(value).toBytes(true)
  }

  return {
    name,
    pointLength: 33,
    generator: Point.BASE.toBytes(true),
    ...scalars,
    isPoint,
    baseMul: (scalar) => multiply(Point.BASE, scalar),
    mulSecret: (point, scalar) => multiply(decode(point), scalar),
    mulPublic: (point, scalar) => encode(decode(point).multiplyUnsafe(scalars.toBigInt(scalar))),

    sum(points) {
      if (points.length === 0) throw new RangeError('a sum needs at least one point')
      return encode(points.map(decode).reduce((total, point) => total.add(point)))
    },

    negate: (point) => decode(point).negate().toBytes(true),
  }
}

export const nobleEcdsaVerify =
  (curve: ECDSA): Curves['ecdsaVerify'] =>
  (signature, digest, publicKey) => {
    if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false
    try {
      return curve.verify(signature, digest, publicKey, { prehash: false, lowS: true, format: 'compact' })
    } catch {
      return false
    }
  }
