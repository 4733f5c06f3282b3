import { list } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { purposeOf } from '../request/instance.ts'

/** Every two of these parties, smaller id first, in the order of (smaller, larger): the order of `pairs` in a set-up. */
export const pairsOf = (parties: readonly PartyId[]): readonly (readonly [PartyId, PartyId])[] => {
  const sorted = [...parties].sort((a, b) => a - b)
  return sorted.flatMap((a, i) => sorted.slice(i + 1).map((b) => [a, b] as const))
}

/**
 * The purpose of a signing session, 32 bytes: its instances and the ids of all pair set-ups. With other set-ups it is another
 * session, so no coordinator can make two honest signers extend different OTs in one: that would fail as a lie does, and ban.
 * @throws SetupError SETUP_REFUSED as purposeOf does.
 */
export const pairedPurpose = (instances: readonly Uint8Array[], pairs: readonly Uint8Array[]): Uint8Array =>
  TH(TAGS.dklsPurpose, purposeOf(instances), list(pairs))
