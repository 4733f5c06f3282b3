// Steps 3 and 4 of the README above for one instance: 416 OTs, four at a time.

import { digestFour, digestWord, setKey, setWord } from './digest-lanes'
import {
  addConstantProduct, addLanes, addProduct, areReduced, carry, clear, ELEMENT, foldHigh, fromMontgomery, fromWords, LIMBS, montgomery, negate, PRODUCT,
  read, reduce, toConstant, toMontgomery, WORDS, write,
} from './scalars'
import { row0, row1, row2, row3 } from './vectors'

const GROUPS: usize = 104
const SCALAR: usize = 32
const COLUMNS: usize = 3

/** 32 bytes: the key of the pads. */
export const PAD_KEY: usize = memory.data(32, 16)
/** 416 rows. */
export const ROWS: usize = memory.data(GROUPS * 64, 16)
/** Delta (sender). */
export const DELTA: usize = memory.data(16, 16)
/** 416 choices (receiver). */
export const BETA: usize = memory.data(64, 16)
/** 416 gadget scalars in Montgomery form: the host keeps them as they stand here. */
export const GADGET: usize = memory.data(GROUPS * ELEMENT, 16)
/** 416 times three scalars of the sender, kept by the host between the two passes. */
export const ALPHA: usize = memory.data(GROUPS * COLUMNS * ELEMENT, 16)
/** 416 times three scalars in bytes: what is sent. */
export const TRANSFERS: usize = memory.data(GROUPS * 4 * COLUMNS * SCALAR, 16)
/** 416 scalars in bytes: what mu is the hash of. */
export const VALUES: usize = memory.data(GROUPS * 4 * SCALAR, 16)
/** Bytes of scalars going in and out. */
export const SCALARS: usize = memory.data(4 * COLUMNS * SCALAR, 16)

const INPUTS: usize = memory.data(COLUMNS * ELEMENT, 16)
const THETA: usize = memory.data(2 * 4 * LIMBS, 16)
const PADS: usize = memory.data(COLUMNS * ELEMENT, 16)
const TERM: usize = memory.data(ELEMENT, 16)
const PRODUCTS: usize = memory.data(PRODUCT, 16)
const SUM_U: usize = memory.data(PRODUCT, 16)
const SUM_V: usize = memory.data(PRODUCT, 16)
const WIDE: usize = memory.data(40 * 16, 16)

@inline function limb(p: usize, i: usize): v128 { return v128.load(p + 16 * i) }
@inline function setLimb(p: usize, i: usize, x: v128): void { v128.store(p + 16 * i, x) }

/** All ones in the lanes whose choice bit is one. */
@inline function chosen(group: usize): v128 {
  const four = <u32>load<u8>(BETA + (group >> 1)) >> <u32>(4 * (group & 1))
  const bits = i32x4(1, 2, 4, 8)
  return i32x4.eq(v128.and(i32x4.splat(four), bits), bits)
}

export function startPads(): void { setKey(PAD_KEY) }

/** The three scalars of four OTs from J on: SHA-256(key || u32 J || u8 c || row), 32 bytes (wide: 48) for each scalar, modulo q. */
function pads(out: usize, rows: usize, J: u32, delta: v128, wide: bool): void {
  const zero = i32x4.splat(0)
  const a = v128.xor(v128.load(rows), delta)
  const b = v128.xor(v128.load(rows, 16), delta)
  const c = v128.xor(v128.load(rows, 32), delta)
  const d = v128.xor(v128.load(rows, 48), delta)
  // u8 c and the first 15 bytes of a row are words 9 to 12.
  const e = v128.shuffle<u8>(a, zero, 2, 1, 0, 16, 6, 5, 4, 3, 10, 9, 8, 7, 14, 13, 12, 11)
  const f = v128.shuffle<u8>(b, zero, 2, 1, 0, 16, 6, 5, 4, 3, 10, 9, 8, 7, 14, 13, 12, 11)
  const g = v128.shuffle<u8>(c, zero, 2, 1, 0, 16, 6, 5, 4, 3, 10, 9, 8, 7, 14, 13, 12, 11)
  const h = v128.shuffle<u8>(d, zero, 2, 1, 0, 16, 6, 5, 4, 3, 10, 9, 8, 7, 14, 13, 12, 11)
  setWord(8, i32x4.add(i32x4.splat(J), i32x4(0, 1, 2, 3)))
  setWord(10, row1(e, f, g, h))
  setWord(11, row2(e, f, g, h))
  setWord(12, row3(e, f, g, h))
  setWord(13, v128.or(v128.and(row3(a, b, c, d), i32x4.splat(0xff000000)), i32x4.splat(0x00800000)))
  setWord(14, zero)
  setWord(15, i32x4.splat(53 * 8))
  const blocks: u32 = wide ? 5 : 3
  for (let n: u32 = 0; n < blocks; n++) {
    setWord(9, v128.or(row0(e, f, g, h), i32x4.splat(n << 24)))
    digestFour()
    if (wide) {
      for (let t: usize = 0; t < 8; t++) v128.store(WIDE + 16 * (8 * n + t), digestWord(t))
    } else {
      for (let t: usize = 0; t < 8; t++) v128.store(WORDS + 16 * (7 - t), digestWord(t))
      fromWords(out + ELEMENT * n)
      reduce(out + ELEMENT * n, 0)
    }
  }
  if (!wide) return
  for (let m: usize = 0; m < COLUMNS; m++) {
    const last = WIDE + 16 * (12 * m + 11)
    const p = out + ELEMENT * m
    for (let t: usize = 0; t < 4; t++) v128.store(WORDS + 16 * t, v128.load(last - 16 * (8 + t)))
    for (let t: usize = 4; t < 8; t++) v128.store(WORDS + 16 * t, zero)
    fromWords(p)
    foldHigh(p)
    for (let t: usize = 0; t < 8; t++) v128.store(WORDS + 16 * t, v128.load(last - 16 * t))
    fromWords(TERM)
    for (let i: usize = 0; i < LIMBS; i++) setLimb(p, i, i32x4.add(limb(p, i), limb(TERM, i)))
    carry(p)
    reduce(p, 1)
  }
}

