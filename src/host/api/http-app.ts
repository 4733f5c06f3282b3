import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'
import type { Metrics } from '../metrics.ts'
import { type AdmissionLimits, createAdmission, DEFAULT_ADMISSION } from './admission.ts'
import type { HttpEnv } from './http-env.ts'
import { ApiProblem, PROBLEM_CONTENT_TYPE, problemBody } from './problem.ts'
import { toProblem } from './to-problem.ts'

export interface HttpAppOptions {
  readonly log: Logger
  readonly metrics: Metrics
  readonly admission?: AdmissionLimits
  /** Is told of every error that became `internal`, after it was logged: the host may not be able to go on. */
  readonly onUnexpected?: (error: unknown) => void
}

/** Anybody may invent a method; a measurement's labels are bounded. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH'])
/** Calls that change something say what is known of their outcome. */
const CHANGING = new Set(['POST', 'PATCH'])

const PROBES: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics'])

function answerProblem(c: Context<HttpEnv>, problem: ApiProblem): Response {
  if (problem.retryAfterMs !== undefined) {
    const seconds = Math.max(1, Math.ceil(problem.retryAfterMs / 1000))
    c.header('Retry-After', String(seconds))
    if (problem.code === 'rate_limited') c.header('RateLimit', `"principal";r=0;t=${seconds}`)
  }
  return c.body(
    JSON.stringify(problemBody(problem, c.var.exchangeId, CHANGING.has(c.req.method))),
    problem.status as ContentfulStatusCode,
    {
      'Content-Type': PROBLEM_CONTENT_TYPE,
    },
  )
}

/**
 * An application with what every answer of ours has: an exchange id, an access log line, a measurement, headers, bounded
 * work in flight, and problems instead of exceptions. It never listens.
 */
export function createHttpApp(options: HttpAppOptions): OpenAPIHono<HttpEnv> {
  const { log, metrics, admission: limits = DEFAULT_ADMISSION, onUnexpected } = options
  const app = new OpenAPIHono<HttpEnv>()
  const admission = createAdmission(limits)
  metrics.gauge('http_calls_open', 'Calls under /api being worked on', [], (gauge) => gauge.set(admission.open()))

  app.use(async (c, next) => {
    const started = performance.now()
    const exchangeId = crypto.randomUUID()
    c.set('exchangeId', exchangeId)
    c.set('report', ({ code, cause, requestId }) => {
      if (code === 'internal') {
        log.error({ reqId: exchangeId, err: cause, request: requestId }, 'call failed')
        onUnexpected?.(cause)
      } else if (cause !== undefined) {
        log.warn({ reqId: exchangeId, err: cause, code, request: requestId }, 'call refused')
      }
    })
    c.header('X-Request-Id', exchangeId)
    await next()
    const seconds = (performance.now() - started) / 1000
    const { status } = c.res
    const method = METHODS.has(c.req.method) ? c.req.method : 'other'
    // The route's pattern, never the path: a label with ids in it would grow without bound.
    metrics.observeCall({ method, route: c.req.routePath, status, seconds })
    const { path } = c.req
    const line = {
      reqId: exchangeId,
      method: c.req.method,
      path,
      status,
      ms: Math.round(seconds * 1e4) / 10,
      caller: c.var.caller,
    }
    // Probes come every few seconds for ever and say one thing.
    if (PROBES.has(path) && status === 200) log.debug(line, 'call')
    else log.info(line, 'call')
  })

  // /health and /ready stay answerable under load: an orchestrator that hears nothing kills the host.
  app.use('/api/*', async (c, next) => {
    const ticket = admission.enter()
    c.set('ticket', ticket)
    try {
      await next()
    } finally {
      ticket.leave()
    }
  })

  app.notFound((c) => answerProblem(c, new ApiProblem('not_found', 'no such route')))
  app.onError((error, c) => {
    const problem = toProblem(error)
    c.var.report(problem)
    return answerProblem(c, problem)
  })
  return app
}
