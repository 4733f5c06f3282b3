import type { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { formatTime } from '../../protocol/request/time.ts'
import type { Mount } from '../api/endpoint.ts'
import type { HttpEnv } from '../api/http-env.ts'
import { itemProblem } from '../api/item-problem.ts'
import { ApiProblem } from '../api/problem.ts'
import { renderKey } from '../api/render.ts'
import { DEFAULT_PAGE } from '../api/schemas.ts'
import type { BatchView, KeyBatchDesk } from './key-batch-desk.ts'
import type { Principal } from './principal.ts'
import type { RateLimit } from './rate-limit.ts'
import { requestIdOf } from './read-wish.ts'
import {
  IdempotencyHeader,
  KeyBatch,
  KeyBatchBody,
  KeyBatchParams,
  KeyBatchQuery,
  MAX_BATCH_KEYS,
  MAX_BODY_BYTES,
} from './schemas.ts'

export interface KeyBatchParts {
  readonly batches: KeyBatchDesk
  readonly rateLimit: RateLimit
  /** Signers of the pinned roster, and the threshold of keys whose maker names none. */
  readonly parties: number
  readonly defaultThreshold: number
}

const malformed = (pointer: string, reason: string): ApiProblem =>
  new ApiProblem('malformed_request', 'the request does not have the documented form', { errors: [{ pointer, reason }] })

function render(c: Context<HttpEnv>, { row, rate, items, next }: BatchView): z.infer<typeof KeyBatch> {
  const left = row.total - row.made - row.failed
  const rounded = rate === null ? null : Math.round(rate * 10) / 10
  return {
    id: row.id,
    request_id: row.requestId,
    state: row.endedAt === null ? 'running' : 'done',
    total: row.total,
    made: row.made,
    failed: row.failed,
    keys_per_second: rounded,
    remaining_ms: rate === null ? null : Math.ceil((left / rate) * 1000),
    created_at: formatTime(row.createdAt),
    expires_at: formatTime(row.expiresAt),
    ended_at: row.endedAt === null ? null : formatTime(row.endedAt),
    items: items.map(({ position, end }) =>
      end instanceof ApiProblem ? { position, ...itemProblem(c, end) } : { position, key: renderKey(end) },
    ),
    next_cursor: next === null ? null : String(next),
  } as z.infer<typeof KeyBatch>
}

/** Many keys with one call, which does not wait for them unless asked to. */
export function mountKeyBatches(mount: Mount<Principal>, { batches, rateLimit, parties, defaultThreshold }: KeyBatchParts): void {
  mount.guarded(
    {
      method: 'post',
      path: '/api/v1/keys/batch',
      tag: 'keys',
      summary: 'Create many keys',
      description:
        'Takes on up to 1,000 keys, which are made in the background, also after a restart; each counts as one call. The same request_id with the same content is the same batch: no key of it is made twice.',
      scopes: ['keys:write'],
      headers: IdempotencyHeader,
      body: { schema: KeyBatchBody, maxBytes: MAX_BODY_BYTES },
      answers: {
        200: { description: 'The batch, which is done', schema: KeyBatch },
        202: { description: 'The batch, which is under way', schema: KeyBatch, headers: { Location: 'Where to ask again' } },
      },
      problems: ['authorization_invalid', 'rate_limited', 'request_replayed'],
    },
    async (c, { body }, principal) => {
      const groups = body.items.map(({ scheme, threshold = defaultThreshold, label = null, count = 1 }, i) => {
        if (threshold > parties) throw malformed(`/items/${i}/threshold`, `must be at most ${parties}`)
        return { scheme, threshold, label, count }
      })
      const total = groups.reduce((sum, { count }) => sum + count, 0)
      if (total > MAX_BATCH_KEYS) throw malformed('/items', `must be at most ${MAX_BATCH_KEYS} keys in all`)
      rateLimit(principal.id, total - 1, true)
      const id = await batches.begin(principal, groups, requestIdOf(c, body.request_id))
      const view = await batches.read(principal, id, body.wait_ms ?? 0, { after: 0, limit: DEFAULT_PAGE })
      c.header('Idempotency-Key', view.row.requestId)
      if (view.row.endedAt !== null) return c.json(render(c, view), 200)
      return c.json(render(c, view), 202, { Location: `/api/v1/keys/batch/${id}` })
    },
  )

  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/keys/batch/{id}',
      tag: 'keys',
      summary: 'Read a batch of keys',
      description:
        'How far it is, and a page of its keys. Waits for its end if `wait_ms` says so (default 0). Only for the caller that asked for it, until 24 hours after it expired.',
      scopes: ['keys:read'],
      params: KeyBatchParams,
      query: KeyBatchQuery,
      answers: { 200: { description: 'The batch', schema: KeyBatch } },
      problems: ['authorization_invalid', 'not_found', 'rate_limited'],
    },
    async (c, { params, query }, principal) => {
      const page = { after: Number(query.cursor ?? 0), limit: query.limit ?? DEFAULT_PAGE }
      return c.json(render(c, await batches.read(principal, params.id, query.wait_ms ?? 0, page)))
    },
  )
}
