import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import type { Setup } from '../../../src/protocol/channel/setup.ts'
import { SUITES } from '../../../src/protocol/channel/setup.ts'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import { assemble, type DklsAssembly } from '../../../src/protocol/dkls23/assemble.ts'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { pairedPurpose, pairsOf } from '../../../src/protocol/dkls23/purpose.ts'
import { type DklsParams, sign } from '../../../src/protocol/dkls23/sign.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { EcdsaScheme } from '../../../src/protocol/request/document.ts'
import type { Answered, Outcome, PublicItem, SignerItem, SigningCommit } from '../../../src/protocol/signing/batch.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { type Twin, twin } from '../../simulator/twin.ts'
import { makeWorld, setupOf, type World } from '../../simulator/world.ts'
import { accepted, bytes32, type DealtKey, dealKey, itemOf } from '../signing/dealt-key.ts'
import { dealtPair } from './dealt-pair.ts'

export type DklsScheme = EcdsaScheme
export const SCHEMES: readonly DklsScheme[] = ['ecdsa-secp256k1', 'ecdsa-p256']

/** Exactly t signers with a set-up of every two of the roster, and a batch to sign: one dealt key and one digest per item. */
export interface DklsCase {
  readonly world: World
  readonly scheme: DklsScheme
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly pairs: ReadonlyMap<PartyId, ReadonlyMap<PartyId, PairSecret>>
  readonly keys: readonly DealtKey[]
  readonly items: readonly PublicItem[]
}

export interface DklsCaseOptions {
  readonly scheme?: DklsScheme
  readonly ids?: number | readonly PartyId[]
  readonly threshold?: number
  readonly signers?: readonly PartyId[]
  readonly digests?: readonly Uint8Array[]
  readonly seed: string
  readonly curves?: Curves
}

export function makeDklsCase(o: DklsCaseOptions): DklsCase {
  const scheme = o.scheme ?? 'ecdsa-secp256k1'
  const world = makeWorld({ ids: o.ids ?? 3, seed: o.seed, ...(o.curves === undefined ? {} : { curves: o.curves }) })
  const ids = world.roster.members.map((m) => m.id)
  const threshold = o.threshold ?? 2
  const digests = o.digests ?? [bytes32(`${o.seed}/digest`)]
  const keys = digests.map((_, b) => dealKey({ curves: world.curves, scheme, ids, threshold, seed: `${o.seed}/${b}` }))
  return {
    world,
    scheme,
    threshold,
    signers: o.signers ?? ids.slice(0, threshold),
    pairs: dealtPairs(ids, o.seed),
    keys,
    items: digests.map((digest, b) => itemOf(keys[b] as DealtKey, digest, `${o.seed}/${b}`)),
  }
}

/** Each party's set-ups, by peer. */
export function dealtPairs(ids: readonly PartyId[], seed: string): Map<PartyId, Map<PartyId, PairSecret>> {
  const pairs = new Map(ids.map((id) => [id, new Map<PartyId, PairSecret>()]))
  for (const [a, b] of pairsOf(ids)) {
    const [smaller, larger] = dealtPair(seededRng(`${seed}/pair/${a}/${b}`))
    pairs.get(a)?.set(b, smaller)
    pairs.get(b)?.set(a, larger)
  }
  return pairs
}

export interface DklsOptions {
  /** Names the session: another name, another session id. */
  readonly name?: string
  /** Randomness of the signers and order of delivery. */
  readonly seed?: string
  readonly rules?: readonly Rule[]
  readonly malicious?: ReadonlyMap<PartyId, Twin<SigningCommit>>
  readonly params?: (id: PartyId) => Partial<DklsParams>
  readonly curvesFor?: (id: PartyId) => Curves
  readonly rngFor?: (id: PartyId, rng: Rng) => Rng
}

export type DklsRun = Run<Answered, SigningCommit>

export const signerItems = (c: DklsCase, id: PartyId): readonly SignerItem[] =>
  c.items.map((item, b) => accepted(c.keys[b] as DealtKey, id, item))

export const dklsSetup = (c: DklsCase, name = 'session'): Setup =>
  setupOf(c.world, {
    protocol: 'dkls23',
    suite: c.scheme,
    threshold: c.threshold,
    signers: c.signers,
    name,
    purpose: pairedPurpose(
      c.items.map((i) => i.instance),
      pairsOf(c.signers).map(([a, b]) => pairOf(c, a, b).pairId),
    ),
  })

/** What `id` keeps of its set-up with `peer`. */
export const pairOf = (c: DklsCase, id: PartyId, peer: PartyId): PairSecret =>
  (c.pairs.get(id) as ReadonlyMap<PartyId, PairSecret>).get(peer) as PairSecret

export const dklsParams = (c: DklsCase, id: PartyId): DklsParams => ({
  suite: SUITES[c.scheme],
  pairs: c.pairs.get(id) as ReadonlyMap<PartyId, PairSecret>,
  items: signerItems(c, id),
})

export function dklsPlan(c: DklsCase, o: DklsOptions = {}): Plan<Answered, SigningCommit> {
  const name = o.name ?? 'session'
  return {
    world: c.world,
    setup: dklsSetup(c, name),
    seed: o.seed ?? name,
    rules: o.rules ?? [],
    scriptFor: (env) => {
      const { self } = env
      const params = { ...dklsParams(c, self), ...o.params?.(self) }
      const curves = o.curvesFor?.(self) ?? env.curves
      const script = sign({ ...env, curves, rng: o.rngFor?.(self, env.rng) ?? env.rng }, params)
      const hooks = o.malicious?.get(self)
      return hooks === undefined ? script : twin(script, hooks)
    },
  }
}

export const runDkls = (c: DklsCase, o: DklsOptions = {}): DklsRun => runSession(dklsPlan(c, o))

const bodyIn = (bytes: Uint8Array): Uint8Array => (decodeEnvelope(bytes) as Envelope).body

/** Each signer's round-1 broadcast as its script made it: the channel's ephemeral key stands before it. */
export const openingsOf = (run: DklsRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map(run.sent.filter((p) => p.kind === 'broadcast' && p.round === 1).map((p) => [p.from, bodyIn(p.bytes).slice(32)]))

export const answersOf = (run: DklsRun): ReadonlyMap<PartyId, Uint8Array> =>
  new Map([...run.assembler].map(([id, envelopes]) => [id, bodyIn(envelopes[0] as Uint8Array)]))

export const assemblyOf = (c: DklsCase, run: DklsRun): DklsAssembly => ({
  sessionId: run.sessionId,
  suite: SUITES[c.scheme],
  signers: c.signers,
  threshold: c.threshold,
  items: c.items,
  openings: openingsOf(run),
  answers: answersOf(run),
  curves: c.world.curves,
})

export const assembleRun = (c: DklsCase, run: DklsRun): readonly Outcome[] => assemble(assemblyOf(c, run))

/** How sessions ended: `done`, or code and culprits. */
export const ends = (run: DklsRun): Readonly<Record<PartyId, string>> =>
  Object.fromEntries(
    [...run.ends].map(([id, end]) => [id, end.type === 'done' ? 'done' : [end.fault.code, ...end.fault.culprits].join(' ')]),
  )
