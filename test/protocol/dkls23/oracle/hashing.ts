import { createHash, createHmac } from 'node:crypto'

/** Every hash of the protocol, on OpenSSL and written from the text of protocols.md 1.2: nothing here is shared with `src/protocol`. */

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** Big-endian, `width` bytes. */
export const integer = (value: bigint | number, width: number): Uint8Array => {
  const hex = BigInt(value)
    .toString(16)
    .padStart(2 * width, '0')
  if (hex.length !== 2 * width) throw new RangeError(`${value} does not fit into ${width} bytes`)
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

export const toInteger = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)

export const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))

/** `u32 count || u16...` */
export const ids = (list: readonly number[]): Uint8Array => join(integer(list.length, 4), ...list.map((id) => integer(id, 2)))

const lp = (part: Uint8Array): Uint8Array => join(integer(part.length, 4), part)

export const tagBytes = (name: string): Uint8Array => Uint8Array.from(Buffer.from(`quorate/v1/${name}`, 'ascii'))

/** `SHA-256(lp(tag) || lp(p1) || .. || lp(pm))`. */
export const TH = (name: string, ...parts: readonly Uint8Array[]): Uint8Array => sha256(lp(tagBytes(name)), ...parts.map(lp))

/** HKDF-Expand of RFC 5869 2.3 with an empty info; the key is the tagged hash. */
export function XOF(length: number, name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const key = TH(name, ...parts)
  let block: Uint8Array = new Uint8Array(0)
  let out: Uint8Array = new Uint8Array(0)
  for (let i = 1; out.length < length; i++) {
    block = new Uint8Array(createHmac('sha256', key).update(block).update(integer(i, 1)).digest())
    out = join(out, block)
  }
  return out.slice(0, length)
}

export const HQ = (order: bigint, name: string, ...parts: readonly Uint8Array[]): bigint =>
  toInteger(XOF(48, name, ...parts)) % order

/** `SHA-256(key || u32 0) || SHA-256(key || u32 1) || ..`, the first `length` bytes. */
export function STREAM(key: Uint8Array, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(key, integer(i, 4)))
  return join(...blocks).slice(0, length)
}

export const plainSha256 = sha256
