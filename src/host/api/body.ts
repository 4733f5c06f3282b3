import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type Json, parseStrictJson } from '../../protocol/request/strict-json.ts'
import { boundedBody } from '../../transport/bounded-body.ts'
import type { HttpEnv } from './http-env.ts'
import { ApiProblem } from './problem.ts'

const JSON_TYPE = /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?$/i

async function readBody(c: Context<HttpEnv>, maxBytes: number): Promise<Uint8Array> {
  if (!JSON_TYPE.test(c.req.header('content-type') ?? '')) {
    throw new ApiProblem('malformed_request', 'the content type must be application/json', {
      errors: [{ pointer: 'header/content-type', reason: 'must be application/json' }],
    })
  }
  if (c.req.header('content-encoding') !== undefined) {
    throw new ApiProblem('malformed_request', 'content encodings are not supported', {
      errors: [{ pointer: 'header/content-encoding', reason: 'must be absent' }],
    })
  }
  const declared = Number(c.req.header('content-length') ?? maxBytes)
  // Anything that is no number, or too large, is the reader's to refuse; it reads nothing then.
  if (declared <= maxBytes) c.var.ticket?.reserve(declared)
  try {
    return await boundedBody(c, maxBytes)
  } catch (error) {
    if (!(error instanceof HTTPException)) throw error
    if (error.status === 413) throw new ApiProblem('payload_too_large', `a body has at most ${maxBytes} bytes`)
    throw new ApiProblem('malformed_request', 'the body ended early', { cause: error })
  }
}

/** `Object.fromEntries` defines own properties, so a member called `__proto__` is one more unknown member and nothing else. */
function plain(value: Json): unknown {
  if (value instanceof Map)
    return Object.fromEntries(Array.from(value as ReadonlyMap<string, Json>, ([name, v]) => [name, plain(v)]))
  return Array.isArray(value) ? value.map(plain) : value
}

/**
 * The JSON value of a body, parsed once and strictly: a duplicate member is refused, since two readers could disagree on
 * which one counts (src/protocol/request/strict-json.ts). Size and content type are judged before anything is read.
 * @throws ApiProblem malformed_request, payload_too_large, overloaded; RequestError
 */
export async function readJson(c: Context<HttpEnv>, maxBytes: number): Promise<unknown> {
  const body = await readBody(c, maxBytes)
  c.set('bodyBytes', body.length)
  return plain(parseStrictJson(body, maxBytes))
}
