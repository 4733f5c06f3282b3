import type { PartyId } from '../engine/party.ts'
import type { Evidence, Exchange, Incoming } from '../engine/round.ts'
import type { Envelope } from './envelope.ts'

/** An envelope whose sender is authenticated, waiting for its round to complete. */
export interface Accepted {
  readonly envelope: Envelope
  /** {@link contentDigest}: two different ones in one slot are equivocation. */
  readonly digest: Uint8Array
}

/** All envelopes of a completed round, by sender. */
export interface RoundMail {
  readonly broadcasts: ReadonlyMap<PartyId, Accepted>
  readonly directs: ReadonlyMap<PartyId, Accepted>
}

/** How a session's messages are authenticated. Two kinds, fixed per protocol (decisions.md 17): full and light. */
export interface Channel {
  /** The envelopes of our own exchange: broadcast, direct ones ascending by receiver, assembler. */
  seal(round: number, exchange: Exchange<unknown>): readonly Accepted[]
  /** Authenticates one envelope of a peer. null: not from that peer, or not for us; such bytes are ignored, never an abort. */
  authenticate(envelope: Envelope): Accepted | null
  /** Whether others could be convinced that `envelope` is its sender's. If not, nobody is named for it (decisions.md 17). */
  signed(envelope: Envelope): boolean
  /** Checks views and decrypts once a round is complete. `unusable`: senders whose direct message must be ignored after all. */
  open(round: number, mail: RoundMail): { readonly inbox: ReadonlyMap<PartyId, Incoming>; readonly unusable: readonly PartyId[] }
  transcript(): Uint8Array
  evidence(from: PartyId): Evidence
  /** Signed broadcasts of the last completed round: what settles a disagreement about views (protocols.md 2.6). */
  exhibits(): readonly Uint8Array[]
  wipe(): void
}
