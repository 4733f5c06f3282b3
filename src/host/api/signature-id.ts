import { toHex } from '../../protocol/engine/bytes.ts'
import { TAGS } from '../../protocol/engine/tags.ts'
import { TH } from '../../protocol/engine/transcript.ts'

/**
 * `sig_` and the first 16 bytes of TH(signature-id, request_hash): whoever knows the request document knows where its outcome
 * will be found, before and after any crash. @param requestHash 32 bytes
 */
export const signatureIdOf = (requestHash: Uint8Array): string =>
  `sig_${toHex(TH(TAGS.signatureId, requestHash).subarray(0, 16))}`
