import { RequestError } from '../../protocol/request/request-error.ts'
import { PeerError, type PeerErrorKind } from '../../transport/peer.ts'
import { StoreError } from '../store/store-error.ts'
import { ApiProblem, type ProblemFields } from './problem.ts'

/** What a failed call to the next host means for our caller. The text of the lower layer stays in the log. */
const OF_PEER: Readonly<Record<PeerErrorKind, (error: PeerError) => ApiProblem>> = {
  // Whether the other side saw the request is not known in either case.
  unreachable: (cause) => lost('coordinator unreachable', { cause }),
  timeout: (cause) => lost('coordinator did not answer in time', { cause }),
  // Refused before a byte of the request left.
  identity: (cause) => lost('coordinator could not be identified', { cause, outcome: 'none' }),
  bad_response: (cause) => lost('coordinator gave no usable answer', { cause }),
  aborted: (cause) =>
    new ApiProblem('overloaded', 'too many calls are in flight', { cause, retryAfterMs: 1000, outcome: 'unknown' }),
}

const lost = (detail: string, fields: ProblemFields): ApiProblem =>
  new ApiProblem('quorum_unavailable', detail, { retryAfterMs: 1000, ...fields })

/**
 * The one place where errors of lower layers become problems. Codes map to codes; no code is derived from a text, and of an
 * unknown error nothing but the fact reaches the caller.
 */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof RequestError) {
    return new ApiProblem(error.code, error.detail, {
      ...(error.pointer === undefined ? {} : { errors: [{ pointer: error.pointer, reason: error.detail }] }),
    })
  }
  if (error instanceof PeerError) return OF_PEER[error.kind](error)
  if (error instanceof StoreError && error.code === 'OVERLOADED') {
    return new ApiProblem('overloaded', 'the store is busy', { cause: error, retryAfterMs: 1000 })
  }
  // Nothing was stored and so nothing answered, but signers may have done their part. It passes when the operator makes room.
  if (error instanceof StoreError && (error.code === 'FULL' || error.code === 'READ_ONLY')) {
    return new ApiProblem('overloaded', 'the store takes no writes', { cause: error, retryAfterMs: 5000, outcome: 'unknown' })
  }
  return new ApiProblem('internal', 'an unexpected error; the log has it under this request id', {
    cause: error,
    outcome: 'unknown',
  })
}
