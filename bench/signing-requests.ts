import { randomBytes, sign } from 'node:crypto'
import type { Shot } from './load.ts'
import type { RunningSet } from './running-set.ts'

export const SCHEMES = ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
export type Scheme = (typeof SCHEMES)[number]
/** Whom a call goes to: self-signed request documents under mTLS, or plain JSON with a bearer token. */
export const FORMS = ['coordinator', 'gateway'] as const
export type Form = (typeof FORMS)[number]

export interface Key {
  readonly id: string
  readonly scheme: Scheme
  /** As the API gave it: 33 bytes (ECDSA), 32 bytes otherwise. */
  readonly publicKey: Buffer
}

/** A call with what is needed to judge its answer. */
export interface SigningShot extends Shot {
  readonly key: Key
  readonly requestId: string
  readonly message: Buffer
}

const LIFE_MS = 3_600_000
const MESSAGE_BYTES = 32
const REQUEST_PREFIX = 'quorate/request/v1\n'

let calls = 0
const nextRequestId = (): string => `req_bench_${calls++}`

/**
 * The coordinator form of a call: a document signed with the client's own credential (design/api.md "Signed requests"). Written
 * out here, as a client in another language would, and not with the set's own encoder.
 */
function signedBody({ credential, line }: RunningSet, requestId: string, fields: Readonly<Record<string, unknown>>): string {
  const now = Date.now()
  const document = Buffer.from(
    JSON.stringify({
      ...fields,
      request_id: requestId,
      audience: line.audience,
      issued_at: new Date(now).toISOString(),
      expires_at: new Date(now + LIFE_MS).toISOString(),
    }),
  )
  const signature = sign(null, Buffer.concat([Buffer.from(REQUEST_PREFIX), document]), credential.key)
  return JSON.stringify({
    request: document.toString('base64url'),
    authorizations: [{ credential_id: credential.id, alg: 'ed25519', signature: signature.toString('base64url') }],
  })
}

export function keygenShot(set: RunningSet, form: Form, scheme: Scheme): Shot {
  const { threshold, parties } = set.line
  const requestId = nextRequestId()
  const body =
    form === 'gateway'
      ? JSON.stringify({ scheme, threshold, request_id: requestId })
      : signedBody(set, requestId, { type: 'keygen.v1', scheme, threshold, parties })
  return { path: '/api/v1/keys', body }
}

/** A fresh random message under `key`; each request document is new, so that nothing is answered from memory. */
export function signingShot(set: RunningSet, form: Form, key: Key): SigningShot {
  const requestId = nextRequestId()
  const message = randomBytes(MESSAGE_BYTES)
  const hash = key.scheme === 'eddsa-ed25519' ? {} : { hash: 'sha256' }
  const payload = { kind: 'message', bytes: `0x${message.toString('hex')}`, ...hash }
  const body =
    form === 'gateway'
      ? JSON.stringify({ key_id: key.id, path: 'm', payload, request_id: requestId })
      : signedBody(set, requestId, { type: 'sign.v1', key_id: key.id, path: 'm', scheme: key.scheme, payload })
  return { path: '/api/v1/sign', body, key, requestId, message }
}

/** `count` shots, each under a key drawn at random. */
export function signingShots(set: RunningSet, form: Form, keys: readonly Key[], count: number): readonly SigningShot[] {
  // One random number per shot, drawn in bulk.
  const draws = new Uint32Array(count)
  for (let at = 0; at < count; at += 16_384) crypto.getRandomValues(draws.subarray(at, Math.min(count, at + 16_384)))
  return Array.from(draws, (draw) => signingShot(set, form, keys[draw % keys.length] as Key))
}
