// SHA-256 (FIPS 180-4) of one message at a time, in pieces.

import { swap } from './vectors'

// Round constants, 4.2.2.
export const K: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16)

// Initial hash value, 5.3.3.
export const IV: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
], 16)

/** Where the host puts short messages. */
export const INPUT: usize = memory.data(256, 16)

const STATE: usize = memory.data(32, 16)
const SCHEDULE: usize = memory.data(64, 16)
const PENDING: usize = memory.data(64, 16)
let pending: usize = 0
let total: u64 = 0

@inline function sum0(x: u32): u32 { return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22) }
@inline function sum1(x: u32): u32 { return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25) }
@inline function first(h: u32, e: u32, f: u32, g: u32, kw: u32): u32 { return h + sum1(e) + (g ^ (e & (f ^ g))) + kw }
@inline function second(a: u32, b: u32, c: u32): u32 { return sum0(a) + (b ^ ((a ^ b) & (b ^ c))) }
@inline function at(t: usize): u32 { return load<u32>(SCHEDULE + 4 * t) }
@inline function setWords(t: usize, k: usize, w: v128): void { v128.store(SCHEDULE + 4 * t, i32x4.add(w, v128.load(K + k))) }

// The message schedule, four words at a time, is what the vector units do while the others do the rounds.

@inline function turn(x: v128, n: i32): v128 { return v128.or(i32x4.shr_u(x, n), i32x4.shl(x, 32 - n)) }
@inline function sigma0(x: v128): v128 { return v128.xor(v128.xor(turn(x, 7), turn(x, 18)), i32x4.shr_u(x, 3)) }
@inline function sigma1(x: v128): v128 { return v128.xor(v128.xor(turn(x, 17), turn(x, 19)), i32x4.shr_u(x, 10)) }
/** Words t to t + 3 from the sixteen before them. The last two need the first two. */
@inline function nextWords(a: v128, b: v128, c: v128, d: v128): v128 {
  const zero = i32x4.splat(0)
  const base = i32x4.add(i32x4.add(a, sigma0(v128.shuffle<u32>(a, b, 1, 2, 3, 4))), v128.shuffle<u32>(c, d, 1, 2, 3, 4))
  const half = i32x4.add(base, v128.shuffle<u32>(sigma1(d), zero, 2, 3, 4, 4))
  return i32x4.add(half, v128.shuffle<u32>(sigma1(half), zero, 4, 4, 0, 1))
}

