import { z } from '@hono/zod-openapi'
import { MAX_DOCUMENT_BYTES } from '../../protocol/request/document.ts'
import type { SignedRequest } from './coordinator-service.ts'
import { ApiProblem } from './problem.ts'
import { MAX_BATCH_ITEMS } from './schemas.ts'

/** The coordinator form (api.md "Signed requests") and its bounds. */

export const MAX_BODY_BYTES = 256 * 1024
export const MAX_BATCH_BODY_BYTES = 8 * 1024 * 1024

const base64urlLength = (bytes: number): number => Math.ceil((bytes * 4) / 3)
const base64url = (maxBytes: number) =>
  z
    .string()
    .min(1)
    .max(base64urlLength(maxBytes))
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url without padding')

/** 64 bytes in either algorithm. */
const SIGNATURE_CHARACTERS = base64urlLength(64)

export const SignedRequestBody = z
  .strictObject({
    request: base64url(MAX_DOCUMENT_BYTES).openapi({ description: 'The exact bytes of the request document, base64url' }),
    authorizations: z
      .array(
        z.strictObject({
          credential_id: z.string().regex(/^cred_[A-Za-z0-9_-]{1,64}$/, 'must be cred_ and 1 to 64 of A-Z a-z 0-9 _ -'),
          alg: z.enum(['ed25519', 'p256']),
          signature: z
            .string()
            .regex(new RegExp(`^[A-Za-z0-9_-]{${SIGNATURE_CHARACTERS}}$`), 'must be 64 bytes in base64url without padding')
            .openapi({ description: 'Over "quorate/request/v1\\n" and the bytes of the document' }),
        }),
      )
      .min(1)
      .max(16),
  })
  .openapi('SignedRequest')

/** Items are judged one by one, so that a bad one costs the others nothing. */
export const SignedBatchBody = z
  .strictObject({
    items: z
      .array(z.unknown())
      .min(1)
      .max(MAX_BATCH_ITEMS)
      .openapi({ type: 'array', items: { $ref: '#/components/schemas/SignedRequest' }, minItems: 1, maxItems: MAX_BATCH_ITEMS }),
  })
  .openapi('SignedBatch')

/** Exactly one spelling per byte string: Node's decoder ignores left-over bits, so what it reads must spell the same again. */
function decode(text: string, pointer: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') === text) return new Uint8Array(bytes)
  throw new ApiProblem('malformed_request', 'the body does not have the documented form', {
    errors: [{ pointer, reason: 'is not canonical base64url' }],
  })
}

/** @throws ApiProblem malformed_request */
export function signedRequestOf(body: z.infer<typeof SignedRequestBody>): SignedRequest {
  return {
    document: decode(body.request, '/request'),
    authorizations: body.authorizations.map((authorization, i) => ({
      credentialId: authorization.credential_id,
      alg: authorization.alg,
      signature: decode(authorization.signature, `/authorizations/${i}/signature`),
    })),
  }
}
