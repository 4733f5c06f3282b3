import type { Logger } from 'pino'
import type { SignerLink } from '../../actors/round.ts'
import type { SignerMonitor } from '../../actors/signer-monitor.ts'
import type { Roster } from '../../protocol/channel/roster.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import {
  CERTIFICATE_REPLY,
  CERTIFICATE_REQUEST,
  KEY_STATES,
  KEYS_REPLY,
  KEYS_REQUEST,
} from '../../protocol/frames/signer-frames.ts'
import { assembleCertificate, CERTIFICATE, type Certificate } from '../../protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../protocol/keygen/key-record.ts'
import { ownedRequestHash } from '../../protocol/request/authorize.ts'
import { USAGES } from '../../protocol/request/document.ts'
import { RecentMap } from '../recent-map.ts'
import type { CoordinatorStore, DirectoryKey, RestoredKey, StoredDirectoryKey } from '../store/coordinator-store.ts'
import { directoryRow, type KeyDirectory } from './directory.ts'

export interface KeyDeliveryOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'up'>
  readonly directory: KeyDirectory
  readonly store: CoordinatorStore
  readonly roster: Roster
  readonly curves: Curves
  readonly now: () => number
  readonly log: Logger
}

/** Short: one silent signer must not keep the keys of the others waiting. */
const ASK_TIMEOUT_MS = 5_000
const PAGE = 256
/** Keys asked about at once when a directory is rebuilt. */
const AT_ONCE = 16
/** A key that could not be finished is tried again after this, or when another set of signers is up. */
const RETRY_MS = 10_000
/** Keys whose last try is remembered, oldest out. */
const MAX_TRIED = 4096
const NONE = new Uint8Array(0)

type KeyReport = ReturnType<typeof CERTIFICATE_REPLY.decode>
type Reports = ReadonlyMap<PartyId, KeyReport>

interface Certified {
  readonly certificate: Certificate
  readonly bytes: Uint8Array
}

/**
 * Brings certificates to the signers that lack them (decisions.md 3), and lost directories back. Believes certificates, which all n
 * signers signed, an owner that the certificate confirms, and of what no certificate says (request id, label) what t signers say alike.
 */
export class KeyDelivery {
  readonly #o: KeyDeliveryOptions
  /** One run per signer that reported something; a slow signer holds up nobody's but its own. */
  readonly #settling = new Map<PartyId, Promise<void>>()
  readonly #tried = new RecentMap<string, { readonly at: number; readonly up: string }>(MAX_TRIED)

  constructor(options: KeyDeliveryOptions) {
    this.#o = options
  }

  /**
   * Asks all signers about one key and gives each what it lacks: the certificate, or the parts to make it from.
   * @returns the key as far as it got; undefined when it cannot be certified, now or ever.
   */
  async deliver(keyId: Uint8Array): Promise<StoredDirectoryKey | undefined> {
    const { store, roster } = this.#o
    let reports = await this.#ask(keyId)
    const stored = store.getKey(keyId)
    const certified = this.#certified(keyId, reports, stored?.certificate)
    if (certified === undefined) return undefined
    if (stored === undefined) {
      const row = rowOf(certified, reports)
      if (row === undefined) return undefined
      const put = store.putKey(
        restored(row, certified, reports),
        roster.members.map((m) => m.id),
      )
      if (put.type !== 'new' && !equalBytes(put.row.keyId, keyId)) return undefined
    }
    if ([...reports.values()].some((r) => r.state !== KEY_STATES.active)) reports = await this.#ask(keyId, certified.bytes)
    for (const [id, report] of reports) if (report.state === KEY_STATES.active) store.acknowledge(keyId, id)
    return store.getKey(keyId)
  }

  /** After a heartbeat of `from`: finishes the keys that it lacks the certificate of. Never rejects. */
  async settle(from: PartyId, pending: readonly Uint8Array[]): Promise<void> {
    const running = this.#settling.get(from)
    if (running !== undefined) return await running
    const run = this.#settle(from, pending).finally(() => this.#settling.delete(from))
    this.#settling.set(from, run)
    await run
  }

  async #settle(from: PartyId, pending: readonly Uint8Array[]): Promise<void> {
    const { store, log } = this.#o
    try {
      const unacknowledged = store.undelivered(PAGE).filter((d) => d.signers.includes(from))
      for (const keyId of [...pending, ...unacknowledged.map((d) => d.keyId)]) {
        if (!this.#due(keyId)) continue
        const row = await this.deliver(keyId)
        if (row?.state === 'active') log.info({ keyId: toHex(keyId) }, 'an open key generation is finished')
      }
    } catch (err) {
      log.error({ err }, 'finishing open key generations failed')
    }
  }

