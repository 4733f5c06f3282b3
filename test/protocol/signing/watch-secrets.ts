import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { EcdsaGroup, Group } from '../../../src/protocol/curve/group.ts'

export interface Watched {
  readonly curves: Curves
  /** Every buffer that arithmetic on secrets wrote to or multiplied the generator by, by reference. */
  readonly buffers: () => readonly Uint8Array[]
  /** Of these, what the generator was multiplied by: the nonces. */
  readonly multiplied: () => readonly Uint8Array[]
}

/**
 * Curves that remember where secrets were: a test looks into the very buffers after the session has ended. `toBigInt` throws: a
 * signer that takes that path with anything would leave a copy that nobody can erase.
 */
export function watchSecrets(base: Curves): Watched {
  const seen = new Set<Uint8Array>()
  const multiplied = new Set<Uint8Array>()
  const watch = <G extends Group>(group: G): G => ({
    ...group,
    addAssign(acc, b) {
      seen.add(acc)
      return group.addAssign(acc, b)
    },
    mulAssign(acc, b) {
      seen.add(acc)
      return group.mulAssign(acc, b)
    },
    negAssign(acc) {
      seen.add(acc)
      return group.negAssign(acc)
    },
    baseMul(scalar) {
      seen.add(scalar)
      multiplied.add(scalar)
      return group.baseMul(scalar)
    },
    reduceWide(wide) {
      const scalar = group.reduceWide(wide)
      seen.add(wide)
      return scalar
    },
    toBigInt() {
      throw new Error('a signer made a BigInt')
    },
  })
  const watchEcdsa = (group: EcdsaGroup): EcdsaGroup => ({
    ...watch(group),
    mulSecret(point, scalar) {
      const product = group.mulSecret(point, scalar)
      seen.add(scalar).add(product)
      return product
    },
  })
  const { secp256k1, p256, ed25519 } = base
  const curves = { ...base, secp256k1: watchEcdsa(secp256k1), p256: watchEcdsa(p256), ed25519: watch(ed25519) }
  return { curves, buffers: () => [...seen], multiplied: () => [...multiplied] }
}
