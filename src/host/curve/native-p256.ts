import { createECDH, createPublicKey, ECDH, type KeyObject, verify } from 'node:crypto'
import { invert } from '@noble/curves/abstract/modular.js'
import { p256 } from '@noble/curves/nist.js'
import type { Curves } from '../../protocol/curve/curves.ts'
import type { EcdsaGroup } from '../../protocol/curve/group.ts'
import { readInteger, requireLength, scalarEncoding, uniformScalar, writeInteger } from '../../protocol/curve/operands.ts'
import { wipe } from '../../protocol/engine/bytes.ts'
import { modular } from './modular.ts'
import { pointCache, pointReader } from './point-cache.ts'

const { Point } = p256
type Point = InstanceType<typeof Point>

const CURVE = 'prime256v1'
const ORDER = Point.Fn.ORDER
const { requireScalar, ...encoding } = scalarEncoding(ORDER, 'big')
const { isZero, scalar: scalarOf } = encoding
const ONE = scalarOf(1)
const TWO_192 = scalarOf(1n << 192n)

const notAPoint = (): RangeError => new RangeError('not a compressed p256 point')

/** 04 || x || y of a checked public point: OpenSSL takes it without another square root. */
type Uncompressed = Uint8Array
const xOf = (point: Uncompressed): Uint8Array => point.subarray(1, 33)
const yOf = (point: Uncompressed): Uint8Array => point.subarray(33)

/** A square root each, and one signature reads the same nonce points several times. About 250 bytes each. */
const KNOWN_POINTS = 1024

/** OpenSSL also reads the 65-byte and the one-byte forms; this project has one encoding per point (attacks.md P-02). */
const { decode, read, isPoint } = pointReader<Uncompressed>(KNOWN_POINTS, (point) => {
  if (point.length !== 33) throw notAPoint()
  try {
    return ECDH.convertKey(point, CURVE, undefined, undefined, 'uncompressed') as Buffer
  } catch {
    throw notAPoint()
  }
})

/** Sums are noble's, from coordinates that OpenSSL has found. *public* */
const parse = (point: Uncompressed): Point =>
  Point.fromAffine({ x: readInteger(xOf(point), 'big'), y: readInteger(yOf(point), 'big') })

const encode = (point: Point): Uint8Array | null => (point.is0() ? null : point.toBytes(true))

const field = modular(Point.Fp.ORDER)
const element = (value: bigint): Uint8Array => writeInteger(new Uint8Array(32), Point.Fp.create(value), 'big')
const A = element(Point.CURVE().a)
const B = element(Point.CURVE().b)

/**
 * y of a secret multiple Q of P from x(Q) and x(Q + P). With l = (y(Q) - y(P)) / (x(Q) - x(P)) the group law says
 * x(Q + P) = l^2 - x(P) - x(Q); cleared of the denominator, with y(Q)^2 from the curve's equation, it is linear in y(Q):
 * 2 y(P) y(Q) = y(Q)^2 + y(P)^2 - (x(Q + P) + x(P) + x(Q)) (x(Q) - x(P))^2. True for Q = P as well; y(P) is not zero, the order being odd.
 */
function recoverY(P: Uncompressed, xQ: Uint8Array, xSum: Uint8Array): Uint8Array {
  const { addAssign, mulAssign, negAssign } = field
  const x = Uint8Array.from(xOf(P))
  const y = Uint8Array.from(yOf(P))
  const halfInverse = element(invert(2n * readInteger(y, 'big'), Point.Fp.ORDER))
  const difference = Uint8Array.from(xQ)
  const ySquared = Uint8Array.from(xQ)
  const result = Uint8Array.from(xSum)
  try {
    addAssign(difference, negAssign(Uint8Array.from(x)))
    mulAssign(difference, difference)
    mulAssign(ySquared, xQ)
    addAssign(ySquared, A)
    mulAssign(ySquared, xQ)
    addAssign(ySquared, B)
    addAssign(addAssign(result, x), xQ)
    negAssign(mulAssign(result, difference))
    addAssign(addAssign(result, ySquared), mulAssign(y, y))
    return mulAssign(result, halfInverse)
  } finally {
    wipe(difference, ySquared)
  }
}

export interface NativeP256 {
  readonly group: EcdsaGroup
  readonly ecdsaVerify: Curves['ecdsaP256Verify']
}

/**
 * P-256 by OpenSSL through Node, whose one operation on somebody's point is Diffie-Hellman. Scalars in constant time: OpenSSL
 * multiplies, `modular.ts` does the rest. Point sums, on public values only, are noble's.
 */
