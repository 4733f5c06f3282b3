import type { PeerClient } from '../../transport/peer-client.ts'
import { ApiProblem, isProblemCode, PROBLEMS, type ProblemCode } from '../api/problem.ts'

/** The part of a peer client that a JSON interface takes. */
export type HttpPeer = Pick<PeerClient, 'request'>

/** An answer of the coordinator: JSON that nobody has looked at yet, from a host that is trusted with nothing. */
export interface CoordinatorAnswer {
  readonly status: number
  readonly json: unknown
}

export interface CoordinatorClient {
  /** @throws ApiProblem for every answer that is no success, PeerError when there is none. */
  readonly get: (path: string, timeoutMs: number) => Promise<CoordinatorAnswer>
  readonly post: (path: string, body: string, timeoutMs: number) => Promise<CoordinatorAnswer>
  readonly patch: (path: string, body: string, timeoutMs: number) => Promise<CoordinatorAnswer>
}

/** Of a coordinator that means something else to our own caller: what failed there is our standing with it, not the user's. */
const OURS: ReadonlySet<ProblemCode> = new Set([
  'authentication_failed',
  'malformed_request',
  'payload_too_large',
  'rate_limited',
])

const MAX_NAMES = 16
const MAX_RETRY_MS = 60_000
const SIGNER_NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/

const SESSION_ID = /^ses_[0-9a-f]{64}$/

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const namesOf = (value: unknown): string[] | undefined => {
  if (!Array.isArray(value)) return undefined
  const names = value.filter((name): name is string => typeof name === 'string' && SIGNER_NAME.test(name)).slice(0, MAX_NAMES)
  return names.length > 0 ? names : undefined
}

const unusable = (cause: string): ApiProblem =>
  new ApiProblem('quorum_unavailable', 'coordinator gave no usable answer', { cause: new Error(cause), retryAfterMs: 1000 })

/**
 * A problem of the coordinator as our own: the same code, signer names and outcome; its free text stays behind, since it was
 * written by another layer for another reader.
 */
export function passOn(body: unknown): ApiProblem {
  if (!isRecord(body) || !isProblemCode(body['code'])) return unusable('a failure without a known code')
  const code = body['code']
  const cause = new Error(`the coordinator answered ${code}`)
  if (OURS.has(code)) {
    return new ApiProblem('internal', 'the coordinator does not accept this gateway’s call', { cause, outcome: 'none' })
  }
  const retryAfterMs = body['retry_after_ms']
  const outcome = body['outcome']
  const sessionId = body['session_id']
  return new ApiProblem(code, PROBLEMS[code].title.toLowerCase(), {
    cause,
    missing: namesOf(body['missing']),
    culprits: namesOf(body['culprits']),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && retryAfterMs <= MAX_RETRY_MS ? { retryAfterMs } : {}),
    ...(typeof sessionId === 'string' && SESSION_ID.test(sessionId) ? { sessionId } : {}),
    ...(outcome === 'none' || outcome === 'unknown' ? { outcome } : {}),
  })
}

/** Calls the coordinator's API over an identified connection. */
export function createCoordinatorClient(peer: HttpPeer): CoordinatorClient {
  const call = async (
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: string | undefined,
    timeoutMs: number,
  ): Promise<CoordinatorAnswer> => {
    const answer = await peer.request({
      method,
      path,
      timeoutMs,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    })
    let json: unknown
    try {
      json = JSON.parse(Buffer.from(answer.body).toString('utf8'))
    } catch {
      throw unusable(`status ${answer.status} and no JSON`)
    }
    if (answer.status < 200 || answer.status > 299) throw passOn(json)
    return { status: answer.status, json }
  }
  return {
    get: (path, timeoutMs) => call('GET', path, undefined, timeoutMs),
    post: (path, body, timeoutMs) => call('POST', path, body, timeoutMs),
    patch: (path, body, timeoutMs) => call('PATCH', path, body, timeoutMs),
  }
}
