import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/** Every choice of a simulation: sfc32, keyed by the hash of a name. One source per part, so that a new choice in one leaves the others alone. */
export class Chance {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(name: string) {
    const key = new DataView(sha256(utf8ToBytes(name)).buffer)
    this.#name = name
    this.#a = key.getUint32(0)
    this.#b = key.getUint32(4)
    this.#c = key.getUint32(8)
  }

  fork(name: string): Chance {
    return new Chance(`${this.#name}/${name}`)
  }

  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** 0 up to, not including, 1. */
  fraction(): number {
    return this.word() / 2 ** 32
  }

  happens(probability: number): boolean {
    return this.fraction() < probability
  }

  between(low: number, high: number): number {
    return low + this.fraction() * (high - low)
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from')
    return list[this.below(list.length)] as T
  }
}
