import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Curves } from '../../protocol/curve/curves.ts'
import { fromHex } from '../../protocol/engine/bytes.ts'
import { peerFingerprint } from '../../transport/tls-server.ts'
import type { Client, CoordinatorService, KeyAction, SignatureView, SignedRequest } from './coordinator-service.ts'
import { createMount, validate } from './endpoint.ts'
import { isKnown, tagOf } from './entity-tag.ts'
import { createHttpApp, type HttpAppOptions } from './http-app.ts'
import type { HttpEnv } from './http-env.ts'
import { itemProblem } from './item-problem.ts'
import { KEY_ACTIONS, KEY_ANSWERS, KeyReadHeaders } from './key-routes.ts'
import { ApiProblem, type ProblemCode } from './problem.ts'
import { renderKey, renderSession, renderSet, renderSignature, renderUpdatedKey } from './render.ts'
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
  UpdatedKey,
  WaitQuery,
} from './schemas.ts'

import { MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES, SignedBatchBody, SignedRequestBody, signedRequestOf } from './signed-request.ts'
import { type HostInfo, mountSystemRoutes } from './system-routes.ts'
import { VERIFY, verdictOn } from './verify-endpoint.ts'

export interface CoordinatorAppOptions extends HttpAppOptions {
  readonly service: CoordinatorService
  /** For public checks only. */
  readonly curves: Curves
  /** The configured client of a certificate (SHA-256 of the DER, 64 lower-case hex digits; null: none was proven). */
  readonly clientOf: (fingerprint: string | null) => Client | null
  readonly info: HostInfo
}

const SIGNING_PROBLEMS: readonly ProblemCode[] = [
  'authorization_invalid',
  'policy_denied',
  'raw_digest_forbidden',
  'key_not_found',
  'key_frozen',
  'request_replayed',
  'idempotency_in_flight',
  'epoch_mismatch',
  'request_expired',
  'payload_invalid',
  'path_unsupported',
  'engine_unavailable',
  'protocol_abort',
  'quorum_unavailable',
  'signing_timeout',
]

const UPDATE_PROBLEMS: readonly ProblemCode[] = [
  'authorization_invalid',
  'key_not_found',
  'key_frozen',
  'revision_conflict',
  'request_replayed',
  'request_expired',
  'payload_invalid',
  'quorum_unavailable',
]

