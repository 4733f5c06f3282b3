// The extended matrix: 128 columns from seeds, their check, and their rows (steps 1 and 2 of the README above).

import { digestFour, digestWord, setKey, setWord } from './digest-lanes'
import { scatter } from './vectors'

const COLUMNS: usize = 128
const BLOCK: usize = 16
/** Bytes of a column for 64 multiplications. */
const MAX_COLUMN: usize = 64 * 52 + 16
/** Four digests are written at once, so a stream can end up to 124 bytes after its end. */
const SLACK: usize = 128

/** Columns V or W, one after another. */
export const MATRIX: usize = memory.data(COLUMNS * MAX_COLUMN + SLACK, 16)
/** U while columns are made; then the rows. */
export const MASKED: usize = memory.data(COLUMNS * MAX_COLUMN + SLACK, 16)
/** The receiver's choices and check bits. */
export const CHOICES: usize = memory.data(MAX_COLUMN, 16)
/** Coefficients of the check. */
export const CHI: usize = memory.data(64 * 52 + 2 * SLACK, 16)
/** Two keys of streams. */
export const KEYS: usize = memory.data(64, 16)
/** lin of the 128 columns. */
export const SUMS: usize = memory.data(COLUMNS * BLOCK, 16)

const SCRATCH: usize = memory.data(MAX_COLUMN + SLACK, 16)
const POWERS: usize = memory.data(128 * BLOCK, 16)

/** STREAM: SHA-256(key || u32 n), n = 0, 1, .., at `out`; up to 124 bytes more than `length` are written. */
export function stream(key: usize, out: usize, length: usize): void {
  setKey(key)
  for (let t: usize = 10; t < 15; t++) setWord(t, i32x4.splat(0))
  setWord(9, i32x4.splat(0x80000000))
  setWord(15, i32x4.splat(36 * 8))
  let n = i32x4(0, 1, 2, 3)
  for (let done: usize = 0; done < length; done += 128) {
    setWord(8, n)
    digestFour()
    scatter(out + done, 32, digestWord(0), digestWord(1), digestWord(2), digestWord(3))
    scatter(out + done + 16, 32, digestWord(4), digestWord(5), digestWord(6), digestWord(7))
    n = i32x4.add(n, i32x4.splat(4))
  }
}

/** Bob: column i from its two keys: V_i = r_{i,1} and U_i = choices xor r_{i,0} xor r_{i,1}. Columns are made in ascending order. */
export function receiverColumn(i: usize, length: usize): void {
  const v = MATRIX + i * length
  const u = MASKED + i * length
  stream(KEYS, SCRATCH, length)
  stream(KEYS + 32, v, length)
  for (let k: usize = 0; k < length; k += 4) {
    store<u32>(u + k, load<u32>(CHOICES + k) ^ load<u32>(SCRATCH + k) ^ load<u32>(v + k))
  }
}

/** Alice: column i from the key of the seed she knows: W_i = r xor Delta_i U_i; `bit` is Delta_i. */
export function senderColumn(i: usize, length: usize, bit: u32): void {
  const w = MATRIX + i * length
  const u = MASKED + i * length
  const mask: u32 = 0 - bit
  stream(KEYS, w, length)
  for (let k: usize = 0; k < length; k += 4) store<u32>(w + k, load<u32>(w + k) ^ (load<u32>(u + k) & mask))
}

/** The sum of powers[k] x^k, in GF(2^128) with x^128 = x^7 + x^2 + x + 1. */
function horner(): v128 {
  let lo: u64 = 0
  let hi: u64 = 0
  for (let k: usize = 128; k-- > 0; ) {
    const carry = 0x87 & (0 - (hi >> 63))
    hi = ((hi << 1) | (lo >> 63)) ^ load<u64>(POWERS + BLOCK * k, 8)
    lo = (lo << 1) ^ carry ^ load<u64>(POWERS + BLOCK * k)
  }
  return i64x2.replace_lane(i64x2.splat(lo), 1, hi)
}

/**
 * lin of one column. powers[k] collects the blocks whose coefficient holds x^k: the coefficients are public and steer the loop, the column is
 * only added.
 */
export function combine(column: usize, length: usize, out: usize): void {
  const data = length - BLOCK
  memory.fill(POWERS, 0, 128 * BLOCK)
  for (let from: usize = 0; from < data; from += BLOCK) {
    let block = v128.load(column + from)
    if (data - from < BLOCK) {
      // The block that the choices do not fill is zero from there on.
      v128.store(out, i32x4.splat(0))
      memory.copy(out, column + from, data - from)
      block = v128.load(out)
    }
    for (let half: usize = 0; half < 2; half++) {
      for (let bits = load<u64>(CHI + from + 8 * half); bits != 0; bits &= bits - 1) {
        const power = POWERS + BLOCK * (64 * half + <usize>ctz(bits))
        v128.store(power, v128.xor(v128.load(power), block))
      }
    }
  }
  v128.store(out, v128.xor(horner(), v128.load(column + data)))
}

export function combineAll(length: usize): void {
  for (let i: usize = 0; i < COLUMNS; i++) combine(MATRIX + i * length, length, SUMS + BLOCK * i)
}

/** Rows from columns: bit i of row J is bit J of column i. 16 columns and 8 rows at a time; the check bits have no rows. */
export function transpose(length: usize): void {
  for (let k: usize = 0; k < length - BLOCK; k++) {
    for (let i: usize = 0; i < COLUMNS; i += 16) {
      const from = MATRIX + i * length + k
      let x = i8x16.splat(0)
      x = v128.load_lane<u8>(from, x, 0)
      x = v128.load_lane<u8>(from + length, x, 1)
      x = v128.load_lane<u8>(from + 2 * length, x, 2)
      x = v128.load_lane<u8>(from + 3 * length, x, 3)
      x = v128.load_lane<u8>(from + 4 * length, x, 4)
      x = v128.load_lane<u8>(from + 5 * length, x, 5)
      x = v128.load_lane<u8>(from + 6 * length, x, 6)
      x = v128.load_lane<u8>(from + 7 * length, x, 7)
      x = v128.load_lane<u8>(from + 8 * length, x, 8)
      x = v128.load_lane<u8>(from + 9 * length, x, 9)
      x = v128.load_lane<u8>(from + 10 * length, x, 10)
      x = v128.load_lane<u8>(from + 11 * length, x, 11)
      x = v128.load_lane<u8>(from + 12 * length, x, 12)
      x = v128.load_lane<u8>(from + 13 * length, x, 13)
      x = v128.load_lane<u8>(from + 14 * length, x, 14)
      x = v128.load_lane<u8>(from + 15 * length, x, 15)
      // The highest bits of 16 bytes at once, then the next ones.
      for (let bit: usize = 8; bit-- > 0; ) {
        store<u16>(MASKED + BLOCK * (8 * k + bit) + (i >> 3), <u16>i8x16.bitmask(x))
        x = i8x16.add(x, x)
      }
    }
  }
}

export function wipeColumns(length: usize): void {
  memory.fill(MATRIX, 0, COLUMNS * length + SLACK)
  memory.fill(MASKED, 0, COLUMNS * length + SLACK)
  memory.fill(CHOICES, 0, length)
  memory.fill(KEYS, 0, 64)
  memory.fill(SUMS, 0, COLUMNS * BLOCK)
  memory.fill(SCRATCH, 0, length + SLACK)
  memory.fill(POWERS, 0, 128 * BLOCK)
}
