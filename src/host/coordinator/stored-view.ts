import { bytes, list, message, text, uint } from '../../protocol/engine/codec.ts'
import { MAX_PARTIES } from '../../protocol/engine/party.ts'
import { SCHEMES } from '../../protocol/request/document.ts'
import type { SignatureView } from '../api/coordinator-service.ts'

/** Twelve days; far larger counts of microseconds would not survive the way through milliseconds. */
const MAX_TIME_US = 2 ** 40

/** A finished signature as the store keeps it, about 400 bytes. */
export const STORED = message(
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
    timing: list(uint(MAX_TIME_US), 3),
  },
  2048,
)

const VERSION = 1
const ENGINES = ['hm', 'frost'] as const

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
    timing: [timingMs.queue, timingMs.sign, timingMs.total].map((ms) => Math.min(MAX_TIME_US, Math.round(ms * 1000))),
  })
}

/** @throws RangeError for bytes that {@link encodeView} did not make: a damaged store must not look like another signature. */
export function decodeView(stored: Uint8Array): SignatureView {
  const { digest, scheme: name, compact, recovery, engine: engineName, timing, version, ...rest } = STORED.decode(stored)
  const scheme = SCHEMES.find((s) => s === name)
  const engine = ENGINES.find((e) => e === engineName)
  const [queue, sign, total] = timing.map((us) => us / 1000)
  if (version !== VERSION || scheme === undefined || engine === undefined || total === undefined) {
    throw new RangeError('not a stored signature')
  }
  if (recovery !== 0 && scheme !== 'ecdsa-secp256k1') throw new RangeError('a recovery value without ECDSA')
  return {
    ...rest,
    state: 'signed',
    digest: digest === '' ? null : digest,
    signature: scheme === 'ecdsa-secp256k1' ? { scheme, compact, recovery } : { scheme, compact },
    engine,
    timingMs: { queue: queue as number, sign: sign as number, total },
  }
}
