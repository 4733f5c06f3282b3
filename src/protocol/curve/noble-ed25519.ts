import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { equalBytes } from '../engine/bytes.ts'
import type { Curves } from './curves.ts'
import type { Group } from './group.ts'
import { bigintScalars } from './noble-scalars.ts'
import { readInteger } from './operands.ts'

const { Point } = ed25519
type Point = InstanceType<typeof Point>

const scalars = bigintScalars(Point.Fn.ORDER, 'little', 64)

/**
 * A point of the prime-order group other than the identity. noble refuses y >= p and "negative zero" by itself, but takes torsion
 * and mixed-order points: with those a peer makes equations hold for some scalars mod 8 and fail for others (attacks.md P-04).
 */
function decode(bytes: Uint8Array): Point {
  try {
    const point = Point.fromBytes(bytes)
    if (!point.is0() && point.isTorsionFree()) return point
  } catch {
    // noble's message may quote the operand; ours does not.
  }
  throw new RangeError('not a canonical Ed25519 point of prime order')
}

function isPoint(bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return true
  } catch {
    return false
  }
}

const encode = (point: Point): Uint8Array | null => (point.is0() ? null : point.toBytes())

export const nobleEd25519: Group = {
  name: 'ed25519',
  pointLength: 32,
  generator: Point.BASE.toBytes(),
  ...scalars,
  isPoint,

  baseMul(scalar) {
    const value = scalars.toBigInt(scalar)
    if (value === 0n) throw new RangeError('zero times the generator has no encoding')
    // noble blinds `multiply` of the base point only (cofactor 8), which is why Group has no secret x point operation (C-04).
    return Point.BASE.multiply(value).toBytes()
  },

  mulPublic: (point, scalar) => encode(decode(point).multiplyUnsafe(scalars.toBigInt(scalar))),

  sum(points) {
    if (points.length === 0) throw new RangeError('a sum needs at least one point')
    return encode(points.map(decode).reduce((total, point) => total.add(point)))
  },

  negate: (point) => decode(point).negate().toBytes(),
}

/**
 * RFC 8032 5.1.7 with the cofactorless equation, as libsodium and OpenSSL check it. noble's own `verify` multiplies by 8 first and
 * so accepts signatures with a torsion part that those two refuse; one signature must not be valid on one host only (F-12).
 */
export const nobleEd25519Verify: Curves['ed25519Verify'] = (signature, message, publicKey) => {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  const encodedR = signature.subarray(0, 32)
  const encodedS = signature.subarray(32)
  if (!scalars.isScalar(encodedS)) return false
  try {
    const key = Point.fromBytes(publicKey)
    if (key.isSmallOrder() || Point.fromBytes(encodedR).isSmallOrder()) return false
    const hash = sha512.create().update(encodedR).update(publicKey).update(message).digest()
    const challenge = readInteger(hash, 'little') % scalars.order
    const expectedR = Point.BASE.multiplyUnsafe(scalars.toBigInt(encodedS)).subtract(key.multiplyUnsafe(challenge))
    return equalBytes(expectedR.toBytes(), encodedR)
  } catch {
    return false
  }
}
