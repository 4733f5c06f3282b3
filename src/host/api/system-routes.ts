import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Metrics } from '../metrics.ts'
import { docsPage } from './docs-page.ts'
import type { Mount } from './endpoint.ts'
import type { HttpEnv } from './http-env.ts'
import { ApiProblem } from './problem.ts'

/** What /health says of this process. */
export interface HostInfo {
  readonly role: 'gateway' | 'coordinator'
  readonly version: string
  /** Platform, Node version, curve back end: what an operator asks first. */
  readonly platform: string
}

export interface SystemRoutes<Caller> {
  readonly app: OpenAPIHono<HttpEnv>
  readonly mount: Mount<Caller>
  readonly info: HostInfo
  readonly title: string
  readonly description: string
  readonly metrics: Metrics
  readonly ready: () => boolean | Promise<boolean>
  /** Whether /ready and /metrics are for authenticated callers only. */
  readonly guardOperations: boolean
}

const Health = z
  .strictObject({ status: z.literal('ok'), role: z.string(), version: z.string(), platform: z.string() })
  .openapi('Health')
const Ready = z.strictObject({ status: z.literal('ready') }).openapi('Ready')

/** The routes every host has beside its API. Call it last: /openapi.json and /docs describe what was mounted before. */
export function mountSystemRoutes<Caller>(options: SystemRoutes<Caller>): void {
  const { app, mount, info, metrics, ready, title, description } = options
  const operations = options.guardOperations ? mount.guarded : mount.open

  mount.open(
    {
      method: 'get',
      path: '/health',
      tag: 'operations',
      summary: 'Whether the process lives',
      answers: { 200: { description: 'It does', schema: Health } },
    },
    (c) => c.json({ status: 'ok', ...info }),
  )
  operations(
    {
      method: 'get',
      path: '/ready',
      tag: 'operations',
      summary: 'Whether a quorum of signers is reachable',
      answers: { 200: { description: 'Signing is possible', schema: Ready } },
      problems: ['quorum_unavailable'],
    },
    async (c) => {
      if (!(await ready()))
        throw new ApiProblem('quorum_unavailable', 'no quorum of signers is reachable', { retryAfterMs: 1000 })
      return c.json({ status: 'ready' })
    },
  )
  operations(
    {
      method: 'get',
      path: '/metrics',
      tag: 'operations',
      summary: 'Measurements for Prometheus',
      answers: { 200: { description: 'Text exposition format', contentType: 'text/plain', schema: z.string() } },
    },
    async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }),
  )
  mount.open(
    {
      method: 'get',
      path: '/openapi.json',
      tag: 'operations',
      summary: 'This API as an OpenAPI 3.1 document',
      answers: { 200: { description: 'The document', schema: z.record(z.string(), z.unknown()) } },
    },
    (c) => c.body(document().json, 200, { 'Content-Type': 'application/json' }),
  )
  mount.open(
    {
      method: 'get',
      path: '/docs',
      tag: 'operations',
      summary: 'This API as a page for people',
      answers: { 200: { description: 'A page without scripts', contentType: 'text/html', schema: z.string() } },
    },
    (c) => {
      const { html, policy } = document().page
      return c.body(html, 200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy })
    },
  )

  // Built on first use: the registry is complete by then, and a host that nobody asks never pays.
  let built: { readonly json: string; readonly page: { readonly html: string; readonly policy: string } } | undefined
  const document = () => {
    if (built === undefined) {
      const spec = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title, version: info.version, description } })
      built = { json: JSON.stringify(spec), page: docsPage(spec) }
    }
    return built
  }
}
