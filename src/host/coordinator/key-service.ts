import type { Logger } from 'pino'
import { relay } from '../../actors/relay-session.ts'
import type { SignerLink } from '../../actors/round.ts'
import type { SignerMonitor } from '../../actors/signer-monitor.ts'
import { sessionId as sessionIdOf } from '../../protocol/channel/setup.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { type Rng, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import {
  CERTIFICATE_REPLY,
  CERTIFICATE_REQUEST,
  KEY_STATES,
  KEYS_REPLY,
  KEYS_REQUEST,
  OPEN_KEYGEN,
  type Reply,
} from '../../protocol/frames/signer-frames.ts'
import { assembleCertificate, CERTIFICATE } from '../../protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../protocol/keygen/key-record.ts'
import { requestHash } from '../../protocol/request/authorize.ts'
import type { KeygenDocument } from '../../protocol/request/document.ts'
import type { SignedRequest } from '../api/coordinator-service.ts'
import { ApiProblem, isProblemCode } from '../api/problem.ts'
import type { RosterFile } from '../config/roster-file.ts'
import type { CoordinatorStore, StoredDirectoryKey } from '../store/coordinator-store.ts'
import { directoryRow, type KeyDirectory } from './directory.ts'
import type { SignerNames } from './signer-names.ts'

export interface KeyServiceOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: SignerMonitor
  readonly directory: KeyDirectory
  readonly store: CoordinatorStore
  readonly roster: RosterFile
  readonly names: SignerNames
  readonly curves: Curves
  readonly rng: Rng
  readonly now: () => number
  readonly timeoutMs: number
  readonly log: Logger
}

const SLACK_MS = 1000
const PAGE = 256
/** Key generations under way at once; each is a burst of curve work on every signer. */
const MAX_RUNNING = 16

type KeyReport = ReturnType<typeof CERTIFICATE_REPLY.decode>

/**
 * Key generation, all or nothing (decisions.md 3): answered only when all n signers hold the active key. What a crash or a lost
 * message left unfinished is finished from what the signers stored, never repeated with other shares.
 */
export class KeyService {
  readonly #o: KeyServiceOptions
  /** By request hash: the same document twice joins one run. */
  readonly #running = new Map<string, Promise<StoredDirectoryKey>>()
  #settling: Promise<void> | undefined

  constructor(options: KeyServiceOptions) {
    this.#o = options
  }

  /** @throws ApiProblem */
  async create(request: SignedRequest, document: KeygenDocument): Promise<StoredDirectoryKey> {
    const hash = requestHash(request.document)
    const credentialId = request.authorizations[0]?.credentialId ?? ''
    const known = this.#o.store.keyByRequest(credentialId, document.requestId)
    if (known !== undefined && toHex(known.requestHash) !== toHex(hash)) {
      throw new ApiProblem('request_replayed', 'this request id made another key')
    }
    if (known?.state === 'active') return known
    const name = toHex(hash)
    const running = this.#running.get(name)
    if (running !== undefined) return await running
    if (this.#running.size >= MAX_RUNNING) {
      throw new ApiProblem('overloaded', 'too many key generations are under way', { retryAfterMs: 500, outcome: 'none' })
    }
    const run = (known === undefined ? this.#generate(request, document, credentialId, hash) : this.#finish(known.keyId)).finally(
      () => this.#running.delete(name),
    )
    this.#running.set(name, run)
    return await run
  }

