import { hexToBytes } from '@noble/hashes/utils.js'

/** Fixed-width big-endian integers and byte-string operations: the one encoding used in everything hashed or signed. */

export type Rng = (length: number) => Uint8Array

const uint = (value: number, width: number): Uint8Array => {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) throw new RangeError(`not a u${8 * width}: ${value}`)
  const out = new Uint8Array(width)
  for (let i = width - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256
  return out
}

export const u8 = (value: number): Uint8Array => uint(value, 1)
export const u16 = (value: number): Uint8Array => uint(value, 2)
export const u32 = (value: number): Uint8Array => uint(value, 4)

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** `u32 count || items`, each item of a width fixed by its type (protocols.md 1.2). */
export const list = (items: readonly Uint8Array[]): Uint8Array => concat(u32(items.length), ...items)

export const idList = (ids: readonly number[]): Uint8Array => list(ids.map(u16))

/** Equality without early exit on content: for digests, commitments, tags and MACs (attacks.md C-02). Lengths are public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a
  if (length !== b.length) return false
  let difference = 0
  let at = 0
  // Frames have megabytes: by words it takes a quarter of the time, and a view is as fast on a Buffer as on an array of ours.
  if (length >= WORDS_FROM) {
    const [x, y] = [viewOf(a), viewOf(b)]
    for (; at + 4 <= length; at += 4) difference |= x.getUint32(at) ^ y.getUint32(at)
  }
  for (; at < length; at++) difference |= (a[at] as number) ^ (b[at] as number)
  return difference === 0
}

const WORDS_FROM = 256
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Ordering of public byte strings. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Overwrites secrets. Copies that the runtime made (and every BigInt) are out of reach; see SECURITY.md. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0)
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hex of public bytes. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += HEX[byte]
  return out
}

/** Bytes of a lower- or upper-case hex string without prefix. @throws RangeError on anything else. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new RangeError('not a hex string')
  return hexToBytes(text)
}
