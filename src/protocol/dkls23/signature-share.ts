import type { Group } from '../curve/group.ts'
import type { PartyId } from '../engine/party.ts'
import type { AcceptedItem } from '../signing/batch.ts'
import type { Nonce } from './nonce.ts'
import { type ZeroPair, zeroShare } from './zero-share.ts'

/** Takes charge of secrets that this module has made, to wipe them when the session ends. */
export type Keep = (secrets: readonly Uint8Array[]) => void

/** This signer's part in one present item. */
export interface Part extends Nonce {
  /** sk_i = lambda_i s_i + zeta_i. Secret. */
  readonly key: Uint8Array
  /** pk_i = sk_i G. */
  readonly keyPoint: Uint8Array
}

/** Where one signer stands in a session. */
export interface Standing {
  readonly ctx: Uint8Array
  readonly self: PartyId
  /** Lagrange coefficient at 0 over the session's signers. */
  readonly lambda: Uint8Array
  /** Empty for two signers: the one counterparty knows the zero share, so there is none (N4). */
  readonly zeroPairs: ReadonlyMap<PartyId, ZeroPair>
}

export function partOf(
  group: Group,
  { ctx, self, lambda, zeroPairs }: Standing,
  { share }: AcceptedItem,
  nonce: Nonce,
  instance: number,
  keep: Keep,
): Part {
  const key = Uint8Array.from(share)
  const zeta = zeroShare(group, ctx, self, zeroPairs, instance)
  keep([key, zeta])
  group.addAssign(group.mulAssign(key, lambda), zeta)
  return { ...nonce, key, keyPoint: group.baseMul(key) }
}

/** What one counterparty adds to this signer's share of one item: its psi, and both signers' shares of the products with it. */
export interface Counterpart {
  readonly psi: Uint8Array
  /** c^u, d^u. */
  readonly u: readonly [Uint8Array, Uint8Array]
  /** c^v, d^v. */
  readonly v: readonly [Uint8Array, Uint8Array]
}

/**
 * w and u of protocols.md 6.5 and 6.10: u = r_i Phi + sum (c^u + d^u), v = sk_i Phi + sum (c^v + d^v), w = z phi_i + r v, where Phi is
 * phi_i + sum psi. Over all signers sum u = R's logarithm times phi, sum w = (z + r x) phi, for phi nobody knows.
 */
export function signatureShare(
  group: Group,
  part: Part,
  { z, r }: { readonly z: Uint8Array; readonly r: Uint8Array },
  counterparts: readonly Counterpart[],
  keep: Keep,
): readonly [w: Uint8Array, u: Uint8Array] {
  const blinding = Uint8Array.from(part.phi)
  const u = Uint8Array.from(part.r)
  const v = Uint8Array.from(part.key)
  const w = Uint8Array.from(z)
  keep([blinding, u, v, w])
  for (const { psi } of counterparts) group.addAssign(blinding, psi)
  group.mulAssign(u, blinding)
  group.mulAssign(v, blinding)
  for (const counterpart of counterparts) {
    for (const share of counterpart.u) group.addAssign(u, share)
    for (const share of counterpart.v) group.addAssign(v, share)
  }
  group.addAssign(group.mulAssign(w, part.phi), group.mulAssign(v, r))
  return [w, u]
}
