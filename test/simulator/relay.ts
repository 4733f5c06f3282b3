import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { PROTOCOLS, type ProtocolName } from '../../src/protocol/channel/setup.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../../src/protocol/engine/party.ts'
import type { World } from './world.ts'
import { identityOf } from './world.ts'

export type ParcelKind = 'broadcast' | 'direct' | 'assembler'

/**
 * One envelope on its way to one recipient; a broadcast is one parcel per peer, so that rules can split the view. The same rules act in
 * the simulator and, through test/network, between a real coordinator and real signers.
 */
export interface Parcel {
  /** Session id in hexadecimal digits. */
  readonly session: string
  /** Absent: a number that no protocol has. */
  readonly protocol?: ProtocolName
  readonly round: number
  readonly from: PartyId
  /** {@link ASSEMBLER} for the coordinator. */
  readonly to: PartyId
  readonly kind: ParcelKind
  readonly bytes: Uint8Array
  /** Delivered only when nothing less late is on its way; 0 unless said otherwise. */
  readonly late?: number
}

/** What the relay does with the parcels that match; the parcels it returns travel on and are not matched again. */
export interface Rule {
  readonly when: Partial<Pick<Parcel, 'session' | 'protocol' | 'round' | 'from' | 'to' | 'kind'>>
  readonly act: (parcel: Parcel) => readonly Parcel[]
}

/** The envelope as a parcel to `to`; null for bytes that are none. */
export function parcelTo(to: PartyId, bytes: Uint8Array): Parcel | null {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null) return null
  const { round, sender, receiver, sessionId } = envelope
  const protocol = (Object.keys(PROTOCOLS) as ProtocolName[]).find((name) => PROTOCOLS[name] === envelope.protocol)
  const kind = receiver === EVERYONE ? 'broadcast' : receiver === ASSEMBLER ? 'assembler' : 'direct'
  return { session: toHex(sessionId), ...(protocol && { protocol }), round, from: sender, to, kind, bytes }
}

export function parcelsOf(from: PartyId, signers: readonly PartyId[], bytes: Uint8Array): readonly Parcel[] {
  const receiver = decodeEnvelope(bytes)?.receiver
  const receivers = receiver === EVERYONE ? signers.filter((to) => to !== from) : receiver === undefined ? [] : [receiver]
  const parcels = receivers.flatMap((to) => parcelTo(to, bytes) ?? [])
  if (parcels.length === 0) throw new Error(`signer ${from} sent something that is no envelope`)
  return parcels
}

/** What names the place of a parcel in any run of its protocol. */
export const whenOf = ({ round, from, to, kind }: Parcel): Rule['when'] => ({ round, from, to, kind })
export const nameOf = (p: Parcel): string => `round ${p.round} ${p.kind} ${p.from} to ${p.to}`

export function applyRules(rules: readonly Rule[], parcel: Parcel): readonly Parcel[] {
  const keys = ['session', 'protocol', 'round', 'from', 'to', 'kind'] as const
  const rule = rules.find(({ when }) => keys.every((key) => when[key] === undefined || when[key] === parcel[key]))
  return rule === undefined ? [parcel] : rule.act(parcel)
}

// What a relay can do without any key.

export const drop: Rule['act'] = () => []
export const duplicate: Rule['act'] = (parcel) => [parcel, parcel, { ...parcel, late: 1 }]
export const delay: Rule['act'] = (parcel) => [{ ...parcel, late: 1 }]

/** Delivers the parcels that match in the order that `senders` says; other senders' come first. */
export const reorder =
  (senders: readonly PartyId[]): Rule['act'] =>
  (parcel) => [{ ...parcel, late: 1 + senders.indexOf(parcel.from) }]

/** Lets the parcels pass and keeps a list of what really travelled. */
export const record =
  (into: Parcel[], act: Rule['act'] = (parcel) => [parcel]): Rule['act'] =>
  (parcel) => {
    const travelling = act(parcel)
    into.push(...travelling)
    return travelling
  }

/** Delivers changed bytes instead of the parcel. */
export const replace =
  (change: (bytes: Uint8Array) => Uint8Array): Rule['act'] =>
  (parcel) => [{ ...parcel, bytes: change(Uint8Array.from(parcel.bytes)) }]

/** Delivers changed bytes first and the true parcel when all else has arrived. */
export const inject =
  (change: (bytes: Uint8Array) => Uint8Array): Rule['act'] =>
  (parcel) => [
    { ...parcel, bytes: change(Uint8Array.from(parcel.bytes)) },
    { ...parcel, late: 1 },
  ]

export const flip =
  (index: number, mask = 1) =>
  (bytes: Uint8Array): Uint8Array => {
    bytes[index] = (bytes[index] as number) ^ mask
    return bytes
  }

export const patch =
  (offset: number, value: Uint8Array) =>
  (bytes: Uint8Array): Uint8Array => {
    bytes.set(value, offset)
    return bytes
  }

/** Byte offsets of the header fields (protocols.md 2.5). */
export const OFFSETS = {
  magic: 0,
  suite: 4,
  protocol: 6,
  round: 7,
  session: 8,
  sender: 40,
  receiver: 42,
  prev: 44,
  kc: 76,
  length: 108,
  body: 112,
} as const

/** The parcel in the same place of another recorded session. */
export function spliceFrom(recorded: readonly Parcel[]): Rule['act'] {
  return (parcel) => {
    const { round, from, to, kind } = parcel
    const other = recorded.find((p) => p.round === round && p.from === from && p.to === to && p.kind === kind)
    return other === undefined ? [parcel] : [other]
  }
}

// What takes a malicious signer's keys.

/** Another envelope of the same sender, validly signed: only a malicious signer can make it. */
export function resign(world: World, bytes: Uint8Array, change: (envelope: Envelope) => Partial<Envelope>): Uint8Array {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null || envelope.kind !== 'full') throw new Error('only full envelopes are signed alone')
  const changed = { ...envelope, ...change(envelope) }
  const signature = world.curves.ed25519Sign(contentDigest(changed, changed.body), identityOf(world, changed.sender).signSeed)
  return encodeEnvelope({ ...changed, signature })
}

/** The recipient gets another signed version than the others. */
export const equivocate =
  (world: World, change: (envelope: Envelope) => Partial<Envelope>): Rule['act'] =>
  (parcel) => [{ ...parcel, bytes: resign(world, parcel.bytes, change) }]

/** The recipient gets both versions. */
export const showBoth =
  (world: World, change: (envelope: Envelope) => Partial<Envelope>): Rule['act'] =>
  (parcel) => [parcel, { ...parcel, bytes: resign(world, parcel.bytes, change) }]
