import type { Logger } from 'pino'
import { type RelayEnd, relay } from '../../actors/relay-session.ts'
import { provenCulprits, type SignerLink } from '../../actors/round.ts'
import type { SignerMonitor } from '../../actors/signer-monitor.ts'
import type { Timers } from '../../actors/timers.ts'
import type { Roster } from '../../protocol/channel/roster.ts'
import { sessionId as sessionIdOf } from '../../protocol/channel/setup.ts'
import { settleViews } from '../../protocol/channel/views.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, type Rng, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { OPEN_KEYGEN, REPLY_TYPES } from '../../protocol/frames/signer-frames.ts'
import type { Certificate } from '../../protocol/keygen/certificate.ts'
import { ownedRequestHash, requestHash } from '../../protocol/request/authorize.ts'
import type { KeygenDocument } from '../../protocol/request/document.ts'
import type { SignedRequest } from '../api/coordinator-service.ts'
import { ApiProblem, isProblemCode } from '../api/problem.ts'
import type { CoordinatorStore, StoredDirectoryKey } from '../store/coordinator-store.ts'
import { directoryRow, type KeyDirectory } from './directory.ts'
import type { KeyDelivery } from './key-delivery.ts'
import type { SignerNames } from './signer-names.ts'

export interface KeyServiceOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'down' | 'report' | 'boots' | 'refresh'>
  readonly directory: KeyDirectory
  readonly delivery: KeyDelivery
  readonly store: CoordinatorStore
  readonly roster: Roster
  /** For public checks only. */
  readonly curves: Curves
  readonly names: SignerNames
  readonly rng: Rng
  readonly now: () => number
  /** For each of the four exchanges. */
  readonly timeoutMs: number
  readonly timers: Timers
  readonly log: Logger
}

/** One keygen document and whose it is. */
interface Asked {
  readonly request: SignedRequest
  readonly document: KeygenDocument
  readonly owner: string
  /** {@link ownedRequestHash}: what the certificate of its key names. */
  readonly hash: Uint8Array
}

interface Running {
  readonly hash: Uint8Array
  readonly done: Promise<StoredDirectoryKey>
}

const SLACK_MS = 1000
/** Key generations under way at once; each is a burst of curve work on every signer. */
const MAX_RUNNING = 16
const KEY_ID = 32

const replayed = (): ApiProblem => new ApiProblem('request_replayed', 'this request id made another key')

/**
 * Key generation, all or nothing (decisions.md 3): answered only when all n signers hold the active key. What a crash or a lost
 * message left unfinished is finished from what the signers stored, never repeated with other shares.
 */
export class KeyService {
  readonly #o: KeyServiceOptions
  /** By owner and request id: the same document twice joins one run, another one under its id would leave both without a key. */
  readonly #running = new Map<string, Running>()

  constructor(options: KeyServiceOptions) {
    this.#o = options
  }

