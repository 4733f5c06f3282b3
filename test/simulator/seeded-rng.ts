import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { concat, type Rng, u32 } from '../../src/protocol/engine/bytes.ts'

/** Deterministic bytes: SHA-256 of the seed and a counter. For tests only: whoever knows the seed knows every secret. */
export function seededRng(seed: string): Rng {
  const key = sha256(utf8ToBytes(seed))
  let counter = 0
  let pool: Uint8Array = new Uint8Array(0)
  return (length) => {
    while (pool.length < length) pool = concat(pool, sha256(concat(key, u32(counter++))))
    const out = pool.slice(0, length)
    pool = pool.slice(length)
    return out
  }
}

/** Uniform enough in 0..limit-1 for choosing test cases. */
export function pick(rng: Rng, limit: number): number {
  const [a, b, c, d] = rng(4) as unknown as [number, number, number, number]
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % limit
}
