import { type Fault, VERDICTS } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import type { Answer, Reply } from './crypto-commands.ts'

const NO_EVIDENCE = new Uint8Array(32)
type Judgement = NonNullable<Answer['judgement']>

/**
 * What a fault of a session over oblivious transfers has for consequences (protocols.md 7.2): a ban for whoever failed a check on long-lived
 * secrets, a strike for whoever is convicted of anything else. On the wire a ban is an abort that names nobody: no other party can
 * verify it, and which check it was is nobody's business (protocols.md 12).
 * @param evidence digest of what each culprit sent in the round that failed.
 */
export function judgementOf(
  fault: Fault,
  sessionId: Uint8Array,
  evidence: ReadonlyMap<PartyId, Uint8Array>,
): { readonly judgement: Judgement | null; readonly reply: Partial<Reply> } {
  const verdict = VERDICTS[fault.code]
  const judged = fault.culprits.map((peer) => ({ peer, code: fault.code, evidence: evidence.get(peer) ?? NO_EVIDENCE }))
  if (verdict === 'ban') {
    return { judgement: { sessionId, bans: judged, strikes: [] }, reply: { code: 'ABORT', culprits: [], exhibits: [] } }
  }
  if (verdict !== 'exclude' || judged.length === 0) return { judgement: null, reply: {} }
  return { judgement: { sessionId, bans: [], strikes: judged }, reply: {} }
}
