import type { PartyId } from '../protocol/engine/party.ts'
import { REPLY, type Reply, type Route } from '../protocol/frames/signer-frames.ts'

/** The way to one signer; the host plugs the transport in. */
export interface SignerLink {
  readonly id: PartyId
  /** Rejects when the signer could not be reached, did not answer in time, or answered no frame; the reason is for our log. */
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
        replies.set(link.id, REPLY.decode(await link.send(route, frameFor(link.id), timeoutMs)))
      } catch {
        missing.push(link.id)
      }
    }),
  )
  return { replies, missing: missing.sort((a, b) => a - b) }
}
