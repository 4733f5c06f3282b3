import type { Exchange, Incoming, Protocol } from '../../../../src/protocol/engine/round.ts'

/** Everything that one script of production asked to be sent, and its result. */
export interface Driven<R> {
  readonly exchanges: readonly Exchange<unknown>[]
  readonly result: R
}

/** Runs scripts of production against each other, without channels: what one sends the others get. */
export function drive<R, C>(scripts: ReadonlyMap<number, Protocol<R, C>>): ReadonlyMap<number, Driven<R>> {
  const sent = new Map<number, Exchange<unknown>[]>([...scripts].map(([id]) => [id, []]))
  const results = new Map<number, R>()
  let inboxes = new Map<number, ReadonlyMap<number, Incoming>>()
  for (let round = 0; results.size < scripts.size; round++) {
    for (const [id, script] of scripts) {
      if (results.has(id)) continue
      const step = script.next(inboxes.get(id) ?? new Map())
      if (step.done) results.set(id, step.value)
      else sent.get(id)?.push(copied(step.value))
    }
    inboxes = new Map([...scripts.keys()].map((id) => [id, inboxFrom(sent, id, round)]))
  }
  return new Map([...results].map(([id, result]) => [id, { exchanges: sent.get(id) ?? [], result }]))
}

/** As channels do: a script wipes what it has sent and what it has read. */
const copied = (exchange: Exchange<unknown>): Exchange<unknown> => structuredClone(exchange)

const inboxFrom = (
  sent: ReadonlyMap<number, readonly Exchange<unknown>[]>,
  to: number,
  round: number,
): ReadonlyMap<number, Incoming> =>
  new Map([...sent].filter(([from]) => from !== to).map(([from, list]) => [from, incoming(list[round], to)]))

function incoming(exchange: Exchange<unknown> | undefined, to: number): Incoming {
  const direct = exchange?.direct?.get(to)
  return {
    ...(exchange?.broadcast === undefined ? {} : { broadcast: exchange.broadcast }),
    ...(direct === undefined ? {} : { direct: Uint8Array.from(direct) }),
  }
}

/** Runs one script of production against messages that somebody else made, round by round. */
export function feed<R, C>(script: Protocol<R, C>, inboxes: readonly ReadonlyMap<number, Incoming>[]): Driven<R> {
  const exchanges: Exchange<unknown>[] = []
  let step = script.next(new Map())
  for (let round = 0; !step.done; round++) {
    exchanges.push(copied(step.value))
    step = script.next(inboxes[round] ?? new Map())
  }
  return { exchanges, result: step.value }
}
