// Integers modulo a prime q, 2^255 < q < 2^256, four at a time.
//
// An element is ten limbs of 26 bits, least significant first; limb i of the four integers are the lanes of vector i. So all four take the same steps whatever
// they are, products of limbs leave room for 2^12 of them in 64 bits, and there is no carry until a sum is complete. Multiplication is Montgomery's
// with R = 2^260: R > 16 q, so that sums of a few products need no reduction on the way.

import { row0, row1, row2, row3, scatter, swap } from './vectors'

export const LIMBS: usize = 10
export const ELEMENT: usize = 160
/** Limbs of a public constant, the same for all lanes. */
const CONSTANT: usize = 40
const MASK: i32 = 0x3ffffff

/** Written by the host: q, 2q, 4q, 8q; R^2 mod q; 2^256 R mod q; -1/q mod 2^26. */
export const MODULUS: usize = memory.data(6 * CONSTANT + 4, 16)
const R_SQUARED: usize = MODULUS + 4 * CONSTANT
const FOLD: usize = MODULUS + 5 * CONSTANT
const NEGATIVE_INVERSE: usize = MODULUS + 6 * CONSTANT

/** 20 columns of a product: 64-bit sums of products of limbs, lanes 0 and 1, then lanes 2 and 3. */
export const PRODUCT: usize = 20 * 32
const COLUMNS: usize = memory.data(PRODUCT, 16)
const DIFFERENCE: usize = memory.data(ELEMENT, 16)
/** Eight words of 32 bits, least significant first, of four integers. */
export const WORDS: usize = memory.data(128, 16)

@inline function limb(p: usize, i: usize): v128 { return v128.load(p + 16 * i) }
@inline function setLimb(p: usize, i: usize, x: v128): void { v128.store(p + 16 * i, x) }
@inline function constantLimb(p: usize, i: usize): v128 { return v128.load_splat<u32>(p + 4 * i) }
@inline function word(i: usize): v128 { return v128.load(WORDS + 16 * i) }
@inline function low26(x: v128): v128 { return v128.and(x, i32x4.splat(MASK)) }
@inline function right(x: v128, n: i32): v128 { return i32x4.shr_u(x, n) }
@inline function left(x: v128, n: i32): v128 { return i32x4.shl(x, n) }

/** Limbs into 0..2^26 again after additions and subtractions of the limbs themselves; the integers are not negative and below 2^260. */
export function carry(p: usize): void {
  let over = i32x4.splat(0)
  for (let i: usize = 0; i < LIMBS - 1; i++) {
    const x = i32x4.add(limb(p, i), over)
    over = i32x4.shr_s(x, 26)
    setLimb(p, i, low26(x))
  }
  setLimb(p, LIMBS - 1, i32x4.add(limb(p, LIMBS - 1), over))
}

/** DIFFERENCE = p - constant; all ones in lanes where that is negative. */
@inline function subtract(p: usize, constant: usize): v128 {
  let over = i32x4.splat(0)
  for (let i: usize = 0; i < LIMBS; i++) {
    const x = i32x4.add(i32x4.sub(limb(p, i), constantLimb(constant, i)), over)
    over = i32x4.shr_s(x, 26)
    setLimb(DIFFERENCE, i, low26(x))
  }
  return over
}

/** p mod q for p < 2^(doublings + 1) q. */
export function reduce(p: usize, doublings: usize): void {
  for (let k = doublings + 1; k-- > 0; ) {
    const smaller = subtract(p, MODULUS + CONSTANT * k)
    for (let i: usize = 0; i < LIMBS; i++) setLimb(p, i, v128.bitselect(limb(p, i), limb(DIFFERENCE, i), smaller))
  }
}

/** Whether all four are below q; for public integers. */
export function areReduced(p: usize): bool { return i32x4.all_true(subtract(p, MODULUS)) }

/** p = q - p. */
export function negate(p: usize): void {
  for (let i: usize = 0; i < LIMBS; i++) setLimb(p, i, i32x4.sub(constantLimb(MODULUS, i), limb(p, i)))
  carry(p)
}

