import { hash, randomFillSync } from 'node:crypto'
import type { Curves } from '../../protocol/curve/curves.ts'
import type { EcdsaGroup, Group } from '../../protocol/curve/group.ts'
import { readInteger, requireLength, scalarEncoding, uniformScalar } from '../../protocol/curve/operands.ts'
import { concat, equalBytes, wipe } from '../../protocol/engine/bytes.ts'
import type { LibSecp256k1 } from './bindings.ts'
import { pointReader } from './point-cache.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const { requireScalar, ...encoding } = scalarEncoding(ORDER, 'big')
const { isZero, scalar: scalarOf } = encoding
const TWO_192 = scalarOf(1n << 192n)
const GENERATOR = Buffer.from('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798', 'hex')

const zeroTimes = (): RangeError => new RangeError('zero times a point has no encoding')
const notAPoint = (): RangeError => new RangeError('not a compressed secp256k1 point')

/** 04 || x || y of a checked public point: the library takes it without another square root, which costs as much as a sum of three. */
type Uncompressed = Uint8Array

/** One signature reads the same nonce points several times: two batches of the largest size under way. About 250 bytes each. */
const KNOWN_POINTS = 4096

/** libsecp256k1 also reads the 65-byte forms; this project has one encoding per point (attacks.md P-02). */
function requireCompressed(point: Uint8Array): void {
  if (point.length !== 33) throw notAPoint()
}

/**
 * secp256k1 by libsecp256k1, in place and in constant time for scalars. The library treats a scalar as a private key and refuses zero
 * operands or results (which ones differs between its versions), so zeros are settled here. Branching on "is it zero" tells
 * nothing: a sum that starts at zero is public knowledge, and an honest secret is zero with probability 2^-256.
 */
