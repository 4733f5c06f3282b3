import { concat, equalBytes, u8, u16 } from '../../protocol/engine/bytes.ts'

/**
 * How a signer keeps a key with nothing in it twice. The public package repeats the key id, the roster and the request; the certificate repeats
 * the package and the signer's own signature: half of what a key would take otherwise. Only bytes are compared here, and unpacked they are the same
 * bytes again: what has another form than the codecs give it is kept as it is. Unpacking never throws: of a damaged row come bytes that verify
 * as nothing.
 */

/** What the codec puts before 32 bytes, before 64 bytes. */
const BIN_32 = Uint8Array.of(0xc4, 32)
const BIN_64 = Uint8Array.of(0xc4, 64)
const HASH = 34
const SIGNATURE = 66
/** Lists of up to 15; a longer one is kept as it is. */
const listOf = (length: number): Uint8Array => u8(0x90 + length)

const NOWHERE = 0xffff

/** What a package ends with. */
const ending = (rosterHash: Uint8Array, ownedRequestHash: Uint8Array): Uint8Array =>
  concat(BIN_32, rosterHash, BIN_32, ownedRequestHash)

const number = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

/** A package without its key id and, where a roster is named, without its ending. */
export interface PackedPackage {
  readonly rosterHash: Uint8Array | null
  readonly bytes: Uint8Array
}

export function packPackage(bytes: Uint8Array, keyId: Uint8Array, ownedRequestHash: Uint8Array): PackedPackage {
  const rosterHash = bytes.slice(-HASH - 32, -HASH)
  const ends = rosterHash.length === 32 && equalBytes(bytes.subarray(-2 * HASH), ending(rosterHash, ownedRequestHash))
  const body = ends ? bytes.subarray(0, -2 * HASH) : bytes
  const at = Buffer.from(body.buffer, body.byteOffset, body.length).indexOf(concat(BIN_32, keyId))
  const [place, head, tail] =
    at >= 0 && at < NOWHERE ? [at, body.subarray(0, at), body.subarray(at + HASH)] : [NOWHERE, body, new Uint8Array(0)]
  return { rosterHash: ends ? rosterHash : null, bytes: concat(u16(place), head, tail) }
}

export function unpackPackage(
  { rosterHash, bytes }: PackedPackage,
  keyId: Uint8Array,
  ownedRequestHash: () => Uint8Array,
): Uint8Array {
  const at = number(bytes, 0)
  const body = bytes.subarray(2)
  return concat(
    body.subarray(0, at),
    ...(at === NOWHERE ? [] : [BIN_32, keyId, body.subarray(at)]),
    ...(rosterHash === null ? [] : [ending(rosterHash, ownedRequestHash())]),
  )
}

const certificateOf = (publicPackage: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array =>
  concat(listOf(2), publicPackage, listOf(signatures.length), ...signatures.flatMap((signature) => [BIN_64, signature]))

/** All signatures of a certificate and which of them is this signer's; 1 byte and 64 for each. */
export function packSignatures(certificate: Uint8Array, publicPackage: Uint8Array, own: Uint8Array): Uint8Array {
  const first = 1 + publicPackage.length + 1
  const count = Math.floor((certificate.length - first) / SIGNATURE)
  if (count > 0 && count < 16) {
    const signatures = Array.from({ length: count }, (_, i) =>
      certificate.slice(first + i * SIGNATURE + 2, first + (i + 1) * SIGNATURE),
    )
    const mine = signatures.findIndex((signature) => equalBytes(signature, own))
    if (mine >= 0 && equalBytes(certificateOf(publicPackage, signatures), certificate)) return concat(u8(mine), ...signatures)
  }
  return concat(u8(AS_IT_IS), u16(own.length), own, certificate)
}

const AS_IT_IS = 0xff

export function unpackSignatures(
  packed: Uint8Array,
  publicPackage: Uint8Array,
): { readonly certificate: Uint8Array; readonly own: Uint8Array } {
  const mine = packed[0] ?? AS_IT_IS
  if (mine === AS_IT_IS) {
    const end = 3 + number(packed, 1)
    return { own: packed.slice(3, end), certificate: packed.slice(end) }
  }
  const signatures = Array.from({ length: Math.min(15, Math.floor((packed.length - 1) / 64)) }, (_, i) =>
    packed.slice(1 + i * 64, 65 + i * 64),
  )
  return { own: signatures[mine] ?? new Uint8Array(0), certificate: certificateOf(publicPackage, signatures) }
}

const DERIVED_ID = /^req_([0-9a-f]{64})$/

/** Ids that a gateway makes are 32 bytes of hex: kept as bytes. */
export const packRequestId = (id: string): string | Uint8Array => {
  const hex = DERIVED_ID.exec(id)?.[1]
  return hex === undefined ? id : new Uint8Array(Buffer.from(hex, 'hex'))
}

export const unpackRequestId = (packed: string | Uint8Array): string =>
  typeof packed === 'string' ? packed : `req_${Buffer.from(packed).toString('hex')}`
