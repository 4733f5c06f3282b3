import { contentDigest, decodeEnvelope, headerBytes } from '../channel/envelope.ts'
import { keyCommitment } from '../channel/message-key.ts'
import { memberOf, type Roster } from '../channel/roster.ts'
import { PROTOCOLS } from '../channel/setup.ts'
import type { Curves } from '../curve/curves.ts'
import type { Group } from '../curve/group.ts'
import { equalBytes, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { verifyShare } from '../sharing/feldman.ts'
import { abscissa } from '../sharing/polynomial.ts'
import { type Complaint, chainCommitment, type Reveal, SHARE } from './messages.ts'

/** What every party of one key generation knows after round 2. */
export interface DkgView {
  readonly group: Group
  readonly curves: Curves
  readonly roster: Roster
  readonly suite: number
  readonly sessionId: Uint8Array
  readonly parties: readonly PartyId[]
  /** Of every party, checked by D1 to D3. */
  readonly reveals: ReadonlyMap<PartyId, Reveal>
}

/** A share that passed D4 and D4', or why it did not. */
export type ReceivedShare =
  | { readonly ok: true; readonly share: Uint8Array; readonly chainPart: Uint8Array }
  | { readonly ok: false; readonly code: 'DKG_SHARE' | 'DKG_CHAIN' }

/** The round in which shares travel. */
const SHARE_ROUND = 2

/**
 * D4 and D4' for the share that `from` sent to `to`: the receiver's own check and, on the same bytes, the judge's. The caller
 * wipes what it gets.
 */
export function receiveShare(view: DkgView, from: PartyId, to: PartyId, body: Uint8Array): ReceivedShare {
  const { group, sessionId } = view
  const reveal = view.reveals.get(from) as Reveal
  let opened: { readonly share: Uint8Array; readonly chainPart: Uint8Array }
  try {
    opened = SHARE.decode(body)
  } catch {
    return { ok: false, code: 'DKG_SHARE' }
  }
  const code = !verifyShare(group, reveal.commitments, abscissa(group, to), opened.share)
    ? 'DKG_SHARE'
    : !equalBytes(chainCommitment(sessionId, from, opened.chainPart), reveal.chainCommitment)
      ? 'DKG_CHAIN'
      : null
  if (code === null) return { ok: true, ...opened }
  wipe(opened.share, opened.chainPart)
  return { ok: false, code }
}

/**
 * The verdict on a complaint (protocols.md 3.1): either the accused is proven to have sent a bad share, or the accuser to have
 * complained of nothing. Every party with the same view reaches the same one, so it must be called only after views were compared:
 * in round 3 the channel has done that.
 */
export function judgeComplaint(view: DkgView, accuser: PartyId, complaint: Complaint): Fault {
  const { accused, key } = complaint
  const guilty = new Fault('DKG_FALSE_COMPLAINT', [accuser])
  if (accused === accuser || !view.parties.includes(accused)) return guilty
  const envelope = decodeEnvelope(complaint.envelope)
  if (
    envelope === null ||
    envelope.kind !== 'full' ||
    envelope.suite !== view.suite ||
    envelope.protocol !== PROTOCOLS.dkg ||
    envelope.round !== SHARE_ROUND ||
    !equalBytes(envelope.sessionId, view.sessionId) ||
    envelope.sender !== accused ||
    envelope.receiver !== accuser
  ) {
    return guilty
  }
  const digest = contentDigest(envelope, envelope.body)
  if (!view.curves.ed25519Verify(envelope.signature, digest, memberOf(view.roster, accused).signKey)) return guilty
  // The accused committed to its key: another key, under which the same bytes would open to garbage, is the accuser's invention.
  if (!equalBytes(keyCommitment(key), envelope.keyCommitment)) return guilty
  const body = view.curves.open(key, headerBytes(envelope, envelope.body.length), envelope.body)
  if (body === null) return new Fault('DKG_SHARE', [accused])
  const received = receiveShare(view, accused, accuser, body)
  wipe(body)
  if (!received.ok) return new Fault(received.code, [accused])
  wipe(received.share, received.chainPart)
  return guilty
}