/** p = p + the four lanes of p, in each lane. */
export function addLanes(p: usize): void {
  for (let i: usize = 0; i < LIMBS; i++) {
    const x = limb(p, i)
    const y = i32x4.add(x, v128.shuffle<u32>(x, x, 2, 3, 0, 1))
    setLimb(p, i, i32x4.add(y, v128.shuffle<u32>(y, y, 1, 0, 3, 2)))
  }
  carry(p)
}

/** columns += a * b. */
export function addProduct(columns: usize, a: usize, b: usize): void {
  for (let c: usize = 0; c < 2 * LIMBS - 1; c++) {
    const start: usize = c < LIMBS ? 0 : c - LIMBS + 1
    const end: usize = c < LIMBS ? c : LIMBS - 1
    let lo = v128.load(columns + 32 * c)
    let hi = v128.load(columns + 32 * c, 16)
    for (let i = start; i <= end; i++) {
      const x = limb(a, i)
      const y = limb(b, c - i)
      lo = i64x2.add(lo, i64x2.extmul_low_i32x4_u(x, y))
      hi = i64x2.add(hi, i64x2.extmul_high_i32x4_u(x, y))
    }
    v128.store(columns + 32 * c, lo)
    v128.store(columns + 32 * c, hi, 16)
  }
}

/** columns += a * constant. */
export function addConstantProduct(columns: usize, a: usize, constant: usize): void {
  for (let c: usize = 0; c < 2 * LIMBS - 1; c++) {
    const start: usize = c < LIMBS ? 0 : c - LIMBS + 1
    const end: usize = c < LIMBS ? c : LIMBS - 1
    let lo = v128.load(columns + 32 * c)
    let hi = v128.load(columns + 32 * c, 16)
    for (let i = start; i <= end; i++) {
      const x = limb(a, i)
      const y = constantLimb(constant, c - i)
      lo = i64x2.add(lo, i64x2.extmul_low_i32x4_u(x, y))
      hi = i64x2.add(hi, i64x2.extmul_high_i32x4_u(x, y))
    }
    v128.store(columns + 32 * c, lo)
    v128.store(columns + 32 * c, hi, 16)
  }
}

export function clear(columns: usize): void { memory.fill(columns, 0, PRODUCT) }

/** out = columns / R mod q, below q + columns / R; limbs in range. Uses the columns up. Montgomery 1985. */
export function montgomery(columns: usize, out: usize): void {
  const inverse = v128.load_splat<u32>(NEGATIVE_INVERSE)
  for (let k: usize = 0; k < LIMBS; k++) {
    const from = columns + 32 * k
    const m = low26(i32x4.mul(v128.shuffle<u32>(v128.load(from), v128.load(from, 16), 0, 2, 4, 6), inverse))
    for (let i: usize = 0; i < LIMBS; i++) {
      const at = from + 32 * i
      const y = constantLimb(MODULUS, i)
      v128.store(at, i64x2.add(v128.load(at), i64x2.extmul_low_i32x4_u(m, y)))
      v128.store(at, i64x2.add(v128.load(at, 16), i64x2.extmul_high_i32x4_u(m, y)), 16)
    }
    v128.store(from, i64x2.add(v128.load(from, 32), i64x2.shr_u(v128.load(from), 26)), 32)
    v128.store(from, i64x2.add(v128.load(from, 48), i64x2.shr_u(v128.load(from, 16), 26)), 48)
  }
  let lo = i64x2.splat(0)
  let hi = i64x2.splat(0)
  for (let i: usize = 0; i < LIMBS; i++) {
    const at = columns + 32 * (LIMBS + i)
    lo = i64x2.add(lo, v128.load(at))
    hi = i64x2.add(hi, v128.load(at, 16))
    setLimb(out, i, low26(v128.shuffle<u32>(lo, hi, 0, 2, 4, 6)))
    lo = i64x2.shr_u(lo, 26)
    hi = i64x2.shr_u(hi, 26)
  }
}

/** p = p R mod q: the factor that a later product takes away. */
export function toMontgomery(p: usize): void {
  clear(COLUMNS)
  addConstantProduct(COLUMNS, p, R_SQUARED)
  montgomery(COLUMNS, p)
  reduce(p, 0)
}

