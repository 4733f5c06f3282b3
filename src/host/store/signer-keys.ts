import { toHex } from '../../protocol/engine/bytes.ts'
import { ownedRequestHash } from '../../protocol/request/authorize.ts'
import type { Usage } from '../../protocol/request/document.ts'
import { RecentMap } from '../recent-map.ts'
import type { Database } from './database.ts'
import { packPackage, packRequestId, packSignatures, unpackPackage, unpackRequestId, unpackSignatures } from './packed-key.ts'

/** What a request counts under: the same id of another credential or tenant is another request (decisions.md 9). */
export interface RequestKey {
  readonly credentialId: string
  /** Empty where a credential serves one tenant only. */
  readonly tenant: string
  readonly requestId: string
}

/** One share of one key. Times are milliseconds since the Unix epoch. */
export interface SignerKey extends RequestKey {
  /** 32 bytes. */
  readonly keyId: Uint8Array
  /** Of the request that made the key, 32 bytes. */
  readonly requestHash: Uint8Array
  readonly label: string | null
  readonly publicPackage: Uint8Array
  /** See kms/sealing.ts; the store never sees it open. */
  readonly sealedShare: Uint8Array
  /** This signer's signature under the key certificate. */
  readonly ownSignature: Uint8Array
  readonly createdAt: number
}

/** What the owner can change about a key. */
interface KeyState {
  readonly usage: Usage
  /** 0 before the first update. */
  readonly revision: number
  /** Of the update that brought this revision: the hash of its document, and what was answered to it. */
  readonly updateHash: Uint8Array | null
  readonly updateReceipt: Uint8Array | null
}

export type StoredSignerKey = SignerKey &
  KeyState &
  ({ readonly state: 'pending'; readonly certificate: null } | { readonly state: 'active'; readonly certificate: Uint8Array })

/** What signing takes of an active key. */
export type SigningRow = Pick<StoredSignerKey, 'keyId' | 'credentialId' | 'tenant' | 'publicPackage' | 'sealedShare' | 'usage'>

/** Rows for signing kept in memory, a kilobyte each: keys that sign often are not read and unpacked each time. */
const MAX_RECENT = 8192

/** In the order of their numbers in the table. */
const USAGES: readonly Usage[] = ['active', 'frozen', 'archived']

/** A key's row without anything twice: see packed-key.ts. Rows of before keep their bytes, in the forms for what cannot be packed. */
export const COMPACT_KEYS = `
  CREATE TABLE owners (
    id INTEGER PRIMARY KEY,
    credential_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    UNIQUE (credential_id, tenant)
  ) STRICT;
  CREATE TABLE rosters (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32)) STRICT;
  CREATE TABLE compact_keys (
    key_id BLOB PRIMARY KEY CHECK (length(key_id) = 32),
    owner INTEGER NOT NULL REFERENCES owners (id),
    request_id ANY NOT NULL,
    request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
    label TEXT,
    roster INTEGER REFERENCES rosters (id),
    public_package BLOB NOT NULL,
    sealed_share BLOB NOT NULL,
    -- Pending: this signer's alone.
    signatures BLOB NOT NULL,
    pending INTEGER NOT NULL CHECK (pending IN (0, 1)),
    created_at INTEGER NOT NULL,
    usage INTEGER NOT NULL CHECK (usage IN (0, 1, 2)),
    revision INTEGER NOT NULL,
    update_hash BLOB CHECK ((update_hash IS NULL) = (revision = 0)),
    update_receipt BLOB CHECK ((update_receipt IS NULL) = (revision = 0)),
    UNIQUE (owner, request_id)
  ) STRICT;
  INSERT INTO owners (credential_id, tenant) SELECT DISTINCT credential_id, tenant FROM keys;
  INSERT INTO compact_keys
    SELECT key_id, owners.id,
      CASE WHEN length(request_id) = 68 AND request_id GLOB 'req_*' AND substr(request_id, 5) NOT GLOB '*[^0-9a-f]*'
        THEN unhex(substr(request_id, 5)) ELSE request_id END,
      request_hash, label, NULL, CAST(x'ffff' || public_package AS BLOB), sealed_share,
      CASE state WHEN 'pending' THEN own_signature ELSE CAST(x'ff0040' || own_signature || certificate AS BLOB) END,
      state = 'pending', created_at, CASE usage WHEN 'active' THEN 0 WHEN 'frozen' THEN 1 ELSE 2 END,
      revision, update_hash, update_receipt
    FROM keys JOIN owners USING (credential_id, tenant) ORDER BY keys.rowid;
  DROP TABLE keys;
  ALTER TABLE compact_keys RENAME TO keys;
  CREATE INDEX keys_pending ON keys (key_id) WHERE pending = 1;
`

