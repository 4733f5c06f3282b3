import type { PartyId } from '../protocol/engine/party.ts'
import { knownCode, REPLY, REPLY_TYPES, type Reply, type Route } from '../protocol/frames/signer-frames.ts'

/** The signer is there and knows no such route: it speaks another version of the frames, which every route names. */
export class UnknownRoute extends Error {}

/** The way to one signer; the host plugs the transport in. */
export interface SignerLink {
  readonly id: PartyId
  /**
   * Settles after `timeoutMs` at the latest. Rejects when the signer could not be reached, or did not answer in time.
   * @throws UnknownRoute
   */
  readonly send: (route: Route, frame: Uint8Array, timeoutMs: number) => Promise<Uint8Array>
}

/** What one round of exchanges brought. */
export interface Gathered {
  readonly replies: ReadonlyMap<PartyId, Reply>
  /** Signers without a usable answer: silent, unreachable, or answering no frame. Missing, never culprits. */
  readonly missing: readonly PartyId[]
}

/**
 * The round actor: fans one frame out to each signer at once, gathers the answers, names the missing. Ends when all
 * answered or failed, at the deadline at the latest.
 */
export async function round(
  links: readonly SignerLink[],
  route: Route,
  frameFor: (id: PartyId) => Uint8Array,
  timeoutMs: number,
): Promise<Gathered> {
  const replies = new Map<PartyId, Reply>()
  const missing: PartyId[] = []
  await Promise.all(
    links.map(async (link) => {
      try {
        const reply = REPLY.decode(await link.send(route, frameFor(link.id), timeoutMs))
        const ended = reply.type === REPLY_TYPES.failed || reply.type === REPLY_TYPES.refused
        // An end without a reason would read as no end to whoever looks at the code alone.
        const code = knownCode(ended ? reply.code || 'UNKNOWN' : reply.code)
        replies.set(link.id, { ...reply, code })
      } catch {
        missing.push(link.id)
      }
    }),
  )
  return { replies, missing: missing.sort((a, b) => a - b) }
}

/**
 * Whom at least `threshold` signers name: one of those is honest, and an honest signer names nobody without proof. What fewer say
 * may be a malicious signer's slander of an honest one.
 */
export function provenCulprits(replies: Iterable<Reply>, threshold: number): readonly PartyId[] {
  const accusers = new Map<PartyId, number>()
  for (const { culprits } of replies) {
    for (const id of new Set(culprits)) accusers.set(id, (accusers.get(id) ?? 0) + 1)
  }
  return [...accusers].flatMap(([id, count]) => (count >= threshold ? [id] : [])).sort((a, b) => a - b)
}
