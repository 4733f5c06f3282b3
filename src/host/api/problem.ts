/**
 * The error table of the HTTP API and the one exception that carries a row of it. Codes are append-only: clients switch on
 * `code`, so a code keeps its status and its meaning for ever.
 */
const row = (status: number, title: string, retryable = false, outcome: Outcome = 'none') => ({
  status,
  title,
  retryable,
  outcome,
})

/** `none`: no signature was released and none will be by this call. `unknown`: read the resource, or repeat the same bytes. */
export type Outcome = 'none' | 'unknown'

export const PROBLEMS = {
  malformed_request: row(400, 'The request is malformed'),
  authentication_failed: row(401, 'The caller could not be authenticated'),
  authorization_invalid: row(403, 'The authorization does not cover the request'),
  policy_denied: row(403, 'A policy denies the request'),
  raw_digest_forbidden: row(403, 'The credential may not have raw digests signed'),
  not_found: row(404, 'There is no such resource'),
  key_not_found: row(404, 'There is no such key'),
  request_replayed: row(409, 'The request id was used for another request'),
  idempotency_in_flight: row(409, 'The same request is being worked on', true, 'unknown'),
  key_frozen: row(409, 'The key is frozen'),
  epoch_mismatch: row(409, 'The key is in another epoch', true),
  revision_conflict: row(409, 'The key has another revision'),
  request_expired: row(410, 'The request has expired', false, 'unknown'),
  precondition_failed: row(412, 'The resource has changed'),
  payload_too_large: row(413, 'The request is too large'),
  payload_invalid: row(422, 'The payload cannot be signed'),
  path_unsupported: row(422, 'The derivation path is not supported'),
  engine_unavailable: row(422, 'No signing engine serves this key'),
  rate_limited: row(429, 'Too many requests', true),
  protocol_abort: row(500, 'The signing protocol was aborted', true, 'unknown'),
  internal: row(500, 'Internal error', false, 'unknown'),
  quorum_unavailable: row(503, 'Too few signers are reachable', true, 'unknown'),
  overloaded: row(503, 'The service is overloaded', true),
  signing_timeout: row(504, 'The signers did not finish in time', true, 'unknown'),
} as const satisfies Record<string, { status: number; title: string; retryable: boolean; outcome: Outcome }>

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[]

export const isProblemCode = (code: unknown): code is ProblemCode => typeof code === 'string' && Object.hasOwn(PROBLEMS, code)

export interface FieldError {
  /** JSON pointer into the request body (RFC 6901), or `query/<name>`, `path/<name>`, `header/<name>`. */
  readonly pointer: string
  readonly reason: string
}

export interface ProblemFields {
  /** `req_…` of the request that failed, when it is known. */
  readonly requestId?: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly errors?: readonly FieldError[] | undefined
  /** Names of the signers that did not answer. */
  readonly missing?: readonly string[] | undefined
  /** Names of the signers whose misbehaviour is proven. */
  readonly culprits?: readonly string[] | undefined
  /** Where it is not the code's usual one; whoever knows that nothing was released says so. */
  readonly outcome?: Outcome | undefined
  /** `ses_…` of the last session the request was in. */
  readonly sessionId?: string | undefined
  /** For the log only. */
  readonly cause?: unknown
}

/** How every refusal and failure reaches a user. `detail` is shown to the caller: no secret, no text of another layer. */
export class ApiProblem extends Error {
  readonly code: ProblemCode
  readonly detail: string
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  readonly errors: readonly FieldError[] | undefined
  readonly missing: readonly string[] | undefined
  readonly culprits: readonly string[] | undefined
  readonly sessionId: string | undefined
  readonly outcome: Outcome

  constructor(code: ProblemCode, detail: string, fields: ProblemFields = {}) {
    super(`${code}: ${detail}`, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'ApiProblem'
    this.code = code
    this.detail = detail
    this.requestId = fields.requestId
    this.retryAfterMs = fields.retryAfterMs
    this.errors = fields.errors
    this.missing = fields.missing
    this.culprits = fields.culprits
    this.sessionId = fields.sessionId
    this.outcome = fields.outcome ?? PROBLEMS[code].outcome
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }

  /** The same problem, naming the request it belongs to. */
  withRequest(requestId: string): ApiProblem {
    return new ApiProblem(this.code, this.detail, { ...this, requestId, cause: this.cause })
  }

  withSession(sessionId: string): ApiProblem {
    return new ApiProblem(this.code, this.detail, { ...this, sessionId, cause: this.cause })
  }
}

/** The body of an `application/problem+json` answer (RFC 9457). */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ProblemCode
  readonly request_id: string
  readonly retryable: boolean
  readonly retry_after_ms?: number
  readonly errors?: readonly FieldError[]
  readonly missing?: readonly string[]
  readonly culprits?: readonly string[]
  readonly session_id?: string
  readonly outcome?: Outcome
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

/** Where /docs explains a code; `type` is a full-path reference to it (RFC 9457 3.1.1). */
export const problemType = (code: ProblemCode): string => `/docs#problem-${code}`

/**
 * The wire form. `exchangeId` names the HTTP exchange and stands in where no `req_…` is known, so that every problem can be
 * found in the log. `outcome` stands in answers to calls that could have released a signature.
 */
export function problemBody(problem: ApiProblem, exchangeId: string, withOutcome: boolean): ProblemBody {
  const { title, status, retryable } = PROBLEMS[problem.code]
  return {
    type: problemType(problem.code),
    title,
    status,
    detail: problem.detail,
    code: problem.code,
    request_id: problem.requestId ?? exchangeId,
    retryable,
    ...(problem.retryAfterMs === undefined ? {} : { retry_after_ms: problem.retryAfterMs }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...(problem.missing === undefined ? {} : { missing: problem.missing }),
    ...(problem.culprits === undefined ? {} : { culprits: problem.culprits }),
    ...(problem.sessionId === undefined ? {} : { session_id: problem.sessionId }),
    ...(withOutcome ? { outcome: problem.outcome } : {}),
  }
}
