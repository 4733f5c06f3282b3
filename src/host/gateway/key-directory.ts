import type { Roster } from '../../protocol/channel/roster.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes } from '../../protocol/engine/bytes.ts'
import { CERTIFICATE, type Certificate, publicKeyOf, verifyCertificate } from '../../protocol/keygen/certificate.ts'
import { type KeygenDocument, parseDocument, type Scheme, type Usage } from '../../protocol/request/document.ts'
import { formatKeyId, parseKeyId } from '../../protocol/request/ids.ts'
import { formatTime } from '../../protocol/request/time.ts'
import type { KeyView } from '../api/coordinator-service.ts'
import { ApiProblem } from '../api/problem.ts'
import { RecentMap } from '../recent-map.ts'
import type { GatewayKeyState, GatewayStore, StoredGatewayKey } from '../store/gateway-store.ts'
import { StoreError } from '../store/store-error.ts'
import type { BookedRequest } from './request-book.ts'

/** A key for which all signers of the pinned roster stand. */
export interface CertifiedKey {
  /** 32 bytes. */
  readonly keyId: Uint8Array
  readonly scheme: Scheme
  /** As signatures verify under it: 33 or 32 bytes. */
  readonly publicKey: Uint8Array
  readonly epoch: number
  /** As far as this gateway knows. */
  readonly usage: Usage
  readonly view: KeyView
}

export interface KeyPageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly scheme?: Scheme | undefined
  readonly label?: string | undefined
  readonly state?: Usage | undefined
}

export interface KeyDirectory {
  /**
   * Takes a certificate that the coordinator brought in answer to a key generation: verifies it against the pinned roster and
   * against the request, and records whose key it is, before anybody sees the key or an address (decisions.md 2).
   * @throws ApiProblem protocol_abort when it is not what was asked for
   */
  readonly adopt: (tenant: string, request: BookedRequest, certificate: Uint8Array) => CertifiedKey
  /** What became of an update; see GatewayStore.changeKey. */
  readonly change: (keyId: Uint8Array, state: GatewayKeyState) => void
  /** @throws ApiProblem key_not_found, also for keys of other tenants */
  readonly get: (tenant: string, keyId: string) => CertifiedKey
  /** @throws ApiProblem malformed_request on a cursor that is none of ours */
  readonly list: (
    tenant: string,
    query: KeyPageQuery,
  ) => { readonly keys: readonly KeyView[]; readonly nextCursor: string | null }
}

/** Verified keys held in memory, a few KiB each. Verifying n signatures again costs well below a millisecond. */
const MAX_CACHED = 8192

const CURSOR = /^(\d{1,15})\.([0-9a-f]{64})$/

function parseCursor(text: string): { readonly createdAt: number; readonly keyId: Uint8Array } {
  const match = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1'))
  const keyId = match === null ? undefined : parseKeyId(`key_${match[2]}`)
  if (match === null || keyId === undefined) {
    throw new ApiProblem('malformed_request', 'the cursor is none of ours', {
      errors: [{ pointer: 'query/cursor', reason: 'is unknown' }],
    })
  }
  return { createdAt: Number(match[1]), keyId }
}

const cursorOf = ({ createdAt, keyId }: StoredGatewayKey): string =>
  Buffer.from(`${createdAt}.${formatKeyId(keyId).slice(4)}`, 'latin1').toString('base64url')

export function createKeyDirectory(options: {
  readonly store: GatewayStore
  readonly roster: Roster
  readonly curves: Curves
  readonly now: () => number
}): KeyDirectory {
  const { store, roster, curves, now } = options
  const cache = new RecentMap<string, { readonly owner: string; readonly key: CertifiedKey }>(MAX_CACHED)

  const verified = (bytes: Uint8Array): Certificate | undefined => {
    let certificate: Certificate
    try {
      certificate = CERTIFICATE.decode(bytes)
    } catch {
      return undefined
    }
    return verifyCertificate(certificate, roster, curves) ? certificate : undefined
  }

  /** From our own disk; verified again, since the roster that counts is the one pinned now. */
  const load = (row: StoredGatewayKey): CertifiedKey => {
    const id = formatKeyId(row.keyId)
    const known = cache.get(id)
    if (known !== undefined) return known.key
    const certificate = verified(row.record)
    if (certificate === undefined || !equalBytes(certificate.key.keyId, row.keyId)) {
      throw new StoreError('CORRUPT', `the stored certificate of ${id} does not verify under the pinned roster: restore a backup`)
    }
    const publicKey = publicKeyOf(certificate)
    const key: CertifiedKey = {
      keyId: row.keyId,
      scheme: certificate.key.scheme,
      publicKey,
      epoch: certificate.key.epoch,
      usage: row.usage,
      view: {
        id,
        scheme: certificate.key.scheme,
        label: row.label,
        state: row.usage,
        revision: row.revision,
        settled: row.settled === 1,
        threshold: certificate.key.threshold,
        parties: certificate.key.parties.length,
        epoch: certificate.key.epoch,
        publicKey: `0x${Buffer.from(publicKey).toString('hex')}`,
        certificate: Buffer.from(row.record).toString('base64url'),
        createdAt: formatTime(row.createdAt),
        owner: row.owner,
      },
    }
    cache.set(id, { owner: row.owner, key })
    return key
  }

  return {
    adopt: (tenant, { row, ownedRequestHash }, bytes) => {
      const asked = parseDocument(row.document) as KeygenDocument
      const certificate = verified(bytes)
      const key = certificate?.key
      if (
        key === undefined ||
        !equalBytes(key.requestHash, ownedRequestHash) ||
        key.scheme !== asked.scheme ||
        key.threshold !== asked.threshold ||
        key.parties.length !== asked.parties
      ) {
        throw new ApiProblem('protocol_abort', 'the key that came back is not certified by all signers for this request')
      }
      const stored = store.addKey({
        keyId: key.keyId,
        owner: tenant,
        scheme: key.scheme,
        label: asked.label ?? null,
        record: bytes,
        createdAt: now(),
      })
      // One request hash belongs to one tenant, so another owner would be a bug of ours.
      if (stored === 'taken') throw new Error(`${formatKeyId(key.keyId)} belongs to another tenant`)
      return load(store.getKey(key.keyId) as StoredGatewayKey)
    },
    change: (keyId, state) => {
      store.changeKey(keyId, state)
      cache.delete(formatKeyId(keyId))
    },
    get: (tenant, keyId) => {
      const known = cache.get(keyId)
      if (known?.owner === tenant) return known.key
      const id = parseKeyId(keyId)
      const row = id === undefined ? undefined : store.getKey(id)
      if (row?.owner !== tenant) throw new ApiProblem('key_not_found', 'no key of yours has this id')
      return load(row)
    },
    list: (tenant, { limit, cursor, scheme, label, state }) => {
      const rows = store.listKeys({
        owners: [tenant],
        limit: limit + 1,
        ...(cursor === undefined ? {} : { after: parseCursor(cursor) }),
        ...(scheme === undefined ? {} : { scheme }),
        ...(label === undefined ? {} : { label }),
        ...(state === undefined ? {} : { usage: state }),
      })
      const shown = rows.slice(0, limit)
      const last = shown.at(-1)
      return {
        keys: shown.map((row) => load(row).view),
        nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
      }
    },
  }
}
