import { establishPlan } from '../../protocol/prss/establish-run.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bent, broadcastIn, directTo, honestExchanges } from '../bodies.ts'
import { pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import type { FuzzTarget } from '../target.ts'
import { attackerAt, honestMail, sealed, stage, standing, victimAt } from '../victims.ts'

const VICTIM = 1
/** Offset of a byte in the first field of a message. */
const FIRST_FIELD = 8

/** One message of a malicious signer while PRSS keys are agreed on. Mode: 2-of-3 rounds 1, 2, then 3-of-5 rounds 1, 2, 3. */
export function open(): FuzzTarget {
  const of = (n: number, threshold: number) => {
    const world = makeWorld({ ids: n, seed: `fuzz/prss of ${n}` })
    return establishPlan({ world, threshold, signers: world.roster.members.map((m) => m.id), seed: 'fuzz' })
  }
  const places = [of(3, 2), of(5, 3)].flatMap((plan, i) => {
    const at = stage(plan)
    const said = honestExchanges(plan)
    return Array.from({ length: 2 + i }, (_, r) => ({ at, round: r + 1, said: said[r], channel: attackerAt(at, r + 1) }))
  })
  return {
    maxLength: 2048,
    dictionary: CURVE_WORDS,
    seeds: () =>
      new Map(
        places.flatMap(({ said }, i) => [
          [`place-${i}`, pack(i, broadcastIn(said), directTo(said, VICTIM))],
          [`place-${i}-another-roster`, pack(i, bent(broadcastIn(said), FIRST_FIELD), directTo(said, VICTIM))],
          [`place-${i}-bent`, pack(i, bent(broadcastIn(said)), directTo(said, VICTIM))],
          [`place-${i}-cut`, pack(i, broadcastIn(said).slice(1), directTo(said, VICTIM))],
        ]),
      ),
    reaches: ['done', 'goes on', 'MALFORMED proven', 'PRSS_MISMATCH'],
    run: (input) => {
      const container = unpack(input)
      const { at, round, channel, said } = places[container.mode % places.length] as (typeof places)[number]
      const victim = victimAt(at, VICTIM, round)
      const direct = said?.direct === undefined ? {} : { direct: new Map([[VICTIM, partOf(container, 1)]]) }
      const attack = sealed(channel, round, { broadcast: partOf(container, 0), ...direct })
      const outcome = standing(victim.receive([...honestMail(at, VICTIM, round), ...attack]))
      victim.stop()
      return outcome.startsWith('waits') ? 'goes on' : outcome
    },
  }
}
