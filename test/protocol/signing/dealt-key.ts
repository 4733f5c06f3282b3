import { SUITES } from '../../../src/protocol/channel/setup.ts'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import { instanceBytes, messageDigest } from '../../../src/protocol/request/instance.ts'
import { abscissa, evaluate, randomPolynomial } from '../../../src/protocol/sharing/polynomial.ts'
import type { PublicItem, SignerItem } from '../../../src/protocol/signing/batch.ts'
import type { Refusal } from '../../../src/protocol/signing/refusal.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'

/** A key with everything known about it, from a dealer. Exists in tests only: no program of ours ever holds `secret`. */
export interface DealtKey {
  readonly scheme: Scheme
  readonly suite: number
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
  readonly shares: ReadonlyMap<PartyId, Uint8Array>
  readonly verifyingShares: ReadonlyMap<PartyId, Uint8Array>
}

export interface Deal {
  readonly curves: Curves
  readonly scheme: Scheme
  readonly ids: readonly PartyId[]
  readonly threshold: number
  readonly seed: string
}

export function dealKey({ curves, scheme, ids, threshold, seed }: Deal): DealtKey {
  const group = groupOf(scheme, curves)
  const polynomial = randomPolynomial(group, threshold, seededRng(`${seed}/key`))
  const secret = polynomial[0] as Uint8Array
  const shares = new Map(ids.map((id) => [id, evaluate(group, polynomial, abscissa(group, id))]))
  return {
    scheme,
    suite: SUITES[scheme],
    secret,
    publicKey: group.baseMul(secret),
    shares,
    verifyingShares: new Map([...shares].map(([id, share]) => [id, group.baseMul(share)])),
  }
}

/** A public item as request intake would derive it; `name` keeps two requests for the same input apart. */
export function itemOf(key: DealtKey, input: Uint8Array, name: string): PublicItem {
  const rng = seededRng(`${name}/item`)
  const instance = instanceBytes({
    keyId: rng(32),
    epochId: rng(32),
    path: 'm',
    tweak: new Uint8Array(32),
    publicKey: key.publicKey,
    digest: messageDigest(key.scheme, input),
    requestHash: rng(32),
  })
  return { instance, input, publicKey: key.publicKey }
}

export const accepted = (key: DealtKey, id: PartyId, item: PublicItem): SignerItem => ({
  item,
  share: Uint8Array.from(key.shares.get(id) as Uint8Array),
  verifyingShares: key.verifyingShares,
})

export const refusedItem = (item: PublicItem, refusal: Refusal): SignerItem => ({ instance: item.instance, refusal })

/** 32 bytes that depend on a name, for digests and the like. */
export const bytes32 = (name: string): Uint8Array => seededRng(name)(32)

/** Names for many things of one test. */
export const numbered = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${name}/${i}`)
