import type { OpenAPIHono } from '@hono/zod-openapi'
import { createMount } from '../api/endpoint.ts'
import { createHttpApp, type HttpAppOptions } from '../api/http-app.ts'
import type { HttpEnv } from '../api/http-env.ts'
import type { SetJson } from '../api/render.ts'
import { SetState } from '../api/schemas.ts'
import { type HostInfo, mountSystemRoutes } from '../api/system-routes.ts'
import { type KeyBatchParts, mountKeyBatches } from './key-batch-endpoints.ts'
import { type KeyParts, mountKeys } from './key-endpoints.ts'
import { type Authenticate, type Principal, requireScopes } from './principal.ts'
import { mountSigning, type SigningParts } from './signing-endpoints.ts'

export interface GatewayAppOptions extends HttpAppOptions, KeyParts, KeyBatchParts, SigningParts {
  readonly authenticate: Authenticate
  /** The coordinator's view of the set. */
  readonly set: () => Promise<SetJson>
  readonly ready: () => Promise<boolean>
  readonly info: HostInfo
}

/** The gateway's API as a value: plain JSON for users, who never see a request document. It never listens. */
export function createGatewayApp(options: GatewayAppOptions): OpenAPIHono<HttpEnv> {
  const { authenticate, rateLimit, metrics, info } = options
  const app = createHttpApp(options)
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
  app.openAPIRegistry.registerComponent('securitySchemes', 'mutualTLS', { type: 'mutualTLS' })

  const mount = createMount<Principal>(app, ['bearer', 'mutualTLS'], async (c, scopes) => {
    const principal = await authenticate(c)
    c.set('caller', principal.name)
    c.var.ticket?.belongsTo(principal.id)
    rateLimit(principal.id, 1)
    requireScopes(principal, scopes)
    return principal
  })

  mountKeys(mount, options)
  mountKeyBatches(mount, options)
  mountSigning(mount, options)
  mount.guarded(
    {
      method: 'get',
      path: '/api/v1/set',
      tag: 'operations',
      summary: 'The signers and what they can do now',
      description: 'As the coordinator sees them.',
      answers: { 200: { description: 'The set', schema: SetState } },
      problems: ['quorum_unavailable', 'rate_limited'],
    },
    async (c) => c.json(await options.set()),
  )

  mountSystemRoutes({
    app,
    mount,
    info,
    title: 'Quorate gateway',
    description: 'Keys whose private part never exists in one place, and signatures with them.',
    metrics,
    ready: options.ready,
    guardOperations: false,
  })
  return app
}