  /** @throws ApiProblem */
  async create(request: SignedRequest, document: KeygenDocument): Promise<StoredDirectoryKey> {
    const owner = request.authorizations[0]?.credentialId ?? ''
    const hash = ownedRequestHash(requestHash(request.document), owner)
    const known = this.#o.store.keyByRequest(owner, document.requestId)
    if (known !== undefined && !equalBytes(known.requestHash, hash)) throw replayed()
    if (known !== undefined && this.#isWhole(known)) return known
    const name = JSON.stringify([owner, document.requestId])
    const running = this.#running.get(name)
    if (running !== undefined) {
      if (!equalBytes(running.hash, hash)) throw replayed()
      return await running.done
    }
    if (this.#running.size >= MAX_RUNNING) {
      throw new ApiProblem('overloaded', 'too many key generations are under way', { retryAfterMs: 500, outcome: 'none' })
    }
    const asked = { request, document, owner, hash }
    const done = (known === undefined ? this.#generate(asked) : this.#finish(known.keyId, asked)).finally(() =>
      this.#running.delete(name),
    )
    this.#running.set(name, { hash, done })
    return await done
  }

  async #generate(asked: Asked, again = true): Promise<StoredDirectoryKey> {
    const { links, roster, rng, now, timeoutMs, timers, store, monitor, log } = this.#o
    const down = monitor.down()
    const signers = roster.members.map((m) => m.id)
    const boots = monitor.boots(signers)
    if (down.length > 0 || boots === undefined) throw this.#unavailable(down, 'none')
    const { request, document, owner, hash } = asked
    const { threshold, scheme, requestId, label = null } = document
    const setup = {
      protocol: 'dkg' as const,
      suite: scheme,
      keyId: new Uint8Array(KEY_ID),
      epoch: 0,
      rosterHash: roster.hash,
      threshold,
      signers,
      boots,
      deadline: Math.ceil(now() + 4 * timeoutMs + SLACK_MS),
      coordinatorNonce: rng(32),
    }
    const [authorization] = request.authorizations
    const framed = {
      document: request.document,
      credentialId: owner,
      alg: authorization?.alg ?? '',
      signature: authorization?.signature ?? new Uint8Array(0),
    }
    const frame = OPEN_KEYGEN.encode({ setup, requestId, request: framed })
    const started = timers.elapsed()
    const sessionId = sessionIdOf({ ...setup, purpose: hash })
    const end = await relay([...links.values()], { route: 'openKeygen', frame }, sessionId, timeoutMs)
    if (end.type === 'failed') monitor.report(end.missing)
    const stale = end.type === 'done' ? [] : [...end.failures].filter(([, r]) => r.code === 'SETUP_STALE').map(([id]) => id)
    if (stale.length > 0) {
      // Restarted since their last heartbeat. They refused before anything was begun, and who had begun has stored nothing.
      if (!again) throw this.#unavailable(stale, 'none')
      await monitor.refresh(stale)
      return await this.#generate(asked, false)
    }
    const holders = end.type === 'done' ? end.replies : end.finished
    const made = this.#certified(
      [...holders.values()].map((r) => r.result),
      hash,
    )
    if (made === undefined) return await this.#failed(end, asked, sessionId)
    const { certificate, bytes } = made
    store.putKey(directoryRow(certificate, bytes, { owner, requestId, label, createdAt: now() }), setup.signers)
    // Who finished with anything else may not hold this key: the delivery asks it.
    for (const [id, { result }] of holders) if (equalBytes(result, bytes)) store.acknowledge(certificate.key.keyId, id)
    log.info({ keyId: toHex(certificate.key.keyId), scheme, ms: Math.round(timers.elapsed() - started) }, 'key generated')
    return await this.#finish(certificate.key.keyId, asked)
  }

  /** The first result that is a certificate for this request: a signer may answer with anything, also with another key's. */
  #certified(results: readonly Uint8Array[], hash: Uint8Array): { certificate: Certificate; bytes: Uint8Array } | undefined {
    for (const bytes of results) {
      const certificate = this.#o.directory.verified(bytes)
      if (certificate !== null && equalBytes(certificate.key.requestHash, hash)) return { certificate, bytes }
    }
    return undefined
  }

  async #failed(end: RelayEnd, asked: Asked, sessionId: Uint8Array): Promise<StoredDirectoryKey> {
    const { names, log } = this.#o
    const failures = end.type === 'done' ? new Map<never, never>() : end.failures
    const missing = end.type === 'done' ? [] : end.missing
    const replies = [...failures.values()]
    log.warn({ missing, codes: [...failures].map(([id, r]) => `${id}:${r.code}`) }, 'key generation failed')
    for (const { code, result } of replies) {
      const row = code === 'KEY_EXISTS' && result.length === KEY_ID ? await this.#existing(result, asked) : undefined
      if (row !== undefined) return row
    }
    const refusal = replies.find((r) => r.type === REPLY_TYPES.refused && isProblemCode(r.code))
    if (refusal !== undefined && isProblemCode(refusal.code)) {
      throw new ApiProblem(refusal.code, 'a signer refused the request', { outcome: 'none' })
    }
    if (missing.length > 0) throw this.#unavailable(missing, 'unknown')
    const culprits = [...new Set([...provenCulprits(replies, asked.document.threshold), ...this.#settled(end, sessionId)])]
    // Signers may hold the key as pending: one that confirms it later still can make it real.
    throw new ApiProblem('protocol_abort', 'key generation was aborted; ask again with a new request id', {
      ...(culprits.length > 0 && { culprits: names.of(culprits) }),
    })
  }

  /** Signers that did not see the same broadcasts cannot tell who is to blame; what each of them signed can. */
  #settled(end: RelayEnd, sessionId: Uint8Array): readonly PartyId[] {
    if (end.type === 'done' || ![...end.failures.values()].some((r) => r.code === 'INCONSISTENT_BROADCAST')) return []
    const { roster, curves } = this.#o
    const signers = roster.members.map((m) => m.id)
    const { equivocators, falsePrev } = settleViews({ sessionId, signers, roster, curves }, end.broadcasts)
    return [...equivocators, ...falsePrev]
  }

  /** A signer says that the request has a key already; the key's certificate has to say so too. */
  async #existing(keyId: Uint8Array, asked: Asked): Promise<StoredDirectoryKey | undefined> {
    const row = await this.#o.delivery.deliver(keyId)
    return row !== undefined && equalBytes(row.requestHash, asked.hash) ? await this.#finish(keyId, asked) : undefined
  }

  /** Brings a certified key to all signers. @throws ApiProblem quorum_unavailable while one is away; it goes on in the background. */
  async #finish(keyId: Uint8Array, { hash }: Asked): Promise<StoredDirectoryKey> {
    const { delivery, monitor, store } = this.#o
    const known = store.getKey(keyId)
    const row = known !== undefined && this.#isWhole(known) ? known : await delivery.deliver(keyId)
    if (row !== undefined && this.#isWhole(row) && equalBytes(row.requestHash, hash)) return row
    const down = monitor.down()
    // Certified, so it will be finished: somebody only has to answer.
    if (row !== undefined || down.length > 0) throw this.#unavailable(down, 'unknown')
    throw new ApiProblem('protocol_abort', 'the key was not finished; ask again, then with a new request id')
  }

  /** A key that came back from the signers is active at some, and may be pending at others: usable, and not yet answered as made. */
  #isWhole({ state, keyId }: StoredDirectoryKey): boolean {
    return state === 'active' && this.#o.store.missing(keyId).length === 0
  }

  #unavailable(missing: readonly PartyId[], outcome: 'none' | 'unknown'): ApiProblem {
    return new ApiProblem('quorum_unavailable', 'key generation needs all signers', {
      missing: this.#o.names.of(missing),
      retryAfterMs: 1000,
      outcome,
    })
  }
}