  /** Nothing can have changed since the last try while the same signers are up: then not again at every heartbeat. */
  #due(keyId: Uint8Array): boolean {
    const name = toHex(keyId)
    const now = this.#o.now()
    const up = this.#o.monitor.up().join()
    const last = this.#tried.get(name)
    if (last !== undefined && last.up === up && Math.abs(now - last.at) < RETRY_MS) return false
    this.#tried.set(name, { at: now, up })
    return true
  }

  /**
   * Brings the keys that one signer lists back into the directory (decisions.md 2).
   * @returns how many were unknown, and how many wait for signers that did not answer
   * @throws when the signer cannot be asked
   */
  async rebuild(from: SignerLink): Promise<{ readonly found: number; readonly open: number }> {
    let after: Uint8Array = NONE
    let found = 0
    let open = 0
    for (;;) {
      const answer = await from.send('keys', KEYS_REQUEST.encode({ after, limit: PAGE }), ASK_TIMEOUT_MS)
      const { keyIds } = KEYS_REPLY.decode(answer)
      for (let at = 0; at < keyIds.length; at += AT_ONCE) {
        const restored = await Promise.all(keyIds.slice(at, at + AT_ONCE).map((keyId) => this.#restore(keyId)))
        found += restored.filter((r) => r === 'restored').length
        open += restored.filter((r) => r === 'open').length
      }
      const last = keyIds.at(-1)
      // A list that goes on in another order would never end.
      if (last === undefined || keyIds.length < PAGE || toHex(last) <= toHex(after)) return { found, open }
      after = last
    }
  }

  async #restore(keyId: Uint8Array): Promise<'known' | 'restored' | 'open' | 'no key'> {
    const { store, roster } = this.#o
    if (store.hasKey(keyId)) return 'known'
    const reports = await this.#ask(keyId)
    const certified = this.#certified(keyId, reports)
    const row = certified && rowOf(certified, reports)
    if (certified === undefined || row === undefined) return reports.size < roster.members.length ? 'open' : 'no key'
    if (store.keyByRequest(row.owner, row.requestId) !== undefined) return 'no key'
    // Usable at once, for somebody may have it since long ago; whoever has not said that it holds the certificate is brought it.
    const holds = (id: PartyId): boolean => reports.get(id)?.state === KEY_STATES.active
    const missing = roster.members.flatMap((m) => (holds(m.id) ? [] : [m.id]))
    return store.restoreKeys([restored(row, certified, reports)], missing) === 1 ? 'restored' : 'known'
  }

  /** What is known or can be made from what the signers stored with their shares. A liar's report costs no more than its own part. */
  #certified(keyId: Uint8Array, reports: Reports, known?: Uint8Array): Certified | undefined {
    const { directory, roster, curves } = this.#o
    const all = [...reports.values()].filter((r) => r.state !== KEY_STATES.unknown)
    for (const bytes of [...(known === undefined ? [] : [known]), ...all.map((r) => r.certificate)]) {
      const certificate = directory.verified(bytes)
      if (certificate !== null && equalBytes(certificate.key.keyId, keyId)) return { certificate, bytes }
    }
    const signatures = new Map(
      [...reports].filter(([, r]) => r.state !== KEY_STATES.unknown).map(([id, r]) => [id, r.ownSignature]),
    )
    if (signatures.size < roster.members.length) return undefined
    for (const { publicPackage } of all) {
      try {
        const certificate = assembleCertificate(PUBLIC_PACKAGE.decode(publicPackage), signatures, roster, curves)
        if (certificate === null || !equalBytes(certificate.key.keyId, keyId)) continue
        return { certificate, bytes: CERTIFICATE.encode(certificate) }
      } catch {
        // No package: the next one's may be.
      }
    }
    return undefined
  }

  async #ask(keyId: Uint8Array, certificate: Uint8Array = NONE): Promise<Reports> {
    const reports = new Map<PartyId, KeyReport>()
    const frame = CERTIFICATE_REQUEST.encode({ keyId, certificate })
    await Promise.all(
      [...this.#o.links.values()].map(async (link) => {
        try {
          reports.set(link.id, CERTIFICATE_REPLY.decode(await link.send('certificate', frame, ASK_TIMEOUT_MS)))
        } catch {
          // Away: the delivery stays open. That it cannot sign is for sessions and heartbeats to say.
        }
      }),
    )
    return reports
  }
}

/** Reports that agree with the certificate about whose key it is. */
const confirmedBy = ({ certificate }: Certified, reports: Reports): readonly KeyReport[] =>
  [...reports.values()].filter((r) => equalBytes(ownedRequestHash(r.requestHash, r.credentialId), certificate.key.requestHash))

/**
 * The directory row of a key. On a signer's word alone a key would turn up in another client's list, as an address to pay to: the owner
 * is whom the certificate names. The request id is what t signers say alike, since fewer could all be malicious.
 */
function rowOf(certified: Certified, reports: Reports): DirectoryKey | undefined {
  const { certificate, bytes } = certified
  const alike = Map.groupBy(confirmedBy(certified, reports), (r) => r.requestId)
  const agreed = [...alike.values()].find((group) => group.length >= certificate.key.threshold)
  if (agreed === undefined) return undefined
  const { credentialId: owner, requestId, createdAt } = agreed[0] as KeyReport
  return directoryRow(certificate, bytes, { owner, requestId, label: null, createdAt })
}

/**
 * State, revision and label: what t signers say alike. Where updates reached them unevenly no t may agree: then as if there had been
 * none, and not settled. It is for show and for listing only; the signers themselves decide by what they hold.
 */
function restored(row: DirectoryKey, certified: Certified, reports: Reports): RestoredKey {
  const { threshold, parties } = certified.certificate.key
  const alike = Map.groupBy(confirmedBy(certified, reports), (r) => JSON.stringify([r.usage, r.revision, r.label]))
  const agreed = [...alike.values()].filter((group) => group.length >= threshold)
  const newest = agreed.sort((a, b) => (b[0]?.revision ?? 0) - (a[0]?.revision ?? 0))[0] ?? []
  const usage = USAGES.find((u) => u === newest[0]?.usage)
  if (newest[0] === undefined || usage === undefined) return { ...row, usage: 'active', revision: 0, settled: 0 }
  const { label, revision } = newest[0]
  return { ...row, label, usage, revision, settled: newest.length === parties.length ? 1 : 0 }
}
