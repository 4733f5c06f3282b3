import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, u8, u16, wipe } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { label, TH } from '../engine/transcript.ts'

/**
 * K(i->j, r), 32 bytes: HKDF-SHA256 (RFC 5869) with the session id as salt. Directions and rounds have distinct keys
 * (TOB-SILA-6). `ikm` is the concatenation of the X25519 values of 2.4 and is wiped here.
 */
export function messageKey(sessionId: Uint8Array, ikm: Uint8Array, from: PartyId, to: PartyId, round: number): Uint8Array {
  const key = hkdf(sha256, ikm, sessionId, concat(label(TAGS.channelKey), u16(from), u16(to), u8(round)), 32)
  wipe(ikm)
  return key
}

/** Makes the AEAD committing: without it a receiver could open one ciphertext two ways and frame the sender (3.1). */
export const keyCommitment = (key: Uint8Array): Uint8Array => TH(TAGS.keyCommitment, key)
