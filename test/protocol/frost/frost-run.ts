import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import { FullChannel } from '../../../src/protocol/channel/full-channel.ts'
import type { Setup } from '../../../src/protocol/channel/setup.ts'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { assemble, type FrostAssembly } from '../../../src/protocol/frost/assemble.ts'
import { type FrostParams, openingOf, sign } from '../../../src/protocol/frost/sign.ts'
import { type Commitment, type Context, context } from '../../../src/protocol/frost/signature-share.ts'
import { FROST_BIP340, FROST_ED25519, type FrostSuite } from '../../../src/protocol/frost/suite.ts'
import { purposeOf } from '../../../src/protocol/request/instance.ts'
import type { Answered, Outcome, PublicItem, SignerItem, SigningCommit } from '../../../src/protocol/signing/batch.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { type Twin, twin } from '../../simulator/twin.ts'
import { makeWorld, setupOf, type World } from '../../simulator/world.ts'
import { accepted, bytes32, type DealtKey, dealKey, itemOf } from '../signing/dealt-key.ts'

export type FrostScheme = 'schnorr-secp256k1' | 'eddsa-ed25519'
export const FROST_SCHEMES: readonly FrostScheme[] = ['eddsa-ed25519', 'schnorr-secp256k1']
export const suiteOf = (scheme: FrostScheme): FrostSuite => (scheme === 'eddsa-ed25519' ? FROST_ED25519 : FROST_BIP340)

/** Exactly t signers and a batch to sign: one dealt key and one message per item. */
export interface FrostCase {
  readonly world: World
  readonly scheme: FrostScheme
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly keys: readonly DealtKey[]
  readonly items: readonly PublicItem[]
}

export interface FrostCaseOptions {
  readonly scheme: FrostScheme
  readonly ids?: number | readonly PartyId[]
  readonly threshold?: number
  readonly signers?: readonly PartyId[]
  readonly inputs?: readonly Uint8Array[]
  readonly seed: string
  readonly curves?: Curves
  /** Dealer seeds by item, in place of the ones derived from `seed`. */
  readonly keySeeds?: readonly string[]
}

export function makeFrostCase(o: FrostCaseOptions): FrostCase {
  const world = makeWorld({ ids: o.ids ?? 3, seed: o.seed, ...(o.curves === undefined ? {} : { curves: o.curves }) })
  const ids = world.roster.members.map((m) => m.id)
  const threshold = o.threshold ?? 2
  const inputs = o.inputs ?? [bytes32(`${o.seed}/message`)]
  const keys = inputs.map((_, b) =>
    dealKey({ curves: world.curves, scheme: o.scheme, ids, threshold, seed: o.keySeeds?.[b] ?? `${o.seed}/${b}` }),
  )
  return {
    world,
    scheme: o.scheme,
    threshold,
    signers: o.signers ?? ids.slice(0, threshold),
    keys,
    items: inputs.map((input, b) => itemOf(keys[b] as DealtKey, input, `${o.seed}/${b}`)),
  }
}

export interface FrostOptions {
  readonly name?: string
  readonly seed?: string
  readonly rules?: readonly Rule[]
  readonly malicious?: ReadonlyMap<PartyId, Twin<SigningCommit>>
  readonly params?: (id: PartyId) => Partial<FrostParams>
  readonly env?: (env: Env) => Env
  readonly rngFor?: (id: PartyId) => Rng
}

export type FrostRun = Run<Answered, SigningCommit>

export const frostItems = (c: FrostCase, id: PartyId): readonly SignerItem[] =>
  c.items.map((item, b) => accepted(c.keys[b] as DealtKey, id, item))

export const frostSetup = (c: FrostCase, name = 'session'): Setup =>
  setupOf(c.world, {
    protocol: 'frost',
    suite: c.scheme,
    threshold: c.threshold,
    signers: c.signers,
    name,
    purpose: purposeOf(c.items.map((i) => i.instance)),
  })

export function frostPlan(c: FrostCase, o: FrostOptions = {}): Plan<Answered, SigningCommit> {
  const name = o.name ?? 'session'
  return {
    world: c.world,
    setup: frostSetup(c, name),
    seed: o.seed ?? name,
    rules: o.rules ?? [],
    channelFor: (options) => new FullChannel({ ...options, signedOnly: true }),
    scriptFor: (env) => {
      const { self } = env
      const suiteNumber = c.scheme === 'eddsa-ed25519' ? 4 : 3
      const params: FrostParams = { suite: suiteOf(c.scheme), suiteNumber, items: frostItems(c, self), ...o.params?.(self) }
      const own = o.rngFor === undefined ? env : { ...env, rng: o.rngFor(self) }
      const script = sign(o.env?.(own) ?? own, params)
      const hooks = o.malicious?.get(self)
      return hooks === undefined ? script : twin(script, hooks)
    },
  }
}

export const runFrost = (c: FrostCase, o: FrostOptions = {}): FrostRun => runSession(frostPlan(c, o))

const bodyIn = (bytes: Uint8Array): Uint8Array => (decodeEnvelope(bytes) as Envelope).body

export const openingsOf = (run: FrostRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map(run.sent.filter((p) => p.kind === 'broadcast' && p.round === 1).map((p) => [p.from, bodyIn(p.bytes)]))

export const answersOf = (run: FrostRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map([...run.assembler].map(([id, envelopes]) => [id, bodyIn(envelopes[0] as Uint8Array)]))

export const assemblyOf = (c: FrostCase, run: FrostRun): FrostAssembly => ({
  sessionId: run.sessionId,
  signers: c.signers,
  threshold: c.threshold,
  items: c.items,
  openings: openingsOf(run),
  answers: answersOf(run),
  curves: c.world.curves,
  suite: suiteOf(c.scheme),
  suiteNumber: c.scheme === 'eddsa-ed25519' ? 4 : 3,
  verifyingShares: c.keys.map((key) => key.verifyingShares),
})

export const assembleRun = (c: FrostCase, run: FrostRun): readonly Outcome[] => assemble(assemblyOf(c, run))

/** The public context of each item of an honest run without refusals. */
export function contextsOf(c: FrostCase, run: FrostRun): readonly Context[] {
  const suite = suiteOf(c.scheme)
  const group = suite.group(c.world.curves)
  const lists = new Map([...openingsOf(run)].map(([id, body]) => [id, openingOf(group).read(body, id, c.items.length).points]))
  return c.items.map((item, b) => {
    const commitments = new Map(c.signers.map((id) => [id, lists.get(id)?.[b] as Commitment]))
    return context(suite, group, item.publicKey, commitments, item.input) as Context
  })
}

/** How sessions ended: `done`, or code and culprits. */
export const ends = (run: FrostRun): Readonly<Record<PartyId, string>> =>
  Object.fromEntries(
    [...run.ends].map(([id, end]) => [id, end.type === 'done' ? 'done' : [end.fault.code, ...end.fault.culprits].join(' ')]),
  )
