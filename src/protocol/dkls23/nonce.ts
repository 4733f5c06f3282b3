import type { Group } from '../curve/group.ts'
import { type Rng, u32, wipe } from '../engine/bytes.ts'
import { TAGS } from '../engine/tags.ts'
import { XOF } from '../engine/transcript.ts'

/** What one signer draws for one item (protocols.md 6.2). The owner wipes r and phi. */
export interface Nonce {
  readonly r: Uint8Array
  readonly phi: Uint8Array
  /** R_i = r_i G. */
  readonly point: Uint8Array
}

/**
 * r_i, then phi_i. Both are bound to the session and the item: a stuck generator or a cloned process gives other nonces for another session or
 * message (attacks.md F-03), where one nonce under two digests would give the key away.
 */
export function drawNonce(group: Group, rng: Rng, ctx: Uint8Array, instance: number): Nonce {
  const r = group.randomScalar(bound(rng, ctx, instance, 0))
  const phi = group.randomScalar(bound(rng, ctx, instance, 1))
  return { r, phi, point: group.baseMul(r) }
}

const bound =
  (rng: Rng, ctx: Uint8Array, instance: number, use: number): Rng =>
  (length) => {
    const random = rng(32)
    const mixed = XOF(length, TAGS.dklsNonce, random, ctx, u32(instance), u32(use))
    wipe(random)
    return mixed
  }
