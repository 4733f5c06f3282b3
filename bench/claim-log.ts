import type { Key, Scheme } from './signing-requests.ts'
import type { Claimed } from './verify-signature.ts'

const MESSAGE = 32
const SIGNATURE = 65
const ROW = MESSAGE + SIGNATURE

const lengthOf = (scheme: Scheme): number => (scheme.startsWith('ecdsa-') ? 65 : 64)

/** Hundreds of thousands of signatures to be verified later: a hundred bytes each, and nothing for the garbage collector to look at. */
export class ClaimLog {
  readonly #keys: readonly Key[]
  readonly #index: ReadonlyMap<Key, number>
  readonly #rows: Buffer
  readonly #keyOf: Uint16Array
  #count = 0

  constructor(keys: readonly Key[], capacity: number) {
    this.#keys = keys
    this.#index = new Map(keys.map((key, i) => [key, i]))
    this.#rows = Buffer.alloc(capacity * ROW)
    this.#keyOf = new Uint16Array(capacity)
  }

  get count(): number {
    return this.#count
  }

  /** @returns false for a signature of another length than its scheme has, which is none. */
  add(key: Key, { message, serialized }: Claimed): boolean {
    if (serialized.length !== lengthOf(key.scheme)) return false
    this.#rows.set(message, this.#count * ROW)
    this.#rows.set(serialized, this.#count * ROW + MESSAGE)
    this.#keyOf[this.#count] = this.#index.get(key) as number
    this.#count += 1
    return true
  }

  /** In parts of at most `size`. */
  *parts(size: number): Generator<readonly Claimed[]> {
    for (let from = 0; from < this.#count; from += size) {
      yield Array.from({ length: Math.min(size, this.#count - from) }, (_, i) => this.#claim(from + i))
    }
  }

  #claim(i: number): Claimed {
    const { scheme, publicKey } = this.#keys[this.#keyOf[i] as number] as Key
    const at = i * ROW
    const bytes = (from: number, length: number): Uint8Array => Uint8Array.from(this.#rows.subarray(from, from + length))
    return {
      scheme,
      publicKey: Uint8Array.from(publicKey),
      message: bytes(at, MESSAGE),
      serialized: bytes(at + MESSAGE, lengthOf(scheme)),
    }
  }
}
