import { crc32 } from 'node:zlib'
import { concat, equalBytes, u32 } from '../../protocol/engine/bytes.ts'
import { bytes, list, message, text, uint } from '../../protocol/engine/codec.ts'
import { MAX_PARTIES } from '../../protocol/engine/party.ts'
import { isEcdsa, SCHEMES } from '../../protocol/request/document.ts'
import type { SignatureView } from '../api/coordinator-service.ts'
import { StoreError } from '../store/store-error.ts'

/** Twelve days; far larger counts of microseconds would not survive the way through milliseconds. */
const MAX_TIME_US = 2 ** 40

/** A finished signature as the store keeps it, about 400 bytes. */
export const STORED = message(
  {
    version: uint(2),
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

type Row = ReturnType<typeof STORED.decode>

/** Version 1 ends without a check sum. */
const VERSION = 2
const CHECK = 4
const ENGINES = ['hm', 'frost', 'dkls23'] as const

/** @throws RangeError unless the view is of a finished signature. */
export function encodeView(view: SignatureView): Uint8Array {
  if (view.signature === null) throw new RangeError('only finished signatures are stored')
  const { signature, timingMs, digest, id, requestId, keyId, keyEpoch, path, publicKey, engine, signers } = view
  const encoded = STORED.encode({
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
  return concat(encoded, u32(crc32(encoded)))
}

/** What SQLite does not see is a bit that changed within a row: it must not come out as a signature. */
function checked(stored: Uint8Array): Row {
  const encoded = stored.subarray(0, -CHECK)
  const whole = equalBytes(stored.subarray(encoded.length), u32(crc32(encoded)))
  const row = STORED.decode(whole ? encoded : stored)
  if (row.version !== (whole ? VERSION : 1)) throw new RangeError('of another version')
  return row
}

/** @throws StoreError CORRUPT for bytes that {@link encodeView} did not make. */
export function decodeView(stored: Uint8Array): SignatureView {
  try {
    return viewOf(checked(stored))
  } catch (error) {
    throw new StoreError('CORRUPT', 'a stored signature is damaged: restore the store from a backup', error)
  }
}

function viewOf({
  digest,
  scheme: name,
  compact,
  recovery,
  engine: engineName,
  timing,
  version: _,
  ...rest
}: Row): SignatureView {
  const scheme = SCHEMES.find((s) => s === name)
  const engine = ENGINES.find((e) => e === engineName)
  const [queue, sign, total] = timing.map((us) => us / 1000)
  if (scheme === undefined || engine === undefined || total === undefined) {
    throw new RangeError('not a stored signature')
  }
  if (recovery !== 0 && !isEcdsa(scheme)) throw new RangeError('a recovery value without ECDSA')
  return {
    ...rest,
    state: 'signed',
    digest: digest === '' ? null : digest,
    signature: isEcdsa(scheme) ? { scheme, compact, recovery } : { scheme, compact },
    engine,
    timingMs: { queue: queue as number, sign: sign as number, total },
  }
}