/** The coordinator's API as a value: it never listens, holds no authority, and checks form, limits and who is connected. */
export function createCoordinatorApp(options: CoordinatorAppOptions): OpenAPIHono<HttpEnv> {
  const { service, curves, clientOf, metrics, info } = options
  const app = createHttpApp(options)
  app.openAPIRegistry.registerComponent('securitySchemes', 'mutualTLS', {
    type: 'mutualTLS',
    description: 'The certificate of a configured client, pinned by its SHA-256',
  })
  const mount = createMount<Client>(app, ['mutualTLS'], (c) => {
    const client = clientOf(peerFingerprint(c))
    if (client === null) throw new ApiProblem('authentication_failed', 'no certificate of a configured client')
    c.set('caller', client.name)
    c.var.ticket?.belongsTo(client.name)
    return client
  })

  /** Every signer judges the signature itself; this keeps one client from spending another one's requests and ids. */
  const ownRequest = (request: SignedRequest, client: Client): SignedRequest => {
    for (const { credentialId } of request.authorizations) {
      if (!client.credentials.includes(credentialId)) {
        throw new ApiProblem('authorization_invalid', 'this client may not submit requests of that credential', {
          outcome: 'none',
        })
      }
    }
    return request
  }

  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/keys',
      tag: 'keys',
      summary: 'Create a key',
      description: 'The document is a keygen.v1. Answers when all signers hold and have acknowledged their share.',
      body: { schema: SignedRequestBody, maxBytes: MAX_BODY_BYTES },
      answers: { 201: { description: 'The key', schema: Key, headers: { Location: 'The key’s path' } } },
      problems: [
        'authorization_invalid',
        'policy_denied',
        'request_replayed',
        'idempotency_in_flight',
        'request_expired',
        'payload_invalid',
        'protocol_abort',
        'quorum_unavailable',
        'signing_timeout',
      ],
    },
    async (c, { body }, client) => {
      const key = await service.createKey(ownRequest(signedRequestOf(body), client), client)
      return c.json(renderKey(key), 201, { Location: `/api/v1/keys/${key.id}` })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/keys',
      tag: 'keys',
      summary: 'List keys',
      description: 'The keys that the client’s credentials created, a page at a time.',
      query: KeyQuery,
      answers: { 200: { description: 'A page of keys', schema: KeyPage } },
    },
    (c, { query }, client) => {
      const { limit = DEFAULT_PAGE, cursor, scheme, label, state } = query
      const page = service.listKeys(
        {
          limit,
          ...(cursor === undefined ? {} : { cursor }),
          ...(scheme === undefined ? {} : { scheme }),
          ...(label === undefined ? {} : { label }),
          ...(state === undefined ? {} : { state }),
        },
        client,
      )
      return c.json({ keys: page.keys.map(renderKey), next_cursor: page.nextCursor })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/keys/{id}',
      tag: 'keys',
      summary: 'Read a key',
      params: KeyParams,
      headers: KeyReadHeaders,
      answers: KEY_ANSWERS,
      problems: ['key_not_found'],
    },
    (c, { params }, client) => {
      const view = service.getKey(params.id, client)
      c.header('ETag', tagOf(view))
      return isKnown(c, view) ? c.body(null, 304) : c.json(renderKey(view))
    },
  )

  const updateRoute = (
    method: 'post' | 'patch',
    path: string,
    action: KeyAction,
    text: { readonly summary: string; readonly description: string },
  ): void =>
    mount.guarded(
      {
        ...text,
        method,
        path,
        tag: 'keys',
        params: KeyParams,
        body: { schema: SignedRequestBody, maxBytes: MAX_BODY_BYTES },
        answers: { 200: { description: 'The key', schema: UpdatedKey, headers: { ETag: 'The new revision' } } },
        problems: UPDATE_PROBLEMS,
      },
      async (c, { params, body }, client) => {
        const key = await service.updateKey(params.id, action, ownRequest(signedRequestOf(body), client), client)
        return c.json(renderUpdatedKey(key), 200, { ETag: tagOf(key) })
      },
    )
  updateRoute('patch', '/api/v1/keys/{id}', 'label', {
    summary: 'Change a label',
    description: 'The document is a key-update.v1 that leaves the state as it is. Answers when all signers have stored it.',
  })
  for (const { action, ...text } of KEY_ACTIONS) updateRoute('post', `/api/v1/keys/{id}/${action}`, action, text)

  const statusOf = (view: SignatureView): 200 | 202 => (view.state === 'pending_signing' ? 202 : 200)

  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/sign',
      tag: 'signing',
      summary: 'Sign',
      description:
        'The document is a sign.v1. The same document has one outcome, however often it is sent. Waits for it up to `wait_ms` (default 5000).',
      query: WaitQuery,
      body: { schema: SignedRequestBody, maxBytes: MAX_BODY_BYTES },
      answers: {
        200: { description: 'The signature', schema: Signature },
        202: { description: 'Not ready within wait_ms', schema: Signature, headers: { Location: 'Where to ask again' } },
      },
      problems: SIGNING_PROBLEMS,
    },
    async (c, { query, body }, client) => {
      const view = await service.sign(ownRequest(signedRequestOf(body), client), client, query.wait_ms ?? DEFAULT_WAIT_MS)
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
        'Up to 256 requests, each with its own outcome, in the order sent. Only a body of the wrong form fails as a whole.',
      query: WaitQuery,
      body: { schema: SignedBatchBody, maxBytes: MAX_BATCH_BODY_BYTES },
      answers: { 200: { description: 'One outcome per item', schema: BatchResult } },
    },
    async (c, { query, body }, client) => {
      const waitMs = query.wait_ms ?? DEFAULT_WAIT_MS
      const items = await Promise.all(
        body.items.map(async (item, i) => {
          try {
            const request = signedRequestOf(validate(SignedRequestBody, item, `/items/${i}`))
            const view = await service.sign(ownRequest(request, client), client, waitMs)
            return { status: statusOf(view), signature: renderSignature(view) }
          } catch (error) {
            return itemProblem(c, error)
          }
        }),
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
      description: 'Waits for the outcome if `wait_ms` says so (default 0).',
      params: SignatureParams,
      query: WaitQuery,
      answers: { 200: { description: 'The signature in its present state', schema: Signature } },
      problems: ['not_found', 'request_expired'],
    },
    async (c, { params, query }, client) =>
      c.json(renderSignature(await service.getSignature(params.id, client, query.wait_ms ?? 0))),
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/sessions/{id}',
      tag: 'operations',
      summary: 'Read a session',
      description:
        'One of the last 4,096 signing sessions, if a request of the client’s credentials was in it. Forgotten at a restart.',
      params: SessionParams,
      answers: { 200: { description: 'The session', schema: Session } },
      problems: ['not_found'],
    },
    (c, { params }, client) => c.json(renderSession(service.getSession(params.id, client))),
  )

  mount.guarded({ ...VERIFY, problems: ['key_not_found', 'payload_invalid'] }, (c, { body }, client) =>
    c.json(
      verdictOn(curves, body, (id) => {
        const { scheme, publicKey } = service.getKey(id, client)
        return { scheme, publicKey: fromHex(publicKey.slice(2)) }
      }),
    ),
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/set',
      tag: 'operations',
      summary: 'The signers and what they can do now',
      answers: { 200: { description: 'The set', schema: SetState } },
    },
    (c) => c.json(renderSet(service.set())),
  )

  mountSystemRoutes({
    app,
    mount,
    info,
    title: 'Quorate coordinator',
    description:
      'For wallet servers that sign their own request documents. The coordinator has no authority: every signer judges the exact bytes of each request itself.',
    metrics,
    ready: () => service.ready(),
    guardOperations: true,
  })
  return app
}
