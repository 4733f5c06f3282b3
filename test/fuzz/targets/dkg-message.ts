import { EVERYONE } from '../../../src/protocol/engine/party.ts'
import { resign } from '../../simulator/relay.ts'
import { bent, bodyIn, broadcastIn, directTo, honestExchanges } from '../bodies.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import { DKG_WORLD, dkgPlan, dkgStage, schemeOf } from '../dkg-world.ts'
import type { FuzzTarget } from '../target.ts'
import { attackerAt, attackersMail, honestMail, sealed, standing, victimAt } from '../victims.ts'

const VICTIM = 1
const ROUNDS = 3

/** Bit 0: which curve. Bits 1 and 2: the round. Bit 3: the parts are whole envelope bodies, with an ephemeral key in front or encrypted. */
const roundOf = (c: Container): number => 1 + (((c.mode >> 1) & 3) % ROUNDS)

/** One message of a malicious dealer, in a real session of an honest one: the handlers of rounds 1, 2 and 3. */
export function open(): FuzzTarget {
  const attackers = [false, true].map((ed) => [1, 2, 3].map((round) => attackerAt(dkgStage(schemeOf(ed)), round)))
  return {
    maxLength: 4096,
    dictionary: CURVE_WORDS,
    seeds: () => {
      const seeds = new Map<string, Uint8Array>()
      for (const ed of [false, true]) {
        honestExchanges(dkgPlan(schemeOf(ed))).forEach((exchange, i) => {
          seeds.set(`${schemeOf(ed)}-${i + 1}`, pack(Number(ed) + 2 * i, broadcastIn(exchange), directTo(exchange, VICTIM)))
          const changed = bent(broadcastIn(exchange))
          seeds.set(`${schemeOf(ed)}-bent-${i + 1}`, pack(Number(ed) + 2 * i, changed, directTo(exchange, VICTIM)))
          const share = directTo(exchange, VICTIM)
          if (share.length > 0)
            seeds.set(`${schemeOf(ed)}-share-${i + 1}`, pack(Number(ed) + 2 * i, broadcastIn(exchange), bent(share, 8)))
          const whole = attackersMail(dkgStage(schemeOf(ed)), VICTIM, i + 1).map(bodyIn)
          seeds.set(`${schemeOf(ed)}-whole-${i + 1}`, pack(Number(ed) + 2 * i + 8, ...whole))
        })
      }
      seeds.set('nonsense', pack(8, Uint8Array.of(1)))
      // An ephemeral key of low order makes every shared value zero.
      seeds.set('low-order', pack(8, new Uint8Array(64)))
      return seeds
    },
    reaches: [
      'done',
      'round 1: waits for 2,3',
      'MALFORMED proven',
      'DKG_MALFORMED proven',
      'DKG_COMMIT proven',
      'DKG_SHARE proven',
      'DKG_CERT proven',
    ],
    run: (input) => {
      const container = unpack(input)
      const round = roundOf(container)
      const at = dkgStage(schemeOf(bit(container, 0)))
      const victim = victimAt(at, VICTIM, round)
      const channel = attackers[Number(bit(container, 0))]?.[round - 1]
      if (channel === undefined) throw new Error(`no attacker for round ${round} to ${EVERYONE}`)
      const direct = round === 2 ? { direct: new Map([[VICTIM, partOf(container, 1)]]) } : {}
      const enveloped = sealed(channel, round, { broadcast: partOf(container, 0), ...direct })
      const attack = bit(container, 3)
        ? enveloped.map((bytes, i) => resign(DKG_WORLD, bytes, () => ({ body: partOf(container, i) })))
        : enveloped
      const outcome = standing(victim.receive([...honestMail(at, VICTIM, round), ...attack]))
      victim.stop()
      return outcome.startsWith('waits') || outcome === 'goes on' ? `round ${round}: ${outcome}` : outcome
    },
  }
}
