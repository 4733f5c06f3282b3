import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Exchange } from '../../src/protocol/engine/round.ts'
import { type Plan, runSession } from '../simulator/run-session.ts'
import { twin } from '../simulator/twin.ts'
import { ATTACKER } from './victims.ts'

/** What the attacker's own script would have said in each round, before its channel seals it: what mutations begin with. */
export function honestExchanges<R, C>(plan: Plan<R, C>): readonly Exchange<C>[] {
  const said: Exchange<C>[] = []
  const listen = (exchange: Exchange<C>): Exchange<C> => {
    // Copies: a script wipes what it has said in private.
    const direct = exchange.direct && new Map([...exchange.direct].map(([to, body]) => [to, Uint8Array.from(body)]))
    said.push(direct === undefined ? exchange : { ...exchange, direct })
    return exchange
  }
  runSession({
    ...plan,
    scriptFor: (env) => (env.self === ATTACKER ? twin(plan.scriptFor(env), { send: listen }) : plan.scriptFor(env)),
  })
  return said
}

export const directTo = (exchange: Exchange<unknown> | undefined, to: PartyId): Uint8Array =>
  exchange?.direct?.get(to) ?? new Uint8Array(0)

export const broadcastIn = (exchange: Exchange<unknown> | undefined): Uint8Array => exchange?.broadcast ?? new Uint8Array(0)

/** One byte is another one, unless told otherwise the last: mostly a well-formed lie. */
export const bent = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

export const bodyIn = (bytes: Uint8Array): Uint8Array => {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null) throw new Error('no envelope')
  return envelope.body
}
