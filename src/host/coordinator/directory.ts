import type { Roster } from '../../protocol/channel/roster.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { CERTIFICATE, type Certificate, publicKeyOf, verifyCertificate } from '../../protocol/keygen/certificate.ts'
import type { PublicPackage } from '../../protocol/keygen/key-record.ts'
import { formatKeyId } from '../../protocol/request/ids.ts'
import { formatTime } from '../../protocol/request/time.ts'
import type { KeyView } from '../api/coordinator-service.ts'
import { RecentMap } from '../recent-map.ts'
import type { CoordinatorStore, StoredDirectoryKey } from '../store/coordinator-store.ts'
import { StoreError } from '../store/store-error.ts'

/** A key as the scheduler needs it. */
export interface SigningKey {
  readonly row: StoredDirectoryKey
  readonly key: PublicPackage
  readonly verifyingShares: ReadonlyMap<PartyId, Uint8Array>
}

/** Decoded keys kept in memory, a few kB each. */
const CACHE = 10_000

/**
 * The coordinator's key directory: public, rebuilt from the signers if lost. No key enters it whose certificate does not carry
 * all n signatures of the pinned roster.
 */
export class KeyDirectory {
  readonly #store: CoordinatorStore
  readonly #roster: Roster
  readonly #curves: Curves
  readonly #cache = new RecentMap<string, SigningKey>(CACHE)

  constructor(store: CoordinatorStore, roster: Roster, curves: Curves) {
    this.#store = store
    this.#roster = roster
    this.#curves = curves
  }

  /** The certificate, or null when the bytes are none, or not all signers of the roster stand for it. */
  verified(bytes: Uint8Array): Certificate | null {
    try {
      const certificate = CERTIFICATE.decode(bytes)
      return verifyCertificate(certificate, this.#roster, this.#curves) ? certificate : null
    } catch {
      return null
    }
  }

  /** The row changed: what is remembered of it no longer counts. */
  forget(keyId: Uint8Array): void {
    this.#cache.delete(toHex(keyId))
  }

  /** An active key; undefined for unknown and unfinished ones. */
  find(keyId: Uint8Array): SigningKey | undefined {
    const name = toHex(keyId)
    const cached = this.#cache.get(name)
    if (cached !== undefined) return cached
    const row = this.#store.getKey(keyId)
    if (row === undefined || row.state !== 'active') return undefined
    // Again, since the roster that counts is the one pinned now, and no damaged row may become a key.
    const key = this.verified(row.certificate)?.key
    if (key === undefined || !equalBytes(key.keyId, keyId)) throw damaged(keyId)
    const verifyingShares = new Map(key.parties.map((id, i) => [id, key.verificationShares[i] as Uint8Array]))
    const found = { row, key, verifyingShares }
    this.#cache.set(name, found)
    return found
  }
}

const damaged = (keyId: Uint8Array): StoreError =>
  new StoreError(
    'CORRUPT',
    `the stored certificate of ${formatKeyId(keyId)} does not verify under the pinned roster: restore a backup, or start with a new store, which the signers fill`,
  )

function decoded(row: StoredDirectoryKey): Certificate {
  try {
    return CERTIFICATE.decode(row.certificate)
  } catch {
    throw damaged(row.keyId)
  }
}

/** Public form of a directory entry. */
export function keyView(row: StoredDirectoryKey): KeyView {
  const certificate = decoded(row)
  return {
    id: formatKeyId(row.keyId),
    scheme: row.scheme,
    label: row.label,
    state: row.state === 'pending' ? 'pending' : row.usage,
    revision: row.revision,
    settled: row.settled === 1,
    threshold: row.threshold,
    parties: row.parties,
    epoch: row.epoch,
    publicKey: `0x${toHex(publicKeyOf(certificate))}`,
    certificate: Buffer.from(row.certificate).toString('base64url'),
    createdAt: formatTime(row.createdAt),
    owner: row.owner,
  }
}

/** The directory row of a certified key. Label, owner and times are the signers' records, not part of the certificate. */
export const directoryRow = (
  { key }: Certificate,
  certificate: Uint8Array,
  meta: { readonly owner: string; readonly requestId: string; readonly label: string | null; readonly createdAt: number },
) => ({
  keyId: key.keyId,
  scheme: key.scheme,
  label: meta.label,
  threshold: key.threshold,
  parties: key.parties.length,
  epoch: key.epoch,
  publicKey: key.publicKey,
  certificate,
  owner: meta.owner,
  requestId: meta.requestId,
  requestHash: key.requestHash,
  createdAt: meta.createdAt,
})
