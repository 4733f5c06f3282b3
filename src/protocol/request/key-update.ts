import type { Roster } from '../channel/roster.ts'
import type { Curves } from '../curve/curves.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'

/**
 * What a signer signs once a key update is on its disk: its receipt. `hash` is the {@link requestHash} of the document, which names key,
 * revision and state. With receipts, whoever asked for a freeze need not believe the coordinator that everybody has it.
 */
export const receiptMessage = (hash: Uint8Array): Uint8Array => TH(TAGS.updateReceipt, hash)

/** Whether these are the receipts of all signers, in the order of the roster. */
export const receiptsOfAll = (
  hash: Uint8Array,
  receipts: readonly Uint8Array[],
  roster: Roster,
  curves: Pick<Curves, 'ed25519Verify'>,
): boolean =>
  receipts.length === roster.members.length &&
  roster.members.every(({ signKey }, i) => curves.ed25519Verify(receipts[i] as Uint8Array, receiptMessage(hash), signKey))
