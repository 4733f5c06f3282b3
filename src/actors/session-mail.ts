import { decodeEnvelope } from '../protocol/channel/envelope.ts'
import { equalBytes } from '../protocol/engine/bytes.ts'
import { EVERYONE, type PartyId } from '../protocol/engine/party.ts'
import { type Reply, ROUND } from '../protocol/frames/signer-frames.ts'

/** What all envelopes of a signer's reply must say of themselves. */
export interface Postmark {
  readonly sessionId: Uint8Array
  readonly protocol: number
  readonly round: number
  readonly sender: PartyId
}

export interface Letter {
  readonly bytes: Uint8Array
  readonly body: Uint8Array
}

/** One signer's envelopes of a round, by receiver. */
export type Letters = ReadonlyMap<number, Letter>

/**
 * The envelopes of a reply: one for each of `receivers` and no other, else null. The connection is pinned to the signer, so wrong
 * headers are that signer's own doing.
 */
export function lettersOf(reply: Reply, postmark: Postmark, receivers: readonly number[]): Letters | null {
  if (reply.envelopes.length !== receivers.length) return null
  const letters = new Map<number, Letter>()
  for (const bytes of reply.envelopes) {
    const envelope = decodeEnvelope(bytes)
    if (
      envelope === null ||
      !receivers.includes(envelope.receiver) ||
      envelope.round !== postmark.round ||
      envelope.sender !== postmark.sender ||
      envelope.protocol !== postmark.protocol ||
      !equalBytes(envelope.sessionId, postmark.sessionId)
    ) {
      return null
    }
    letters.set(envelope.receiver, { bytes, body: envelope.body })
  }
  return letters.size === receivers.length ? letters : null
}

/**
 * The frames of a round: to each signer what went to everyone and what is for it alone. Where nothing is for one alone all get the same
 * frame, with their own envelope in it: hm signers compare that copy with what they sent (C2).
 */
export function relayFrames(sessionId: Uint8Array, round: number, mail: readonly Letters[]): (id: PartyId) => Uint8Array {
  const to = (receiver: number): readonly Uint8Array[] => mail.flatMap((letters) => letters.get(receiver)?.bytes ?? [])
  const common = to(EVERYONE)
  const frame = (direct: readonly Uint8Array[]): Uint8Array =>
    ROUND.encode({ sessionId, round, envelopes: [...common, ...direct] })
  if (mail.some((letters) => letters.size > (letters.has(EVERYONE) ? 1 : 0))) return (id) => frame(to(id))
  const same = frame([])
  return () => same
}
