import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Curves } from '../../protocol/curve/curves.ts'
import type { SignatureView } from '../api/coordinator-service.ts'
import { createMount, validate } from '../api/endpoint.ts'
import { isKnown, tagOf } from '../api/entity-tag.ts'
import { createHttpApp, type HttpAppOptions } from '../api/http-app.ts'
import type { HttpEnv } from '../api/http-env.ts'
import { itemProblem } from '../api/item-problem.ts'
import { KEY_ACTIONS, KEY_ANSWERS, KeyReadHeaders } from '../api/key-routes.ts'
import { ApiProblem, type ProblemCode } from '../api/problem.ts'
import { renderKey, renderSignature, type SetJson } from '../api/render.ts'
import {
  BatchResult,
  DEFAULT_PAGE,
  DEFAULT_WAIT_MS,
  Key,
  KeyPage,
  KeyParams,
  KeyQuery,
  Session,
  SessionParams,
  SetState,
  Signature,
  SignatureParams,
  WaitQuery,
} from '../api/schemas.ts'
import { type HostInfo, mountSystemRoutes } from '../api/system-routes.ts'
import { toProblem } from '../api/to-problem.ts'
import { VERIFY, verdictOn } from '../api/verify-endpoint.ts'
import type { ChangeKey } from './key-admin.ts'
import type { KeyDirectory } from './key-directory.ts'

import type { MakeKey } from './key-maker.ts'
import { type Authenticate, type Principal, requireScopes } from './principal.ts'
import type { RateLimit } from './rate-limit.ts'
import type { ReadSession } from './read-session.ts'
import { requestIdOf, wishOf } from './read-wish.ts'
import {
  IdempotencyHeader,
  KeyBody,
  LabelBody,
  MAX_BATCH_BODY_BYTES,
  MAX_BODY_BYTES,
  SignBatchBody,
  SignBody,
  UpdateBody,
  UpdateHeaders,
} from './schemas.ts'
import type { SigningDesk, SignWish } from './signing-desk.ts'

export interface GatewayAppOptions extends HttpAppOptions {
  readonly authenticate: Authenticate
  /** Takes from a principal's allowance. */
  readonly rateLimit: RateLimit
  readonly desk: SigningDesk
  readonly makeKey: MakeKey
  readonly changeKey: ChangeKey
  readonly keys: KeyDirectory
  readonly readSession: ReadSession
  /** For public checks only. */
  readonly curves: Curves
  /** The coordinator's view of the set. */
  readonly set: () => Promise<SetJson>
  readonly ready: () => Promise<boolean>
  /** Signers of the pinned roster, and the threshold of keys whose maker names none. */
  readonly parties: number
  readonly defaultThreshold: number
  readonly info: HostInfo
}

