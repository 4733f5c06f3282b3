import type { Curves } from '../../protocol/curve/curves.ts'
import type { Group } from '../../protocol/curve/group.ts'
import { requireLength, scalarEncoding, uniformScalar } from '../../protocol/curve/operands.ts'
import { equalBytes, wipe } from '../../protocol/engine/bytes.ts'
import type { LibSodium } from './bindings.ts'
import { pointCache } from './point-cache.ts'
import { wideProduct } from './wide-product.ts'

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const { requireScalar, ...encoding } = scalarEncoding(ORDER, 'little')
const { isZero } = encoding
const GENERATOR = Buffer.from(`58${'66'.repeat(31)}`, 'hex')
/** (0, 1). libsodium computes with it and encodes it like any point; Group has no encoding for it. */
const IDENTITY = Uint8Array.of(1, ...new Uint8Array(31))

/** About 100 bytes each. A FROST signature re-reads the same 2t nonce commitments several times. */
const KNOWN_POINTS = 4096

const notAPoint = (): RangeError => new RangeError('not a canonical Ed25519 point of prime order')

/** Ed25519's prime-order group by libsodium; scalars in constant time, points checked for torsion at every entry (attacks.md P-04). */
export function nativeEd25519(sodium: LibSodium): Group {
  // The proof that a point has prime order costs 41 us, half a multiplication, and every operation on a peer's point needs it:
  // remember points that have passed and results of public operations on them. Never an output of baseMul, whose scalar is secret.
  const known = pointCache<true>(KNOWN_POINTS)

  // One buffer for all products: no operation waits in the middle of one, and none leaves a secret behind for the garbage collector.
  const product = new Uint8Array(64)

  function isPoint(bytes: Uint8Array): boolean {
    if (bytes.length !== 32) return false
    if (known.get(bytes)) return true
    // Canonical y, on the curve, not of small order (which takes in both encodings of x = 0), in the prime-order subgroup.
    const valid = sodium.crypto_core_ed25519_is_valid_point(bytes)
    if (valid) known.set(bytes, true)
    return valid
  }

  function requirePoint(bytes: Uint8Array): void {
    if (!isPoint(bytes)) throw notAPoint()
  }

  function remember(point: Uint8Array): Uint8Array {
    known.set(point, true)
    return point
  }

  function reduceWide(wide: Uint8Array): Uint8Array {
    requireLength(wide, 64, 'a wide integer')
    const out = new Uint8Array(32)
    sodium.crypto_core_ed25519_scalar_reduce(out, wide)
    return out
  }

  return {
    name: 'ed25519',
    pointLength: 32,
    generator: Uint8Array.from(GENERATOR),
    ...encoding,
    isPoint,
    randomScalar: (rng) => uniformScalar(rng, 64, reduceWide),
    reduceWide,

    addAssign(acc, b) {
      requireScalar(acc)
      requireScalar(b)
      sodium.crypto_core_ed25519_scalar_add(acc, acc, b)
      return acc
    },

    mulAssign(acc, b) {
      requireScalar(acc)
      requireScalar(b)
      try {
        wideProduct(product, acc, b)
        sodium.crypto_core_ed25519_scalar_reduce(acc, product)
      } finally {
        wipe(product)
      }
      return acc
    },

    negAssign(acc) {
      requireScalar(acc)
      sodium.crypto_core_ed25519_scalar_negate(acc, acc)
      return acc
    },

    baseMul(scalar) {
      requireScalar(scalar)
      if (isZero(scalar)) throw new RangeError('zero times the generator has no encoding')
      const out = new Uint8Array(32)
      sodium.crypto_scalarmult_ed25519_base_noclamp(out, scalar)
      return out
    },

    mulPublic(point, scalar) {
      requireScalar(scalar)
      if (isZero(scalar)) {
        requirePoint(point)
        return null
      }
      requireLength(point, 32, 'an Ed25519 point')
      const out = new Uint8Array(32)
      try {
        // Makes the same checks as is_valid_point, and fails on nothing else: the scalar is neither zero nor a multiple of the order.
        sodium.crypto_scalarmult_ed25519_noclamp(out, scalar, point)
      } catch {
        throw notAPoint()
      }
      return remember(out)
    },

    sum(points) {
      const [first, ...others] = points
      if (first === undefined) throw new RangeError('a sum needs at least one point')
      // crypto_core_ed25519_add itself asks for "on the curve" and no more: torsion and y >= p pass.
      points.forEach(requirePoint)
      const out = Uint8Array.from(first)
      for (const point of others) sodium.crypto_core_ed25519_add(out, out, point)
      return equalBytes(out, IDENTITY) ? null : remember(out)
    },

    negate(point) {
      requirePoint(point)
      const out = Uint8Array.from(point)
      // (-x, y): the sign of x is the top bit. x = 0 is not among valid points, so the result is canonical.
      out[31] = (out[31] as number) ^ 0x80
      return remember(out)
    },
  }
}

type EdwardsSignatures = Pick<Curves, 'ed25519Verify' | 'ed25519PublicKey' | 'ed25519Sign' | 'x25519PublicKey' | 'x25519'>

export function nativeEd25519Signatures(sodium: LibSodium): EdwardsSignatures {
  /** `use` gets public key and 64-byte secret key, which exist for the duration of the call only. */
  function withKeyPair(seed: Uint8Array, use: (publicKey: Uint8Array, secretKey: Uint8Array) => Uint8Array): Uint8Array {
    requireLength(seed, 32, 'an Ed25519 seed')
    const publicKey = new Uint8Array(32)
    const secretKey = new Uint8Array(64)
    try {
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
      return use(publicKey, secretKey)
    } finally {
      wipe(secretKey)
    }
  }

  return {
    // libsodium's rule is ours: S < L, canonical key, neither key nor R of small order, and the encoding of SB - kA equal to R's bytes.
    ed25519Verify: (signature, message, publicKey) =>
      signature.length === 64 && publicKey.length === 32 && sodium.crypto_sign_verify_detached(signature, message, publicKey),

    ed25519PublicKey: (seed) => withKeyPair(seed, (publicKey) => publicKey),

    ed25519Sign: (message, seed) =>
      withKeyPair(seed, (_, secretKey) => {
        const signature = new Uint8Array(64)
        sodium.crypto_sign_detached(signature, message, secretKey)
        return signature
      }),

    x25519PublicKey(secret) {
      requireLength(secret, 32, 'an X25519 secret')
      const out = new Uint8Array(32)
      sodium.crypto_scalarmult_base(out, secret)
      return out
    },

    x25519(secret, publicKey) {
      requireLength(secret, 32, 'an X25519 secret')
      requireLength(publicKey, 32, 'an X25519 public key')
      const out = new Uint8Array(32)
      try {
        sodium.crypto_scalarmult(out, secret, publicKey)
      } catch {
        throw new RangeError('the X25519 shared value is zero')
      }
      return out
    },
  }
}
