import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env, Protocol } from '../../../src/protocol/engine/round.ts'
import { type Established, type EstablishParams, establish } from '../../../src/protocol/prss/establish.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { type Twin, twin } from '../../simulator/twin.ts'
import { identityOf, setupOf, type World } from '../../simulator/world.ts'

export interface EstablishCase {
  readonly world: World
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly seed: string
  readonly rules?: readonly Rule[]
  readonly malicious?: ReadonlyMap<PartyId, Twin<never>>
  readonly params?: (id: PartyId) => Partial<EstablishParams>
  readonly env?: (env: Env) => Env
}

export const establishParams = (world: World, id: PartyId): EstablishParams => ({
  exchangeSecret: identityOf(world, id).exchangeSecret,
  boot: 7,
  bootNonce: seededRng(`${world.seed}/boot/${id}`)(32),
  bootsSeen: new Map(),
})

export function establishPlan(c: EstablishCase): Plan<Established, never> {
  const { world, threshold, signers, seed } = c
  return {
    world,
    seed,
    setup: setupOf(world, { protocol: 'prss', suite: 'none', threshold, signers, name: seed }),
    rules: c.rules ?? [],
    scriptFor: (env): Protocol<Established> => {
      const script = establish(c.env?.(env) ?? env, { ...establishParams(world, env.self), ...c.params?.(env.self) })
      const hooks = c.malicious?.get(env.self)
      return hooks === undefined ? script : twin(script, hooks)
    },
  }
}

export const runEstablish = (c: EstablishCase): Run<Established, never> => runSession(establishPlan(c))

/** The generation of every signer of an honest run. */
export function generationsOf(run: Run<Established, never>): ReadonlyMap<PartyId, Generation> {
  return new Map(
    [...run.ends].map(([id, end]) => {
      if (end.type !== 'done') throw new Error(`signer ${id} ended with ${end.fault.code}: ${end.fault.detail}`)
      return [id, end.result.generation]
    }),
  )
}

export const makeGenerations = (
  world: World,
  threshold: number,
  signers: readonly PartyId[],
  seed = 'generation',
): ReadonlyMap<PartyId, Generation> => generationsOf(runEstablish({ world, threshold, signers, seed }))
