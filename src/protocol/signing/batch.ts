import type { Curves } from '../curve/curves.ts'
import { concat } from '../engine/bytes.ts'
import { bytes, type Codec, message } from '../engine/codec.ts'
import { blame, type FaultCode } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
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
  /** The key the signature must verify under: 33 bytes (secp256k1, P-256) or 32 bytes (Ed25519). */
  readonly publicKey: Uint8Array
}

/** An item that this signer takes part in. */
export interface AcceptedItem {
  readonly item: PublicItem
  /** s_i of the item's key, a scalar. */
  readonly share: Uint8Array
  /** X_j of every party of the key, from its certificate: what a peer's key share is held against. */
  readonly verifyingShares: ReadonlyMap<PartyId, Uint8Array>
}

/** One signer's own view of an item: it takes part with its key share, or it refuses. */
export type SignerItem = AcceptedItem | { readonly instance: Uint8Array; readonly refusal: Refusal }

export type Outcome =
  | { readonly type: 'signed'; readonly signature: Uint8Array; readonly recovery?: number }
  | { readonly type: 'refused'; readonly by: ReadonlyMap<PartyId, Refusal> }
  | { readonly type: 'failed'; readonly code: FaultCode; readonly culprits: readonly PartyId[] }

/** One signer's first message as others read it: per item its points or the reason for having none; the other one is null. */
export interface Opening<T> {
  readonly points: readonly (T | null)[]
  readonly refusals: readonly (Refusal | null)[]
}

/** A status byte per item: 0 for taking part, else the number of the refusal. */
export const statusOf = (items: readonly SignerItem[]): Uint8Array =>
  Uint8Array.from(items, (i) => ('refusal' in i ? REFUSALS[i.refusal] : 0))

/** @throws RangeError for another number of items and for refusals that no version of ours sends. */
export function readStatus(status: Uint8Array, count: number): readonly (Refusal | null)[] {
  if (status.length !== count) throw new RangeError('another number of items')
  return Array.from(status, (s) => (s === 0 ? null : refusalOf(s)))
}

/** The wire form of openings: a status byte per item (0 or a refusal), then the points of the items with status 0, in order. */
export interface OpeningFormat<T> {
  readonly body: Codec<{ readonly status: Uint8Array; readonly points: Uint8Array }>
  readonly encode: (items: readonly SignerItem[], points: readonly Uint8Array[]) => Uint8Array
  /** @throws Fault naming the sender for anything but exact lengths, known refusals and valid points: the bytes are its own. */
  readonly read: (input: Uint8Array, from: PartyId, count: number) => Opening<T>
}

/**
 * @param pointBytes bytes per accepted item.
 * @param parse one item's bytes to points; throws on invalid ones.
 * @param code of the fault.
 */
export function openingFormat<T>(pointBytes: number, parse: (bytes: Uint8Array) => T, code: FaultCode): OpeningFormat<T> {
  const body = message(
    { status: bytes({ max: MAX_BATCH }), points: bytes({ max: MAX_BATCH * pointBytes }) },
    MAX_BATCH * (pointBytes + 1) + 16,
  )
  return {
    body,
    encode: (items, points) => body.encode({ status: statusOf(items), points: concat(...points) }),
    read: (input, from, count) =>
      blame(from, code, () => {
        const { status, points } = body.decode(input)
        const refusals = readStatus(status, count)
        const accepted = refusals.flatMap((refusal, b) => (refusal === null ? [b] : []))
        if (points.length !== accepted.length * pointBytes) throw new RangeError('another number of points')
        const parsed = new Map(accepted.map((b, k) => [b, parse(points.slice(k * pointBytes, (k + 1) * pointBytes))]))
        return { points: refusals.map((_, b) => parsed.get(b) ?? null), refusals }
      }),
  }
}

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

/** Who refused an item that is not present, and why. */
export const refusedBy = (openings: ReadonlyMap<PartyId, Opening<unknown>>, b: number): Outcome => ({
  type: 'refused',
  by: new Map([...openings].flatMap(([id, { refusals }]) => (refusals[b] == null ? [] : [[id, refusals[b]] as const]))),
})

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

/** A body of `from`. Its absence is the host's mistake (a silent signer never gets this far), so it must not read as malformed. */
export function bodyOf(bodies: ReadonlyMap<PartyId, Uint8Array>, from: PartyId): Uint8Array {
  const body = bodies.get(from)
  if (body === undefined) throw new Error(`no message of ${from} to assemble`)
  return body
}

/** A signing script's result: which items it answered for. Its own shares went to the assembler and nowhere else. */
export interface Answered {
  readonly present: readonly number[]
}

/** What the host stores durably before the answer leaves: the request ids of these items are used from now on. */
export type SigningCommit = { readonly type: 'answer'; readonly present: readonly number[] }

export type SigningScript = Protocol<Answered, SigningCommit>
