import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { printable } from '../../protocol/request/fields.ts'
import { peerFingerprint } from '../../transport/tls-server.ts'
import type { HttpEnv } from '../api/http-env.ts'
import { ApiProblem } from '../api/problem.ts'
import type { PrincipalEntry } from '../config/access-files.ts'
import type { GatewayConfig } from '../config/config.ts'
import { RecentMap } from '../recent-map.ts'

/** What a user may be granted. `keys:manage`: freeze, unfreeze, archive, label. `digest`: have bare hashes signed, of which nobody can tell what stands behind them. */
export const SCOPES = ['keys:read', 'keys:write', 'keys:manage', 'sign', 'digest'] as const

/** Who calls. */
export interface Principal {
  /** Unique over tenants and ways to authenticate; request ids are counted per `id`. */
  readonly id: string
  readonly name: string
  /** Its tenant, as the signers' logs show it. */
  readonly tenant: string
  /**
   * Whose keys it uses and makes. Says also how the tenant was named: a user without tenant is one of its own, and calling oneself like
   * a company opens none of its keys.
   */
  readonly tenantId: string
  readonly scopes: ReadonlySet<string>
}

/** @throws ApiProblem authentication_failed */
export type Authenticate = (c: Context<HttpEnv>) => Principal | Promise<Principal>

const MAX_NAME = 128
const isName = printable(MAX_NAME)
/** Longest bearer token; a header has at most 16 KiB anyway. */
const MAX_TOKEN = 8192
/** Tokens whose signature was checked before: about 1 MiB. */
const MAX_CACHED = 4096
const CLOCK_TOLERANCE_S = 5

/** JSON of a list: no two lists of names are spelt alike. */
const idOf = (...parts: readonly string[]): string => JSON.stringify(parts)

const refuse = (detail: string, cause?: unknown): never => {
  throw new ApiProblem('authentication_failed', detail, { cause })
}

const TOKEN_REFUSED = 'the bearer token is not valid here'

function principalOfClaims({ sub, scope, ...claims }: JWTPayload): Principal {
  const own = claims['tenant'] === undefined
  const tenant = own ? sub : claims['tenant']
  if (typeof sub !== 'string' || !isName(sub) || typeof tenant !== 'string' || !isName(tenant)) return refuse(TOKEN_REFUSED)
  if (scope !== undefined && typeof scope !== 'string') return refuse(TOKEN_REFUSED)
  const kind = own ? 'user' : 'tenant'
  return {
    id: idOf('jwt', kind, tenant, sub),
    name: sub,
    tenant,
    tenantId: idOf(kind, tenant),
    scopes: new Set((scope ?? '').split(' ').filter(Boolean)),
  }
}

type Jwt = NonNullable<GatewayConfig['jwt']>

/**
 * Bearer tokens of one issuer. Algorithms are ours to choose, never the token's: EdDSA or ES256, so no `none` and no HMAC under
 * a public key. A token without an end is refused.
 */
function tokenReader({ issuer, audience, jwks }: Jwt): (token: string) => Promise<Principal> {
  const keys = createLocalJWKSet({ keys: jwks.keys } as unknown as JSONWebKeySet)
  // By hash: a dump of this map is no list of working tokens.
  const cache = new RecentMap<string, { readonly principal: Principal; readonly expiresAt: number }>(MAX_CACHED)

  return async (token) => {
    const name = createHash('sha256').update(token).digest('base64')
    const known = cache.get(name)
    if (known !== undefined && known.expiresAt > Date.now()) return known.principal
    cache.delete(name)
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ['EdDSA', 'Ed25519', 'ES256'],
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_S,
      })
      const principal = principalOfClaims(payload)
      cache.set(name, { principal, expiresAt: (payload.exp as number) * 1000 })
      return principal
    } catch (error) {
      if (error instanceof errors.JOSEError) return refuse(TOKEN_REFUSED, error)
      throw error
    }
  }
}

/**
 * Finds out who calls: by a bearer token, or by a configured client certificate. A token that is there has to be right, also on a
 * connection with a known certificate: wrong credentials never fall back to other ones.
 */
export function createAuthenticator(options: {
  readonly jwt: Jwt | undefined
  readonly principals: readonly PrincipalEntry[]
}): Authenticate {
  const { jwt } = options
  const readToken = jwt && tokenReader(jwt)
  const byFingerprint = new Map(
    options.principals.map(({ name, fingerprint, scopes }): [string, Principal] => [
      fingerprint,
      { id: idOf('cert', name), name, tenant: name, tenantId: idOf('cert', name), scopes: new Set(scopes) },
    ]),
  )
  const challenge = jwt && `Bearer realm="quorate"`

  return async (c) => {
    const header = c.req.header('authorization')
    try {
      if (header !== undefined) {
        const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(header)?.[1]
        if (readToken === undefined || token === undefined || token.length > MAX_TOKEN) return refuse(TOKEN_REFUSED)
        return await readToken(token)
      }
      const fingerprint = peerFingerprint(c)
      const principal = fingerprint === null ? undefined : byFingerprint.get(fingerprint)
      return principal ?? refuse('a bearer token or a known client certificate is needed')
    } catch (error) {
      if (challenge !== undefined)
        c.header('WWW-Authenticate', header === undefined ? challenge : `${challenge}, error="invalid_token"`)
      throw error
    }
  }
}

/** @throws ApiProblem authorization_invalid */
export function requireScopes(principal: Principal, scopes: readonly string[]): void {
  const missing = scopes.filter((scope) => !principal.scopes.has(scope))
  if (missing.length > 0) throw new ApiProblem('authorization_invalid', `this needs the scope ${missing.join(' ')}`)
}
