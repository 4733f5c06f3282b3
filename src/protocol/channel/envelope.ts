import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes, u8, u16, u32 } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { type Sha256, taggedHash } from '../engine/transcript.ts'

/** Longest body of any message (DKLs23's second, 2.7 MB in the largest batch); checked before a length field is believed. */
export const MAX_BODY = 3 << 20

const MAGIC = { full: concat(u8(0x51), u8(0x52), u8(0x54), u8(0x31)), light: concat(u8(0x51), u8(0x52), u8(0x4c), u8(0x31)) }
const ZERO32 = new Uint8Array(32)
const HEADER = 4 + 2 + 1 + 1 + 32 + 2 + 2 + 32 + 32 + 4
const SIGNATURE = 64
const MAC = 32
const MAX_MACS = 16

/** The fields of protocols.md 2.5. `light` envelopes (hm only) leave `prev` and `kc` zero and end with one MAC per receiver. */
export interface Envelope {
  readonly kind: 'full' | 'light'
  readonly suite: number
  readonly protocol: number
  readonly round: number
  readonly sessionId: Uint8Array
  readonly sender: PartyId
  readonly receiver: number
  /** The sender's transcript hash after the previous round; zero in round 1. */
  readonly prev: Uint8Array
  /** Key commitment of a direct message, else zero. */
  readonly keyCommitment: Uint8Array
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly macs: ReadonlyMap<PartyId, Uint8Array>
}

export type Header = Omit<Envelope, 'body' | 'signature' | 'macs'>

export function headerBytes(h: Header, bodyLength: number): Uint8Array {
  return concat(
    MAGIC[h.kind],
    u16(h.suite),
    u8(h.protocol),
    u8(h.round),
    h.sessionId,
    u16(h.sender),
    u16(h.receiver),
    h.prev,
    h.keyCommitment,
    u32(bodyLength),
  )
}

/** What the sender signs, and what names an envelope in transcripts and equivocation checks. Leaves out the signature,
 * so that a second valid signature over the same content is not another message.
 * @param hash a back end's SHA-256: bodies of DKLs23 have hundreds of kilobytes. */
export const contentDigest = (h: Header, body: Uint8Array, hash: Sha256 = sha256): Uint8Array =>
  taggedHash(hash, TAGS.envelope, headerBytes(h, body.length), body)

/** What a light MAC covers: header, body and the lazily verified signature (decisions.md 17). */
export const macInput = (e: Pick<Envelope, 'signature'>, digest: Uint8Array): Uint8Array => concat(digest, e.signature)

export function encodeEnvelope(e: Envelope): Uint8Array {
  const macs = e.kind === 'light' ? [u8(e.macs.size), ...[...e.macs].map(([id, mac]) => concat(u16(id), mac))] : []
  return concat(headerBytes(e, e.body.length), e.body, e.signature, ...macs)
}

/** Parses an envelope; null for anything that is not exactly one. Copies every field out of the input. */
export function decodeEnvelope(input: Uint8Array): Envelope | null {
  if (input.length < HEADER + SIGNATURE || input.length > HEADER + MAX_BODY + SIGNATURE + 1 + MAX_MACS * (2 + MAC)) return null
  // A plain array on the same memory: the slice of a Node Buffer is a view, and its memory is the socket's.
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  const kind = (['full', 'light'] as const).find((k) => equalBytes(MAGIC[k], bytes.subarray(0, MAGIC[k].length)))
  if (kind === undefined) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const bodyLength = view.getUint32(HEADER - 4)
  if (bodyLength > MAX_BODY || bytes.length < HEADER + bodyLength + SIGNATURE) return null
  const end = HEADER + bodyLength + SIGNATURE
  const macs = new Map<PartyId, Uint8Array>()
  if (kind === 'light') {
    const count = bytes[end]
    if (count === undefined || count > MAX_MACS || bytes.length !== end + 1 + count * (2 + MAC)) return null
    let last = 0
    for (let at = end + 1; at < bytes.length; at += 2 + MAC) {
      const id = view.getUint16(at)
      if (id <= last) return null
      last = id
      macs.set(id, bytes.slice(at + 2, at + 2 + MAC))
    }
  } else if (bytes.length !== end) return null
  return {
    kind,
    suite: view.getUint16(4),
    protocol: view.getUint8(6),
    round: view.getUint8(7),
    sessionId: bytes.slice(8, 40),
    sender: view.getUint16(40),
    receiver: view.getUint16(42),
    prev: bytes.slice(44, 76),
    keyCommitment: bytes.slice(76, 108),
    body: bytes.slice(HEADER, HEADER + bodyLength),
    signature: bytes.slice(HEADER + bodyLength, end),
    macs,
  }
}

export const noBytes32 = (): Uint8Array => Uint8Array.from(ZERO32)
