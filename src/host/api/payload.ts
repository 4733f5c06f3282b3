import { z } from '@hono/zod-openapi'
import { fromHex } from '../../protocol/engine/bytes.ts'
import type { Payload } from '../../protocol/request/document.ts'

/** In requests hex digits may be of either case; answers have lower case. */
export const hexInput = z.string().regex(/^0x(?:[0-9a-fA-F]{2})*$/, 'must be 0x and hex digits')

/** What is signed, in plain JSON. What a payload may say is judged where it is used (src/protocol/request), not here again. */
export const PayloadBody = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('message'),
      bytes: hexInput.openapi({ description: 'At most 64 KiB' }),
      hash: z
        .enum(['keccak256', 'sha256', 'sha256d'])
        .optional()
        .openapi({ description: 'How ECDSA and BIP-340 hash the message (BIP-340: sha256); absent for Ed25519' }),
    }),
    z.strictObject({
      kind: z.literal('digest'),
      digest: hexInput.openapi({ description: '32 bytes; not for Ed25519. To sign one takes the scope digest' }),
    }),
  ])
  .openapi('Payload')

export function payloadOf(payload: z.infer<typeof PayloadBody>): Payload {
  if (payload.kind === 'digest') return { kind: 'digest', digest: fromHex(payload.digest.slice(2)) }
  const message = fromHex(payload.bytes.slice(2))
  return payload.hash === undefined ? { kind: 'message', message } : { kind: 'message', message, hash: payload.hash }
}
