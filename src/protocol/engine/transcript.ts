import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { concat, u32, wipe } from './bytes.ts'
import type { Tag } from './tags.ts'

const TAG_BYTES = new Map<Tag, Uint8Array>()

function tagBytes(tag: Tag): Uint8Array {
  let bytes = TAG_BYTES.get(tag)
  if (bytes === undefined) {
    bytes = utf8ToBytes(tag)
    TAG_BYTES.set(tag, bytes)
  }
  return bytes
}

/** The tag's bytes, for places that need a label rather than a hash (HKDF info, SHA-256 midstates). */
export const label = (tag: Tag): Uint8Array => Uint8Array.from(tagBytes(tag))

/**
 * `lp(tag) || lp(p1) || .. || lp(pm)`, `lp(b) = u32(len b) || b`. Length prefixes make the list unambiguous: without them
 * ["ab",""] and ["a","b"] would share a digest (attacks.md Z-03).
 */
export function frame(tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  const name = tagBytes(tag)
  const framed: Uint8Array[] = [u32(name.length), name]
  for (const part of parts) framed.push(u32(part.length), part)
  return concat(...framed)
}

export type Sha256 = (message: Uint8Array) => Uint8Array

/** The tagged hash of protocols.md 1.2: SHA-256 over the framed parts, 32 bytes. */
export const TH = (tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array => taggedHash(sha256, tag, ...parts)

/** {@link TH} by another implementation of SHA-256: for parts so long that a back end's is worth asking for. */
export function taggedHash(hash: Sha256, tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  const framed = frame(tag, ...parts)
  const digest = hash(framed)
  // Parts may be secret (keys to be confirmed, nonce randomness): the copy must not outlive the call.
  wipe(framed)
  return digest
}

/** `length` bytes from the tagged hash as HKDF-Expand-SHA256 key (RFC 5869 2.3): the suite's XOF, at most 8,160 bytes. */
export function XOF(length: number, tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  const key = TH(tag, ...parts)
  const out = expand(sha256, key, undefined, length)
  // As secret as the parts: whoever finds it has all of the output.
  wipe(key)
  return out
}
