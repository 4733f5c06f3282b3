import { type Rng, toHex } from '../protocol/engine/bytes.ts'
import { TICKET } from '../protocol/frames/signer-frames.ts'

/** Outstanding tickets; older ones are void once as many newer ones were issued. 1,024 x 32 characters. */
const MAX_OUTSTANDING = 1024

/**
 * Single-use tickets (honest-majority-ecdsa.md 1.3): a session needs an unused one of every signer, so one context runs at most
 * once per signer and start, also against a computing fault in a repeated run. RAM only: a restart voids all of them.
 */
export class TicketBook {
  readonly #rng: Rng
  /** Insertion order is age. */
  readonly #outstanding = new Set<string>()

  constructor(rng: Rng) {
    this.#rng = rng
  }

  get size(): number {
    return this.#outstanding.size
  }

  issue(count: number): readonly Uint8Array[] {
    return Array.from({ length: count }, () => {
      const ticket = this.#rng(TICKET)
      this.#outstanding.add(toHex(ticket))
      if (this.#outstanding.size > MAX_OUTSTANDING) this.#outstanding.delete(this.#outstanding.values().next().value as string)
      return ticket
    })
  }

  /** Uses a ticket up; false when it was never issued, was used, or is void. */
  spend(ticket: Uint8Array): boolean {
    return this.#outstanding.delete(toHex(ticket))
  }
}
