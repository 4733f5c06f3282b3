/** A signer's index in the roster, which is also its Shamir abscissa: 1..65535 (0 would be the secret itself). */
export type PartyId = number

/** Receiver field of an envelope for "every signer of the session". */
export const EVERYONE = 0xffff

/** Receiver field of an envelope for whoever assembles the result (the coordinator). It holds no share. */
export const ASSEMBLER = 0

export const MAX_PARTIES = 16

/**
 * Checks a list of signers: 1..16 integers in 1..65534, strictly ascending (so no duplicates, no zero).
 * @throws RangeError if the list breaks a rule (TOB-BRON-11, -16: a zero or repeated abscissa reveals the secret).
 */
export function assertParties(parties: readonly PartyId[]): void {
  if (parties.length < 1 || parties.length > MAX_PARTIES) throw new RangeError(`1..${MAX_PARTIES} parties are allowed`)
  let last = 0
  for (const id of parties) {
    if (!Number.isInteger(id) || id <= last || id >= EVERYONE) {
      throw new RangeError('party ids must be ascending integers in 1..65534')
    }
    last = id
  }
}

/**
 * Checks a threshold against a number of parties: 2 <= t <= n <= 16.
 * t = 1 is refused: one signer would hold the whole key.
 * @throws RangeError
 */
export function assertThreshold(threshold: number, parties: number): void {
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > parties || parties > MAX_PARTIES) {
    throw new RangeError(`threshold must satisfy 2 <= t <= n <= ${MAX_PARTIES}`)
  }
}
