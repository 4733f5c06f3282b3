import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Env } from '../../src/protocol/engine/round.ts'
import { dkg, type KeyGenResult, type PendingKey } from '../../src/protocol/keygen/dkg.ts'
import type { Scheme } from '../../src/protocol/request/document.ts'
import type { Plan } from '../simulator/run-session.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { type Twin, twin } from '../simulator/twin.ts'
import { identityOf, makeWorld, setupOf } from '../simulator/world.ts'
import { type Stage, stage } from './victims.ts'

export type DkgPlan = Plan<KeyGenResult, PendingKey>
export type DkgStage = Stage<KeyGenResult, PendingKey>

const REQUEST_HASH = seededRng('fuzz/keygen request')(32)
export const DKG_WORLD = makeWorld({ ids: 3, seed: 'fuzz/dkg' })

/** One 2-of-3 key generation, always the same one. */
export function dkgPlan(scheme: Scheme, malicious?: { readonly id: PartyId; readonly hooks: Twin<PendingKey> }): DkgPlan {
  const script = (env: Env) =>
    dkg(env, {
      scheme,
      requestHash: REQUEST_HASH,
      sign: (message) => DKG_WORLD.curves.ed25519Sign(message, identityOf(DKG_WORLD, env.self).signSeed),
    })
  return {
    world: DKG_WORLD,
    setup: setupOf(DKG_WORLD, { protocol: 'dkg', suite: scheme, threshold: 2, name: scheme, purpose: REQUEST_HASH }),
    seed: scheme,
    scriptFor: (env) => (malicious?.id === env.self ? twin(script(env), malicious.hooks) : script(env)),
  }
}

const stages = new Map<Scheme, DkgStage>()

export function dkgStage(scheme: Scheme): DkgStage {
  const found = stages.get(scheme) ?? stage(dkgPlan(scheme))
  stages.set(scheme, found)
  return found
}

/** The two curves; BIP-340 keys are made like ECDSA ones. */
export const schemeOf = (ed25519: boolean): Scheme => (ed25519 ? 'eddsa-ed25519' : 'ecdsa-secp256k1')
