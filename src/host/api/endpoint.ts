import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { readJson } from './body.ts'
import type { HttpEnv } from './http-env.ts'
import { ApiProblem, type FieldError, PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemCode } from './problem.ts'
import { Problem } from './schemas.ts'

interface Answer {
  readonly description: string
  /** Default content type application/json. */
  readonly schema?: z.ZodType
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One route: what is said about it in /openapi.json and what is checked at run time are the same objects. */
export interface Endpoint<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'patch'
  /** In OpenAPI's form, `/api/v1/keys/{id}`. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  /** What the caller must have been granted; judged before anything of the request is read. */
  readonly scopes?: readonly string[]
  readonly params?: P
  readonly query?: Q
  /** A header that is documented here and read by the handler. */
  readonly headers?: z.ZodObject
  /** `optional`: a call without a body counts as `{}`. */
  readonly body?: { readonly schema: B; readonly maxBytes: number; readonly optional?: boolean }
  readonly answers: Readonly<Record<number, Answer>>
  /** Codes that this route can answer with beyond those every route can. */
  readonly problems?: readonly ProblemCode[]
}

export interface Inputs<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>
  readonly query: z.output<Q>
  readonly body: z.output<B>
}

/** Bounds of what an answer tells about a bad request. */
const MAX_ERRORS = 16
const MAX_REASON = 200

const escapePointer = (part: PropertyKey): string => String(part).replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 64)

function fieldErrors(issues: readonly z.core.$ZodIssue[], prefix: string): FieldError[] {
  return issues.slice(0, MAX_ERRORS).map((issue) => ({
    pointer: prefix + issue.path.map((part) => `/${escapePointer(part)}`).join(''),
    // The names of unknown members are the caller's own words; an answer does not repeat them.
    reason: issue.code === 'unrecognized_keys' ? 'has an unknown member' : issue.message.slice(0, MAX_REASON),
  }))
}

/** A payload of a kind that does not exist (yet) is well-formed and cannot be signed. */
const isUnknownKind = (issue: z.core.$ZodIssue): boolean => issue.code === 'invalid_union' && issue.path.at(-1) === 'kind'

/**
 * @param prefix where the value stands: a JSON pointer into the body, or `query`, `path`.
 * @throws ApiProblem malformed_request naming each offending place; payload_invalid for a payload of unknown kind
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown, prefix: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = fieldErrors(result.error.issues, prefix)
  if (result.error.issues.some(isUnknownKind)) throw new ApiProblem('payload_invalid', 'a payload of unknown kind', { errors })
  throw new ApiProblem('malformed_request', 'the request does not have the documented form', { errors })
}

/** `?a=1&a=2` could mean either: refused like a duplicate member. */
function queryOf(c: Context<HttpEnv>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => {
      const [value] = values
      if (values.length !== 1 || value === undefined) {
        throw new ApiProblem('malformed_request', 'a query parameter stands twice', {
          errors: [{ pointer: `query/${escapePointer(name)}`, reason: 'stands twice' }],
        })
      }
      return [name, value]
    }),
  )
}

