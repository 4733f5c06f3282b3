import { fromHex, toHex } from '../engine/bytes.ts'

/** Chosen by the requester; one use per credential (decisions.md 9). */
export const REQUEST_ID = /^req_[A-Za-z0-9_-]{1,64}$/

/** The set a request is meant for: `set_` and the hash of the set's first roster (decisions.md 1). */
export const AUDIENCE = /^set_[0-9a-f]{64}$/

const KEY_ID = /^key_[0-9a-f]{64}$/

/** `key_` and lower-case hex of a 32-byte key id. @throws RangeError on another length. */
export function formatKeyId(keyId: Uint8Array): string {
  if (keyId.length !== 32) throw new RangeError('a key id has 32 bytes')
  return `key_${toHex(keyId)}`
}

/** The 32 bytes of a key id; undefined unless it is spelt as {@link formatKeyId} spells it. */
export const parseKeyId = (text: string): Uint8Array | undefined => (KEY_ID.test(text) ? fromHex(text.slice(4)) : undefined)
