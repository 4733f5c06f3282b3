import type { Session } from '../../../src/protocol/channel/session.ts'
import { concat, equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { pairPlan } from '../../protocol/dkls23/pair-run.ts'
import { frostPlan, makeFrostCase } from '../../protocol/frost/frost-run.ts'
import { hmPlan, makeHmCase } from '../../protocol/hm/hm-run.ts'
import { establishPlan } from '../../protocol/prss/establish-run.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bent } from '../bodies.ts'
import { pack, unpack } from '../container.ts'
import { dkgStage } from '../dkg-world.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { attackersMail, honestMail, type Stage, stage, standing, victimAt } from '../victims.ts'

const VICTIM = 1

interface Place {
  readonly name: string
  readonly traffic: readonly Uint8Array[]
  readonly session: () => Session<unknown, unknown>
  readonly rest: readonly Uint8Array[]
  /** What the victim says when nobody disturbs it. */
  readonly expected: Uint8Array
}

function placesOf<R, C>(name: string, at: Stage<R, C>, rounds: number): readonly Place[] {
  return Array.from({ length: rounds }, (_, i) => {
    const session = () => victimAt(at, VICTIM, i + 1) as Session<unknown, unknown>
    const rest = [...honestMail(at, VICTIM, i + 1), ...attackersMail(at, VICTIM, i + 1)]
    return {
      name: `${name}-${i + 1}`,
      traffic: at.run.traffic,
      session,
      rest,
      expected: concat(...session().receive(rest).outgoing),
    }
  })
}

/**
 * What a relay without any key can make of the envelopes that pass through it. Whatever it adds, the session goes on as if it had not; only
 * hm ends, without naming anybody, when it is shown a forged copy of its own points (C2). Mode: protocol and round.
 */
export function open(): FuzzTarget {
  const world = makeWorld({ ids: 3, seed: 'fuzz/relay' })
  const places = [
    ...placesOf('dkg', dkgStage('ecdsa-secp256k1'), 3),
    ...placesOf('prss', stage(establishPlan({ world, threshold: 2, signers: [1, 2, 3], seed: 'fuzz' })), 2),
    ...placesOf('hm', stage(hmPlan(makeHmCase({ seed: 'fuzz/hm' }))), 1),
    ...placesOf('frost', stage(frostPlan(makeFrostCase({ scheme: 'eddsa-ed25519', signers: [1, 3], seed: 'fuzz/frost' }))), 1),
    ...placesOf('pair', stage(pairPlan({ world, signers: [1, 3], seed: 'fuzz' })), 1),
  ]
  return {
    maxLength: 4096,
    dictionary: ['QRT1', 'QRL1', Uint8Array.of(0xff, 0xff)],
    seeds: () =>
      new Map(
        places.flatMap(({ name, traffic }, i) =>
          traffic
            .slice(0, 6)
            .flatMap((bytes, k) => [
              [`${name}-${k}`, pack(i, bytes)] as const,
              [`${name}-bent-${k}`, pack(i, bent(bytes))] as const,
            ]),
        ),
      ),
    reaches: [
      'dkg-1 undisturbed',
      'dkg-2 undisturbed',
      'dkg-3 undisturbed',
      'prss-1 undisturbed',
      'hm-1 undisturbed',
      'hm-1 HM_R_OWN',
      'pair-1 undisturbed',
    ],
    run: (input) => {
      const container = unpack(input)
      const { name, session, rest, expected } = places[container.mode % places.length] as Place
      const victim = session()
      const first = victim.receive(container.parts)
      if (first.end?.type === 'failed') {
        const outcome = standing(first)
        promise(outcome === 'HM_R_OWN', `bytes of nobody ended a session with ${outcome}`)
        return `${name} ${outcome}`
      }
      const { outgoing } = victim.receive(rest)
      promise(equalBytes(concat(...first.outgoing, ...outgoing), expected), 'bytes of nobody changed what a session says')
      victim.stop()
      return `${name} undisturbed`
    },
  }
}
