import type { PartyId } from '../protocol/engine/party.ts'

/** Tickets kept per signer; a signer voids its oldest beyond 1,024. */
const CAPACITY = 512
/** Below this a heartbeat asks for more, up to it times two. */
const LOW_WATER = 64

/** The coordinator's stock of hm tickets: one of every signer opens a session. Worth nothing to anybody else. */
export class TicketStock {
  readonly #tickets = new Map<PartyId, Uint8Array[]>()

  add(from: PartyId, tickets: readonly Uint8Array[]): void {
    const stock = this.#tickets.get(from) ?? []
    stock.push(...tickets)
    if (stock.length > CAPACITY) stock.splice(0, stock.length - CAPACITY)
    this.#tickets.set(from, stock)
  }

  /** One ticket of each signer, oldest first, or null when some signer's stock is empty. */
  take(signers: readonly PartyId[]): readonly Uint8Array[] | null {
    if (signers.some((id) => (this.#tickets.get(id)?.length ?? 0) === 0)) return null
    return signers.map((id) => this.#tickets.get(id)?.shift() as Uint8Array)
  }

  /** How many tickets the next heartbeat should ask of a signer. */
  wanted(id: PartyId): number {
    const held = this.#tickets.get(id)?.length ?? 0
    return held < LOW_WATER ? 2 * LOW_WATER : 0
  }

  clear(id: PartyId): void {
    this.#tickets.delete(id)
  }
}