export function nativeSecp256k1(lib: LibSecp256k1): EcdsaGroup {
  const { decode, read, isPoint, known } = pointReader<Uncompressed>(KNOWN_POINTS, (point) => {
    requireCompressed(point)
    try {
      return lib.publicKeyConvert(point, false)
    } catch {
      throw notAPoint()
    }
  })

  function addAssign(acc: Uint8Array, b: Uint8Array): Uint8Array {
    requireScalar(acc)
    requireScalar(b)
    if (isZero(acc)) {
      acc.set(b)
      return acc
    }
    try {
      return lib.privateKeyTweakAdd(acc, b)
    } catch (error) {
      // Only b = -acc gets here. The library has filled acc with zeros, which is the sum; anything else would be a fault of its.
      if (isZero(acc)) return acc
      throw error
    }
  }

  function mulAssign(acc: Uint8Array, b: Uint8Array): Uint8Array {
    requireScalar(acc)
    requireScalar(b)
    return isZero(acc) || isZero(b) ? acc.fill(0) : lib.privateKeyTweakMul(acc, b)
  }

  // One buffer for all reductions: no operation waits in the middle of one, and none leaves a secret for the garbage collector.
  const low = new Uint8Array(32)

  /** hi * 2^192 + lo with both halves below 2^192, hence canonical: no BigInt touches the secret. */
  function reduceWide(wide: Uint8Array): Uint8Array {
    requireLength(wide, 48, 'a wide integer')
    const high = new Uint8Array(32)
    try {
      high.set(wide.subarray(0, 24), 8)
      low.set(wide.subarray(24), 8)
      return addAssign(mulAssign(high, TWO_192), low)
    } finally {
      wipe(low)
    }
  }

  // The coordinates of one product, wiped after each.
  const x = new Uint8Array(32)
  const y = new Uint8Array(32)
  const product = new Uint8Array(65)
  /** In place of libsecp256k1's hash of the product: the product itself, in a form that needs no root to be read again. */
  function asPoint(): Uint8Array {
    product[0] = 4
    product.set(x, 1)
    product.set(y, 33)
    return product
  }
  const coordinates = { hashfn: asPoint, xbuf: x, ybuf: y }

  /** point * a + point * (scalar - a), for an `a` that is drawn for this product alone. */
  function splitProduct(point: Uint8Array, scalar: Uint8Array): Uint8Array {
    const a = uniformScalar((length) => randomFillSync(new Uint8Array(length)), 48, reduceWide)
    const rest = addAssign(lib.privateKeyNegate(Uint8Array.from(a)), scalar)
    const parts: Uint8Array[] = []
    try {
      // Zero is proof of a broken random source, as in uniformScalar.
      if (isZero(rest)) throw new RangeError('the random source is broken: it gave the scalar itself')
      for (const part of [a, rest]) parts.push(lib.ecdh(point, part, coordinates, new Uint8Array(65)))
      return lib.publicKeyCombine(parts)
    } finally {
      wipe(a, rest, x, y, product, ...parts)
    }
  }

  return {
    name: 'secp256k1',
    pointLength: 33,
    generator: Uint8Array.from(GENERATOR),
    ...encoding,
    isPoint,
    randomScalar: (rng) => uniformScalar(rng, 48, reduceWide),
    reduceWide,
    addAssign,
    mulAssign,
    negAssign(acc) {
      requireScalar(acc)
      return isZero(acc) ? acc : lib.privateKeyNegate(acc)
    },

    baseMul(scalar) {
      requireScalar(scalar)
      if (isZero(scalar)) throw zeroTimes()
      return lib.publicKeyCreate(scalar)
    },

    // The library's Diffie-Hellman was written to be constant-time (ecmult_const), but in the binaries that come with the package its compiler has
    // made a jump of the sign of each digit (test/timing measures it): what it sees must be random.
    mulSecret(point, scalar) {
      const decoded = decode(point)
      requireScalar(scalar)
      if (isZero(scalar)) throw zeroTimes()
      return splitProduct(decoded, scalar)
    },

    mulPublic(point, scalar) {
      const decoded = decode(point)
      requireScalar(scalar)
      return isZero(scalar) ? null : lib.publicKeyTweakMul(decoded, scalar)
    },

    sum(points) {
      if (points.length === 0) throw new RangeError('a sum needs at least one point')
      const opened: Uncompressed[] = []
      points.forEach((point, i) => {
        // Small multiples come as the same point several times.
        opened.push(i > 0 && point === points[i - 1] ? (opened[i - 1] as Uncompressed) : read(point))
      })
      try {
        return lib.publicKeyCombine(opened)
      } catch {
        // Every operand is a point: the sum is the identity.
        return null
      }
    },

    negate(point) {
      const opened = known.get(point)
      // (x, -y): y is never 0, so its parity changes.
      const out = Uint8Array.from(point)
      out[0] = (out[0] as number) ^ 1
      if (opened === undefined) read(point)
      else known.set(out, lib.publicKeyNegate(opened, false))
      return out
    },
  }
}

export const nativeEcdsaVerify =
  (lib: LibSecp256k1): Curves['ecdsaVerify'] =>
  (signature, digest, publicKey) => {
    if (signature.length !== 64 || digest.length !== 32 || publicKey.length !== 33) return false
    try {
      return lib.ecdsaVerify(signature, digest, publicKey)
    } catch {
      return false
    }
  }

const CHALLENGE_TAG = hash('sha256', 'BIP0340/challenge', 'buffer')
const EVEN = Uint8Array.of(2)

/** BIP-340 "Verification", all of it on public values. */
export const nativeSchnorrVerify =
  (group: Group): Curves['schnorrVerify'] =>
  (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 32) return false
    const r = signature.subarray(0, 32)
    const s = signature.subarray(32)
    try {
      // Throws on s >= n as BIP-340 asks, and on s = 0: BIP-340 would let it pass, noble does not, and nobody can make such a
      // signature without breaking the hash.
      const sG = group.baseMul(s)
      const digest = hash('sha256', concat(CHALLENGE_TAG, CHALLENGE_TAG, r, publicKey, message), 'buffer')
      const minusE = group.negAssign(scalarOf(readInteger(digest, 'big')))
      const minusEP = group.mulPublic(concat(EVEN, publicKey), minusE)
      const R = minusEP === null ? sG : group.sum([sG, minusEP])
      // Even y and x(R) = r; an r >= p equals no encoding.
      return R !== null && R[0] === 2 && equalBytes(R.subarray(1), r)
    } catch {
      return false
    }
  }
