// SHA-256 of four messages at once that fit into one block each and begin with the same 32 bytes, the key.

import { IV, K, keyedRounds } from './digest'

/** Words 8 to 15 of the four messages: lane l of word t belongs to message l. The caller sets them for each call. */
export const WORDS: usize = memory.data(128, 16)
/** The four digests: lane l of word t belongs to message l. */
export const DIGESTS: usize = memory.data(128, 16)

const KEY: usize = memory.data(128, 16)
const MIDDLE: usize = memory.data(32, 16)
const SCHEDULE: usize = memory.data(256, 16)

@inline function turn(x: v128, n: i32): v128 { return v128.or(i32x4.shr_u(x, n), i32x4.shl(x, 32 - n)) }
@inline function sum0(x: v128): v128 { return v128.xor(v128.xor(turn(x, 2), turn(x, 13)), turn(x, 22)) }
@inline function sum1(x: v128): v128 { return v128.xor(v128.xor(turn(x, 6), turn(x, 11)), turn(x, 25)) }
@inline function sigma0(x: v128): v128 { return v128.xor(v128.xor(turn(x, 7), turn(x, 18)), i32x4.shr_u(x, 3)) }
@inline function sigma1(x: v128): v128 { return v128.xor(v128.xor(turn(x, 17), turn(x, 19)), i32x4.shr_u(x, 10)) }
@inline function first(h: v128, e: v128, f: v128, g: v128, k: usize, w: v128): v128 {
  const choice = v128.xor(g, v128.and(e, v128.xor(f, g)))
  return i32x4.add(i32x4.add(i32x4.add(h, sum1(e)), choice), i32x4.add(v128.load_splat<u32>(K + k), w))
}
@inline function second(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(sum0(a), v128.xor(b, v128.and(v128.xor(a, b), v128.xor(b, c))))
}
@inline function at(t: usize): v128 { return v128.load(SCHEDULE + 16 * t) }
@inline function expand(t: usize): v128 {
  const x = i32x4.add(i32x4.add(at(t), sigma0(at((t + 1) & 15))), i32x4.add(at((t + 9) & 15), sigma1(at((t + 14) & 15))))
  v128.store(SCHEDULE + 16 * t, x)
  return x
}
@inline function middle(t: usize): v128 { return v128.load_splat<u32>(MIDDLE + 4 * t) }
@inline function finish(t: usize, x: v128): void {
  v128.store(DIGESTS + 16 * t, i32x4.add(x, v128.load_splat<u32>(IV + 4 * t)))
}

export function setKey(key: usize): void {
  keyedRounds(key, MIDDLE)
  for (let t: usize = 0; t < 8; t++) v128.store(KEY + 16 * t, i32x4.splat(bswap(load<u32>(key + 4 * t))))
}

export function digestFour(): void {
  memory.copy(SCHEDULE, KEY, 128)
  memory.copy(SCHEDULE + 128, WORDS, 128)
  let a = middle(0), b = middle(1), c = middle(2), d = middle(3), e = middle(4), f = middle(5), g = middle(6), h = middle(7)
  let x: v128
  x = first(h, e, f, g, 32, at(8)); d = i32x4.add(d, x); h = i32x4.add(x, second(a, b, c))
  x = first(g, d, e, f, 36, at(9)); c = i32x4.add(c, x); g = i32x4.add(x, second(h, a, b))
  x = first(f, c, d, e, 40, at(10)); b = i32x4.add(b, x); f = i32x4.add(x, second(g, h, a))
  x = first(e, b, c, d, 44, at(11)); a = i32x4.add(a, x); e = i32x4.add(x, second(f, g, h))
  x = first(d, a, b, c, 48, at(12)); h = i32x4.add(h, x); d = i32x4.add(x, second(e, f, g))
  x = first(c, h, a, b, 52, at(13)); g = i32x4.add(g, x); c = i32x4.add(x, second(d, e, f))
  x = first(b, g, h, a, 56, at(14)); f = i32x4.add(f, x); b = i32x4.add(x, second(c, d, e))
  x = first(a, f, g, h, 60, at(15)); e = i32x4.add(e, x); a = i32x4.add(x, second(b, c, d))
  for (let k: usize = 64; k < 256; k += 64) {
    x = first(h, e, f, g, k, expand(0)); d = i32x4.add(d, x); h = i32x4.add(x, second(a, b, c))
    x = first(g, d, e, f, k + 4, expand(1)); c = i32x4.add(c, x); g = i32x4.add(x, second(h, a, b))
    x = first(f, c, d, e, k + 8, expand(2)); b = i32x4.add(b, x); f = i32x4.add(x, second(g, h, a))
    x = first(e, b, c, d, k + 12, expand(3)); a = i32x4.add(a, x); e = i32x4.add(x, second(f, g, h))
    x = first(d, a, b, c, k + 16, expand(4)); h = i32x4.add(h, x); d = i32x4.add(x, second(e, f, g))
    x = first(c, h, a, b, k + 20, expand(5)); g = i32x4.add(g, x); c = i32x4.add(x, second(d, e, f))
    x = first(b, g, h, a, k + 24, expand(6)); f = i32x4.add(f, x); b = i32x4.add(x, second(c, d, e))
    x = first(a, f, g, h, k + 28, expand(7)); e = i32x4.add(e, x); a = i32x4.add(x, second(b, c, d))
    x = first(h, e, f, g, k + 32, expand(8)); d = i32x4.add(d, x); h = i32x4.add(x, second(a, b, c))
    x = first(g, d, e, f, k + 36, expand(9)); c = i32x4.add(c, x); g = i32x4.add(x, second(h, a, b))
    x = first(f, c, d, e, k + 40, expand(10)); b = i32x4.add(b, x); f = i32x4.add(x, second(g, h, a))
    x = first(e, b, c, d, k + 44, expand(11)); a = i32x4.add(a, x); e = i32x4.add(x, second(f, g, h))
    x = first(d, a, b, c, k + 48, expand(12)); h = i32x4.add(h, x); d = i32x4.add(x, second(e, f, g))
    x = first(c, h, a, b, k + 52, expand(13)); g = i32x4.add(g, x); c = i32x4.add(x, second(d, e, f))
    x = first(b, g, h, a, k + 56, expand(14)); f = i32x4.add(f, x); b = i32x4.add(x, second(c, d, e))
    x = first(a, f, g, h, k + 60, expand(15)); e = i32x4.add(e, x); a = i32x4.add(x, second(b, c, d))
  }
  finish(0, a); finish(1, b); finish(2, c); finish(3, d); finish(4, e); finish(5, f); finish(6, g); finish(7, h)
}

/** Word t (8..15) of the four messages. */
@inline export function setWord(t: usize, x: v128): void { v128.store(WORDS + 16 * (t - 8), x) }
@inline export function digestWord(t: usize): v128 { return v128.load(DIGESTS + 16 * t) }

/** The key and what was hashed last. */
export function wipeLanes(): void {
  memory.fill(WORDS, 0, 128)
  memory.fill(DIGESTS, 0, 128)
  memory.fill(KEY, 0, 128)
  memory.fill(MIDDLE, 0, 32)
  memory.fill(SCHEDULE, 0, 256)
}