/** p = p / R mod q. */
export function fromMontgomery(p: usize): void {
  for (let i: usize = 0; i < LIMBS; i++) {
    const x = limb(p, i)
    v128.store(COLUMNS + 32 * i, i64x2.extend_low_i32x4_u(x))
    v128.store(COLUMNS + 32 * i, i64x2.extend_high_i32x4_u(x), 16)
  }
  memory.fill(COLUMNS + 32 * LIMBS, 0, PRODUCT - 32 * LIMBS)
  montgomery(COLUMNS, p)
  reduce(p, 0)
}

/** p = p 2^256 mod q, below 2q, for p < 2^128. */
export function foldHigh(p: usize): void {
  clear(COLUMNS)
  addConstantProduct(COLUMNS, p, FOLD)
  montgomery(COLUMNS, p)
}

/** Limbs from WORDS: any integers below 2^256. */
export function fromWords(p: usize): void {
  setLimb(p, 0, low26(word(0)))
  setLimb(p, 1, low26(v128.or(right(word(0), 26), left(word(1), 6))))
  setLimb(p, 2, low26(v128.or(right(word(1), 20), left(word(2), 12))))
  setLimb(p, 3, low26(v128.or(right(word(2), 14), left(word(3), 18))))
  setLimb(p, 4, low26(v128.or(right(word(3), 8), left(word(4), 24))))
  setLimb(p, 5, low26(right(word(4), 2)))
  setLimb(p, 6, low26(v128.or(right(word(4), 28), left(word(5), 4))))
  setLimb(p, 7, low26(v128.or(right(word(5), 22), left(word(6), 10))))
  setLimb(p, 8, low26(v128.or(right(word(6), 16), left(word(7), 16))))
  setLimb(p, 9, right(word(7), 10))
}

/** Four integers of 32 big-endian bytes, `stride` apart; a stride of 0 puts one into all lanes. */
export function read(p: usize, from: usize, stride: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    const a = swap(v128.load(from + 16 * half))
    const b = swap(v128.load(from + 16 * half + stride))
    const c = swap(v128.load(from + 16 * half + 2 * stride))
    const d = swap(v128.load(from + 16 * half + 3 * stride))
    const at = WORDS + 64 * (1 - half)
    v128.store(at, row3(a, b, c, d))
    v128.store(at, row2(a, b, c, d), 16)
    v128.store(at, row1(a, b, c, d), 32)
    v128.store(at, row0(a, b, c, d), 48)
  }
  fromWords(p)
}

/** The four integers, below 2^256, as 32 big-endian bytes, `stride` apart. */
export function write(p: usize, out: usize, stride: usize): void {
  const w0 = v128.or(limb(p, 0), left(limb(p, 1), 26))
  const w1 = v128.or(right(limb(p, 1), 6), left(limb(p, 2), 20))
  const w2 = v128.or(right(limb(p, 2), 12), left(limb(p, 3), 14))
  const w3 = v128.or(right(limb(p, 3), 18), left(limb(p, 4), 8))
  const w4 = v128.or(v128.or(right(limb(p, 4), 24), left(limb(p, 5), 2)), left(limb(p, 6), 28))
  const w5 = v128.or(right(limb(p, 6), 4), left(limb(p, 7), 22))
  const w6 = v128.or(right(limb(p, 7), 10), left(limb(p, 8), 16))
  const w7 = v128.or(right(limb(p, 8), 16), left(limb(p, 9), 10))
  scatter(out, stride, w7, w6, w5, w4)
  scatter(out + 16, stride, w3, w2, w1, w0)
}

/** Limbs of lane 0 as a constant. */
export function toConstant(p: usize, constant: usize): void {
  for (let i: usize = 0; i < LIMBS; i++) store<u32>(constant + 4 * i, i32x4.extract_lane(limb(p, i), 0))
}

export function wipeScalars(): void {
  memory.fill(COLUMNS, 0, PRODUCT)
  memory.fill(DIFFERENCE, 0, ELEMENT)
  memory.fill(WORDS, 0, 128)
}
