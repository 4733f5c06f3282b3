import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { ABORT, OPEN_KEYGEN, OPEN_SIGNING, ROUND, UPDATE_KEY } from '../../src/protocol/frames/signer-frames.ts'
import { parseDocument } from '../../src/protocol/request/document.ts'
import { resign } from '../simulator/relay.ts'
import { bit, type Container } from './container.ts'
import { CREDENTIAL, instanceFor, type KeyRow, requested, rowOf, TRIO } from './signer-trio.ts'
import type { Step } from './steps.ts'
import { ATTACKER } from './victims.ts'

/**
 * What a fuzzed frame lacks to get past the first check, mended the way a coordinator in league with the user could. Mode: bit 0, documents are
 * signed; bit 1, instances and request ids are those of the documents; bit 2, rounds and aborts name the session opened last;
 * bit 3, it is in league with a signer too, which signs its envelopes anew.
 */
export function mended({ route, later, frame }: Step, c: Container, rows: readonly KeyRow[], last: Uint8Array | undefined): Step {
  const step = (changed: Uint8Array): Step => ({ route, later, frame: changed })
  try {
    if (route === 'openSigning') {
      const open = OPEN_SIGNING.decode(frame)
      const items = open.items.map((item) => {
        const request = bit(c, 0) && item.request.credentialId === CREDENTIAL.id ? requested(item.request.document) : item.request
        return { ...item, ...(bit(c, 1) ? fitting(request.document, rows) : {}), request }
      })
      return step(OPEN_SIGNING.encode({ ...open, items }))
    }
    if (route === 'openKeygen') {
      const open = OPEN_KEYGEN.decode(frame)
      const { document } = open.request
      const request = bit(c, 0) ? requested(document) : open.request
      return step(
        OPEN_KEYGEN.encode({ ...open, request, requestId: bit(c, 1) ? parseDocument(document).requestId : open.requestId }),
      )
    }
    if (route === 'updateKey') {
      const update = UPDATE_KEY.decode(frame)
      const { document } = update.request
      const request = bit(c, 0) ? requested(document) : update.request
      return step(UPDATE_KEY.encode({ ...update, request, ...(bit(c, 1) ? claimsOf(document, update.keyId) : {}) }))
    }
    if (route === 'round') {
      const round = ROUND.decode(frame)
      const sessionId = bit(c, 2) && last !== undefined ? last : round.sessionId
      return step(ROUND.encode({ ...round, sessionId, envelopes: bit(c, 3) ? round.envelopes.map(signedAnew) : round.envelopes }))
    }
    if (route === 'abort' && bit(c, 2) && last !== undefined) return step(ABORT.encode({ sessionId: last }))
    return { route, later, frame }
  } catch {
    return { route, later, frame }
  }
}

function signedAnew(bytes: Uint8Array): Uint8Array {
  const envelope = decodeEnvelope(bytes)
  return envelope?.kind === 'full' && envelope.sender === ATTACKER ? resign(TRIO, bytes, () => ({})) : bytes
}

function fitting(document: Uint8Array, rows: readonly KeyRow[]) {
  const parsed = parseDocument(document)
  const key = parsed.type === 'sign.v1' ? rowOf(rows, parsed.keyId) : undefined
  if (parsed.type !== 'sign.v1' || key === undefined) return { requestId: parsed.requestId }
  return { requestId: parsed.requestId, instance: instanceFor(key.epochId, key.publicKey, parsed, document) }
}

function claimsOf(document: Uint8Array, otherwise: Uint8Array) {
  const parsed = parseDocument(document)
  return { requestId: parsed.requestId, keyId: parsed.type === 'key-update.v1' ? parsed.keyId : otherwise }
}

/** Whether `needle` stands anywhere in `haystack`. */
export const holds = (haystack: Uint8Array, needle: Uint8Array): boolean =>
  needle.length > 0 && Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength).includes(Buffer.from(needle))