/** 416 scalars in VALUES to GADGET. */
export function makeGadget(): void {
  for (let group: usize = 0; group < GROUPS; group++) {
    const p = GADGET + ELEMENT * group
    read(p, VALUES + 4 * SCALAR * group, SCALAR)
    toMontgomery(p)
  }
}

/** theta_0 and theta_1 from SCALARS. */
export function setTheta(): void {
  for (let k: usize = 0; k < 2; k++) {
    read(TERM, SCALARS + SCALAR * k, 0)
    toMontgomery(TERM)
    toConstant(TERM, THETA + 4 * LIMBS * k)
  }
}

/** third + theta_0 first + theta_1 second of three elements, in TERM: below 4q, or 5q with what the receiver adds. */
@inline function checkValue(p: usize): void {
  clear(PRODUCTS)
  addConstantProduct(PRODUCTS, p, THETA)
  addConstantProduct(PRODUCTS, p + ELEMENT, THETA + 4 * LIMBS)
  montgomery(PRODUCTS, TERM)
  for (let i: usize = 0; i < LIMBS; i++) setLimb(TERM, i, i32x4.add(limb(TERM, i), limb(p + 2 * ELEMENT, i)))
}

/** eta of four instances: (u, v, hat) of each stand in SCALARS; eta replaces u. */
export function checkInputs(): void {
  for (let m: usize = 0; m < COLUMNS; m++) read(PADS + ELEMENT * m, SCALARS + SCALAR * m, COLUMNS * SCALAR)
  checkValue(PADS)
  carry(TERM)
  reduce(TERM, 2)
  write(TERM, SCALARS, COLUMNS * SCALAR)
}

/** Alice, first pass: ALPHA, TRANSFERS and her two sums, for the inputs (u, v, hat) in SCALARS. */
export function send(J: u32, wide: bool): void {
  for (let m: usize = 0; m < COLUMNS; m++) read(INPUTS + ELEMENT * m, SCALARS + SCALAR * m, 0)
  clear(SUM_U)
  clear(SUM_V)
  const delta = v128.load(DELTA)
  for (let group: usize = 0; group < GROUPS; group++) {
    const alpha = ALPHA + COLUMNS * ELEMENT * group
    pads(alpha, ROWS + 64 * group, J + 4 * <u32>group, i32x4.splat(0), wide)
    pads(PADS, ROWS + 64 * group, J + 4 * <u32>group, delta, wide)
    for (let m: usize = 0; m < COLUMNS; m++) {
      const other = PADS + ELEMENT * m
      negate(other)
      for (let i: usize = 0; i < LIMBS; i++) {
        const sum = i32x4.add(limb(alpha + ELEMENT * m, i), limb(INPUTS + ELEMENT * m, i))
        setLimb(other, i, i32x4.add(sum, limb(other, i)))
      }
      carry(other)
      reduce(other, 1)
      write(other, TRANSFERS + COLUMNS * SCALAR * 4 * group + SCALAR * m, COLUMNS * SCALAR)
    }
    addProduct(SUM_U, alpha, GADGET + ELEMENT * group)
    addProduct(SUM_V, alpha + ELEMENT, GADGET + ELEMENT * group)
  }
  finishSums(true)
}

