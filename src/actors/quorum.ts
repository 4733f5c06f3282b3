import type { PartyId } from '../protocol/engine/party.ts'

/** How often each signer was part of, or the reason for, a failed session of the same requests. */
export type Marks = ReadonlyMap<PartyId, number>

/** Whether two signers can be in one session. */
export type Fits = (a: PartyId, b: PartyId) => boolean

const always: Fits = () => true

/**
 * `size` candidates with few marks of whom every two fit, the earlier ones among equals; ascending. null when there are none. Without
 * restrictions it is those with the fewest.
 */
export function fewestMarks(
  candidates: readonly PartyId[],
  size: number,
  marks: Marks,
  fits: Fits = always,
): readonly PartyId[] | null {
  const byMarks = candidates.toSorted((a, b) => (marks.get(a) ?? 0) - (marks.get(b) ?? 0))
  return extended([], byMarks, size, fits)?.toSorted((a, b) => a - b) ?? null
}

/** The first set in the order of `rest` that `chosen` can grow to. At most C(16, 8) ways, and the first one where all fit. */
function extended(chosen: readonly PartyId[], rest: readonly PartyId[], size: number, fits: Fits): readonly PartyId[] | null {
  if (chosen.length === size) return chosen
  for (const [i, id] of rest.entries()) {
    if (chosen.length + rest.length - i < size) return null
    const after = rest.slice(i + 1).filter((other) => fits(id, other))
    const found = extended([...chosen, id], after, size, fits)
    if (found !== null) return found
  }
  return null
}

/** Picks signer sets evenly: neighbours on a ring that turns by one each time, so that every signer carries the same part. */
export class QuorumPicker {
  #turn = 0

  /** As {@link fewestMarks}, with the turn deciding among equals. */
  pick(candidates: readonly PartyId[], size: number, marks: Marks, fits: Fits = always): readonly PartyId[] | null {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER
    const start = this.#turn % Math.max(1, candidates.length)
    return fewestMarks([...candidates.slice(start), ...candidates.slice(0, start)], size, marks, fits)
  }
}
