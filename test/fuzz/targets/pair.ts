import { EXTEND, OPENING, pairPlan, rehearsalPlan } from '../../protocol/dkls23/pair-run.ts'
import type { Plan } from '../../simulator/run-session.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bent, directTo, honestExchanges } from '../bodies.ts'
import { pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER, attackerAt, honestMail, sealed, stage, standing, victimAt } from '../victims.ts'

const VICTIM = 1

/**
 * One message of a malicious signer while a pair is set up. Mode: offer, first part of points, message 1 of the rehearsal, opening of the
 * rehearsal (on a dealt set-up: a whole one for each input takes too long). Nothing bans, and what cannot be read names the attacker.
 */
export function open(): FuzzTarget {
  const world = makeWorld({ ids: 3, seed: 'fuzz/pair' })
  const c = { world, signers: [VICTIM, ATTACKER], seed: 'fuzz' }
  const placesOf = (plan: Plan<unknown, never>, rounds: readonly number[]) => {
    const at = stage(plan)
    const said = honestExchanges(plan)
    return rounds.map((round) => ({
      round,
      said: directTo(said[round - 1], VICTIM),
      channel: attackerAt(at, round),
      mail: () => honestMail(at, VICTIM, round),
      victim: () => victimAt(at, VICTIM, round),
    }))
  }
  const places = [...placesOf(pairPlan(c), [1, 2]), ...placesOf(rehearsalPlan(c), [EXTEND, OPENING])]
  return {
    maxLength: 4096,
    dictionary: CURVE_WORDS,
    seeds: () =>
      new Map(
        places.flatMap(({ said }, i) =>
          said.length > 4096
            ? []
            : [
                [`place-${i}`, pack(i, said)],
                [`place-${i}-bent`, pack(i, bent(said))],
                [`place-${i}-bent-early`, pack(i, bent(said, 8))],
                [`place-${i}-cut`, pack(i, said.slice(0, 40))],
              ],
        ),
      ),
    reaches: ['done', 'goes on', 'PAIR_REHEARSAL', 'SETUP_MALFORMED proven'],
    run: (input) => {
      const container = unpack(input)
      const { round, channel, mail, victim } = places[container.mode % places.length] as (typeof places)[number]
      const session = victim()
      const attack = sealed(channel, round, { broadcast: new Uint8Array(0), direct: new Map([[VICTIM, partOf(container, 0)]]) })
      const outcome = standing(session.receive([...mail(), ...attack]))
      session.stop()
      promise(!/CHECK/.test(outcome), `a set-up ended with ${outcome}, which bans`)
      return outcome.startsWith('waits') ? 'goes on' : outcome
    },
  }
}
