import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import type { Instance } from '../../../../src/protocol/request/instance.ts'

export const { Point } = secp256k1
export type Point = InstanceType<typeof Point>
export const Fq = Point.Fn
export const mod = (value: bigint): bigint => Fq.create(value)
export const intOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
export const scalarOf = (value: bigint): Uint8Array => Fq.toBytes(mod(value))
export const rOf = (R: Point): bigint => mod(R.toAffine().x)

/** One session as a signer is asked to take part in it: everything that production puts into ctx. */
export interface Session {
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly tickets: readonly Uint8Array[]
  readonly items: readonly Instance[]
}

/** R lists by signer, one point per item. */
export type PointLists = ReadonlyMap<PartyId, readonly Point[]>

export interface Answer {
  readonly mu: bigint
  readonly nu: bigint
}

/** An honest signer as an attacker meets it: production's own script, or the model with something taken out. */
export interface HonestSigner {
  readonly id: PartyId
  /** Round 1. @throws when it does not take part. */
  readonly open: (session: Session) => readonly Point[]
  /** Round 2 under this list. @throws Refused naming the check that stopped it. */
  readonly answer: (session: Session, lists: PointLists) => readonly Answer[]
}

/** A signer's "no", with the code of the check. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** The signer's share of the key that an item is for. */
export type ShareOf = (item: Instance) => bigint
