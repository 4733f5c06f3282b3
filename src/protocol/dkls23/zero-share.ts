import type { Group } from '../curve/group.ts'
import { u32 } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { XOF } from '../engine/transcript.ts'

/** What this signer and one peer alone know, and what each has drawn for this session. */
export interface ZeroPair {
  readonly zseed: Uint8Array
  /** nonce_B of our first message to the peer. */
  readonly own: Uint8Array
  /** nonce_B of the peer's first message to us. */
  readonly theirs: Uint8Array
}

/**
 * zeta_{i,b} of protocols.md 6.3, for the caller to wipe: the signers' values add up to zero, and without all of a signer's seeds its value
 * looks random. Drawn anew for each instance, since a value used twice would let a cheater compare two key shares (N4').
 * Both nonces are in it, so a coordinator that repeats a session gets other values.
 */
export function zeroShare(
  group: Group,
  ctx: Uint8Array,
  self: PartyId,
  pairs: ReadonlyMap<PartyId, ZeroPair>,
  instance: number,
): Uint8Array {
  const sum = new Uint8Array(32)
  for (const [peer, { zseed, own, theirs }] of pairs) {
    const nonces = self < peer ? [own, theirs] : [theirs, own]
    const wide = XOF(48, TAGS.zeroShare, zseed, ctx, ...nonces, u32(instance))
    const fragment = group.reduceWide(wide)
    group.addAssign(sum, self < peer ? fragment : group.negAssign(fragment))
    fragment.fill(0)
    wide.fill(0)
  }
  return sum
}
