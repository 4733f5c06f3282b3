import type { Context } from 'hono'
import type { Mount } from '../api/endpoint.ts'
import { isKnown, tagOf } from '../api/entity-tag.ts'
import type { HttpEnv } from '../api/http-env.ts'
import { KEY_ACTIONS, KEY_ANSWERS, KeyReadHeaders } from '../api/key-routes.ts'
import { ApiProblem, type ProblemCode } from '../api/problem.ts'
import { renderKey } from '../api/render.ts'
import { DEFAULT_PAGE, Key, KeyPage, KeyParams, KeyQuery } from '../api/schemas.ts'
import type { ChangeKey } from './key-admin.ts'
import type { KeyDirectory } from './key-directory.ts'
import type { MakeKey } from './key-maker.ts'
import type { Principal } from './principal.ts'
import { requestIdOf } from './read-wish.ts'
import { REQUEST_PROBLEMS } from './request-problems.ts'
import { IdempotencyHeader, KeyBody, LabelBody, MAX_BODY_BYTES, UpdateBody, UpdateHeaders } from './schemas.ts'

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

export interface KeyParts {
  readonly makeKey: MakeKey
  readonly changeKey: ChangeKey
  readonly keys: KeyDirectory
  /** Signers of the pinned roster, and the threshold of keys whose maker names none. */
  readonly parties: number
  readonly defaultThreshold: number
}

/** Keys: made, read, changed. */
export function mountKeys(mount: Mount<Principal>, { makeKey, changeKey, keys, parties, defaultThreshold }: KeyParts): void {
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
      problems: REQUEST_PROBLEMS,
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
}
