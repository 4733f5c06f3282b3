import { integer, toInteger } from './hashing.ts'

/** y^2 = x^3 + ax + b over p, with a generator of prime order q. */
export interface Curve {
  readonly name: 'secp256k1' | 'p256'
  readonly p: bigint
  readonly a: bigint
  readonly b: bigint
  readonly q: bigint
  readonly generator: Affine
}

export interface Affine {
  readonly x: bigint
  readonly y: bigint
}

/** null is the identity. */
export type Point = Affine | null

/** SEC 2, 2.4.1. */
export const SECP256K1: Curve = {
  name: 'secp256k1',
  p: 2n ** 256n - 2n ** 32n - 977n,
  a: 0n,
  b: 7n,
  q: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  generator: {
    x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  },
}

/** FIPS 186-4, D.1.2.3. */
export const P256: Curve = {
  name: 'p256',
  p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  a: -3n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  q: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  generator: {
    x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
}

export function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

/** Extended Euclid. */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, s0, s1] = [modulus, mod(value, modulus), 0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1]
  }
  if (r0 !== 1n) throw new RangeError('no inverse')
  return mod(s0, modulus)
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, mod(base, modulus)]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** (X, Y, Z) with x = X / Z^2, y = Y / Z^3; Z = 0 is the identity. One inversion per product instead of one per step. */
type Jacobian = readonly [bigint, bigint, bigint]

const IDENTITY: Jacobian = [1n, 1n, 0n]
const lift = (point: Point): Jacobian => (point === null ? IDENTITY : [point.x, point.y, 1n])

function lower({ p }: Curve, [x, y, z]: Jacobian): Point {
  if (z === 0n) return null
  const i = inverse(z, p)
  return { x: mod(x * i * i, p), y: mod(y * i * i * i, p) }
}

function double({ p, a }: Curve, [x, y, z]: Jacobian): Jacobian {
  if (z === 0n || y === 0n) return IDENTITY
  const y2 = (y * y) % p
  const z2 = a === 0n ? 0n : (z * z) % p
  const s = (4n * x * y2) % p
  const m = mod(3n * x * x + a * z2 * z2, p)
  const x3 = mod(m * m - 2n * s, p)
  return [x3, mod(m * (s - x3) - 8n * y2 * y2, p), (2n * y * z) % p]
}

function plus(curve: Curve, one: Jacobian, two: Jacobian): Jacobian {
  const { p } = curve
  const [x1, y1, z1] = one
  const [x2, y2, z2] = two
  if (z1 === 0n) return two
  if (z2 === 0n) return one
  const [zz1, zz2] = [(z1 * z1) % p, (z2 * z2) % p]
  const u1 = (x1 * zz2) % p
  const h = mod(x2 * zz1 - u1, p)
  const s1 = (y1 * ((zz2 * z2) % p)) % p
  const r = mod(y2 * ((zz1 * z1) % p) - s1, p)
  if (h === 0n) return r === 0n ? double(curve, one) : IDENTITY
  const h2 = (h * h) % p
  const [h3, v] = [(h2 * h) % p, (u1 * h2) % p]
  const x3 = mod(r * r - h3 - 2n * v, p)
  return [x3, mod(r * (v - x3) - s1 * h3, p), (((h * z1) % p) * z2) % p]
}

export const add = (curve: Curve, ...points: readonly Point[]): Point =>
  lower(
    curve,
    points.reduce<Jacobian>((sum, point) => plus(curve, sum, lift(point)), IDENTITY),
  )

export const negative = (curve: Curve, point: Point): Point => point && { x: point.x, y: mod(-point.y, curve.p) }

export function times(curve: Curve, scalar: bigint, point: Point): Point {
  let sum = IDENTITY
  for (const bit of mod(scalar, curve.q).toString(2)) {
    sum = double(curve, sum)
    if (bit === '1') sum = plus(curve, sum, lift(point))
  }
  return lower(curve, sum)
}

export const base = (curve: Curve, scalar: bigint): Point => times(curve, scalar, curve.generator)

/** SEC 1, 2.3.3, compressed. */
export function encode(point: Point): Uint8Array {
  if (point === null) throw new RangeError('the identity has no encoding')
  return Uint8Array.from([2 + Number(point.y & 1n), ...integer(point.x, 32)])
}

/** SEC 1, 2.3.4. Both primes are 3 mod 4, so a root is a power. @throws RangeError for anything but 33 canonical bytes of a point. */
export function decode({ p, a, b }: Curve, bytes: Uint8Array): Affine {
  const x = toInteger(bytes.slice(1))
  const prefix = bytes[0]
  if (bytes.length !== 33 || (prefix !== 2 && prefix !== 3) || x >= p) throw new RangeError('not a compressed point')
  const square = mod(x ** 3n + a * x + b, p)
  const root = power(square, (p + 1n) / 4n, p)
  if (mod(root * root, p) !== square) throw new RangeError('not on the curve')
  return { x, y: (root & 1n) === BigInt(prefix & 1) ? root : p - root }
}
