import { type Rng, wipe } from '../engine/bytes.ts'
import type { Group } from './group.ts'

/**
 * What both back ends do to an operand before any curve code sees it: lengths, the canonical range, integers in and out. One copy, so
 * that noble and native accept and refuse the same bytes.
 */

/** Byte order of a group's scalars: big on secp256k1 (SEC 1), little on Ed25519 (RFC 8032). */
export type Endian = 'big' | 'little'

/** @throws RangeError */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new RangeError(`${what} must be ${length} bytes`)
}

/** No early exit: the scalar may be secret. */
export function isZero(scalar: Uint8Array): boolean {
  let bits = 0
  for (let i = 0; i < scalar.length; i++) bits |= scalar[i] as number
  return bits === 0
}

/**
 * `bytes` has the bound's length and is the smaller integer. The borrow of a full subtraction, from the least significant byte up:
 * the same work whatever the bytes are, so a secret scalar's value does not decide how long this takes (C-01).
 */
export function isBelow(bytes: Uint8Array, bound: Uint8Array, endian: Endian): boolean {
  if (bytes.length !== bound.length) return false
  const last = bytes.length - 1
  let borrow = 0
  for (let i = 0; i <= last; i++) {
    const at = endian === 'little' ? i : last - i
    borrow = (((bytes[at] as number) - (bound[at] as number) - borrow) >> 31) & 1
  }
  return borrow === 1
}

/** The integer of 8k bytes. Variable time and impossible to erase, like every BigInt. */
export function readInteger(bytes: Uint8Array, endian: Endian): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let value = 0n
  for (let at = 0; at < bytes.length; at += 8) {
    value = (value << 64n) | (endian === 'big' ? view.getBigUint64(at) : view.getBigUint64(bytes.length - 8 - at, true))
  }
  return value
}

/** Overwrites `target` (8k bytes) with a non-negative integer that fits. */
export function writeInteger(target: Uint8Array, value: bigint, endian: Endian): Uint8Array {
  const view = new DataView(target.buffer, target.byteOffset, target.length)
  for (let at = target.length - 8, rest = value; at >= 0; at -= 8, rest >>= 64n) {
    view.setBigUint64(endian === 'big' ? at : target.length - 8 - at, BigInt.asUintN(64, rest), endian === 'little')
  }
  return target
}

/** The part of {@link Group} that is a matter of bytes, and a check for the operations of secret scalars. */
export interface ScalarEncoding extends Pick<Group, 'order' | 'isScalar' | 'isZero' | 'scalar' | 'toBigInt'> {
  /** @throws RangeError unless canonical; constant-time in the value. */
  requireScalar(bytes: Uint8Array): void
}

export function scalarEncoding(order: bigint, endian: Endian): ScalarEncoding {
  const bound = writeInteger(new Uint8Array(32), order, endian)
  const isScalar = (bytes: Uint8Array): boolean => isBelow(bytes, bound, endian)
  const requireScalar = (bytes: Uint8Array): void => {
    if (!isScalar(bytes)) throw new RangeError('not a canonical scalar')
  }
  return {
    order,
    isScalar,
    isZero,
    requireScalar,
    scalar(value) {
      const rest = BigInt(value) % order
      return writeInteger(new Uint8Array(32), rest < 0n ? rest + order : rest, endian)
    },
    toBigInt(scalar) {
      requireScalar(scalar)
      return readInteger(scalar, endian)
    },
  }
}

/**
 * A scalar in 1..order-1 from `wideLength` random bytes; 128 bits more than the order leave a bias below 2^-128. Zero has
 * probability 2^-256 for an honest source, so it is taken as proof of a broken one (attacks.md C-09) and never drawn again.
 * @throws RangeError
 */
export function uniformScalar(rng: Rng, wideLength: number, reduceWide: (wide: Uint8Array) => Uint8Array): Uint8Array {
  const wide = rng(wideLength)
  try {
    const scalar = reduceWide(wide)
    if (isZero(scalar)) throw new RangeError('the random source is broken: it gave the scalar zero')
    return scalar
  } finally {
    wipe(wide)
  }
}
