import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, idList, u16, wipe } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { label, TH } from '../engine/transcript.ts'

/**
 * A key that all `members` share and nobody else knows, with its subkeys. Confirmation, MAC and PRF use separate subkeys
 * (decisions.md 18), so that a published confirmation tag says nothing about the PRF.
 */
export interface SharedKey {
  readonly members: readonly PartyId[]
  /** Public name of the key, 32 bytes; enters every context, so holders of different keys never meet in one. */
  readonly kid: Uint8Array
  readonly prf: Uint8Array
  readonly mac: Uint8Array
  readonly confirm: Uint8Array
}

/**
 * One PRSS generation of a signer set (honest-majority-ecdsa.md 1.3): the keys this signer holds, in RAM only, never stored.
 * They are as secret as key shares: all of them together with one signature give the key.
 */
export interface Generation {
  readonly signers: readonly PartyId[]
  readonly threshold: number
  /** kids of all keys of the set, also of those this signer does not hold; canonical order. */
  readonly kids: readonly Uint8Array[]
  /** One key per peer: masks and MACs. */
  readonly pairs: ReadonlyMap<PartyId, SharedKey>
  /** The keys of all subsets of t members this signer belongs to: nonce shares. For t = 2 these are the pair keys. */
  readonly subsets: readonly SharedKey[]
}

export function makeSharedKey(members: readonly PartyId[], kid: Uint8Array, key: Uint8Array): SharedKey {
  const sub = (tag: (typeof TAGS)['prssPrf' | 'lightMac' | 'prssConfirm']): Uint8Array => hkdf(sha256, key, kid, label(tag), 32)
  return { members, kid, prf: sub(TAGS.prssPrf), mac: sub(TAGS.lightMac), confirm: sub(TAGS.prssConfirm) }
}

/** kid = TH(prss-kid, roster_hash, members, G1 of each member). */
export const kidOf = (
  rosterHash: Uint8Array,
  members: readonly PartyId[],
  openings: ReadonlyMap<PartyId, Uint8Array>,
): Uint8Array => TH(TAGS.prssKid, rosterHash, idList(members), ...members.map((m) => openings.get(m) as Uint8Array))

/** The tag that `sender` publishes to show that it holds `key`; includes the sender, so that it cannot be echoed back. */
export const confirmationTag = (key: SharedKey, sender: PartyId): Uint8Array =>
  TH(TAGS.prssConfirm, key.kid, key.confirm, u16(sender))

export function wipeGeneration(generation: Generation): void {
  for (const k of [...generation.pairs.values(), ...generation.subsets]) wipe(k.prf, k.mac, k.confirm)
}

/** All subsets of `size` members, ascending lexicographic: C(5,3) = 10 at most for t <= 3. */
export function subsetsOf(parties: readonly PartyId[], size: number): readonly (readonly PartyId[])[] {
  if (size === 0) return [[]]
  return parties.flatMap((first, i) => subsetsOf(parties.slice(i + 1), size - 1).map((rest) => [first, ...rest]))
}

/** Pair key: HKDF over ephemeral and static X25519 (1.3); wipes both inputs. */
export function pairSecret(kid: Uint8Array, ephemeral: Uint8Array, fixed: Uint8Array): Uint8Array {
  const ikm = concat(ephemeral, fixed)
  const key = hkdf(sha256, ikm, kid, label(TAGS.prssKey), 32)
  wipe(ephemeral, fixed, ikm)
  return key
}
