import type { Curves } from '../protocol/curve/curves.ts'
import { equalBytes, toHex, wipe } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../protocol/keygen/key-record.ts'
import { groupOf } from '../protocol/keygen/scheme.ts'
import type { Scheme } from '../protocol/request/document.ts'

/** A key this signer can sign with, unsealed. `share` is secret and lives until the cache evicts it. */
export interface LoadedKey {
  readonly active: boolean
  readonly scheme: Scheme
  readonly epochId: Uint8Array
  readonly threshold: number
  readonly publicKey: Uint8Array
  readonly share: Uint8Array
  readonly credentialId: string
  readonly tenant: string
}

/** A stored key as the main thread hands it over. */
export interface KeyRow {
  readonly keyId: Uint8Array
  readonly active: number
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
  /** Unsealed keys held at most; about 600 bytes each. */
  readonly capacity: number
}

/** Bounded cache of unsealed shares, least recently used first out, wiped on the way out. */
export class KeyCache {
  readonly #o: KeyCacheOptions
  readonly #keys = new Map<string, LoadedKey>()

  constructor(options: KeyCacheOptions) {
    this.#o = options
  }

  /**
   * Unseals and checks a stored key: x_i G must be X_i, or every session with it would fail and look like a peer's fault.
   * @throws Error when the record does not fit; the store is damaged or was mixed up.
   */
  load(row: KeyRow): void {
    const name = toHex(row.keyId)
    const cached = this.#keys.get(name)
    if (cached !== undefined && cached.active === (row.active === 1)) return
    const key = PUBLIC_PACKAGE.decode(row.publicPackage)
    if (!equalBytes(key.keyId, row.keyId)) throw new Error('a stored key has another id')
    const plain = this.#o.unseal(row.sealedShare, row.keyId, key.epoch)
    const { share, chain } = KEY_SECRET.decode(plain)
    wipe(plain, chain)
    const expected = key.verificationShares[key.parties.indexOf(this.#o.self)]
    if (expected === undefined || !equalBytes(groupOf(key.scheme, this.#o.curves).baseMul(share), expected)) {
      wipe(share)
      throw new Error('a stored share does not fit its public key')
    }
    const { scheme, epochId, threshold, publicKey } = key
    const { credentialId, tenant } = row
    this.#put(name, { active: row.active === 1, scheme, epochId, threshold, publicKey, share, credentialId, tenant })
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

  #put(name: string, key: LoadedKey): void {
    wipe(this.#keys.get(name)?.share)
    this.#keys.delete(name)
    this.#keys.set(name, key)
    if (this.#keys.size <= this.#o.capacity) return
    const [oldest, evicted] = this.#keys.entries().next().value as [string, LoadedKey]
    wipe(evicted.share)
    this.#keys.delete(oldest)
  }
}