function compress(from: usize): void {
  let a = load<u32>(STATE), b = load<u32>(STATE, 4), c = load<u32>(STATE, 8), d = load<u32>(STATE, 12)
  let e = load<u32>(STATE, 16), f = load<u32>(STATE, 20), g = load<u32>(STATE, 24), h = load<u32>(STATE, 28)
  let w0 = swap(v128.load(from)), w1 = swap(v128.load(from, 16)), w2 = swap(v128.load(from, 32)), w3 = swap(v128.load(from, 48))
  setWords(0, 0, w0)
  setWords(4, 16, w1)
  setWords(8, 32, w2)
  setWords(12, 48, w3)
  let x: u32
  for (let k: usize = 64; k < 256; k += 64) {
    x = first(h, e, f, g, at(0)); d += x; h = x + second(a, b, c)
    x = first(g, d, e, f, at(1)); c += x; g = x + second(h, a, b)
    x = first(f, c, d, e, at(2)); b += x; f = x + second(g, h, a)
    x = first(e, b, c, d, at(3)); a += x; e = x + second(f, g, h)
    w0 = nextWords(w0, w1, w2, w3)
    setWords(0, k + 0, w0)
    x = first(d, a, b, c, at(4)); h += x; d = x + second(e, f, g)
    x = first(c, h, a, b, at(5)); g += x; c = x + second(d, e, f)
    x = first(b, g, h, a, at(6)); f += x; b = x + second(c, d, e)
    x = first(a, f, g, h, at(7)); e += x; a = x + second(b, c, d)
    w1 = nextWords(w1, w2, w3, w0)
    setWords(4, k + 16, w1)
    x = first(h, e, f, g, at(8)); d += x; h = x + second(a, b, c)
    x = first(g, d, e, f, at(9)); c += x; g = x + second(h, a, b)
    x = first(f, c, d, e, at(10)); b += x; f = x + second(g, h, a)
    x = first(e, b, c, d, at(11)); a += x; e = x + second(f, g, h)
    w2 = nextWords(w2, w3, w0, w1)
    setWords(8, k + 32, w2)
    x = first(d, a, b, c, at(12)); h += x; d = x + second(e, f, g)
    x = first(c, h, a, b, at(13)); g += x; c = x + second(d, e, f)
    x = first(b, g, h, a, at(14)); f += x; b = x + second(c, d, e)
    x = first(a, f, g, h, at(15)); e += x; a = x + second(b, c, d)
    w3 = nextWords(w3, w0, w1, w2)
    setWords(12, k + 48, w3)
  }
  x = first(h, e, f, g, at(0)); d += x; h = x + second(a, b, c)
  x = first(g, d, e, f, at(1)); c += x; g = x + second(h, a, b)
  x = first(f, c, d, e, at(2)); b += x; f = x + second(g, h, a)
  x = first(e, b, c, d, at(3)); a += x; e = x + second(f, g, h)
  x = first(d, a, b, c, at(4)); h += x; d = x + second(e, f, g)
  x = first(c, h, a, b, at(5)); g += x; c = x + second(d, e, f)
  x = first(b, g, h, a, at(6)); f += x; b = x + second(c, d, e)
  x = first(a, f, g, h, at(7)); e += x; a = x + second(b, c, d)
  x = first(h, e, f, g, at(8)); d += x; h = x + second(a, b, c)
  x = first(g, d, e, f, at(9)); c += x; g = x + second(h, a, b)
  x = first(f, c, d, e, at(10)); b += x; f = x + second(g, h, a)
  x = first(e, b, c, d, at(11)); a += x; e = x + second(f, g, h)
  x = first(d, a, b, c, at(12)); h += x; d = x + second(e, f, g)
  x = first(c, h, a, b, at(13)); g += x; c = x + second(d, e, f)
  x = first(b, g, h, a, at(14)); f += x; b = x + second(c, d, e)
  x = first(a, f, g, h, at(15)); e += x; a = x + second(b, c, d)
  store<u32>(STATE, load<u32>(STATE) + a)
  store<u32>(STATE, load<u32>(STATE, 4) + b, 4)
  store<u32>(STATE, load<u32>(STATE, 8) + c, 8)
  store<u32>(STATE, load<u32>(STATE, 12) + d, 12)
  store<u32>(STATE, load<u32>(STATE, 16) + e, 16)
  store<u32>(STATE, load<u32>(STATE, 20) + f, 20)
  store<u32>(STATE, load<u32>(STATE, 24) + g, 24)
  store<u32>(STATE, load<u32>(STATE, 28) + h, 28)
}

/** Rounds 0 to 7 with the 32 bytes at `key` as the first half of a block: what all messages under one key share. Eight words at `out`. */
export function keyedRounds(key: usize, out: usize): void {
  let a = load<u32>(IV), b = load<u32>(IV, 4), c = load<u32>(IV, 8), d = load<u32>(IV, 12)
  let e = load<u32>(IV, 16), f = load<u32>(IV, 20), g = load<u32>(IV, 24), h = load<u32>(IV, 28)
  for (let t: usize = 0; t < 8; t++) {
    const x = first(h, e, f, g, load<u32>(K + 4 * t) + bswap(load<u32>(key + 4 * t)))
    const y = x + second(a, b, c)
    h = g; g = f; f = e; e = d + x; d = c; c = b; b = a; a = y
  }
  store<u32>(out, a); store<u32>(out, b, 4); store<u32>(out, c, 8); store<u32>(out, d, 12)
  store<u32>(out, e, 16); store<u32>(out, f, 20); store<u32>(out, g, 24); store<u32>(out, h, 28)
}

export function hashBegin(): void {
  memory.copy(STATE, IV, 32)
  pending = 0
  total = 0
}

export function hashUpdate(from: usize, length: usize): void {
  total += length
  if (pending > 0) {
    const taken = min(64 - pending, length)
    memory.copy(PENDING + pending, from, taken)
    pending += taken
    from += taken
    length -= taken
    if (pending < 64) return
    compress(PENDING)
    pending = 0
  }
  while (length >= 64) {
    compress(from)
    from += 64
    length -= 64
  }
  memory.copy(PENDING, from, length)
  pending = length
}

/** 32 bytes at `out`. */
export function hashEnd(out: usize): void {
  store<u8>(PENDING + pending, 0x80)
  memory.fill(PENDING + pending + 1, 0, 63 - pending)
  if (pending >= 56) {
    compress(PENDING)
    memory.fill(PENDING, 0, 64)
  }
  store<u64>(PENDING, bswap(total << 3), 56)
  compress(PENDING)
  for (let t: usize = 0; t < 32; t += 4) store<u32>(out + t, bswap(load<u32>(STATE + t)))
}

export function wipeDigest(): void {
  memory.fill(INPUT, 0, 256)
  memory.fill(STATE, 0, 32)
  memory.fill(SCHEDULE, 0, 64)
  memory.fill(PENDING, 0, 64)
}
