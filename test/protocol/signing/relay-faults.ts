import { concat, u16 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import {
  delay,
  drop,
  duplicate,
  flip,
  inject,
  OFFSETS,
  type Parcel,
  patch,
  type Rule,
  replace,
  spliceFrom,
} from '../../simulator/relay.ts'

/** The same offset in every envelope would always hit the same field of a body: spread the flips over it and the tail. */
const sampled = (share: number) => (bytes: Uint8Array) =>
  flip(Math.floor((bytes.length - 1) * share), 1 << (bytes.length % 8))(bytes)

export interface FaultSources {
  readonly signers: readonly PartyId[]
  /** This very run without faults. */
  readonly own: readonly Parcel[]
  /** Runs of other sessions between the same signers. */
  readonly others: readonly (readonly Parcel[])[]
}

/** Everything a relay can do to one message so that it does not arrive (attacks.md T-07). */
export function stoppingFaults({ signers, own, others }: FaultSources): ReadonlyMap<string, Rule['act']> {
  const third = (p: Parcel): PartyId => signers.find((id) => id !== p.from && id !== p.to) ?? 999
  const same = (p: Parcel, change: Partial<Parcel>): Parcel | undefined =>
    own.find((o) => {
      const wanted = { ...p, ...change }
      return o.round === wanted.round && o.from === wanted.from && o.to === wanted.to && o.kind === wanted.kind
    })
  const instead =
    (find: (p: Parcel) => Parcel | undefined): Rule['act'] =>
    (p) => {
      const other = find(p)
      return other === undefined ? [] : [{ ...p, bytes: other.bytes }]
    }
  return new Map<string, Rule['act']>([
    ['drop', drop],
    ...Object.entries(OFFSETS).map(([field, at]) => [`flip in ${field}`, replace(flip(at))] as const),
    ...[0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1].map((share) => [`flip at ${share} of the bytes`, replace(sampled(share))] as const),
    ['cut by one byte', replace((bytes) => bytes.slice(0, -1))],
    ['cut in half', replace((bytes) => bytes.slice(0, bytes.length >> 1))],
    ['empty', replace(() => new Uint8Array(0))],
    ['one byte longer', replace((bytes) => concat(bytes, Uint8Array.of(0)))],
    ['swap sender and receiver', replace((b) => patch(OFFSETS.sender, concat(b.slice(42, 44), b.slice(40, 42)))(b))],
    ['say it was the third', (p) => [{ ...p, bytes: patch(OFFSETS.sender, u16(third(p)))(Uint8Array.from(p.bytes)) }]],
    ['deliver to the third', (p) => [{ ...p, to: third(p) }]],
    ['the message of the round before', instead((p) => same(p, { round: p.round - 1 }))],
    ["the third's message", instead((p) => same(p, { from: third(p) }))],
    ['what the receiver sent', instead((p) => same(p, { from: p.to, to: p.from }))],
    ...others.map((sent, i) => [`splice from another session (${i})`, spliceFrom(sent)] as const),
  ])
}

/** What a relay can do without changing the outcome. */
export const harmlessFaults = ({ others }: FaultSources): ReadonlyMap<string, Rule['act']> =>
  new Map<string, Rule['act']>([
    ['duplicate', duplicate],
    ['delay', delay],
    ...Object.entries(OFFSETS).map(([field, at]) => [`damaged ${field} first`, inject(flip(at))] as const),
    ['damaged tail first', inject(sampled(1))],
    ['an old message first', (p: Parcel) => [...spliceFrom(others[0] ?? [])(p), { ...p, late: 1 }]],
  ])
