import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/**
 * Fast deterministic randomness for mutations (xoshiro128**, Blackman and Vigna): a campaign throws millions of dice, for which the
 * simulator's SHA-256 stream is a hundred times too slow. Never for secrets.
 */
export class Dice {
  readonly #state: Uint32Array

  constructor(seed: string) {
    this.#state = new Uint32Array(sha256(utf8ToBytes(seed)).buffer.slice(0, 16))
  }

  /** 0..2^32-1. */
  word(): number {
    const s = this.#state as unknown as [number, number, number, number]
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0
    const shifted = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = rotate(s[3], 11)
    return result
  }

  /** 0..limit-1; the bias of the remainder does not matter here. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.word() % limit
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() & 0xff)
  }
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))
