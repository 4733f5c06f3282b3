import { decodeEnvelope } from '../protocol/channel/envelope.ts'
import { EVERYONE, type PartyId } from '../protocol/engine/party.ts'
import { ABORT, REPLY_TYPES, type Reply, ROUND, type Route } from '../protocol/frames/signer-frames.ts'
import { round, type SignerLink } from './round.ts'

/** More than any relayed protocol has: DKG three and the delivery of the last, PRSS three, a pair's set-up nine. */
const MAX_ROUNDS = 10
/** Bytes of broadcasts kept as evidence; a whole key generation of 16 signers has a tenth of it. Beyond it nobody is named. */
const MAX_EVIDENCE = 1 << 20

export type RelayEnd =
  | { readonly type: 'done'; readonly replies: ReadonlyMap<PartyId, Reply> }
  | {
      readonly type: 'failed'
      /** Replies of the signers that ended, by signer; verdicts of several may differ. */
      readonly failures: ReadonlyMap<PartyId, Reply>
      readonly missing: readonly PartyId[]
      /** Signers that had finished all the same: a key generation may be complete at some. */
      readonly finished: ReadonlyMap<PartyId, Reply>
      /** Broadcasts that were relayed, and those that signers exhibit: evidence of who caused a disagreement (settleViews). */
      readonly broadcasts: readonly Uint8Array[]
    }

/**
 * A session actor for protocols among the signers (DKG, PRSS): relays every round's envelopes, broadcasts to all others, direct ones to
 * their receiver, and learns nothing. A failed signer's last envelopes are still delivered once: they may be a complaint that the
 * others have to judge.
 */
export async function relay(
  links: readonly SignerLink[],
  open: { readonly route: Route; readonly frame: Uint8Array },
  sessionId: Uint8Array,
  timeoutMs: number,
): Promise<RelayEnd> {
  const finished = new Map<PartyId, Reply>()
  const failures = new Map<PartyId, Reply>()
  const evidence = new Evidence()
  let gathered = await round(links, open.route, () => open.frame, timeoutMs)
  for (let number = 1; number <= MAX_ROUNDS; number++) {
    for (const [id, reply] of gathered.replies) {
      if (reply.type === REPLY_TYPES.done) finished.set(id, reply)
      else if (reply.type !== REPLY_TYPES.sent) failures.set(id, reply)
    }
    const { missing } = gathered
    const mail = [...gathered.replies].map(([from, reply]) => sortMail(from, reply.envelopes))
    evidence.keep(mail.flatMap((letters) => letters.broadcast))
    evidence.keep([...gathered.replies.values()].flatMap((reply) => reply.exhibits))
    const running = links.filter((l) => !finished.has(l.id) && !failures.has(l.id) && !missing.includes(l.id))
    if (running.length === 0 && missing.length === 0 && failures.size === 0) return { type: 'done', replies: finished }
    const hopeless = missing.length > 0 || [...failures.values()].some((r) => r.envelopes.length === 0)
    if (hopeless || running.length === 0) {
      abort(links, finished, sessionId, timeoutMs)
      return { type: 'failed', failures, missing, finished, broadcasts: evidence.all }
    }
    gathered = await round(
      running,
      'round',
      (id) => ROUND.encode({ sessionId, round: number, envelopes: mail.flatMap((letters) => letters.for(id)) }),
      timeoutMs,
    )
  }
  // Somebody keeps saying that it goes on.
  abort(links, finished, sessionId, timeoutMs)
  return { type: 'failed', failures, missing: [], finished, broadcasts: evidence.all }
}

class Evidence {
  readonly #kept: Uint8Array[] = []
  #bytes = 0

  get all(): readonly Uint8Array[] {
    return this.#kept
  }

  keep(envelopes: readonly Uint8Array[]): void {
    for (const envelope of envelopes) {
      if (this.#bytes + envelope.length > MAX_EVIDENCE) return
      this.#bytes += envelope.length
      this.#kept.push(envelope)
    }
  }
}

/** The missing too: what they hold of the session they shall give back now, if they can hear, and not at its deadline. */
function abort(
  links: readonly SignerLink[],
  finished: ReadonlyMap<PartyId, Reply>,
  sessionId: Uint8Array,
  timeoutMs: number,
): void {
  const open = links.filter((l) => !finished.has(l.id))
  void round(open, 'abort', () => ABORT.encode({ sessionId }), timeoutMs)
}

/**
 * What one signer sent in a round: its first envelope to everyone and its first to each peer. Anything else no protocol sends; passed
 * on, it would swell the frames to others until they do not fit and honest signers seem to be missing.
 */
function sortMail(
  from: PartyId,
  envelopes: readonly Uint8Array[],
): { readonly broadcast: readonly Uint8Array[]; readonly for: (id: PartyId) => readonly Uint8Array[] } {
  const first = new Map<number, Uint8Array>()
  for (const bytes of envelopes) {
    const envelope = decodeEnvelope(bytes)
    if (envelope?.sender === from && !first.has(envelope.receiver)) first.set(envelope.receiver, bytes)
  }
  const to = (receiver: number): readonly Uint8Array[] => {
    const letter = first.get(receiver)
    return letter === undefined ? [] : [letter]
  }
  return { broadcast: to(EVERYONE), for: (id) => (id === from ? [] : [...to(EVERYONE), ...to(id)]) }
}