function problemAnswers(codes: readonly ProblemCode[]): RouteConfig['responses'] {
  const byStatus = Map.groupBy([...new Set(codes)], (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    Array.from(byStatus, ([status, group]) => [
      String(status),
      { description: group.join(', '), content: { [PROBLEM_CONTENT_TYPE]: { schema: Problem } } },
    ]),
  )
}

function describe<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  endpoint: Endpoint<P, Q, B>,
  security: readonly string[],
): RouteConfig {
  const common: ProblemCode[] = ['internal']
  if (security.length > 0) common.push('authentication_failed', 'overloaded')
  if (endpoint.scopes !== undefined) common.push('policy_denied')
  if (endpoint.params !== undefined || endpoint.query !== undefined) common.push('malformed_request')
  if (endpoint.body !== undefined) common.push('malformed_request', 'payload_too_large')
  const answers = Object.entries(endpoint.answers).map(([status, { description, schema, contentType, headers }]) => [
    status,
    {
      description,
      ...(schema === undefined ? {} : { content: { [contentType ?? 'application/json']: { schema } } }),
      ...(headers === undefined
        ? {}
        : {
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' as const } }]),
            ),
          }),
    },
  ])
  return {
    method: endpoint.method,
    path: endpoint.path,
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    tags: [endpoint.tag],
    security: security.map((name) => ({ [name]: [...(endpoint.scopes ?? [])] })),
    request: {
      ...(endpoint.params instanceof z.ZodObject ? { params: endpoint.params } : {}),
      ...(endpoint.query instanceof z.ZodObject ? { query: endpoint.query } : {}),
      ...(endpoint.headers === undefined ? {} : { headers: endpoint.headers }),
      ...(endpoint.body === undefined
        ? {}
        : {
            body: {
              required: endpoint.body.optional !== true,
              content: { 'application/json': { schema: endpoint.body.schema } },
            },
          }),
    },
    responses: { ...Object.fromEntries(answers), ...problemAnswers([...common, ...(endpoint.problems ?? [])]) },
  }
}

async function bodyOf(c: Context<HttpEnv>, { maxBytes, optional }: { maxBytes: number; optional?: boolean }): Promise<unknown> {
  const names = ['content-type', 'transfer-encoding'] as const
  const none = names.every((name) => c.req.header(name) === undefined) && (c.req.header('content-length') ?? '0') === '0'
  return optional === true && none ? {} : await readJson(c, maxBytes)
}

export interface Mount<Caller> {
  /** A route for anybody. */
  readonly open: <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
    endpoint: Endpoint<P, Q, B>,
    handler: (c: Context<HttpEnv>, inputs: Inputs<P, Q, B>) => Response | Promise<Response>,
  ) => void
  /** A route that exists for authenticated callers only. */
  readonly guarded: <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
    endpoint: Endpoint<P, Q, B>,
    handler: (c: Context<HttpEnv>, inputs: Inputs<P, Q, B>, caller: Caller) => Response | Promise<Response>,
  ) => void
}

/**
 * How routes get into an application: documented, then authenticated, then read under limits, then strictly parsed and
 * validated once; the handler gets checked values. The library's own body validator is not used: it would parse the JSON a
 * second time, leniently, and before we know who calls.
 */
export function createMount<Caller>(
  app: OpenAPIHono<HttpEnv>,
  /** Names of registered security schemes, any of which suffices. */
  security: readonly string[],
  /** @throws ApiProblem authentication_failed, policy_denied */
  authenticate: (c: Context<HttpEnv>, scopes: readonly string[]) => Caller | Promise<Caller>,
): Mount<Caller> {
  const route = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1')

  async function inputsOf<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
    c: Context<HttpEnv>,
    { params, query, body }: Endpoint<P, Q, B>,
  ): Promise<Inputs<P, Q, B>> {
    const inputs = {
      params: params === undefined ? undefined : validate(params, c.req.param(), 'path'),
      query: query === undefined ? undefined : validate(query, queryOf(c), 'query'),
      body: body === undefined ? undefined : validate(body.schema, await bodyOf(c, body), ''),
    }
    return inputs as Inputs<P, Q, B>
  }

  return {
    open: (endpoint, handler) => {
      app.openAPIRegistry.registerPath(describe(endpoint, []))
      app.on(endpoint.method.toUpperCase(), route(endpoint.path), async (c) => handler(c, await inputsOf(c, endpoint)))
    },
    guarded: (endpoint, handler) => {
      app.openAPIRegistry.registerPath(describe(endpoint, security))
      app.on(endpoint.method.toUpperCase(), route(endpoint.path), async (c) => {
        const caller = await authenticate(c, endpoint.scopes ?? [])
        return handler(c, await inputsOf(c, endpoint), caller)
      })
    },
  }
}