/** Alice, second pass: VALUES from ALPHA. */
export function senderValues(): void {
  for (let group: usize = 0; group < GROUPS; group++) {
    checkValue(ALPHA + COLUMNS * ELEMENT * group)
    carry(TERM)
    reduce(TERM, 2)
    write(TERM, VALUES + 4 * SCALAR * group, SCALAR)
  }
}

/** Whether eta (in SCALARS) and all of TRANSFERS are below q: they come from the peer. */
export function areCanonical(): bool {
  read(TERM, SCALARS, 0)
  let all = areReduced(TERM)
  for (let n: usize = 0; n < GROUPS * COLUMNS; n++) {
    read(TERM, TRANSFERS + 4 * SCALAR * n, SCALAR)
    if (!areReduced(TERM)) all = false
  }
  return all
}

/** Bob: VALUES and his two sums from TRANSFERS and eta (in SCALARS), all canonical. */
export function receive(J: u32, wide: bool): void {
  const minusEta = INPUTS
  read(minusEta, SCALARS, 0)
  negate(minusEta)
  clear(SUM_U)
  clear(SUM_V)
  for (let group: usize = 0; group < GROUPS; group++) {
    pads(PADS, ROWS + 64 * group, J + 4 * <u32>group, i32x4.splat(0), wide)
    const mask = chosen(group)
    for (let m: usize = 0; m < COLUMNS; m++) {
      const y = PADS + ELEMENT * m
      read(TERM, TRANSFERS + COLUMNS * SCALAR * 4 * group + SCALAR * m, COLUMNS * SCALAR)
      for (let i: usize = 0; i < LIMBS; i++) setLimb(y, i, i32x4.add(limb(y, i), v128.and(limb(TERM, i), mask)))
      carry(y)
    }
    addProduct(SUM_U, PADS, GADGET + ELEMENT * group)
    addProduct(SUM_V, PADS + ELEMENT, GADGET + ELEMENT * group)
    checkValue(PADS)
    for (let i: usize = 0; i < LIMBS; i++) setLimb(TERM, i, i32x4.add(limb(TERM, i), v128.and(limb(minusEta, i), mask)))
    carry(TERM)
    reduce(TERM, 2)
    write(TERM, VALUES + 4 * SCALAR * group, SCALAR)
  }
  finishSums(false)
}

/** Both sums over the lanes, modulo q, to SCALARS. 104 products below 2 q^2 in each lane are below 13 q R. */
function finishSums(negative: bool): void {
  for (let k: usize = 0; k < 2; k++) {
    montgomery(k == 0 ? SUM_U : SUM_V, TERM)
    reduce(TERM, 3)
    addLanes(TERM)
    reduce(TERM, 1)
    if (negative) {
      negate(TERM)
      reduce(TERM, 0)
    }
    // All lanes are equal.
    write(TERM, SCALARS + SCALAR * k, 0)
  }
}

/** Bob's input: the sum of the gadget scalars that BETA chooses, to SCALARS. */
export function chooseSum(): void {
  memory.fill(TERM, 0, ELEMENT)
  for (let group: usize = 0; group < GROUPS; group++) {
    const mask = chosen(group)
    for (let i: usize = 0; i < LIMBS; i++) setLimb(TERM, i, i32x4.add(limb(TERM, i), v128.and(limb(GADGET + ELEMENT * group, i), mask)))
    // Limbs stay below 2^31.
    if ((group & 15) == 15) carry(TERM)
  }
  carry(TERM)
  fromMontgomery(TERM)
  addLanes(TERM)
  reduce(TERM, 1)
  write(TERM, SCALARS, 0)
}

export function wipeMultiplication(): void {
  memory.fill(PAD_KEY, 0, 32)
  memory.fill(ROWS, 0, GROUPS * 64)
  memory.fill(DELTA, 0, 16)
  memory.fill(BETA, 0, 64)
  memory.fill(ALPHA, 0, GROUPS * COLUMNS * ELEMENT)
  memory.fill(VALUES, 0, GROUPS * 4 * SCALAR)
  memory.fill(SCALARS, 0, 4 * COLUMNS * SCALAR)
  memory.fill(INPUTS, 0, COLUMNS * ELEMENT)
  memory.fill(THETA, 0, 2 * 4 * LIMBS)
  memory.fill(PADS, 0, COLUMNS * ELEMENT)
  memory.fill(TERM, 0, ELEMENT)
  memory.fill(PRODUCTS, 0, PRODUCT)
  memory.fill(SUM_U, 0, PRODUCT)
  memory.fill(SUM_V, 0, PRODUCT)
  memory.fill(WIDE, 0, 40 * 16)
}
