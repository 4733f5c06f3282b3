import { bytes, type Codec, message } from '../engine/codec.ts'
import { Fault, type FaultCode } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import type { Curves } from '../curve/curves.ts'
import type { Protocol } from '../engine/round.ts'
import { REFUSALS, type Refusal, refusalOf } from './refusal.ts'

/** Most items of one session; checked before anything is allocated. */
export const MAX_BATCH = 256

/** What everybody, the assembler included, knows of one item of a batch. */
export interface PublicItem {
  /** The canonical bytes of request/instance.ts, which every signer derived from the signed request. */
  readonly instance: Uint8Array
  /** ECDSA, BIP-340: the 32-byte digest. Ed25519: the whole message. */
  readonly input: Uint8Array
  /** The key the signature must verify under: 33 bytes (secp256k1) or 32 bytes (Ed25519). */
  readonly publicKey: Uint8Array
}

/** One signer's own view of an item: it takes part with its key share, or it refuses. */
export type SignerItem =
  | { readonly item: PublicItem; readonly share: Uint8Array }
  | { readonly instance: Uint8Array; readonly refusal: Refusal }

export type Outcome =
  | { readonly type: 'signed'; readonly signature: Uint8Array; readonly recovery?: number }
  | { readonly type: 'refused'; readonly by: ReadonlyMap<PartyId, Refusal> }
  | { readonly type: 'failed'; readonly code: FaultCode; readonly culprits: readonly PartyId[] }

/** One signer's first message: per item a status (0 or a refusal), then the points of the items with status 0, in order. */
export interface Opening {
  readonly status: Uint8Array
  readonly points: Uint8Array
}

/** `pointBytes`: bytes per accepted item. */
export const openingCodec = (pointBytes: number): Codec<Opening> =>
  message({ status: bytes({ max: MAX_BATCH }), points: bytes({ max: MAX_BATCH * pointBytes }) }, MAX_BATCH * (pointBytes + 1) + 16)

/**
 * Parses one opening: exact lengths, known status numbers.
 * @returns per item the point bytes, or null where the sender refused.
 * @throws Fault with the given code, naming the sender: the bytes are its own, authenticated ones.
 */
export function readOpening(
  opening: Codec<Opening>,
  input: Uint8Array,
  from: PartyId,
  count: number,
  pointBytes: number,
  code: FaultCode,
): { readonly points: readonly (Uint8Array | null)[]; readonly refusals: readonly (Refusal | null)[] } {
  const malformed = (why: string): never => {
    throw new Fault(code, [from], why)
  }
  let value: Opening
  try {
    value = opening.decode(input)
  } catch (error) {
    return malformed(error instanceof Error ? error.message : 'undecodable')
  }
  if (value.status.length !== count) malformed('another number of items')
  const refusals = [...value.status].map((s) => (s === 0 ? null : (refusalOf(s) ?? malformed('unknown refusal'))))
  const accepted = refusals.filter((r) => r === null).length
  if (value.points.length !== accepted * pointBytes) malformed('another number of points')
  let at = 0
  const points = refusals.map((r) => (r === null ? value.points.slice(at, (at += pointBytes)) : null))
  return { points, refusals }
}

export const statusOf = (items: readonly SignerItem[]): Uint8Array =>
  Uint8Array.from(items, (i) => ('refusal' in i ? REFUSALS[i.refusal] : 0))

export const instanceOf = (i: SignerItem): Uint8Array => ('refusal' in i ? i.instance : i.item.instance)

/** Indexes of the items for which every signer sent its points: the only ones round 2 covers (decisions.md 13). */
export function presentItems<T>(openings: ReadonlyMap<PartyId, readonly (T | null)[]>, count: number): readonly number[] {
  const all = [...openings.values()]
  return Array.from({ length: count }, (_, b) => b).filter((b) => all.every((o) => o[b] !== null))
}

/** One bit per item, bit b of byte b >> 3: how the set of present items enters hashes. */
export function bitmap(present: readonly number[], count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8))
  for (const b of present) bits[b >> 3] = (bits[b >> 3] as number) | (1 << (b & 7))
  return bits
}

/** What the assembler gets: each signer's authenticated bodies of round 1 and round 2. */
export interface Assembly {
  readonly sessionId: Uint8Array
  readonly signers: readonly PartyId[]
  readonly threshold: number
  readonly items: readonly PublicItem[]
  readonly openings: ReadonlyMap<PartyId, Uint8Array>
  readonly answers: ReadonlyMap<PartyId, Uint8Array>
  readonly curves: Curves
}

/** A signing script's result: which items it answered for. Its own shares went to the assembler and nowhere else. */
export interface Answered {
  readonly present: readonly number[]
}

/** What the host stores durably before the answer leaves: the request ids of these items are used from now on. */
export type SigningCommit = { readonly type: 'answer'; readonly present: readonly number[] }

export type SigningScript = Protocol<Answered, SigningCommit>