export function nativeP256(): NativeP256 {
  const scalars = modular(ORDER)
  const ecdh = createECDH(CURVE)

  /** OpenSSL keeps the scalar until the next one replaces and clears it, which is at once. */
  function withScalar(scalar: Uint8Array, use: () => Uint8Array): Uint8Array {
    if (isZero(scalar)) throw new RangeError('zero times a point has no encoding')
    try {
      ecdh.setPrivateKey(scalar)
      return use()
    } finally {
      ecdh.setPrivateKey(ONE)
    }
  }

  const xOfProduct = (point: Uncompressed, scalar: Uint8Array): Uint8Array => withScalar(scalar, () => ecdh.computeSecret(point))

  function multiply(point: Uncompressed, scalar: Uint8Array): Uint8Array {
    const next = scalars.addAssign(Uint8Array.from(scalar), ONE)
    const secrets = [next]
    try {
      const out = new Uint8Array(33)
      const x = xOfProduct(point, scalar)
      secrets.push(x)
      out.set(x, 1)
      if (isZero(next)) {
        // (order - 1) P = -P, whose sum with P has no x. A secret scalar gets here with probability 2^-256.
        out[0] = 3 ^ ((point[64] as number) & 1)
        return out
      }
      const xSum = xOfProduct(point, next)
      const y = recoverY(point, x, xSum)
      secrets.push(xSum, y)
      out[0] = 2 | ((y[31] as number) & 1)
      return out
    } finally {
      wipe(...secrets)
    }
  }

  function addAssign(acc: Uint8Array, b: Uint8Array): Uint8Array {
    requireScalar(acc)
    requireScalar(b)
    return scalars.addAssign(acc, b)
  }

  function mulAssign(acc: Uint8Array, b: Uint8Array): Uint8Array {
    requireScalar(acc)
    requireScalar(b)
    return scalars.mulAssign(acc, b)
  }

  /** hi * 2^192 + lo with both halves below 2^192, hence canonical. */
  function reduceWide(wide: Uint8Array): Uint8Array {
    requireLength(wide, 48, 'a wide integer')
    const high = new Uint8Array(32)
    const low = new Uint8Array(32)
    try {
      high.set(wide.subarray(0, 24), 8)
      low.set(wide.subarray(24), 8)
      return scalars.addAssign(scalars.mulAssign(high, TWO_192), low)
    } finally {
      wipe(low)
    }
  }

  const group: EcdsaGroup = {
    name: 'p256',
    pointLength: 33,
    generator: Point.BASE.toBytes(true),
    ...encoding,
    randomScalar: (rng) => uniformScalar(rng, 48, reduceWide),
    reduceWide,
    addAssign,
    mulAssign,

    negAssign(acc) {
      requireScalar(acc)
      return scalars.negAssign(acc)
    },

    isPoint,

    baseMul(scalar) {
      requireScalar(scalar)
      return Uint8Array.from(withScalar(scalar, () => ecdh.getPublicKey(null, 'compressed')))
    },

    mulSecret(point, scalar) {
      const decoded = decode(point)
      requireScalar(scalar)
      return multiply(decoded, scalar)
    },

    mulPublic(point, scalar) {
      const decoded = decode(point)
      requireScalar(scalar)
      return isZero(scalar) ? null : multiply(decoded, scalar)
    },

    sum(points) {
      if (points.length === 0) throw new RangeError('a sum needs at least one point')
      return encode(points.map((point) => parse(read(point))).reduce((total, point) => total.add(point)))
    },

    negate(point) {
      decode(point)
      const out = Uint8Array.from(point)
      // (x, -y): y is never 0, so its parity changes.
      out[0] = (out[0] as number) ^ 1
      return out
    },
  }

  /**
   * FIPS 186-5 6.4.2 on public values. R = (z/s) G + (r/s) Q is (r/s) ((z/r) G + Q), and only x(R) is asked for: one Diffie-Hellman.
   * OpenSSL's own verification takes the message, not the digest.
   */
  function ecdsaVerify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
    if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((half) => readInteger(half, 'big')) as [bigint, bigint]
    if (r === 0n || r >= ORDER || s === 0n || s > ORDER >> 1n) return false
    try {
      const key = parse(decode(publicKey))
      const inverse = invert((r * s) % ORDER, ORDER)
      const u = scalarOf(readInteger(digest, 'big') * s * inverse)
      const point = isZero(u) ? key : key.add(parse(decode(group.baseMul(u))))
      if (point.is0()) return false
      return readInteger(xOfProduct(point.toBytes(false), scalarOf(r * r * inverse)), 'big') % ORDER === r
    } catch {
      return false
    }
  }

  return { group, ecdsaVerify }
}

/** SubjectPublicKeyInfo of a compressed point: id-ecPublicKey, prime256v1, BIT STRING of 33 bytes (RFC 5480 2). */
const SPKI_PREFIX = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')

/** A host knows a handful of request credentials; parsing a key costs about half as much as a verification. */
const KNOWN_KEYS = 256

/** Request credentials: ECDSA over P-256 with SHA-256 by Node's OpenSSL. */
export function nativeP256Verify(): Curves['p256Verify'] {
  const keys = pointCache<KeyObject>(KNOWN_KEYS)

  function keyOf(point: Uint8Array): KeyObject {
    const known = keys.get(point)
    if (known !== undefined) return known
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
    keys.set(point, key)
    return key
  }

  return (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 33) return false
    try {
      return verify('sha256', message, { key: keyOf(publicKey), dsaEncoding: 'ieee-p1363' }, signature)
    } catch {
      return false
    }
  }
}
