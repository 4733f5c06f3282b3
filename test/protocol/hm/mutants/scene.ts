import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import type { Generation } from '../../../../src/protocol/prss/generation.ts'
import type { Instance } from '../../../../src/protocol/request/instance.ts'
import { makeWorld, type World } from '../../../simulator/world.ts'
import { makeGenerations } from '../../prss/establish-run.ts'
import { bytes32, type DealtKey, dealKey } from '../../signing/dealt-key.ts'
import { type Loot, nothing } from './loot.ts'
import { lineAtZero, type Missing, type ModelSigner, modelSigner } from './model.ts'
import { productionSigner, ticketed } from './production.ts'
import {
  type Answer,
  Fq,
  type HonestSigner,
  intOf,
  mod,
  Point,
  type PointLists,
  Refused,
  type Session,
  scalarOf,
} from './session.ts'

/** A key as the attacker wants it, and one epoch of its shares. */
export interface Target {
  readonly dealt: DealtKey
  readonly keyId: Uint8Array
  readonly epochId: Uint8Array
  readonly shareOf: (id: PartyId) => bigint
}

export interface SceneOptions {
  /** null: production's script. */
  readonly missing: Missing | null
  readonly tickets: boolean
  readonly corrupt?: PartyId
  /** The first one unless another is named. */
  readonly generation?: string
  /** One open session answers as often as it is asked. */
  readonly answersTwice?: boolean
  /** Round 2 needs no session of its own round 1. */
  readonly recomputes?: boolean
  /** The first honest signer's second answer is computed with one bit of the digest flipped. */
  readonly fault?: boolean
  /** Signers open their masks after a session, as a blame phase might ask them to (N1). */
  readonly opensMasks?: boolean
  /** Signers play H3 (1.5): with opened w, a third round. */
  readonly threeRounds?: boolean
}

const world: World = makeWorld({ ids: 3, seed: 'mutants' })
const signers: readonly PartyId[] = [1, 2, 3]
const generationsBy = new Map(['first', 'second'].map((name) => [name, makeGenerations(world, 2, signers, name)]))
const deal = (seed: string): DealtKey =>
  dealKey({ curves: world.curves, scheme: 'ecdsa-secp256k1', ids: signers, threshold: 2, seed: `mutants/${seed}` })

const target = (dealt: DealtKey, name: string, epoch: string, slope = 0n): Target => ({
  dealt,
  keyId: bytes32(`${name}/key`),
  epochId: bytes32(`${name}/${epoch}`),
  shareOf: (id) => mod(intOf(dealt.shares.get(id) as Uint8Array) + slope * BigInt(id)),
})

const A = deal('A')
/** A key, the same key after a refresh (another line through the same secret), and a second key. */
export const KEYS = {
  a: target(A, 'a', 'epoch 1'),
  aRefreshed: target(A, 'a', 'epoch 2', intOf(bytes32('refresh')) % Fq.ORDER),
  b: target(deal('B'), 'b', 'epoch 1'),
} as const

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const holder = (item: Instance): Target => {
  const found = Object.values(KEYS).find((k) => hex(k.keyId) === hex(item.keyId) && hex(k.epochId) === hex(item.epochId))
  if (found === undefined) throw new Error('no such key and epoch')
  return found
}

export interface Scene {
  readonly signers: readonly PartyId[]
  readonly corrupt: PartyId
  readonly honest: readonly HonestSigner[]
  /** The corrupt signer with all it knows. It also behaves, if it wants to, and has no objections. */
  readonly insider: ModelSigner
  /** What honest signers of some mutants do beyond H2; empty for production. */
  readonly extras: ReadonlyMap<PartyId, Pick<ModelSigner, 'openMasks' | 'third'>>
  readonly session: (items: readonly Instance[], tickets?: string) => Session
  readonly item: (key: Target, digest: bigint, tweak?: bigint) => Instance
}

/** Runs `flip` on the digest while the second answer is computed. */
function faulty(make: (fault: (z: bigint) => bigint) => HonestSigner): HonestSigner {
  let answers = 0
  let broken = false
  const signer = make((z) => (broken ? z ^ (1n << 77n) : z))
  return {
    id: signer.id,
    open: signer.open,
    answer: (session, lists) => {
      broken = ++answers === 2
      return signer.answer(session, lists)
    },
  }
}

