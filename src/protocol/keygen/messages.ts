import type { Group } from '../curve/group.ts'
import { concat, list as listBytes, u16 } from '../engine/bytes.ts'
import { bytes, type Codec, codec, list, message, struct, uint, union } from '../engine/codec.ts'
import { EVERYONE, MAX_PARTIES, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import type { Commitments } from '../sharing/feldman.ts'
import { type Proof, proofShape } from './proof.ts'

/** Round 1, broadcast: com_i. */
export const COMMIT = message({ commitment: bytes(32) }, 40)

/** Round 2, broadcast: what com_i was a commitment to. */
export interface Reveal {
  readonly salt: Uint8Array
  /** C_{i,0} .. C_{i,t-1}. */
  readonly commitments: Commitments
  /** Of all coefficients. */
  readonly possession: Proof
  /** hcc_i. */
  readonly chainCommitment: Uint8Array
}

/** Round 2, to one peer: f_i(x_j) and cc_i. */
export const SHARE = message({ share: bytes(32), chainPart: bytes(32) }, 80)

/** Round 3, broadcast by whoever has nothing to complain of. */
export interface Confirmation {
  /** Of s_i for X_i. */
  readonly knowledge: Proof
  /** Certificate signature, 64 bytes. */
  readonly signature: Uint8Array
}

/** Round 3, broadcast instead: what a bad share of `accused` looked like (protocols.md 3.1). */
export interface Complaint {
  readonly accused: PartyId
  /** K(accused -> accuser, 2), 32 bytes: opens this one envelope and nothing else. */
  readonly key: Uint8Array
  /** The accused's signed envelope. */
  readonly envelope: Uint8Array
}

/** Far below the longest message there can be: it goes to everybody, beside the exhibits of a failure. */
const MAX_COMPLAINT = 1 << 20
/** Longest envelope that a complaint can show. */
export const MAX_EVIDENCE = MAX_COMPLAINT - 1024

export const revealCodec = (group: Group): Codec<Reveal> =>
  message(
    {
      salt: bytes(32),
      commitments: list(bytes(group.pointLength), MAX_PARTIES),
      possession: proofShape(group.pointLength),
      chainCommitment: bytes(32),
    },
    1024,
  )

export const verdictCodec = (group: Group) =>
  codec(
    union({
      confirmation: struct({ knowledge: proofShape(group.pointLength), signature: bytes(64) }),
      complaint: struct({ accused: uint(EVERYONE - 1), key: bytes(32), envelope: bytes({ max: MAX_EVIDENCE }) }),
    }),
    MAX_COMPLAINT,
  )

/** com_i, 32 bytes: fixes everything of {@link Reveal} before anybody sees another's (rogue keys, K-08). */
export const revealCommitment = (sessionId: Uint8Array, party: PartyId, reveal: Reveal): Uint8Array =>
  TH(
    TAGS.dkgCommit,
    sessionId,
    u16(party),
    listBytes(reveal.commitments),
    concat(reveal.possession.commitment, reveal.possession.response),
    reveal.chainCommitment,
    reveal.salt,
  )

/** hcc_i, 32 bytes. The chain part itself travels encrypted only. */
export const chainCommitment = (sessionId: Uint8Array, party: PartyId, chainPart: Uint8Array): Uint8Array =>
  TH(TAGS.chainPart, sessionId, u16(party), chainPart)
