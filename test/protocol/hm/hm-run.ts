import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Channel } from '../../../src/protocol/channel/channel.ts'
import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope, macInput } from '../../../src/protocol/channel/envelope.ts'
import { LightChannel, type LightChannelOptions } from '../../../src/protocol/channel/light-channel.ts'
import { type Setup, SUITES } from '../../../src/protocol/channel/setup.ts'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { EcdsaGroup } from '../../../src/protocol/curve/group.ts'
import { EVERYONE, type PartyId } from '../../../src/protocol/engine/party.ts'
import { assemble, type HmAssembly } from '../../../src/protocol/hm/assemble.ts'
import type { ContextFields } from '../../../src/protocol/hm/context.ts'
import { ANSWER, type HmParams, sign } from '../../../src/protocol/hm/sign.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import type { EcdsaScheme } from '../../../src/protocol/request/document.ts'
import { purposeOf } from '../../../src/protocol/request/instance.ts'
import type { Answered, Outcome, PublicItem, SignerItem, SigningCommit } from '../../../src/protocol/signing/batch.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { type Twin, twin } from '../../simulator/twin.ts'
import { identityOf, makeWorld, setupOf, type World } from '../../simulator/world.ts'
import { makeGenerations } from '../prss/establish-run.ts'
import { accepted, bytes32, type DealtKey, dealKey, itemOf } from '../signing/dealt-key.ts'

export const SCALAR = 32
export const ECDSA_SCHEMES: readonly EcdsaScheme[] = ['ecdsa-secp256k1', 'ecdsa-p256']

/** A signer set with its PRSS generation and a batch to sign: one dealt key and one digest per item. */
export interface HmCase {
  readonly scheme: EcdsaScheme
  readonly world: World
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly generations: ReadonlyMap<PartyId, Generation>
  readonly keys: readonly DealtKey[]
  readonly items: readonly PublicItem[]
}

export interface HmCaseOptions {
  /** secp256k1 unless said otherwise. */
  readonly scheme?: EcdsaScheme
  readonly ids?: number | readonly PartyId[]
  readonly threshold?: number
  readonly signers?: readonly PartyId[]
  readonly digests?: readonly Uint8Array[]
  readonly seed: string
  readonly curves?: Curves
}

export function makeHmCase(o: HmCaseOptions): HmCase {
  const world = makeWorld({ ids: o.ids ?? 3, seed: o.seed, ...(o.curves === undefined ? {} : { curves: o.curves }) })
  const ids = world.roster.members.map((m) => m.id)
  const threshold = o.threshold ?? 2
  const scheme = o.scheme ?? 'ecdsa-secp256k1'
  const signers = o.signers ?? ids
  const digests = o.digests ?? [bytes32(`${o.seed}/digest`)]
  const keys = digests.map((_, b) => dealKey({ curves: world.curves, scheme, ids, threshold, seed: `${o.seed}/${b}` }))
  return {
    scheme,
    world,
    threshold,
    signers,
    keys,
    generations: makeGenerations(world, threshold, signers),
    items: digests.map((digest, b) => itemOf(keys[b] as DealtKey, digest, `${o.seed}/${b}`)),
  }
}

/** The group that the keys of a case live in. */
export const groupOf = ({ scheme, world }: HmCase): EcdsaGroup =>
  scheme === 'ecdsa-p256' ? world.curves.p256 : world.curves.secp256k1

export interface HmOptions {
  /** Names the session: another name, another session id and other tickets. */
  readonly name?: string
  /** Order of delivery and whatever else is random, apart from the session's identity. */
  readonly seed?: string
  readonly rules?: readonly Rule[]
  readonly malicious?: ReadonlyMap<PartyId, Twin<SigningCommit>>
  readonly params?: (id: PartyId) => Partial<HmParams>
  readonly curvesFor?: (id: PartyId) => Curves
  readonly channel?: (options: LightChannelOptions) => Channel
}

export type HmRun = Run<Answered, SigningCommit>

export const ticketsOf = (c: HmCase, name: string): readonly Uint8Array[] =>
  c.signers.map((id) => seededRng(`${c.world.seed}/${name}/ticket/${id}`)(16))

export const hmSetup = (c: HmCase, name = 'session'): Setup =>
  setupOf(c.world, {
    protocol: 'hm',
    suite: c.scheme,
    threshold: c.threshold,
    signers: c.signers,
    name,
    purpose: purposeOf(c.items.map((i) => i.instance)),
  })

