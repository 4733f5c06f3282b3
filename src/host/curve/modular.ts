import { writeInteger } from '../../protocol/curve/operands.ts'

/**
 * Integers modulo an odd 256-bit number as 32 big-endian bytes, without a branch or an index that depends on them: what OpenSSL's binding
 * in Node lacks for the scalars and coordinates of P-256. Operands must be below the modulus; each operation overwrites and returns
 * its first one. `& 255`, `| 0` and `Math.imul` keep all values 32-bit integers in every tier of the engine (see wide-product.ts).
 */
export interface Modular {
  addAssign(acc: Uint8Array, b: Uint8Array): Uint8Array
  negAssign(acc: Uint8Array): Uint8Array
  mulAssign(acc: Uint8Array, b: Uint8Array): Uint8Array
}

/** 22 digits of 12 bits: 2 * 22 products below 2^24 and a carry stay below 2^31. */
const DIGITS = 22
const BITS = 12
const MASK = 0xfff
const RADIX = 1n << BigInt(DIGITS * BITS)

/** 32 big-endian bytes as digits, the least significant first: two digits are three bytes. */
function toDigits(out: Int32Array, bytes: Uint8Array): void {
  for (let k = 0, at = 31; k < DIGITS; k += 2, at -= 3) {
    const low = bytes[at] as number
    const middle = at > 0 ? (bytes[at - 1] as number) : 0
    const high = at > 1 ? (bytes[at - 2] as number) : 0
    out[k] = low | ((middle & 15) << 8)
    out[k + 1] = (middle >>> 4) | (high << 4)
  }
}

function toBytes(out: Uint8Array, digits: Int32Array): void {
  for (let k = 0, at = 31; k < DIGITS; k += 2, at -= 3) {
    const low = digits[k] as number
    const high = digits[k + 1] as number
    out[at] = low & 255
    if (at > 0) out[at - 1] = (low >>> 8) | ((high & 15) << 4)
    if (at > 1) out[at - 2] = high >>> 4
  }
}

export function modular(modulus: bigint): Modular {
  const bytes = writeInteger(new Uint8Array(32), modulus, 'big')
  const digitsOf = (value: bigint): Int32Array => {
    const digits = new Int32Array(DIGITS)
    toDigits(digits, writeInteger(new Uint8Array(32), value, 'big'))
    return digits
  }
  const n = digitsOf(modulus)
  /** RADIX^2: takes a Montgomery product back to a product. */
  const square = digitsOf((RADIX * RADIX) % modulus)
  /** -1 / n modulo one digit, by Newton's iteration: three correct bits, then 6, then 12. */
  let inverse = Number(modulus & 7n)
  for (let i = 0; i < 2; i++) inverse = Math.imul(inverse, 2 - Math.imul(inverse, n[0] as number)) & MASK
  const minusInverse = -inverse & MASK

  // One set of buffers for all operations: none waits in the middle of one, and each wipes them.
  const a = new Int32Array(DIGITS)
  const b = new Int32Array(DIGITS)
  const t = new Int32Array(DIGITS)
  const reduced = new Uint8Array(32)

  /** acc + carry * 2^256 less the modulus unless that is negative; the sum is below twice the modulus. */
  function reduceOnce(acc: Uint8Array, carry: number): Uint8Array {
    let borrow = 0
    for (let i = 31; i >= 0; i--) {
      const difference = ((acc[i] as number) - (bytes[i] as number) - borrow) | 0
      reduced[i] = difference & 255
      borrow = (difference >> 31) & 1
    }
    // All ones where the difference is to be taken: no borrow, or one that the carry pays.
    const take = -((carry | (borrow ^ 1)) & 1) & 255
    for (let i = 0; i < 32; i++) acc[i] = ((reduced[i] as number) & take) | ((acc[i] as number) & ~take)
    reduced.fill(0)
    return acc
  }

  /** Montgomery's x * y / RADIX mod n, one digit of x at a time (Handbook of Applied Cryptography 14.36), carries propagated at the end. */
  function montgomery(out: Int32Array, x: Int32Array, y: Int32Array): void {
    t.fill(0)
    for (let i = 0; i < DIGITS; i++) {
      const digit = x[i] as number
      const first = ((t[0] as number) + Math.imul(digit, y[0] as number)) | 0
      const m = Math.imul(first, minusInverse) & MASK
      // The lowest digit becomes zero; what is above it moves to the next.
      const carry = ((first + Math.imul(m, n[0] as number)) | 0) >>> BITS
      for (let j = 1; j < DIGITS; j++) {
        t[j - 1] = ((t[j] as number) + Math.imul(digit, y[j] as number) + Math.imul(m, n[j] as number)) | 0
      }
      t[DIGITS - 1] = 0
      t[0] = ((t[0] as number) + carry) | 0
    }
    let carry = 0
    for (let j = 0; j < DIGITS; j++) {
      carry = ((t[j] as number) + carry) | 0
      out[j] = carry & MASK
      carry >>>= BITS
    }
  }

  return {
    addAssign(acc, other) {
      let carry = 0
      for (let i = 31; i >= 0; i--) {
        carry = ((acc[i] as number) + (other[i] as number) + carry) | 0
        acc[i] = carry & 255
        carry >>>= 8
      }
      return reduceOnce(acc, carry)
    },

    negAssign(acc) {
      let borrow = 0
      for (let i = 31; i >= 0; i--) {
        const difference = ((bytes[i] as number) - (acc[i] as number) - borrow) | 0
        acc[i] = difference & 255
        borrow = (difference >> 31) & 1
      }
      // The modulus itself, from zero, becomes zero.
      return reduceOnce(acc, 0)
    },

    mulAssign(acc, other) {
      toDigits(a, acc)
      toDigits(b, other)
      montgomery(a, a, b)
      montgomery(a, a, square)
      // RADIX is 2^8 times the modulus at least, so the product is below 1 + 2^-8 times the modulus; digit 21 holds the carry.
      const carry = (a[DIGITS - 1] as number) >>> 4
      toBytes(acc, a)
      a.fill(0)
      b.fill(0)
      t.fill(0)
      return reduceOnce(acc, carry)
    },
  }
}
