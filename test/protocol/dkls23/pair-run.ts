import { expect } from 'vitest'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { OPEN, type Opening, rehearse } from '../../../src/protocol/dkls23/pair-rehearsal.ts'
import { setUpPair } from '../../../src/protocol/dkls23/pair-setup.ts'
import { VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { type Env, type Protocol, peersOf } from '../../../src/protocol/engine/round.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { type Twin, twin } from '../../simulator/twin.ts'
import { setupOf, type World } from '../../simulator/world.ts'
import { dealtDirection } from './dealt-pair.ts'

export interface PairCase {
  readonly world: World
  readonly signers: readonly PartyId[]
  readonly seed: string
  readonly rules?: readonly Rule[]
  readonly malicious?: ReadonlyMap<PartyId, Twin<never>>
  readonly env?: (env: Env) => Env
}

export type PairRun = Run<PairSecret, never>

/** Exchanges of a set-up: offer, four parts of points, extend, multiply, open, confirm. */
export const ROUNDS = 9
export const CHOOSE_ROUNDS = [2, 3, 4, 5] as const
/** Rounds of the rehearsal alone; in a whole set-up five come before them. */
export const [EXTEND, MULTIPLY, OPENING] = [1, 2, 3] as const
export const BEFORE_REHEARSAL = 5

const planOf =
  <R>(scriptOf: (env: Env) => Protocol<R>) =>
  ({ world, signers, seed, rules = [], malicious, env }: PairCase): Plan<R, never> => ({
    world,
    seed,
    setup: setupOf(world, { protocol: 'pair', suite: 'none', threshold: 2, signers, name: seed }),
    rules,
    scriptFor: (real) => {
      const script = scriptOf(env?.(real) ?? real)
      const hooks = malicious?.get(real.self)
      return hooks === undefined ? script : twin(script, hooks)
    },
  })

export const pairPlan = planOf(setUpPair)
export const runPair = (c: PairCase): PairRun => runSession(pairPlan(c))

/** Both directions between two signers as a dealer would give them: what the base OT is for. */
export function dealt(signers: readonly PartyId[], seed: string): ReadonlyMap<PartyId, Pick<PairSecret, 'sender' | 'receiver'>> {
  const [forth, back] = [dealtDirection(seededRng(`${seed}/forth`)), dealtDirection(seededRng(`${seed}/back`))]
  const [min, max] = signers as [PartyId, PartyId]
  return new Map([
    [min, { sender: forth.sender, receiver: back.receiver }],
    [max, { sender: back.sender, receiver: forth.receiver }],
  ])
}

/** The rehearsal alone, on a dealt set-up: a hundred times cheaper than a whole one. */
export const rehearsalPlan = (c: PairCase, setups = dealt(c.signers, c.seed)): Plan<void, never> =>
  planOf((env) => rehearse(env, peersOf(env)[0] as PartyId, setups.get(env.self) as Pick<PairSecret, 'sender' | 'receiver'>))(c)
export const runRehearsal = (...args: Parameters<typeof rehearsalPlan>): Run<void, never> => runSession(rehearsalPlan(...args))

/** What both signers of an honest run keep. */
export function secretsOf(run: PairRun): ReadonlyMap<PartyId, PairSecret> {
  return new Map(
    [...run.ends].map(([id, end]) => {
      if (end.type !== 'done') throw new Error(`signer ${id} ended with ${end.fault.code}: ${end.fault.detail}`)
      return [id, end.result]
    }),
  )
}

/** `done`, or the fault's code and culprits. */
export function endOf(run: Run<unknown, unknown>, id: PartyId): string {
  const end = run.ends.get(id)
  return end?.type === 'failed' ? [end.fault.code, ...end.fault.culprits].join(' ') : 'done'
}

/** A typed end that names the malicious signer or nobody, and bans nobody. */
export function expectFair(run: Run<unknown, unknown>, malicious: readonly PartyId[] = []): void {
  for (const [id, end] of run.ends) {
    if (malicious.includes(id) || end.type === 'done') continue
    expect(
      end.fault.culprits.filter((culprit) => !malicious.includes(culprit)),
      end.fault.code,
    ).toEqual([])
    expect(VERDICTS[end.fault.code]).not.toBe('ban')
  }
}

/** Another message in place of a malicious signer's own of `round`. */
export const says = (round: number, change: (body: Uint8Array) => Uint8Array): Twin<never> => ({
  send: (exchange, at) => {
    if (at !== round) return exchange
    const direct = [...(exchange.direct ?? [])].map(([to, body]) => [to, change(Uint8Array.from(body))] as const)
    return { ...exchange, direct: new Map(direct) }
  },
})

interface Coder<T> {
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
}

/** The same message with other fields. */
export const field =
  <T extends object>(codec: Coder<T>, change: (value: T) => Partial<T>) =>
  (body: Uint8Array): Uint8Array => {
    const value = codec.decode(body)
    return codec.encode({ ...value, ...change(value) })
  }

/** The rehearsal opened with other values, in round `round`. */
export const opens = (change: Partial<Opening>, round: number = OPENING): Twin<never> =>
  says(
    round,
    field(OPEN, () => change),
  )

/** What `from` hears of its peer in a round. */
export function heardBy(run: (hooks: Twin<never>) => unknown, peer: PartyId, round: number): Uint8Array {
  let heard = new Uint8Array(0)
  run({
    receive: (inbox, at) => {
      if (at === round) heard = Uint8Array.from(inbox.get(peer)?.direct ?? [])
      return inbox
    },
  })
  return heard
}
