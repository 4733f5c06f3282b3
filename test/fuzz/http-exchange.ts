import { ed25519 } from '@noble/curves/ed25519.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { BatchResult, Key, KeyPage, Problem, Session, SetState, Signature, UpdatedKey } from '../../src/host/api/schemas.ts'
import { VERIFY } from '../../src/host/api/verify-endpoint.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { bytes32 } from '../protocol/signing/dealt-key.ts'
import { namelessKey } from './key-names.ts'
import { promise } from './target.ts'

/** A request as text: `METHOD /path`, one header per line, bytes of the body. */
export interface Asked {
  readonly head: string
  readonly body: Uint8Array
}

export const headOf = (method: string, path: string, headers: Readonly<Record<string, string>> = {}): Uint8Array =>
  Buffer.from([`${method} ${path}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join('\n'))

export const JSON_TYPE = { 'content-type': 'application/json' }

const MAX_HEADERS = 32
/** Mutants often lose their first line; they are bodies for the route that most bodies go to. */
const LINE = /^[A-Za-z]{1,16} [^ \n]/
const DEFAULT_LINE = 'POST /api/v1/sign?wait_ms=0'

/** null for what no HTTP parser would let through. */
export function requestOf({ head, body }: Asked): Request | null {
  const [line = '', ...lines] = LINE.test(head) ? head.split('\n') : [DEFAULT_LINE, `content-type: application/json`]
  const [method = '', path = ''] = line.split(' ')
  try {
    const headers = new Headers()
    for (const text of lines.slice(0, MAX_HEADERS)) {
      const at = text.indexOf(':')
      if (at > 0) headers.append(text.slice(0, at), text.slice(at + 1).trim())
    }
    const bodiless = method === 'GET' || method === 'HEAD' || body.length === 0
    return new Request(`https://quorate.example${path.startsWith('/') ? path : `/${path}`}`, {
      method,
      headers,
      ...(bodiless ? {} : { body: Uint8Array.from(body) }),
    })
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

export const NO_SESSION = `ses_${'0'.repeat(64)}`

const SECRET = bytes32('verify')
const MESSAGE = Uint8Array.of(1, 2, 3)
const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

/** Questions to `POST /api/v1/verify` about signatures of a key that no set has, made by another library. */
export function verifyBodies(): ReadonlyMap<string, Uint8Array> {
  const payload = { kind: 'message', bytes: hex(MESSAGE), hash: 'sha256' }
  const plain = { kind: 'message', bytes: hex(MESSAGE) }
  const ecdsa = secp256k1.sign(MESSAGE, SECRET, { prehash: true, format: 'compact' })
  const { r, s } = secp256k1.Signature.fromBytes(ecdsa, 'compact')
  const high = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s).toBytes('compact')
  const ecdsaKey = { scheme: 'ecdsa-secp256k1', public_key: hex(secp256k1.getPublicKey(SECRET, true)), payload }
  const edKey = { scheme: 'eddsa-ed25519', public_key: hex(ed25519.getPublicKey(SECRET)), payload: plain }
  const bodies = {
    ecdsa: { ...ecdsaKey, signature: hex(ecdsa) },
    der: { ...ecdsaKey, signature: hex(secp256k1.Signature.fromBytes(ecdsa, 'compact').toBytes('der')) },
    'high-s': { ...ecdsaKey, signature: hex(high) },
    schnorr: {
      scheme: 'schnorr-secp256k1',
      public_key: hex(schnorr.getPublicKey(SECRET)),
      payload,
      signature: hex(schnorr.sign(sha256(MESSAGE), SECRET, new Uint8Array(32))),
    },
    ed25519: { ...edKey, signature: hex(ed25519.sign(MESSAGE, SECRET)) },
    mismatch: { ...edKey, signature: hex(ed25519.sign(sha256(MESSAGE), SECRET)) },
    'own-key': { key_id: namelessKey('eddsa-ed25519'), payload: plain, signature: hex(new Uint8Array(64)) },
    'no-key': { key_id: `key_${'f'.repeat(64)}`, payload: plain, signature: hex(new Uint8Array(64)) },
  }
  return new Map(Object.entries(bodies).map(([name, body]) => [name, Buffer.from(JSON.stringify(body))]))
}

const ANSWERS = [Key, UpdatedKey, KeyPage, Signature, BatchResult, Session, SetState, VERIFY.answers[200].schema] as const

/** Codes that only the state of the set can bring about, never a request. */
const OUTAGES = new Set(['overloaded', 'quorum_unavailable', 'signing_timeout', 'protocol_abort'])

const ROUTES =
  /^\/(?:api\/v1\/(?:keys(?:\/\{id\}(?:\/(?:freeze|unfreeze|archive))?)?|sign\/batch|signatures|sign|sessions|set|verify)|health|ready|metrics|openapi\.json|docs)/

/**
 * What every answer of an application promises: a documented body, a problem instead of an exception, headers on all of it.
 * @param outage whether the set behind the application is made to fail; otherwise nothing a caller sends is answered with 5xx.
 * @returns method, route, status and code.
 */
export async function judged(request: Request, answer: Response, outage = false): Promise<string> {
  const path = new URL(request.url).pathname
  const route = ROUTES.exec(path.replace(/key_[0-9a-f]{64}/, '{id}'))?.[0] ?? 'elsewhere'
  const name = `${['GET', 'HEAD', 'POST', 'PATCH'].includes(request.method) ? request.method : 'other'} ${route} ${answer.status}`
  const bytes = new Uint8Array(await answer.arrayBuffer())
  promise(/^[0-9a-f-]{36}$/.test(answer.headers.get('x-request-id') ?? ''), 'an answer without an exchange id')
  if (answer.status < 400) {
    if (!path.startsWith('/api/') || request.method === 'HEAD' || answer.status === 304) return name
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    promise(
      ANSWERS.some((schema) => schema.safeParse(value).success),
      'an answer that no schema describes',
    )
    const verdict = VERIFY.answers[200].schema.safeParse(value)
    if (verdict.success) return `${name} ${verdict.data.reason ?? 'valid'}`
    const { items } = value as { readonly items?: readonly { readonly problem?: { readonly code: string } }[] }
    const codes = new Set((items ?? []).map(({ problem }) => problem?.code ?? 'signed'))
    for (const code of codes) assertCode(code, outage)
    return [name, ...[...codes].sort()].join(' ')
  }
  promise(answer.headers.get('content-type') === 'application/problem+json', `${name} is no problem document`)
  if (request.method === 'HEAD') return name
  const problem = Problem.safeParse(JSON.parse(new TextDecoder().decode(bytes)))
  promise(problem.success, `${name} with a problem that is not documented`)
  promise(problem.data.status === answer.status, 'a problem of another status')
  assertCode(problem.data.code, outage)
  promise(outage || answer.status < 500 || path === '/ready', `${name} ${problem.data.code} for bytes of a caller`)
  return `${name} ${problem.data.code}`
}

/** Whether a call with this outcome may have changed the state or label of a key. */
export const changesKeys = (outcome: string): boolean => /\{id\}/.test(outcome) && !/GET|HEAD|OPTIONS| 4\d\d/.test(outcome)

function assertCode(code: string, outage: boolean): void {
  promise(code !== 'internal', 'an exception became an answer')
  promise(outage || !OUTAGES.has(code), `${code} for bytes of a caller`)
}
