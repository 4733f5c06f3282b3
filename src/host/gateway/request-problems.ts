import type { ProblemCode } from '../api/problem.ts'

/** What any request that goes to the signers may end with. */
export const REQUEST_PROBLEMS: readonly ProblemCode[] = [
  'authorization_invalid',
  'rate_limited',
  'policy_denied',
  'request_replayed',
  'idempotency_in_flight',
  'request_expired',
  'payload_invalid',
  'protocol_abort',
  'quorum_unavailable',
  'signing_timeout',
]