  async #generate(
    request: SignedRequest,
    document: KeygenDocument,
    owner: string,
    hash: Uint8Array,
  ): Promise<StoredDirectoryKey> {
    const { links, roster, rng, now, timeoutMs, store, directory, log } = this.#o
    this.#assertAllUp()
    const { threshold, scheme, requestId } = document
    const setup = {
      protocol: 'dkg' as const,
      suite: scheme,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash: roster.roster.hash,
      threshold,
      signers: roster.roster.members.map((m) => m.id),
      deadline: Math.ceil(now() + 4 * timeoutMs + SLACK_MS),
      coordinatorNonce: rng(32),
    }
    const sessionId = sessionIdOf({ ...setup, purpose: hash })
    const [authorization] = request.authorizations
    const framed = {
      document: request.document,
      credentialId: authorization?.credentialId ?? '',
      alg: authorization?.alg ?? '',
      signature: authorization?.signature ?? new Uint8Array(0),
    }
    const frame = OPEN_KEYGEN.encode({ setup, requestId, request: framed })
    const started = performance.now()
    const end = await relay([...links.values()], { route: 'openKeygen', frame }, sessionId, timeoutMs)
    const finished = [...(end.type === 'done' ? end.replies : end.finished).values()]
    const bytes = finished.find((r) => r.result.length > 0)?.result
    const certificate = bytes === undefined ? null : directory.verified(bytes)
    if (bytes === undefined || certificate === null) {
      if (end.type === 'done') throw new ApiProblem('protocol_abort', 'the signers certified no key', { outcome: 'none' })
      return await this.#failed(end.failures, end.missing)
    }
    store.putKey(
      directoryRow(certificate, bytes, { owner, requestId, label: document.label ?? null, createdAt: now() }),
      setup.signers,
    )
    const holders = end.type === 'done' ? end.replies : end.finished
    for (const id of holders.keys()) store.acknowledge(certificate.key.keyId, id)
    log.info({ key: toHex(certificate.key.keyId), scheme, ms: Math.round(performance.now() - started) }, 'key generated')
    return await this.#finish(certificate.key.keyId)
  }

  async #failed(failures: ReadonlyMap<PartyId, Reply>, missing: readonly PartyId[]): Promise<StoredDirectoryKey> {
    const { names, monitor, log } = this.#o
    monitor.report(missing)
    const replies = [...failures.values()]
    log.warn({ missing, codes: [...failures].map(([id, r]) => `${id}:${r.code}`) }, 'key generation failed')
    const existing = replies.find((r) => r.code === 'KEY_EXISTS')
    if (existing !== undefined) return await this.#finish(existing.result)
    const refusal = replies.find((r) => isProblemCode(r.code))
    if (refusal !== undefined && isProblemCode(refusal.code))
      throw new ApiProblem(refusal.code, 'a signer refused the request', { outcome: 'none' })
    if (missing.length > 0) throw this.#unavailable(missing, 'unknown')
    const culprits = [...new Set(replies.flatMap((r) => r.culprits))]
    throw new ApiProblem('protocol_abort', 'key generation was aborted; ask again with a new request id', {
      outcome: 'none',
      ...(culprits.length > 0 && { culprits: names.of(culprits) }),
    })
  }

  /** Brings a certified key to all signers. @throws ApiProblem quorum_unavailable while one is away; it goes on in the background. */
  async #finish(keyId: Uint8Array): Promise<StoredDirectoryKey> {
    await this.#deliver(keyId)
    const row = this.#o.store.getKey(keyId)
    if (row?.state === 'active') return row
    const down = this.#o.monitor.down()
    if (down.length > 0) throw this.#unavailable(down, 'unknown')
    throw new ApiProblem('protocol_abort', 'the key was not finished; ask again with a new request id', { outcome: 'none' })
  }

  #assertAllUp(): void {
    const down = this.#o.monitor.down()
    if (down.length > 0) throw this.#unavailable(down, 'none')
  }

  #unavailable(missing: readonly PartyId[], outcome: 'none' | 'unknown'): ApiProblem {
    return new ApiProblem('quorum_unavailable', 'key generation needs all signers', {
      missing: this.#o.names.of(missing),
      retryAfterMs: 1000,
      outcome,
    })
  }

  /** Asks all signers about one key and gives each what it lacks: the certificate, or the parts to make it from. */
  async #deliver(keyId: Uint8Array): Promise<void> {
    const { store, directory, roster, curves } = this.#o
    let reports = await this.#ask(keyId, new Uint8Array(0))
    const stored = store.getKey(keyId)
    let bytes = stored?.certificate ?? [...reports.values()].find((r) => r.state === KEY_STATES.active)?.certificate
    if (bytes === undefined) {
      // Nobody has the certificate: every signer stored its own signature with its share before sending it.
      const parts = new Map(
        [...reports].flatMap(([id, r]) => (r.state === KEY_STATES.pending ? [[id, r.ownSignature] as const] : [])),
      )
      const some = [...reports.values()].find((r) => r.state === KEY_STATES.pending)
      if (some === undefined || parts.size < roster.roster.members.length) return
      const made = assembleCertificate(PUBLIC_PACKAGE.decode(some.publicPackage), parts, roster.roster, curves)
      if (made === null) return
      bytes = CERTIFICATE.encode(made)
    }
    const certificate = directory.verified(bytes)
    const report = [...reports.values()].find((r) => r.state !== KEY_STATES.unknown)
    if (certificate === null || report === undefined) return
    const { credentialId: owner, requestId, label, createdAt } = report
    store.putKey(
      directoryRow(certificate, bytes, { owner, requestId, label, createdAt }),
      roster.roster.members.map((m) => m.id),
    )
    if ([...reports.values()].some((r) => r.state !== KEY_STATES.active)) reports = await this.#ask(keyId, bytes)
    for (const [id, r] of reports) if (r.state === KEY_STATES.active) store.acknowledge(keyId, id)
  }

  async #ask(keyId: Uint8Array, certificate: Uint8Array): Promise<ReadonlyMap<PartyId, KeyReport>> {
    const reports = new Map<PartyId, KeyReport>()
    const frame = CERTIFICATE_REQUEST.encode({ keyId, certificate })
    await Promise.all(
      [...this.#o.links.values()].map(async (link) => {
        try {
          reports.set(link.id, CERTIFICATE_REPLY.decode(await link.send('certificate', frame, this.#o.timeoutMs)))
        } catch {
          // Away: the delivery stays open.
        }
      }),
    )
    return reports
  }

  /** Background work of every heartbeat: finishes what was left open. One run at a time; never rejects. */
  async settle(pending: readonly Uint8Array[]): Promise<void> {
    this.#settling ??= this.#settleOnce(pending).finally(() => {
      this.#settling = undefined
    })
    await this.#settling
  }

  async #settleOnce(pending: readonly Uint8Array[]): Promise<void> {
    const { store, log } = this.#o
    // Runs under way finish their own keys.
    if (this.#running.size > 0) return
    try {
      for (const keyId of [...pending, ...store.undelivered(PAGE).map((d) => d.keyId)]) await this.#deliver(keyId)
    } catch (err) {
      log.error({ err }, 'finishing open key generations failed')
    }
  }

  /** Rebuilds an empty directory from one signer's active keys (decisions.md 2). @returns how many keys were found. */
  async rebuild(from: SignerLink): Promise<number> {
    const { store, directory, timeoutMs } = this.#o
    let after = new Uint8Array(0)
    let found = 0
    for (;;) {
      const { keyIds } = KEYS_REPLY.decode(await from.send('keys', KEYS_REQUEST.encode({ after, limit: PAGE }), timeoutMs))
      const rows = await Promise.all(
        keyIds.map(async (keyId) => {
          const frame = CERTIFICATE_REQUEST.encode({ keyId, certificate: new Uint8Array(0) })
          const report = CERTIFICATE_REPLY.decode(await from.send('certificate', frame, timeoutMs))
          const certificate = directory.verified(report.certificate)
          if (certificate === null) return []
          const { credentialId: owner, requestId, label, createdAt } = report
          return [directoryRow(certificate, report.certificate, { owner, requestId, label, createdAt })]
        }),
      )
      found += store.restoreKeys(rows.flat())
      if (keyIds.length < PAGE) return found
      after = Uint8Array.from(keyIds.at(-1) as Uint8Array)
    }
  }
}
