import type { z } from '@hono/zod-openapi'
import { fromHex, toHex } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'
import { RecentMap } from '../recent-map.ts'
import { type Addresses, addressesOf } from './address.ts'
import type { KeyView, SessionView, SetView, SignatureView, UpdatedKeyView } from './coordinator-service.ts'
import type { Key, Session, SetState, Signature } from './schemas.ts'
import { derOf } from './signature-form.ts'

/** Views as they go over the wire; test/host/api checks each against its schema. */

export type KeyJson = z.infer<typeof Key>
export type SignatureJson = z.infer<typeof Signature>
export type SessionJson = z.infer<typeof Session>
export type SetJson = z.infer<typeof SetState>

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

/** Keys whose addresses are remembered: deriving them decompresses a point, and a key is listed far more often than made. */
const MAX_ADDRESSES = 4096
const addressCache = new RecentMap<string, Addresses>(MAX_ADDRESSES)

function addressesFor(scheme: Scheme, publicKey: string): Addresses {
  const name = `${scheme} ${publicKey}`
  const known = addressCache.get(name)
  if (known !== undefined) return known
  const addresses = addressesOf(scheme, fromHex(publicKey.slice(2)))
  addressCache.set(name, addresses)
  return addresses
}

export function renderKey(view: KeyView): KeyJson {
  return {
    id: view.id,
    scheme: view.scheme,
    label: view.label,
    state: view.state,
    revision: view.revision,
    settled: view.settled,
    threshold: view.threshold,
    parties: view.parties,
    epoch: view.epoch,
    public_key: view.publicKey,
    addresses: addressesFor(view.scheme, view.publicKey),
    certificate: hex(Buffer.from(view.certificate, 'base64url')),
    created_at: view.createdAt,
  }
}

export const renderUpdatedKey = (view: UpdatedKeyView) => ({ ...renderKey(view), receipts: view.receipts.map(hex) })

function renderSignatureValue(value: NonNullable<SignatureView['signature']>): SignatureJson['signature'] {
  if (!('recovery' in value)) return { serialized: hex(value.compact) }
  const r = toHex(value.compact.subarray(0, 32))
  const s = toHex(value.compact.subarray(32))
  // Bit 1 says that the nonce point's abscissa is not below the group order; v cannot express it (chance 2^-127,
  // on P-256 2^-32).
  const yParity = value.recovery & 1
  return {
    r: `0x${r}`,
    s: `0x${s}`,
    y_parity: yParity,
    serialized: `0x${r}${s}${(27 + yParity).toString(16)}`,
    der: hex(derOf(value.scheme, value.compact)),
  }
}

export function renderSignature(view: SignatureView): SignatureJson {
  return {
    id: view.id,
    request_id: view.requestId,
    state: view.state,
    key_id: view.keyId,
    key_epoch: view.keyEpoch,
    path: view.path,
    public_key: view.publicKey,
    digest: view.digest,
    signature: view.signature === null ? null : renderSignatureValue(view.signature),
    engine: view.engine,
    signers: [...view.signers],
    ...(view.sessionId === undefined ? {} : { session_id: view.sessionId }),
    timing_ms: { queue: view.timingMs.queue, sign: view.timingMs.sign, total: view.timingMs.total },
  }
}

export function renderSession(view: SessionView): SessionJson {
  return {
    id: view.id,
    engine: view.engine,
    scheme: view.scheme,
    state: view.state,
    code: view.code,
    signers: [...view.signers],
    missing: [...view.missing],
    culprits: [...view.culprits],
    started_at: view.startedAt,
    ended_at: view.endedAt,
    items: view.items.map((item) => ({
      request_id: item.requestId,
      signature_id: item.signatureId,
      outcome: item.outcome,
      code: item.code,
    })),
  }
}

export function renderSet(view: SetView): SetJson {
  return {
    id: view.id,
    roster_hash: view.rosterHash,
    epoch: view.epoch,
    threshold: view.threshold,
    parties: view.parties,
    quorum: view.quorum,
    engines: { ...view.engines },
    hm_off_until: view.hmOffUntil,
    pairs: {
      ready: view.pairs.ready,
      total: view.pairs.total,
      list: view.pairs.list.map((pair) => ({ signers: [...pair.signers], state: pair.state, banned_by: [...pair.bannedBy] })),
    },
    signers: view.signers.map((signer) => ({
      index: signer.index,
      name: signer.name,
      state: signer.state,
      version: signer.version,
      rtt_ms: signer.rttMs,
      last_heartbeat_at: signer.heardAt,
      curve: signer.curve,
      since: signer.since,
    })),
  }
}
