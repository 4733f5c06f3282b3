import type { Curves } from '../curve/curves.ts'
import { equalBytes, toHex, u8 } from '../engine/bytes.ts'
import { EVERYONE, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { contentDigest, decodeEnvelope, type Envelope, noBytes32 } from './envelope.ts'
import type { Roster } from './roster.ts'

export interface ViewContext {
  readonly sessionId: Uint8Array
  readonly signers: readonly PartyId[]
  readonly roster: Roster
  readonly curves: Curves
}

export interface Settlement {
  /** Signed two different broadcasts for one round. Proof for anybody who pins the roster. */
  readonly equivocators: readonly PartyId[]
  /** Signed a `prev` that no set of the given broadcasts hashes to. Proof only if these parties were asked for theirs. */
  readonly falsePrev: readonly PartyId[]
}

/** T_r = TH(transcript, T_{r-1}, r, digest of every broadcast by ascending sender), protocols.md 2.6; T_0 is the session id. */
export const nextTranscript = (previous: Uint8Array, round: number, digests: readonly Uint8Array[]): Uint8Array =>
  TH(TAGS.transcript, previous, u8(round), ...digests)

/**
 * Finds out who caused INCONSISTENT_BROADCAST, from signed envelopes of the session's full channel: the exhibits of the signers, or
 * all that a coordinator relayed. Envelopes that nobody of the roster signed are left out, so a liar can add nothing.
 */
export function settleViews(context: ViewContext, envelopes: Iterable<Uint8Array>): Settlement {
  const signed = [...envelopes].map((bytes) => authenticate(context, bytes)).filter((found) => found !== null)
  const rounds = new Map<number, Map<PartyId, Set<string>>>()
  const digestOf = new Map<string, Uint8Array>()
  for (const { envelope, digest } of signed) {
    if (envelope.receiver !== EVERYONE) continue
    const name = toHex(digest)
    digestOf.set(name, digest)
    const senders = rounds.get(envelope.round) ?? new Map<PartyId, Set<string>>()
    senders.set(envelope.sender, (senders.get(envelope.sender) ?? new Set()).add(name))
    rounds.set(envelope.round, senders)
  }
  const equivocators = new Set<PartyId>()
  for (const senders of rounds.values()) {
    for (const [sender, versions] of senders) if (versions.size > 1) equivocators.add(sender)
  }
  if (equivocators.size > 0) return { equivocators: ascending(equivocators), falsePrev: [] }

  // Every author said one thing, so there is one true transcript: walk it and compare what each envelope claims of it.
  const falsePrev = new Set<PartyId>()
  for (const { envelope } of signed)
    if (envelope.round === 1 && !equalBytes(envelope.prev, noBytes32())) falsePrev.add(envelope.sender)
  let transcript = context.sessionId
  for (let round = 1; rounds.get(round)?.size === context.signers.length; round++) {
    const senders = [...(rounds.get(round) ?? [])].sort(([a], [b]) => a - b)
    transcript = nextTranscript(
      transcript,
      round,
      senders.flatMap(([, names]) => [...names].map((name) => digestOf.get(name) as Uint8Array)),
    )
    for (const { envelope } of signed) {
      if (envelope.round === round + 1 && !equalBytes(envelope.prev, transcript)) falsePrev.add(envelope.sender)
    }
  }
  return { equivocators: [], falsePrev: ascending(falsePrev) }
}

const ascending = (ids: Iterable<PartyId>): readonly PartyId[] => [...ids].sort((a, b) => a - b)

function authenticate(
  context: ViewContext,
  bytes: Uint8Array,
): { readonly envelope: Envelope; readonly digest: Uint8Array } | null {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null || envelope.kind !== 'full' || !equalBytes(envelope.sessionId, context.sessionId)) return null
  const member = context.roster.members.find((m) => m.id === envelope.sender)
  if (member === undefined || !context.signers.includes(member.id)) return null
  const digest = contentDigest(envelope, envelope.body)
  return context.curves.ed25519Verify(envelope.signature, digest, member.signKey) ? { envelope, digest } : null
}
