import { equalBytes } from '../protocol/engine/bytes.ts'
import type { Claim } from './signing-intake.ts'

interface Held {
  readonly hash: Uint8Array
  sessions: number
}

/**
 * Request ids that open sessions of this worker answer for: two different documents under one id never run side by side, so
 * that the ledger, which is written when the answer leaves, finds no conflict. One entry per accepted item of an open session.
 */
export class Reservations {
  readonly #held = new Map<string, Held>()

  get size(): number {
    return this.#held.size
  }

  /** Whether an open session answers for this request id with other bytes. */
  conflict(claim: Claim): boolean {
    const held = this.#held.get(nameOf(claim))
    return held !== undefined && !equalBytes(held.hash, claim.requestHash)
  }

  /** @returns what gives the reservation back; further calls of it do nothing. */
  hold(claim: Claim): () => void {
    const name = nameOf(claim)
    const held = this.#held.get(name) ?? { hash: claim.requestHash, sessions: 0 }
    held.sessions += 1
    this.#held.set(name, held)
    let open = true
    return () => {
      if (!open) return
      open = false
      held.sessions -= 1
      if (held.sessions === 0) this.#held.delete(name)
    }
  }
}

const nameOf = ({ credentialId, tenant, requestId }: Claim): string => JSON.stringify([credentialId, tenant, requestId])
