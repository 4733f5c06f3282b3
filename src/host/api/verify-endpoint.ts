import { z } from '@hono/zod-openapi'
import { SUITES } from '../../protocol/channel/setup.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { fromHex } from '../../protocol/engine/bytes.ts'
import { signingInput } from '../../protocol/request/digest.ts'
import type { Scheme as SchemeName } from '../../protocol/request/document.ts'
import { ecdsaCurve } from '../../protocol/signing/ecdsa.ts'
import type { Endpoint } from './endpoint.ts'
import { hexInput, PayloadBody, payloadOf } from './payload.ts'
import { ApiProblem } from './problem.ts'
import { KeyId, Scheme } from './schemas.ts'
import { isHighS, readSignature } from './signature-form.ts'
import { verifySignature } from './verify-signature.ts'

const VerifyBody = z
  .strictObject({
    key_id: KeyId.optional().openapi({ description: 'A key of the caller; or else scheme and public_key' }),
    scheme: Scheme.optional(),
    public_key: hexInput
      .optional()
      .openapi({ description: '33 bytes compressed (ECDSA), 32 bytes x-only (BIP-340), 32 bytes (Ed25519)' }),
    payload: PayloadBody,
    signature: hexInput.openapi({ description: '64 bytes; ECDSA also 65 bytes ending in v = 27 or 28, or DER' }),
  })
  .openapi('VerifyRequest')
type VerifyRequest = z.infer<typeof VerifyBody>

const REASONS = ['signature_form', 'high_s', 'recovery_id', 'mismatch'] as const

const Verdict = z
  .strictObject({
    valid: z.boolean(),
    reason: z
      .enum(REASONS)
      .optional()
      .openapi({
        description:
          'Why it is not valid. signature_form: no encoding of a signature of this scheme. high_s: not in the lower half of the order. ' +
          'recovery_id: v belongs to the other nonce point. mismatch: no signature of this payload under this key.',
      }),
  })
  .openapi('Verdict')
type VerdictJson = z.infer<typeof Verdict>

/** A key to verify under: 33 bytes (ECDSA) or 32 bytes. */
export interface VerifyingKey {
  readonly scheme: SchemeName
  readonly publicKey: Uint8Array
}

/** `POST /api/v1/verify` as both roles offer it. It uses no share and no signer. */
export const VERIFY = {
  method: 'post',
  path: '/api/v1/verify',
  tag: 'signing',
  summary: 'Verify a signature',
  description:
    'Whether a signature is one of this payload under a key of the caller, or under any public key. Strict: what is malleable is not valid.',
  body: { schema: VerifyBody, maxBytes: 256 * 1024 },
  answers: { 200: { description: 'The verdict', schema: Verdict } },
} as const satisfies Endpoint<z.ZodType, z.ZodType, typeof VerifyBody>

const incomplete = (): ApiProblem =>
  new ApiProblem('malformed_request', 'either key_id, or scheme and public_key', {
    errors: [{ pointer: '/key_id', reason: 'either key_id, or scheme and public_key' }],
  })

/**
 * @param keyOf the caller's key of this id. @throws ApiProblem key_not_found
 * @throws ApiProblem malformed_request, RequestError payload_invalid; a bad signature or key is a verdict and throws nothing
 */
export function verdictOn(curves: Curves, body: VerifyRequest, keyOf: (id: string) => VerifyingKey): VerdictJson {
  const { key_id: id, scheme, public_key: named } = body
  if ((id === undefined) === (scheme === undefined) || (scheme === undefined) !== (named === undefined)) throw incomplete()
  const key = id !== undefined ? keyOf(id) : { scheme: scheme as SchemeName, publicKey: fromHex((named as string).slice(2)) }
  const input = signingInput(key.scheme, payloadOf(body.payload))
  const form = readSignature(key.scheme, fromHex(body.signature.slice(2)))
  if (form === null) return { valid: false, reason: 'signature_form' }
  const { compact: signature, yParity } = form
  const ecdsa = ecdsaCurve(SUITES[key.scheme], curves)
  if (ecdsa !== undefined && isHighS(ecdsa.group, signature)) return { valid: false, reason: 'high_s' }
  const verifies = (parity: number): boolean => verifySignature(curves, { ...key, input, signature, yParity: parity })
  if (ecdsa !== undefined && yParity === undefined) {
    return ecdsa.verify(signature, input, key.publicKey) ? { valid: true } : { valid: false, reason: 'mismatch' }
  }
  if (verifies(yParity ?? 0)) return { valid: true }
  return { valid: false, reason: ecdsa !== undefined && verifies(1 - (yParity ?? 0)) ? 'recovery_id' : 'mismatch' }
}
