import { loadNativeCurves } from '../../src/host/curve/native-curves.ts'
import { type Identity, makeRoster, type Roster } from '../../src/protocol/channel/roster.ts'
import type { ProtocolName, Setup, Suite } from '../../src/protocol/channel/setup.ts'
import type { Curves } from '../../src/protocol/curve/curves.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { seededRng } from './seeded-rng.ts'

/** The back end of servers; one context per test file. */
export const nativeCurves: Curves = loadNativeCurves()

/** A set of signers with known identity secrets: what tests play honest and malicious parties with. */
export interface World {
  readonly seed: string
  readonly curves: Curves
  readonly roster: Roster
  readonly identities: ReadonlyMap<PartyId, Identity>
}

export interface WorldOptions {
  /** A number n stands for ids 1..n. */
  readonly ids: number | readonly PartyId[]
  readonly seed: string
  readonly curves?: Curves
}

export function makeWorld({ ids, seed, curves = nativeCurves }: WorldOptions): World {
  const list = typeof ids === 'number' ? Array.from({ length: ids }, (_, i) => i + 1) : ids
  const identities = new Map<PartyId, Identity>()
  const members = list.map((id) => {
    const rng = seededRng(`${seed}/identity/${id}`)
    const identity = { id, signSeed: rng(32), exchangeSecret: rng(32) }
    identities.set(id, identity)
    return {
      id,
      signKey: curves.ed25519PublicKey(identity.signSeed),
      exchangeKey: curves.x25519PublicKey(identity.exchangeSecret),
      tlsFingerprint: rng(32),
    }
  })
  return { seed, curves, roster: makeRoster(1, members), identities }
}

export function identityOf(world: World, id: PartyId): Identity {
  const identity = world.identities.get(id)
  if (identity === undefined) throw new RangeError(`no signer ${id} in this world`)
  return identity
}

export interface SetupChoice {
  readonly protocol: ProtocolName
  readonly suite: Suite
  readonly threshold: number
  /** Everybody of the roster unless said otherwise. */
  readonly signers?: readonly PartyId[]
  /** Another name, another session id. */
  readonly name?: string
  readonly keyId?: Uint8Array
  readonly epoch?: number
  readonly purpose?: Uint8Array
}

/** A session set-up that every signer of the world accepts. */
export const setupOf = (world: World, choice: SetupChoice): Setup => {
  const signers = choice.signers ?? world.roster.members.map((m) => m.id)
  return {
    protocol: choice.protocol,
    suite: choice.suite,
    keyId: choice.keyId ?? new Uint8Array(32),
    epoch: choice.epoch ?? 0,
    rosterHash: world.roster.hash,
    threshold: choice.threshold,
    signers,
    boots: signers.map((id) => seededRng(`${world.seed}/boot/${id}`)(32)),
    purpose: choice.purpose ?? new Uint8Array(32),
    deadline: 1_800_000_000_000,
    coordinatorNonce: seededRng(`${world.seed}/coordinator/${choice.name ?? ''}`)(32),
  }
}
