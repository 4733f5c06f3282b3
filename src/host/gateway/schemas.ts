import { z } from '@hono/zod-openapi'
import { PayloadBody } from '../api/payload.ts'
import {
  Key,
  KeyId,
  KeyQuery,
  Label,
  MAX_BATCH_ITEMS,
  MAX_WAIT_MS,
  Problem,
  RequestId,
  Scheme,
  WaitQuery,
} from '../api/schemas.ts'

/** The gateway's plain forms. What a document may say is judged where it is made (src/protocol/request), not here again. */

export const MAX_BODY_BYTES = 256 * 1024
/** The coordinator takes 8 MiB; its form of the same batch is a third larger (base64url) plus about 1 KiB an item. */
export const MAX_BATCH_BODY_BYTES = 5 * 1024 * 1024

export const SignBody = z
  .strictObject({
    key_id: KeyId,
    path: z.string().max(256).optional().openapi({ description: 'm, or absent: derived keys do not exist yet' }),
    payload: PayloadBody,
    request_id: RequestId.optional(),
    wait_ms: z.int().min(0).max(MAX_WAIT_MS).optional(),
  })
  .openapi('SignRequest')

/** Items are judged one by one, so that a bad one costs the others nothing. */
export const SignBatchBody = z
  .strictObject({
    items: z
      .array(z.unknown())
      .min(1)
      .max(MAX_BATCH_ITEMS)
      .openapi({ type: 'array', items: { $ref: '#/components/schemas/SignRequest' }, minItems: 1, maxItems: MAX_BATCH_ITEMS }),
  })
  .openapi('SignBatchRequest', { description: 'The call waits as long as the item that may wait longest.' })

export const KeyBody = z
  .strictObject({
    scheme: Scheme,
    label: Label.optional(),
    threshold: z.int().min(2).max(16).optional(),
    parties: z.int().min(2).max(16).optional().openapi({ description: 'All signers of the set, which is also the default' }),
    request_id: RequestId.optional(),
  })
  .openapi('KeyRequest')

/** Keys of one batch. */
export const MAX_BATCH_KEYS = 1000
export const KeyBatchBody = z
  .strictObject({
    items: z
      .array(
        z.strictObject({
          scheme: Scheme,
          label: Label.optional(),
          threshold: z.int().min(2).max(16).optional(),
          count: z.int().min(1).max(MAX_BATCH_KEYS).optional().openapi({ description: 'So many keys of this kind; default 1' }),
        }),
      )
      .min(1)
      .max(MAX_BATCH_KEYS),
    request_id: RequestId.optional(),
    wait_ms: z.int().min(0).max(MAX_WAIT_MS).optional().openapi({ description: 'How long to wait for the end; default 0' }),
  })
  .openapi('KeyBatchRequest', { description: `Up to ${MAX_BATCH_KEYS} keys in all` })

const OperationId = z
  .string()
  .regex(/^op_[0-9a-f]{32}$/, 'must be op_ and 32 lower-case hex digits')
  .openapi('OperationId')
export const KeyBatchParams = z.object({ id: OperationId })
export const KeyBatchQuery = z.strictObject({
  wait_ms: WaitQuery.shape.wait_ms,
  limit: KeyQuery.shape.limit,
  cursor: z
    .string()
    .regex(/^\d{1,4}$/, 'is none of ours')
    .optional(),
})
const Time = z.iso.datetime().openapi({ description: 'RFC 3339, UTC' })
const Position = z.int().min(0).openapi({ description: 'Among all keys of the batch in the order asked for, from 0' })
export const KeyBatch = z
  .strictObject({
    id: OperationId,
    request_id: RequestId,
    state: z.enum(['running', 'done']),
    total: z.int(),
    made: z.int(),
    failed: z.int(),
    keys_per_second: z.number().nullable().openapi({ description: 'null while nothing is known, and when it is done' }),
    remaining_ms: z.int().nullable().openapi({ description: 'At that rate' }),
    created_at: Time,
    expires_at: Time.openapi({ description: 'Keys that are not begun by then fail' }),
    ended_at: Time.nullable(),
    items: z
      .array(
        z.union([
          z.strictObject({ position: Position, key: Key }),
          z.strictObject({ position: Position, status: z.int(), problem: Problem }),
        ]),
      )
      .openapi({ description: 'A page of the keys that are made or have failed, in the order in which they did' }),
    next_cursor: z.string().nullable().openapi({ description: 'null: no more so far' }),
  })
  .openapi('KeyBatch')

export const LabelBody = z
  .strictObject({ label: Label.nullable().openapi({ description: 'null: none' }), request_id: RequestId.optional() })
  .openapi('LabelRequest')

/** Freeze, unfreeze and archive say it all in their paths. */
export const UpdateBody = z.strictObject({ request_id: RequestId.optional() }).openapi('UpdateRequest')

export const IdempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .openapi({ description: 'Another way to give request_id; `req_` in front may be left out' }),
})

export const UpdateHeaders = IdempotencyHeader.extend({
  'If-Match': z
    .string()
    .optional()
    .openapi({ description: 'The ETag of the key as the caller has seen it; needed to change a label' }),
})

const HEADER = /^"?(?:req_)?([A-Za-z0-9_-]{1,64})"?$/

/** The request id that an Idempotency-Key stands for; undefined for a text that stands for none. */
export const requestIdOfHeader = (text: string): string | undefined => {
  const name = HEADER.exec(text)?.[1]
  return name === undefined ? undefined : `req_${name}`
}
