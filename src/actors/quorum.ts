import type { PartyId } from '../protocol/engine/party.ts'
import { subsetsOf } from '../protocol/prss/generation.ts'

/**
 * Picks signer sets evenly: all sets of the size are used in turn, so that no signer carries more than its part.
 */
export class QuorumPicker {
  #turn = 0

  /** A set of `size` among `candidates` (ascending), or null when there are too few. */
  pick(candidates: readonly PartyId[], size: number): readonly PartyId[] | null {
    if (candidates.length < size) return null
    const sets = subsetsOf(candidates, size)
    this.#turn = (this.#turn + 1) % 0x10000
    return sets[this.#turn % sets.length] as readonly PartyId[]
  }
}
