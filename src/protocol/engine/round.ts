import type { Roster } from '../channel/roster.ts'
import type { Curves } from '../curve/curves.ts'
import type { Rng } from './bytes.ts'
import type { PartyId } from './party.ts'

/**
 * The only effect a protocol has: send this, then give me one message from each of `from`. A protocol is a synchronous
 * generator that yields exchanges; wrong order is unsayable and `finally` wipes its secrets on every exit.
 */
export interface Exchange<Commit = never> {
  /** For logs and traces, such as 'dkg/open'. */
  readonly name: string
  /** The same bytes to every peer. A per-peer secret cannot be put here by slip: `direct` has another type. */
  readonly broadcast?: Uint8Array
  /** One message per peer, encrypted to it by the channel. */
  readonly direct?: ReadonlyMap<PartyId, Uint8Array>
  /** To whoever assembles the result; not secret from the coordinator. */
  readonly assembler?: Uint8Array
  /** Peers whose messages (of the kinds we send ourselves) complete the round. Empty: the script goes on at once. */
  readonly from: readonly PartyId[]
  /** What the host must store durably before any byte of this exchange leaves (decisions.md 3, 9). */
  readonly commit?: Commit
}

export interface Incoming {
  readonly broadcast?: Uint8Array
  readonly direct?: Uint8Array
}

export type Inbox = ReadonlyMap<PartyId, Incoming>

export type Protocol<Result, Commit = never> = Generator<Exchange<Commit>, Result, Inbox>

/** Opens one direct message for the whole session: what a complaint shows (protocols.md 3.1). */
export interface Evidence {
  /** The sender's signed envelope, as received. */
  readonly envelope: Uint8Array
  /** The message key K(j -> i, r), 32 bytes. Revealing it reveals that one message and nothing else. */
  readonly key: Uint8Array
}

/** Everything a script may know about the world: no clock, no I/O, no other randomness. */
export interface Env {
  readonly self: PartyId
  /** All signers of the session, ascending, self included. */
  readonly parties: readonly PartyId[]
  readonly threshold: number
  /** 32 bytes, see channel/setup.ts. */
  readonly sessionId: Uint8Array
  readonly roster: Roster
  readonly rng: Rng
  readonly curves: Curves
  /** T_r after the last completed round (protocols.md 2.6); only in sessions on the full envelope. */
  readonly transcript: () => Uint8Array
  /** Proof of what `from` sent us directly in the last completed round. */
  readonly evidence: (from: PartyId) => Evidence
}

export const peersOf = (env: Pick<Env, 'self' | 'parties'>): readonly PartyId[] => env.parties.filter((id) => id !== env.self)

/** The broadcast of `from` in a completed round. The channel completes a round only with all of them. */
export function broadcastOf(inbox: Inbox, from: PartyId): Uint8Array {
  const bytes = inbox.get(from)?.broadcast
  if (bytes === undefined) throw new Error(`no broadcast of ${from} in a completed round`)
  return bytes
}

/** The direct message of `from` in a completed round. */
export function directOf(inbox: Inbox, from: PartyId): Uint8Array {
  const bytes = inbox.get(from)?.direct
  if (bytes === undefined) throw new Error(`no direct message of ${from} in a completed round`)
  return bytes
}