export const signerItems = (c: HmCase, id: PartyId): readonly SignerItem[] =>
  c.items.map((item, b) => accepted(c.keys[b] as DealtKey, id, item))

export function hmPlan(c: HmCase, o: HmOptions = {}): Plan<Answered, SigningCommit> {
  const name = o.name ?? 'session'
  const generation = (id: PartyId): Generation => c.generations.get(id) as Generation
  return {
    world: c.world,
    setup: hmSetup(c, name),
    seed: o.seed ?? name,
    rules: o.rules ?? [],
    ownCopyFault: 'HM_R_OWN',
    channelFor: (full) => {
      const id = full.identity.id
      const macKeys = new Map([...generation(id).pairs].map(([peer, key]) => [peer, key.mac]))
      const options = { ...full, curves: o.curvesFor?.(id) ?? full.curves, macKeys }
      return o.channel?.(options) ?? new LightChannel(options)
    },
    scriptFor: (env) => {
      const { self } = env
      const params: HmParams = {
        suite: SUITES[c.scheme],
        generation: generation(self),
        tickets: ticketsOf(c, name),
        items: signerItems(c, self),
        ...o.params?.(self),
      }
      const script = sign({ ...env, curves: o.curvesFor?.(self) ?? env.curves }, params)
      const hooks = o.malicious?.get(self)
      return hooks === undefined ? script : twin(script, hooks)
    },
  }
}

export const runHm = (c: HmCase, o: HmOptions = {}): HmRun => runSession(hmPlan(c, o))

/** ctx as the signers of a run computed it. */
export const contextFields = (c: HmCase, run: Pick<HmRun, 'sessionId'>, name = 'session'): ContextFields => ({
  sessionId: run.sessionId,
  suite: SUITES[c.scheme],
  threshold: c.threshold,
  signers: c.signers,
  kids: (c.generations.get(c.signers[0] as PartyId) as Generation).kids,
  tickets: ticketsOf(c, name),
  instances: c.items.map((i) => i.instance),
})

const bodyIn = (bytes: Uint8Array): Uint8Array => (decodeEnvelope(bytes) as Envelope).body

/** Each signer's round-1 body as it left the signer. */
export const openingsOf = (run: HmRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map(run.sent.filter((p) => p.kind === 'broadcast' && p.round === 1).map((p) => [p.from, bodyIn(p.bytes)]))

/** Each signer's round-2 body as it reached the coordinator. */
export const answersOf = (run: HmRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map([...run.assembler].map(([id, envelopes]) => [id, bodyIn(envelopes[0] as Uint8Array)]))

export const assemblyOf = (c: HmCase, run: HmRun, name = 'session'): HmAssembly => ({
  ...contextFields(c, run, name),
  items: c.items,
  openings: openingsOf(run),
  answers: answersOf(run),
  curves: c.world.curves,
})

export const assembleRun = (c: HmCase, run: HmRun, name = 'session'): readonly Outcome[] => assemble(assemblyOf(c, run, name))

/** The scalars inside an answer: mu and nu of the k-th present item. */
export function sharesIn(answer: Uint8Array, k = 0): readonly [Uint8Array, Uint8Array] {
  const { shares } = ANSWER.decode(answer)
  return [shares.slice(2 * SCALAR * k, 2 * SCALAR * k + SCALAR), shares.slice(2 * SCALAR * k + SCALAR, 2 * SCALAR * (k + 1))]
}

/** A malicious signer's own envelope, with its own MACs (and, unless told, its own signature) over the changed content. */
export function remac(c: HmCase, bytes: Uint8Array, change: Partial<Envelope>, signed = true): Uint8Array {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null || envelope.kind !== 'light') throw new Error('only light envelopes carry MACs')
  const changed = { ...envelope, ...change }
  const digest = contentDigest(changed, changed.body)
  const { sender, receiver } = changed
  const signature = signed ? c.world.curves.ed25519Sign(digest, identityOf(c.world, sender).signSeed) : envelope.signature
  const keys = receiver === EVERYONE ? (c.generations.get(sender) as Generation).pairs : new Map()
  const macs = new Map([...keys].map(([peer, key]) => [peer, hmac(sha256, key.mac, macInput({ signature }, digest))]))
  return encodeEnvelope({ ...changed, signature, macs })
}
