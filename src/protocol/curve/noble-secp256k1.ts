import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curves } from './curves.ts'
import type { Group } from './group.ts'
import { bigintScalars } from './noble-scalars.ts'

const { Point } = secp256k1
const scalars = bigintScalars(Point.Fn.ORDER, 'big', 48)

/** noble also reads the 65-byte form, which this project has no use for: one encoding per point (attacks.md P-02). */
function decode(bytes: Uint8Array): InstanceType<typeof Point> {
  try {
    if (bytes.length === 33) return Point.fromBytes(bytes)
  } catch {
    // noble's message may quote the operand; ours does not.
  }
  throw new RangeError('not a compressed secp256k1 point')
}

function isPoint(bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return true
  } catch {
    return false
  }
}

const encode = (point: InstanceType<typeof Point>): Uint8Array | null => (point.is0() ? null : point.toBytes(true))

export const nobleSecp256k1: Group = {
  name: 'secp256k1',
  pointLength: 33,
  generator: Point.BASE.toBytes(true),
  ...scalars,
  isPoint,

  baseMul(scalar) {
    const value = scalars.toBigInt(scalar)
    if (value === 0n) throw new RangeError('zero times the generator has no encoding')
    // `multiply`, not `multiplyUnsafe`: fixed sequence of steps, blinded by a random multiple of the order.
    return Point.BASE.multiply(value).toBytes(true)
  },

  mulPublic: (point, scalar) => encode(decode(point).multiplyUnsafe(scalars.toBigInt(scalar))),

  sum(points) {
    if (points.length === 0) throw new RangeError('a sum needs at least one point')
    return encode(points.map(decode).reduce((total, point) => total.add(point)))
  },

  negate: (point) => decode(point).negate().toBytes(true),
}

export const nobleEcdsaVerify: Curves['ecdsaVerify'] = (signature, digest, publicKey) => {
  if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false
  try {
    return secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: true, format: 'compact' })
  } catch {
    return false
  }
}

export const nobleSchnorrVerify: Curves['schnorrVerify'] = (signature, message, publicKey) => {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  try {
    return schnorr.verify(signature, message, publicKey)
  } catch {
    return false
  }
}
