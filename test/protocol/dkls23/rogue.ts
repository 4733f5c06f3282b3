import { vi } from 'vitest'
import { MULTIPLY } from '../../../src/protocol/dkls23/messages.ts'
import { RVOLE_ONE, RVOLE_TWO, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Exchange } from '../../../src/protocol/engine/round.ts'
import type { SigningCommit } from '../../../src/protocol/signing/batch.ts'
import type { Twin } from '../../simulator/twin.ts'

type Fields<C> = C extends { readonly decode: (bytes: Uint8Array) => infer T } ? T : never
export type Multiply = Fields<typeof MULTIPLY>
export type Product = Fields<typeof RVOLE_TWO>
export type Extension = Fields<typeof RVOLE_ONE>

type Hooks = ReadonlyMap<PartyId, Twin<SigningCommit>>
type Change<T> = (fields: T, to: PartyId) => T

const eachDirect = (exchange: Exchange<SigningCommit>, change: (body: Uint8Array, to: PartyId) => Uint8Array) => ({
  ...exchange,
  direct: new Map([...(exchange.direct ?? [])].map(([to, body]) => [to, change(body, to)])),
})

/** `id` says something else to each peer in a round; what it says is validly encrypted and signed. */
export const directs = (id: PartyId, round: number, change: (body: Uint8Array, to: PartyId) => Uint8Array): Hooks =>
  new Map([[id, { send: (exchange, r) => (r === round ? eachDirect(exchange, change) : exchange) }]])

/** Another message 1 of the multiplication. */
export const extends_ = (id: PartyId, change: Change<Extension>): Hooks =>
  directs(id, 1, (body, to) => RVOLE_ONE.encode(change(RVOLE_ONE.decode(body), to)))

/** Another round 2. */
export const multiplies = (id: PartyId, change: Change<Multiply>): Hooks =>
  directs(id, 2, (body, to) => MULTIPLY.encode(change(MULTIPLY.decode(body), to)))

/** Another message 2 of the multiplication, the rest of round 2 as it was. */
export const multipliesOnly = (id: PartyId, change: Change<Product>): Hooks =>
  multiplies(id, (fields, to) => ({ ...fields, product: RVOLE_TWO.encode(change(RVOLE_TWO.decode(fields.product), to)) }))

export const broadcasts = (id: PartyId, change: (body: Uint8Array) => Uint8Array): Hooks =>
  new Map([
    [
      id,
      {
        send: (exchange, round) =>
          round === 1 ? { ...exchange, broadcast: change(exchange.broadcast as Uint8Array) } : exchange,
      },
    ],
  ])

export const together = (...all: readonly Hooks[]): Hooks => {
  const merged = new Map<PartyId, Twin<SigningCommit>>()
  for (const hooks of all) {
    for (const [id, { send }] of hooks) {
      const before = merged.get(id)?.send
      merged.set(id, {
        send: (exchange, round) => {
          const first = before?.(exchange, round) ?? exchange
          return send?.(first, round) ?? first
        },
      })
    }
  }
  return merged
}

interface Inputs {
  readonly u: readonly Uint8Array[]
  readonly v: readonly Uint8Array[]
}

/**
 * While `run` runs, every sender multiplies with what `change` makes of its inputs, and does everything else with the products as an honest
 * signer would: Gamma fits them. This is what a malicious signer's own program can do that no change of its messages can.
 */
export function withInputs<T>(change: (from: PartyId, to: PartyId, inputs: Inputs) => Inputs, run: () => T): T {
  const roles = new WeakMap<RvoleSender, readonly [PartyId, PartyId]>()
  const { accept } = RvoleSender
  const { answer } = RvoleSender.prototype
  const accepting = vi.spyOn(RvoleSender, 'accept').mockImplementation((context, setup, message) => {
    const sender = accept.call(RvoleSender, context, setup, message)
    roles.set(sender, [context.sender, context.receiver])
    return sender
  })
  const answering = vi.spyOn(RvoleSender.prototype, 'answer').mockImplementation(function (
    this: RvoleSender,
    present,
    u,
    v,
    rng,
  ) {
    const [from, to] = roles.get(this) as readonly [PartyId, PartyId]
    const inputs = change(from, to, { u, v })
    return answer.call(this, present, inputs.u, inputs.v, rng)
  })
  try {
    return run()
  } finally {
    accepting.mockRestore()
    answering.mockRestore()
  }
}
