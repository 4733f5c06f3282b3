import { utf8ToBytes } from '@noble/hashes/utils.js'
import { concat, u8, u16, u32 } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { TAGS } from '../../protocol/engine/tags.ts'
import { frame } from '../../protocol/engine/transcript.ts'
import { decrypt, encrypt } from './aead.ts'

/** Where a sealed record belongs. All of it is authenticated: a record moved to another row, signer or epoch does not open. */
export interface SealedPlace {
  /** Table of the store, with what else picks the row: `keys`, `pairs/3`. */
  readonly table: string
  /** Of the key or of the set-up, 32 bytes. */
  readonly keyId: Uint8Array
  readonly party: PartyId
  readonly epoch: number
}

/** A record that does not open: the store is damaged, was mixed up, or somebody changed it. Says nothing about which byte. */
export class SealingError extends Error {
  readonly code = 'SEALED_RECORD_INVALID'

  constructor() {
    super('a sealed record does not open')
    this.name = 'SealingError'
  }
}

/** First byte of a record, and part of what is authenticated, so that an old format cannot be passed off as a newer one. */
const VERSION = 1

const placeBytes = ({ table, keyId, party, epoch }: SealedPlace): Uint8Array =>
  frame(TAGS.sealedRecord, u8(VERSION), utf8ToBytes(table), keyId, u16(party), u32(epoch))

/**
 * Seals a secret under the 32-byte data key: `version(1) || nonce(12) || ciphertext || tag(16)`, 29 bytes longer than the
 * plaintext. *secret* `dataKey`, `plain`
 */
export const sealRecord = (dataKey: Uint8Array, place: SealedPlace, plain: Uint8Array): Uint8Array =>
  concat(u8(VERSION), encrypt(dataKey, placeBytes(place), plain))

/**
 * The plaintext, which the caller wipes. *secret* `dataKey`, result
 * @throws SealingError unless the record was sealed for this place under this data key and no bit of it changed.
 */
export function openRecord(dataKey: Uint8Array, place: SealedPlace, sealed: Uint8Array): Uint8Array {
  const plain = sealed[0] === VERSION ? decrypt(dataKey, placeBytes(place), sealed.subarray(1)) : undefined
  if (plain === undefined) throw new SealingError()
  return plain
}