const COMMON_PROBLEMS: readonly ProblemCode[] = [
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
const SIGNING_PROBLEMS: readonly ProblemCode[] = [
  ...COMMON_PROBLEMS,
  'raw_digest_forbidden',
  'key_not_found',
  'key_frozen',
  'epoch_mismatch',
  'path_unsupported',
  'engine_unavailable',
]

const UPDATE_PROBLEMS: readonly ProblemCode[] = [
  'authorization_invalid',
  'rate_limited',
  'key_not_found',
  'key_frozen',
  'revision_conflict',
  'precondition_failed',
  'request_replayed',
  'request_expired',
  'protocol_abort',
  'quorum_unavailable',
]

/** A call with this much of a body costs one call more: what a message costs everybody's hosts grows with its length. */
const BYTES_PER_CALL = 4096

const sizeCost = (c: Context<HttpEnv>): number => Math.floor((c.var.bodyBytes ?? 0) / BYTES_PER_CALL)

const statusOf = (view: SignatureView): 200 | 202 => (view.state === 'pending_signing' ? 202 : 200)

/** The gateway's API as a value: plain JSON for users, who never see a request document. It never listens. */
export function createGatewayApp(options: GatewayAppOptions): OpenAPIHono<HttpEnv> {
  const { authenticate, rateLimit, desk, makeKey, changeKey, keys, curves, parties, defaultThreshold, metrics, info } = options
  const app = createHttpApp(options)
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
  app.openAPIRegistry.registerComponent('securitySchemes', 'mutualTLS', { type: 'mutualTLS' })

  const mount = createMount<Principal>(app, ['bearer', 'mutualTLS'], async (c, scopes) => {
    const principal = await authenticate(c)
    c.set('caller', principal.name)
    c.var.ticket?.belongsTo(principal.id)
    rateLimit(principal.id, 1)
    requireScopes(principal, scopes)
    return principal
  })

  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/keys',
      tag: 'keys',
      summary: 'Create a key',
      description: 'Answers when all signers hold their share and stand for the key, which the gateway has then verified.',
      scopes: ['keys:write'],
      headers: IdempotencyHeader,
      body: { schema: KeyBody, maxBytes: MAX_BODY_BYTES },
      answers: {
        201: {
          description: 'The key',
          schema: Key,
          headers: { Location: 'The key’s path', 'Idempotency-Key': 'The request id' },
        },
      },
      problems: COMMON_PROBLEMS,
    },
    async (c, { body }, principal) => {
      if (body.parties !== undefined && body.parties !== parties) {
        throw new ApiProblem('malformed_request', 'a key is held by all signers of the set', {
          errors: [{ pointer: '/parties', reason: `must be ${parties}` }],
        })
      }
      const { key, requestId } = await makeKey(principal, {
        scheme: body.scheme,
        threshold: body.threshold ?? defaultThreshold,
        parties,
        label: body.label,
        requestId: requestIdOf(c, body.request_id),
      })
      return c.json(renderKey(key), 201, { Location: `/api/v1/keys/${key.id}`, 'Idempotency-Key': requestId })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/keys',
      tag: 'keys',
      summary: 'List keys',
      description: 'The keys of the caller’s tenant from the oldest to the youngest, a page at a time.',
      scopes: ['keys:read'],
      query: KeyQuery,
      answers: { 200: { description: 'A page of keys', schema: KeyPage } },
      problems: ['authorization_invalid', 'rate_limited'],
    },
    (c, { query }, principal) => {
      const page = keys.list(principal.tenantId, { ...query, limit: query.limit ?? DEFAULT_PAGE })
      return c.json({ keys: page.keys.map(renderKey), next_cursor: page.nextCursor })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/keys/{id}',
      tag: 'keys',
      summary: 'Read a key',
      scopes: ['keys:read'],
      params: KeyParams,
      headers: KeyReadHeaders,
      answers: KEY_ANSWERS,
      problems: ['authorization_invalid', 'key_not_found', 'rate_limited'],
    },
    (c, { params }, principal) => {
      const { view } = keys.get(principal.tenantId, params.id)
      c.header('ETag', tagOf(view))
      return isKnown(c, view) ? c.body(null, 304) : c.json(renderKey(view))
    },
  )

  const change = async (c: Context<HttpEnv>, principal: Principal, wish: Parameters<ChangeKey>[1]): Promise<Response> => {
    const { key, requestId } = await changeKey(principal, wish)
    return c.json(renderKey(key), 200, { ETag: tagOf(key), 'Idempotency-Key': requestId })
  }
  const updated = {
    200: {
      description: 'The key, for which this gateway holds the receipt of every signer',
      schema: Key,
      headers: { ETag: 'The new revision', 'Idempotency-Key': 'The request id' },
    },
  }
  const update = { tag: 'keys', scopes: ['keys:manage'], params: KeyParams, headers: UpdateHeaders, answers: updated }

  mount.guarded(
    {
      ...update,
      method: 'patch',
      path: '/api/v1/keys/{id}',
      summary: 'Change a label',
      description: 'Needs If-Match with the ETag of the key as the caller has seen it.',
      body: { schema: LabelBody, maxBytes: MAX_BODY_BYTES },
      problems: UPDATE_PROBLEMS,
    },
    (c, { params, body }, principal) =>
      change(c, principal, {
        action: 'label',
        keyId: params.id,
        label: body.label,
        requestId: requestIdOf(c, body.request_id),
        ifMatch: c.req.header('if-match'),
      }),
  )
  for (const { action, summary, description } of KEY_ACTIONS) {
    mount.guarded(
      {
        ...update,
        method: 'post',
        path: `/api/v1/keys/{id}/${action}`,
        summary,
        description,
        body: { schema: UpdateBody, maxBytes: MAX_BODY_BYTES, optional: true },
        problems: UPDATE_PROBLEMS,
      },
      (c, { params, body }, principal) =>
        change(c, principal, {
          action,
          keyId: params.id,
          requestId: requestIdOf(c, body.request_id),
          ifMatch: c.req.header('if-match'),
        }),
    )
  }

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
    async (c, { params }, principal) => c.json(await options.readSession(principal, params.id)),
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

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/set',
      tag: 'operations',
      summary: 'The signers and what they can do now',
      description: 'As the coordinator sees them.',
      answers: { 200: { description: 'The set', schema: SetState } },
      problems: ['quorum_unavailable', 'rate_limited'],
    },
    async (c) => c.json(await options.set()),
  )

  mountSystemRoutes({
    app,
    mount,
    info,
    title: 'Quorate gateway',
    description: 'Keys whose private part never exists in one place, and signatures with them.',
    metrics,
    ready: options.ready,
    guardOperations: false,
  })
  return app
}