interface SigningColumns {
  readonly keyId: Uint8Array
  readonly credentialId: string
  readonly tenant: string
  readonly requestHash: Uint8Array
  readonly rosterHash: Uint8Array | null
  readonly packed: Uint8Array
  readonly sealedShare: Uint8Array
  readonly usage: number
}

interface Columns extends SigningColumns {
  readonly requestId: string | Uint8Array
  readonly label: string | null
  readonly signatures: Uint8Array
  readonly pending: 0 | 1
  readonly createdAt: number
  readonly revision: number
  readonly updateHash: Uint8Array | null
  readonly updateReceipt: Uint8Array | null
}

const SIGNING_COLUMNS = `key_id AS keyId, credential_id AS credentialId, tenant, request_hash AS requestHash, hash AS rosterHash,
  public_package AS packed, sealed_share AS sealedShare, usage`
const COLUMNS = `${SIGNING_COLUMNS}, request_id AS requestId, label, signatures, pending, created_at AS createdAt, revision,
  update_hash AS updateHash, update_receipt AS updateReceipt`
const FROM = 'FROM keys JOIN owners ON owners.id = keys.owner LEFT JOIN rosters ON rosters.id = keys.roster'

/** The keys of an open signer store. Each call that writes joins the transaction that it is made in. */
export function signerKeys(database: Database) {
  const insert = database.statement(`
    INSERT INTO keys VALUES (:keyId, :owner, :requestId, :requestHash, :label, :roster, :packed, :sealedShare, :ownSignature, 1,
      :createdAt, 0, 0, NULL, NULL)
    ON CONFLICT (owner, request_id) DO NOTHING`)
  const certify = database.statement('UPDATE keys SET pending = 0, signatures = :signatures WHERE key_id = :keyId')
  const byId = database.statement<Columns>(`SELECT ${COLUMNS} ${FROM} WHERE key_id = :keyId`)
  const byRequest = database.statement<Columns>(`SELECT ${COLUMNS} ${FROM} WHERE owner = :owner AND request_id = :requestId`)
  const toSign = database.statement<SigningColumns>(`SELECT ${SIGNING_COLUMNS} ${FROM} WHERE key_id = :keyId AND pending = 0`)
  const pendingIds = database.statement<{ readonly keyId: Uint8Array }>(
    'SELECT key_id AS keyId FROM keys WHERE pending = 1 AND key_id > :after ORDER BY key_id LIMIT :limit',
  )
  // Without looking at a row: ids from the one index, those of pending keys from the other.
  const activeIds = database.statement<{ readonly keyId: Uint8Array }>(`
    SELECT key_id AS keyId FROM keys WHERE key_id > :after
      AND NOT EXISTS (SELECT 1 FROM keys AS p INDEXED BY keys_pending WHERE p.pending = 1 AND p.key_id = keys.key_id)
    ORDER BY key_id LIMIT :limit`)
  const usageOf = database.statement<{ readonly usage: number }>('SELECT usage FROM keys WHERE key_id = :keyId')
  const change = database.statement(`
    UPDATE keys SET usage = :usage, revision = :revision, label = :label, update_hash = :requestHash, update_receipt = :receipt
    WHERE key_id = :keyId`)
  const ownerOf = database.statement<{ readonly id: number }>(
    'SELECT id FROM owners WHERE credential_id = :credentialId AND tenant = :tenant',
  )
  const addOwner = database.statement('INSERT OR IGNORE INTO owners (credential_id, tenant) VALUES (:credentialId, :tenant)')
  const rosterOf = database.statement<{ readonly id: number }>('SELECT id FROM rosters WHERE hash = :hash')
  const addRoster = database.statement('INSERT OR IGNORE INTO rosters (hash) VALUES (:hash)')

  const recent = new RecentMap<string, SigningRow>(MAX_RECENT)

  const rosterNumber = (hash: Uint8Array): number => {
    addRoster.run({ hash })
    return (rosterOf.get({ hash }) as { id: number }).id
  }
  const packageOf = ({ rosterHash, packed: bytes, keyId, requestHash, credentialId }: SigningColumns): Uint8Array =>
    unpackPackage({ rosterHash, bytes }, keyId, () => ownedRequestHash(requestHash, credentialId))

  const unpacked = (row: Columns): StoredSignerKey => {
    const { rosterHash: _, packed: __, signatures, pending, requestId, usage, ...rest } = row
    const publicPackage = packageOf(row)
    const base = { ...rest, requestId: unpackRequestId(requestId), usage: USAGES[usage] as Usage, publicPackage }
    if (pending === 1) return { ...base, state: 'pending', ownSignature: signatures, certificate: null }
    const { own, certificate } = unpackSignatures(signatures, publicPackage)
    return { ...base, state: 'active', ownSignature: own, certificate }
  }
  const get = (keyId: Uint8Array): StoredSignerKey | undefined => {
    const row = byId.get({ keyId })
    return row && unpacked(row)
  }
  const getByRequest = ({ credentialId, tenant, requestId }: RequestKey): StoredSignerKey | undefined => {
    const owner = ownerOf.get({ credentialId, tenant })
    const row = owner && byRequest.get({ owner: owner.id, requestId: packRequestId(requestId) })
    return row && unpacked(row)
  }

  return {
    get,
    getByRequest,
    insertPending: (key: SignerKey): 'stored' | { readonly existing: StoredSignerKey } => {
      const { keyId, requestHash, label, sealedShare, ownSignature, createdAt, credentialId, tenant } = key
      addOwner.run({ credentialId, tenant })
      const owner = (ownerOf.get({ credentialId, tenant }) as { id: number }).id
      const { rosterHash, bytes: packed } = packPackage(key.publicPackage, keyId, ownedRequestHash(requestHash, credentialId))
      const roster = rosterHash && rosterNumber(rosterHash)
      const requestId = packRequestId(key.requestId)
      const row = { keyId, owner, requestId, requestHash, label, roster, packed, sealedShare, ownSignature, createdAt }
      if (insert.run(row) === 1) return 'stored'
      const existing = getByRequest(key)
      if (existing === undefined) throw new Error('an insert met a conflict with nothing')
      return { existing }
    },
    activate: (keyId: Uint8Array, certificate: Uint8Array): 'activated' | 'already' | 'unknown' => {
      const key = get(keyId)
      if (key?.state !== 'pending') return key === undefined ? 'unknown' : 'already'
      certify.run({ keyId, signatures: packSignatures(certificate, key.publicPackage, key.ownSignature) })
      return 'activated'
    },
    forSigning: (keyId: Uint8Array): SigningRow | undefined => {
      const name = toHex(keyId)
      const known = recent.get(name)
      if (known !== undefined) return known
      const row = toSign.get({ keyId })
      if (row === undefined) return undefined
      const { credentialId, tenant, sealedShare, usage } = row
      const publicPackage = packageOf(row)
      const found = { keyId: row.keyId, credentialId, tenant, publicPackage, sealedShare, usage: USAGES[usage] as Usage }
      recent.set(name, found)
      return found
    },
    pendingIds: (limit: number, after: Uint8Array): Uint8Array[] => pendingIds.all({ limit, after }).map(({ keyId }) => keyId),
    activeIds: (limit: number, after: Uint8Array): Uint8Array[] => activeIds.all({ limit, after }).map(({ keyId }) => keyId),
    usageOf: (keyId: Uint8Array): Usage | undefined => {
      const row = usageOf.get({ keyId })
      return row && USAGES[row.usage]
    },
    change: (update: {
      readonly keyId: Uint8Array
      readonly usage: Usage
      readonly revision: number
      readonly label: string | null
      readonly requestHash: Uint8Array
      readonly receipt: Uint8Array
    }): void => {
      recent.delete(toHex(update.keyId))
      change.run({ ...update, usage: USAGES.indexOf(update.usage) })
    },
  }
}
