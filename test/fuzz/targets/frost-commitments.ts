import { FROST_SCHEMES, frostPlan, makeFrostCase } from '../../protocol/frost/frost-run.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { broadcastIn, honestExchanges } from '../bodies.ts'
import { pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import type { FuzzTarget } from '../target.ts'
import { ATTACKER, attackerAt, honestMail, sealed, stage, standing, victimAt } from '../victims.ts'

const VICTIM = 1

/** Round 1 of FROST in a session of two items. Mode: the scheme. */
export function open(): FuzzTarget {
  const places = FROST_SCHEMES.map((scheme) => {
    const inputs = [bytes32('a'), bytes32('b')]
    const at = stage(frostPlan(makeFrostCase({ scheme, signers: [VICTIM, ATTACKER], inputs, seed: `fuzz/${scheme}` })))
    return { at, scheme, channel: attackerAt(at, 1) }
  })
  return {
    maxLength: 2048,
    dictionary: CURVE_WORDS,
    seeds: () =>
      new Map([
        ['nonsense', pack(0, Uint8Array.of(1))],
        ...places.map(({ at, scheme }, i) => [scheme, pack(i, broadcastIn(honestExchanges(at.plan)[0]))] as const),
      ]),
    reaches: ['done', 'FROST_MALFORMED proven'],
    run: (input) => {
      const container = unpack(input)
      const { at, channel } = places[container.mode % places.length] as (typeof places)[number]
      const victim = victimAt(at, VICTIM, 1)
      const attack = sealed(channel, 1, { broadcast: partOf(container, 0) })
      const outcome = standing(victim.receive([...honestMail(at, VICTIM, 1), ...attack]))
      victim.stop()
      return outcome
    },
  }
}