/** Every session of a scene has one session id: whatever a mutant leaves out of ctx leaves nothing behind in it. */
export function makeScene(o: SceneOptions): Scene {
  const corrupt = o.corrupt ?? 3
  const missing = o.missing ?? {}
  const generations = generationsBy.get(o.generation ?? 'first') as ReadonlyMap<PartyId, Generation>
  const options = (id: PartyId) => ({
    id,
    generation: generations.get(id) as Generation,
    shareOf: (item: Instance) => holder(item).shareOf(id),
    missing,
  })
  const make = (id: PartyId) => (fault: (z: bigint) => bigint) =>
    o.missing === null ? productionSigner({ world, ...options(id), fault }) : modelSigner({ ...options(id), fault })
  const ids = signers.filter((id) => id !== corrupt)
  const honest = ids
    .map((id) => (o.fault && id === ids[0] ? faulty(make(id)) : make(id)((z) => z)))
    .map((signer) => (o.tickets ? ticketed(signer, o) : signer))
  const willing = o.missing === null || !(o.opensMasks || o.threeRounds) ? [] : ids
  return {
    signers,
    corrupt,
    honest,
    insider: modelSigner({ ...options(corrupt), missing: { ...missing, checks: ['C1', 'C2', 'C3', 'C4'] } }),
    extras: new Map(willing.map((id) => [id, modelSigner(options(id))])),
    session: (items, tickets = 'first') => ({
      sessionId: bytes32('session'),
      suite: 1,
      threshold: 2,
      signers,
      tickets: signers.map((id) => bytes32(`${tickets} ticket ${id}`).slice(0, 16)),
      items,
    }),
    item: (key, digest, tweak = 0n) => ({
      keyId: key.keyId,
      epochId: key.epochId,
      path: 'm',
      tweak: scalarOf(tweak),
      publicKey: Point.fromBytes(key.dealt.publicKey)
        .add(tweak === 0n ? Point.ZERO : Point.BASE.multiply(mod(tweak)))
        .toBytes(true),
      digest: scalarOf(digest),
      requestHash: bytes32(`request for ${digest} ${tweak}`),
    }),
  }
}

/** One session that everybody, the corrupt signer too, takes part in; `sessions` may differ from signer to signer. */
export function runAll(
  scene: Scene,
  sessionOf: (id: PartyId) => Session,
): { readonly lists: PointLists; readonly answers: ReadonlyMap<PartyId, readonly Answer[]> } {
  const all: readonly HonestSigner[] = [...scene.honest, scene.insider]
  const lists: PointLists = new Map(all.map((s) => [s.id, s.open(sessionOf(s.id))]))
  return { lists, answers: new Map(all.map((s) => [s.id, s.answer(sessionOf(s.id), lists)])) }
}

export function totals(answers: ReadonlyMap<PartyId, readonly Answer[]>, b = 0): Answer & { readonly s: bigint } {
  const sum = (part: 'mu' | 'nu'): bigint => mod([...answers.values()].reduce((t, a) => t + (a[b] as Answer)[part], 0n))
  const [mu, nu] = [sum('mu'), sum('nu')]
  return { mu, nu, s: mu === 0n ? 0n : mod(nu * Fq.inv(mu)) }
}

/** R from two signers' points: what the corrupt signer knows as soon as one honest signer has opened. */
export function nonceOf(lists: PointLists, b = 0): Point {
  const [[i, Pi], [j, Pj]] = [...lists].map(([id, points]) => [id, points[b] as Point]) as [[PartyId, Point], [PartyId, Point]]
  return lineAtZero(i, Pi, j, Pj)
}

/** Runs an attack; a signer that refuses stops it. */
export function attempt(attack: (scene: Scene) => Loot, scene: Scene): Loot {
  try {
    return attack(scene)
  } catch (error) {
    if (error instanceof Refused) return nothing(error.message)
    throw error
  }
}

/** Digests that users did ask for, and one that nobody did. */
const digestOf = (name: string): bigint => mod(intOf(bytes32(name)))
export const APPROVED = digestOf('approved')
export const APPROVED_TOO = digestOf('approved too')
export const FORGED = digestOf('never approved')
export const tweakOf = (n: number): bigint => digestOf(`tweak ${n}`)

export type Attack = (scene: Scene) => Loot

export const everybody =
  (session: Session) =>
  (_id: PartyId): Session =>
    session
export const answerBy = (answers: ReadonlyMap<PartyId, readonly Answer[]>, id: PartyId): Answer =>
  (answers.get(id) as readonly [Answer])[0]
export const insiderNonce = (scene: Scene, session: Session) => scene.insider.nonces(session)[0] as { k: bigint; a: bigint }
