import type { PartyId } from '../protocol/engine/party.ts'

/** How often each signer was part of, or the reason for, a failed session of the same requests. */
export type Marks = ReadonlyMap<PartyId, number>

/** The `size` candidates with the fewest marks, the earlier ones among equals; ascending. null when there are too few. */
export function fewestMarks(candidates: readonly PartyId[], size: number, marks: Marks): readonly PartyId[] | null {
  if (candidates.length < size) return null
  const byMarks = candidates.toSorted((a, b) => (marks.get(a) ?? 0) - (marks.get(b) ?? 0))
  return byMarks.slice(0, size).sort((a, b) => a - b)
}

/** Picks signer sets evenly: neighbours on a ring that turns by one each time, so that every signer carries the same part. */
export class QuorumPicker {
  #turn = 0

  /** As {@link fewestMarks}, with the turn deciding among equals. */
  pick(candidates: readonly PartyId[], size: number, marks: Marks): readonly PartyId[] | null {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER
    const start = this.#turn % Math.max(1, candidates.length)
    return fewestMarks([...candidates.slice(start), ...candidates.slice(0, start)], size, marks)
  }
}
