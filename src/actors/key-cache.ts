import type { Curves } from '../protocol/curve/curves.ts'
import { equalBytes, toHex, wipe } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../protocol/keygen/key-record.ts'
import { groupOf } from '../protocol/keygen/scheme.ts'
import type { Scheme } from '../protocol/request/document.ts'

/** A key this signer can sign with, unsealed. `share` is secret and lives until the cache evicts it. */
export interface LoadedKey {
  readonly scheme: Scheme
  readonly epochId: Uint8Array
  readonly threshold: number
  readonly publicKey: Uint8Array
  readonly share: Uint8Array
  /** X_j of every party of the key. */
  readonly verifyingShares: ReadonlyMap<PartyId, Uint8Array>
  readonly credentialId: string
  readonly tenant: string
}

/** A stored ACTIVE key as the main thread hands it over. */
export interface KeyRow {
  readonly keyId: Uint8Array
  readonly credentialId: string
  readonly tenant: string
  readonly publicPackage: Uint8Array
  readonly sealedShare: Uint8Array
}

export interface KeyCacheOptions {
  readonly self: PartyId
  readonly curves: Curves
  /** Opens a sealed share; throws when it was sealed for another key, party or epoch. */
  readonly unseal: (sealed: Uint8Array, keyId: Uint8Array, epoch: number) => Uint8Array
  /** Unsealed keys held at most, about a kilobyte each; no less than a batch names. */
  readonly capacity: number
}

/** Bounded cache of unsealed shares, least recently used first out, wiped on the way out. */
export class KeyCache {
  readonly #o: KeyCacheOptions
  readonly #keys = new Map<string, LoadedKey>()

  constructor(options: KeyCacheOptions) {
    this.#o = options
  }

  get size(): number {
    return this.#keys.size
  }

  /**
   * Unseals and checks a stored key: x_i G must be X_i, or every session with it would fail and look like a peer's fault.
   * @returns false when the record does not open or fit: the store is damaged or was mixed up.
   */
  load(row: KeyRow): boolean {
    // Counts as a use: what is loaded for a batch must not be evicted by the rest of the batch.
    if (this.get(row.keyId) !== undefined) return true
    const key = this.#open(row)
    if (key !== undefined) this.#put(toHex(row.keyId), key)
    return key !== undefined
  }

  get(keyId: Uint8Array): LoadedKey | undefined {
    const name = toHex(keyId)
    const key = this.#keys.get(name)
    if (key !== undefined) {
      this.#keys.delete(name)
      this.#keys.set(name, key)
    }
    return key
  }

  wipe(): void {
    for (const key of this.#keys.values()) wipe(key.share)
    this.#keys.clear()
  }

  #open({ keyId, publicPackage, sealedShare, credentialId, tenant }: KeyRow): LoadedKey | undefined {
    const secrets: Uint8Array[] = []
    try {
      const { parties, verificationShares, epoch, scheme, epochId, threshold, publicKey, ...key } =
        PUBLIC_PACKAGE.decode(publicPackage)
      const plain = this.#o.unseal(sealedShare, keyId, epoch)
      secrets.push(plain)
      const { share, chain } = KEY_SECRET.decode(plain)
      secrets.push(share, chain)
      const verifyingShares = new Map(parties.map((id, i) => [id, verificationShares[i] as Uint8Array]))
      const expected = verifyingShares.get(this.#o.self)
      const own = groupOf(scheme, this.#o.curves).baseMul(share)
      if (!equalBytes(key.keyId, keyId) || expected === undefined || !equalBytes(own, expected)) return undefined
      return { scheme, epochId, threshold, publicKey, share: Uint8Array.from(share), verifyingShares, credentialId, tenant }
    } catch {
      return undefined
    } finally {
      wipe(...secrets)
    }
  }

  #put(name: string, key: LoadedKey): void {
    this.#keys.set(name, key)
    if (this.#keys.size <= this.#o.capacity) return
    const [oldest, evicted] = this.#keys.entries().next().value as [string, LoadedKey]
    wipe(evicted.share)
    this.#keys.delete(oldest)
  }
}
