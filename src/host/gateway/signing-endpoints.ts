import type { Context } from 'hono'
import type { Curves } from '../../protocol/curve/curves.ts'
import type { SignatureView } from '../api/coordinator-service.ts'
import { type Mount, validate } from '../api/endpoint.ts'
import type { HttpEnv } from '../api/http-env.ts'
import { itemProblem } from '../api/item-problem.ts'
import { ApiProblem, type ProblemCode } from '../api/problem.ts'
import { renderSignature } from '../api/render.ts'
import { BatchResult, DEFAULT_WAIT_MS, Session, SessionParams, Signature, SignatureParams, WaitQuery } from '../api/schemas.ts'
import { toProblem } from '../api/to-problem.ts'
import { VERIFY, verdictOn } from '../api/verify-endpoint.ts'
import type { KeyDirectory } from './key-directory.ts'
import type { Principal } from './principal.ts'
import type { RateLimit } from './rate-limit.ts'
import type { ReadSession } from './read-session.ts'
import { requestIdOf, wishOf } from './read-wish.ts'
import { REQUEST_PROBLEMS } from './request-problems.ts'
import { IdempotencyHeader, MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES, SignBatchBody, SignBody } from './schemas.ts'
import type { SigningDesk, SignWish } from './signing-desk.ts'

const SIGNING_PROBLEMS: readonly ProblemCode[] = [
  ...REQUEST_PROBLEMS,
  'raw_digest_forbidden',
  'key_not_found',
  'key_frozen',
  'epoch_mismatch',
  'path_unsupported',
  'engine_unavailable',
]

/** A call with this much of a body costs one call more: what a message costs everybody's hosts grows with its length. */
const BYTES_PER_CALL = 4096

const sizeCost = (c: Context<HttpEnv>): number => Math.floor((c.var.bodyBytes ?? 0) / BYTES_PER_CALL)

const statusOf = (view: SignatureView): 200 | 202 => (view.state === 'pending_signing' ? 202 : 200)

export interface SigningParts {
  readonly desk: SigningDesk
  readonly readSession: ReadSession
  readonly keys: KeyDirectory
  /** For public checks only. */
  readonly curves: Curves
  /** Takes from a principal's allowance. */
  readonly rateLimit: RateLimit
}

/** Signatures: asked for, read, verified; and the sessions that made them. */
export function mountSigning(mount: Mount<Principal>, { desk, readSession, keys, curves, rateLimit }: SigningParts): void {
  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/sign',
      tag: 'signing',
      summary: 'Sign',
      description:
        'The same request_id with the same content has one outcome, however often it is sent; with other content it is refused. Without one the gateway makes one and returns it. A bare digest needs the scope digest as well.',
      scopes: ['sign'],
      headers: IdempotencyHeader,
      body: { schema: SignBody, maxBytes: MAX_BODY_BYTES },
      answers: {
        200: { description: 'The signature', schema: Signature },
        202: { description: 'Not ready within wait_ms', schema: Signature, headers: { Location: 'Where to ask again' } },
      },
      problems: SIGNING_PROBLEMS,
    },
    async (c, { body }, principal) => {
      rateLimit(principal.id, sizeCost(c), true)
      const wish = wishOf(body, requestIdOf(c, body.request_id))
      const view = await desk.sign(principal, wish, body.wait_ms ?? DEFAULT_WAIT_MS)
      const status = statusOf(view)
      if (status === 202) c.header('Location', `/api/v1/signatures/${view.id}`)
      return c.json(renderSignature(view), status)
    },
  )

  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/sign/batch',
      tag: 'signing',
      summary: 'Sign many',
      description:
        'Up to 256 requests, each with its own outcome, in the order sent; each counts as one call, and every 4 KiB of the body as one more.',
      scopes: ['sign'],
      body: { schema: SignBatchBody, maxBytes: MAX_BATCH_BODY_BYTES },
      answers: { 200: { description: 'One outcome per item', schema: BatchResult } },
      problems: ['authorization_invalid', 'rate_limited'],
    },
    async (c, { body }, principal) => {
      if (c.req.header('idempotency-key') !== undefined) {
        throw new ApiProblem('malformed_request', 'a batch has a request_id per item', {
          errors: [{ pointer: 'header/idempotency-key', reason: 'must be absent' }],
        })
      }
      rateLimit(principal.id, body.items.length - 1 + sizeCost(c), true)
      let waitMs = 0
      const wishes = body.items.map((item, i): SignWish | ApiProblem => {
        try {
          const form = validate(SignBody, item, `/items/${i}`)
          waitMs = Math.max(waitMs, form.wait_ms ?? DEFAULT_WAIT_MS)
          return wishOf(form, form.request_id)
        } catch (error) {
          return toProblem(error)
        }
      })
      const outcomes = await desk.signAll(principal, wishes, waitMs)
      const items = outcomes.map((outcome) =>
        outcome instanceof ApiProblem
          ? itemProblem(c, outcome)
          : { status: statusOf(outcome), signature: renderSignature(outcome) },
      )
      return c.json({ items })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/signatures/{id}',
      tag: 'signing',
      summary: 'Read a signature',
      description: 'Waits for the outcome if `wait_ms` says so (default 0). Only for the caller that asked for it.',
      scopes: ['sign'],
      params: SignatureParams,
      query: WaitQuery,
      answers: { 200: { description: 'The signature in its present state', schema: Signature } },
      problems: ['authorization_invalid', 'not_found', 'rate_limited', 'request_expired', 'protocol_abort', 'quorum_unavailable'],
    },
    async (c, { params, query }, principal) => c.json(renderSignature(await desk.read(principal, params.id, query.wait_ms ?? 0))),
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/sessions/{id}',
      tag: 'operations',
      summary: 'Read a session',
      description: 'A recent signing session, if a request of the caller was in it. The coordinator forgets them at a restart.',
      scopes: ['sign'],
      params: SessionParams,
      answers: { 200: { description: 'The session', schema: Session } },
      problems: ['authorization_invalid', 'not_found', 'quorum_unavailable', 'rate_limited'],
    },
    async (c, { params }, principal) => c.json(await readSession(principal, params.id)),
  )

  mount.guarded(
    {
      ...VERIFY,
      scopes: ['keys:read'],
      problems: ['authorization_invalid', 'key_not_found', 'payload_invalid', 'rate_limited'],
    },
    (c, { body }, principal) => {
      rateLimit(principal.id, sizeCost(c), true)
      return c.json(verdictOn(curves, body, (id) => keys.get(principal.tenantId, id)))
    },
  )
}
