import { bytes, list, message, text, uint } from '../../protocol/engine/codec.ts'
import { MAX_PARTIES } from '../../protocol/engine/party.ts'
import { SCHEMES, type Scheme } from '../../protocol/request/document.ts'
import type { SignatureView } from '../api/coordinator-service.ts'

/** A finished signature as the store keeps it, about 400 bytes. */
const STORED = message(
  {
    version: uint(1),
    id: text(64),
    requestId: text(80),
    keyId: text(80),
    keyEpoch: uint(2 ** 32 - 1),
    path: text(256),
    publicKey: text(80),
    digest: text(80),
    scheme: text(32),
    compact: bytes(64),
    recovery: uint(3),
    engine: text(8),
    signers: list(uint(65535), MAX_PARTIES),
    /** Microseconds. */
    timing: list(uint(Number.MAX_SAFE_INTEGER), 3),
  },
  2048,
)

const VERSION = 1

/** @throws RangeError unless the view is of a finished signature. */
export function encodeView(view: SignatureView): Uint8Array {
  if (view.signature === null) throw new RangeError('only finished signatures are stored')
  const { signature, timingMs, digest, id, requestId, keyId, keyEpoch, path, publicKey, engine, signers } = view
  return STORED.encode({
    version: VERSION,
    id,
    requestId,
    keyId,
    keyEpoch,
    path,
    publicKey,
    engine,
    signers,
    digest: digest ?? '',
    scheme: signature.scheme,
    compact: signature.compact,
    recovery: 'recovery' in signature ? signature.recovery : 0,
    timing: [timingMs.queue, timingMs.sign, timingMs.total].map((ms) => Math.round(ms * 1000)),
  })
}

export function decodeView(stored: Uint8Array): SignatureView {
  const { digest, scheme: name, compact, recovery, engine, timing, version: _, ...rest } = STORED.decode(stored)
  const scheme = SCHEMES.find((s) => s === name) as Scheme
  const [queue = 0, sign = 0, total = 0] = timing.map((us) => us / 1000)
  return {
    ...rest,
    state: 'signed',
    digest: digest === '' ? null : digest,
    signature: scheme === 'ecdsa-secp256k1' ? { scheme, compact, recovery } : { scheme, compact },
    engine: engine === 'hm' ? 'hm' : 'frost',
    timingMs: { queue, sign, total },
  }
}
