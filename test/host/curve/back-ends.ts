import { createHash } from 'node:crypto'
import { loadNativeCurves } from '../../../src/host/curve/native-curves.ts'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'

export const native: Curves = loadNativeCurves()
export const backEnds: readonly Curves[] = [nobleCurves, native]

/** The two implementations of each group. */
export const groups = (['secp256k1', 'p256', 'ed25519'] as const).map((name) => ({
  name,
  noble: nobleCurves[name],
  native: native[name],
}))

/** The two implementations of each group that ECDSA signs in. */
export const ecdsaGroups = (['secp256k1', 'p256'] as const).map((name) => ({
  name,
  noble: nobleCurves[name],
  native: native[name],
}))

/** Reproducible bytes, so that a failing test fails again. */
export function seededRng(seed: string): Rng {
  let counter = 0
  return (length) => {
    const blocks: Buffer[] = []
    for (let have = 0; have < length; have += 64) {
      blocks.push(createHash('sha512').update(`${seed}/${counter++}`).digest())
    }
    return Uint8Array.from(Buffer.concat(blocks).subarray(0, length))
  }
}

/** The values at which carries, reductions and zero rules change. */
export const edgeIntegers = (order: bigint): bigint[] => [
  0n,
  1n,
  2n,
  (order - 1n) / 2n,
  (order + 1n) / 2n,
  order - 2n,
  order - 1n,
  2n ** 64n - 1n,
  2n ** 128n,
  2n ** 192n,
  2n ** 252n - 1n,
]

/** What `use` returned or the name of what it threw: both back ends must give the same. */
export function outcome(use: () => unknown): unknown {
  try {
    return { returned: use() }
  } catch (error) {
    return { thrown: error instanceof Error ? `${error.name}: ${error.message}` : 'not an Error' }
  }
}
