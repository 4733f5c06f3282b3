/**
 * Why a signer does not take part for one item of a batch (decisions.md 13). The number travels in round 1 in place of the
 * item's points; append-only. A refusal is a decision, not a fault: it names nobody and costs the other items nothing.
 */
export const REFUSALS = {
  authorization_invalid: 1,
  policy_denied: 2,
  raw_digest_forbidden: 3,
  key_not_found: 4,
  request_replayed: 5,
  request_expired: 6,
  payload_invalid: 7,
  path_unsupported: 8,
  malformed_request: 9,
  /** What the coordinator says is to be signed is not what this signer derives from the request, or another epoch. */
  instance_mismatch: 10,
  key_frozen: 11,
  payload_too_large: 12,
} as const

export type Refusal = keyof typeof REFUSALS

const BY_NUMBER = new Map<number, Refusal>(Object.entries(REFUSALS).map(([name, number]) => [number, name as Refusal]))

/** @throws RangeError for a number that no version of ours sends. */
export function refusalOf(status: number): Refusal {
  const refusal = BY_NUMBER.get(status)
  if (refusal === undefined) throw new RangeError('unknown refusal')
  return refusal
}
