import type { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { HttpEnv } from '../api/http-env.ts'
import { payloadOf } from '../api/payload.ts'
import { ApiProblem } from '../api/problem.ts'
import { requestIdOfHeader, type SignBody } from './schemas.ts'
import type { SignWish } from './signing-desk.ts'

type SignBodyJson = z.infer<typeof SignBody>

/** @throws ApiProblem path_unsupported */
export function wishOf(body: SignBodyJson, requestId: string | undefined): SignWish {
  if (body.path !== undefined && body.path !== 'm') {
    throw new ApiProblem('path_unsupported', 'derived keys do not exist yet: leave path out, or m', {
      requestId,
      errors: [{ pointer: '/path', reason: 'must be m' }],
    })
  }
  return { keyId: body.key_id, path: 'm', payload: payloadOf(body.payload), requestId }
}

/** `request_id` of the body, or its alias in the header; both may be given if they agree. @throws ApiProblem malformed_request */
export function requestIdOf(c: Context<HttpEnv>, inBody: string | undefined): string | undefined {
  const header = c.req.header('idempotency-key')
  if (header === undefined) return inBody
  const inHeader = requestIdOfHeader(header)
  const reason = inHeader === undefined ? 'must be 1 to 64 of A-Z a-z 0-9 _ -' : 'is not the request_id of the body'
  if (inHeader === undefined || (inBody !== undefined && inBody !== inHeader)) {
    throw new ApiProblem('malformed_request', 'the Idempotency-Key cannot be used', {
      errors: [{ pointer: 'header/idempotency-key', reason }],
    })
  }
  return inHeader
}
