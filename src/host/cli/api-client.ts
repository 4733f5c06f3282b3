import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'

/** The gateway's API as a user sees it: HTTPS under the set's own authority, a bearer token, JSON. */
export interface ApiClient {
  readonly get: (path: string) => Promise<ApiAnswer>
  readonly post: (path: string, body: unknown) => Promise<ApiAnswer>
  readonly close: () => Promise<void>
}

export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
}

const TIMEOUT_MS = 30_000
const MAX_BYTES = 8 << 20

export function createApiClient(options: {
  readonly url: string
  readonly caFile: string
  readonly tokenFile: string
}): ApiClient {
  const agent = new Agent({
    connect: { ca: readFileSync(options.caFile, 'latin1') },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_BYTES,
  })
  const token = readFileSync(options.tokenFile, 'latin1')
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<ApiAnswer> => {
    const answer = await request(`${options.url}${path}`, {
      dispatcher: agent,
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: answer.statusCode, body: JSON.parse(await answer.body.text()) }
  }
  return { get: (path) => call('GET', path), post: (path, body) => call('POST', path, body), close: () => agent.destroy() }
}
