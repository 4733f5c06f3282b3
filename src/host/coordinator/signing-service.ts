import type { Logger } from 'pino'
import type { EngineChoice } from '../../actors/engine-choice.ts'
import { MailboxFull } from '../../actors/mailbox.ts'
import { type Banned, type Engine, type Signed, SigningFailed } from '../../actors/signing-job.ts'
import type { SigningScheduler } from '../../actors/signing-scheduler.ts'
import type { SessionItem } from '../../actors/signing-session.ts'
import type { Timers } from '../../actors/timers.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import { CLOCK_SKEW_MS, requestHash } from '../../protocol/request/authorize.ts'
import { signingInput } from '../../protocol/request/digest.ts'
import { isEcdsa, type SignDocument } from '../../protocol/request/document.ts'
import { formatKeyId } from '../../protocol/request/ids.ts'
import { instanceBytes, messageDigest } from '../../protocol/request/instance.ts'
import type { SignatureView, SignedRequest } from '../api/coordinator-service.ts'
import { ApiProblem, isProblemCode } from '../api/problem.ts'
import { signatureIdOf } from '../api/signature-id.ts'
import { RecentMap } from '../recent-map.ts'
import type { CoordinatorStore, StoredSignature } from '../store/coordinator-store.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import type { KeyDirectory, SigningKey } from './directory.ts'
import { type Load, OwnerShares } from './owner-shares.ts'
import type { SignerNames } from './signer-names.ts'
import { decodeView, encodeView } from './stored-view.ts'

export interface SigningServiceOptions {
  readonly scheduler: SigningScheduler
  readonly engines: Pick<EngineChoice, 'enginesFor' | 'inUse'>
  readonly directory: KeyDirectory
  readonly store: CoordinatorStore
  readonly commits: GroupCommit
  readonly names: SignerNames
  readonly now: () => number
  /** Longest a request is worked on, also when its document lives longer. */
  readonly timeoutMs: number
  /** What one credential may have under way. */
  readonly share: Load
  readonly timers: Timers
  readonly onSigned: (times: RequestTimes) => void
  readonly log: Logger
}

/** Where the time of a signed request went, milliseconds. */
export interface RequestTimes {
  readonly engine: Engine
  /** Until the session began that signed it; with those that failed before. */
  readonly queue: number
  /** In that session. */
  readonly sign: number
  /** Until the outcome was on the disk. */
  readonly store: number
  /** From when the service got the request until its outcome could be answered. */
  readonly total: number
}

interface InFlight {
  readonly requestHash: Uint8Array
  readonly id: string
  /** For whoever does not wait for the end; most callers do. */
  readonly pending: () => SignatureView
  readonly owner: string
  readonly done: Promise<SignatureView>
}

/** A request that was taken. */
interface Order {
  readonly document: SignDocument
  readonly key: SigningKey
  readonly item: SessionItem
  /** What every answer about it says. */
  readonly base: ReturnType<typeof baseView>
  readonly hash: Uint8Array
  readonly owner: string
  readonly deadline: number
  readonly arrived: number
}

const NO_TWEAK = new Uint8Array(32)
/** A request that failed can be read for a while; 10,000 x some hundred bytes. */
const MAX_FAILED = 10_000

/**
 * Signing requests at the coordinator: one outcome per document, however often it is sent (api.md "Signed requests"). Checks form and
 * routes; whether a request is allowed is every signer's own decision.
 */
export class SigningService {
  readonly #o: SigningServiceOptions
  readonly #shares: OwnerShares
  /** By request name; bounded by the mailboxes' capacity and the batches under way. */
  readonly #inFlight = new Map<string, InFlight>()
  /** Signature id to the request's name in `#inFlight`. */
  readonly #names = new Map<string, string>()
  readonly #failed = new RecentMap<string, { readonly owner: string; readonly problem: ApiProblem }>(MAX_FAILED)

  constructor(options: SigningServiceOptions) {
    this.#o = options
    this.#shares = new OwnerShares(options.share)
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  /** @throws ApiProblem. Resolves with state `pending_signing` when not done within `waitMs`. */
  async sign(request: SignedRequest, document: SignDocument, waitMs: number): Promise<SignatureView> {
    const arrived = this.#o.timers.elapsed()
    const hash = requestHash(request.document)
    const owner = request.authorizations[0]?.credentialId ?? ''
    // By credential, never by the document alone: other clients' outcomes are not for whoever knows their bytes.
    const stored = this.#o.store.signatureByRequest(owner, document.requestId)
    if (stored !== undefined) return this.#outcome(stored, hash)
    const name = JSON.stringify([owner, document.requestId])
    const running = this.#inFlight.get(name)
    if (running !== undefined) {
      if (!equalBytes(running.requestHash, hash)) throw replayed()
      return await within(running, waitMs, this.#o.timers)
    }
    const entry = this.#begin(request, document, hash, owner, arrived)
    this.#inFlight.set(name, entry)
    this.#names.set(entry.id, name)
    const forget = (): void => {
      this.#inFlight.delete(name)
      this.#names.delete(entry.id)
    }
    entry.done.then(forget, (error: unknown) => {
      if (error instanceof ApiProblem) this.#remember(entry, error)
      forget()
    })
    return await within(entry, waitMs, this.#o.timers)
  }

  /** @param allowed whether the caller may see what this credential asked for. */
  async read(id: string, allowed: (owner: string) => boolean, waitMs: number): Promise<SignatureView> {
    const running = this.#inFlight.get(this.#names.get(id) ?? '')
    if (running !== undefined && allowed(running.owner)) return await within(running, waitMs, this.#o.timers)
    const stored = this.#o.store.getSignature(id)
    if (stored !== undefined && allowed(stored.credentialId)) return decodeView(stored.response)
    const failed = this.#failed.get(id)
    if (failed !== undefined && allowed(failed.owner)) throw failed.problem
    throw new ApiProblem('not_found', 'there is no such signature')
  }

  #outcome(stored: StoredSignature, hash: Uint8Array): SignatureView {
    if (!equalBytes(stored.requestHash, hash)) throw replayed()
    return decodeView(stored.response)
  }

  #begin(request: SignedRequest, document: SignDocument, hash: Uint8Array, owner: string, arrived: number): InFlight {
    const { directory, engines, scheduler, now, timeoutMs } = this.#o
    if (document.expiresAt <= now() - CLOCK_SKEW_MS) throw new ApiProblem('request_expired', 'the request has expired')
    const key = directory.find(document.keyId)
    if (key === undefined || key.row.owner !== owner) throw new ApiProblem('key_not_found', 'there is no such key')
    if (key.row.scheme !== document.scheme) throw new ApiProblem('payload_invalid', `the key signs ${key.row.scheme}`)
    const [usual] = engines.enginesFor(document.scheme, key.row.threshold)
    if (usual === undefined) {
      throw new ApiProblem('engine_unavailable', 'the engine that signs for keys of this threshold is switched off')
    }
    if (!scheduler.hasRoom(document.scheme, key.row.threshold)) throw queueFull()
    const base = baseView(document, key, hash)
    const item = sessionItem(request, document, key, hash)
    const deadline = Math.min(now() + timeoutMs, document.expiresAt + CLOCK_SKEW_MS)
    const pending = () => ({
      ...base,
      state: 'pending_signing' as const,
      // What it is really signed with is said when it is signed.
      engine: engines.inUse(document.scheme, key.row.threshold) ?? usual,
      signers: [],
      signature: null,
      timingMs: NO_TIME,
    })
    const giveBack = this.#shares.take(owner, request.document.length)
    const done = this.#run({ document, key, item, base, hash, owner, deadline, arrived }).finally(giveBack)
    // Waiters may have left by then; the outcome is kept for whoever asks.
    done.catch(() => undefined)
    return { requestHash: hash, id: base.id, pending, owner, done }
  }

  async #run({ document, key, item, base, hash, owner, deadline, arrived }: Order): Promise<SignatureView> {
    const { scheduler, commits, store, now, timers, onSigned, log, names } = this.#o
    let signed: Signed
    try {
      signed = await scheduler.sign(item, document.scheme, key.row.threshold, deadline)
    } catch (error) {
      throw toApiProblem(error, names)
    }
    const round = (ms: number): number => Math.round(ms * 100) / 100
    const { scheme } = document
    const compact = signed.signature
    const signature = isEcdsa(scheme) ? { scheme, compact, recovery: signed.recovery } : { scheme, compact }
    const view: SignatureView = {
      ...base,
      state: 'signed',
      signature,
      engine: signed.engine,
      signers: signed.signers,
      timingMs: { queue: round(signed.queueMs), sign: round(signed.signMs), total: round(timers.elapsed() - arrived) },
    }
    const row = {
      id: view.id,
      requestHash: hash,
      credentialId: owner,
      requestId: document.requestId,
      response: encodeView(view),
      createdAt: now(),
      expiresAt: document.expiresAt,
    }
    // Durable before answering: the same request has one outcome after any crash (decisions.md 10).
    const signedAt = timers.elapsed()
    const [result] = await commits.commit(() => store.putSignatures([row]))
    const storedAt = timers.elapsed()
    const { engine, queueMs: queue, signMs: sign } = signed
    onSigned({ engine, queue, sign, store: storedAt - signedAt, total: storedAt - arrived })
    if (result !== undefined && result.type !== 'new') {
      log.warn({ request: document.requestId, type: result.type }, 'another outcome of this request was stored first')
      return this.#outcome(result.row, hash)
    }
    return view
  }

  #remember(entry: InFlight, problem: ApiProblem): void {
    this.#failed.set(entry.id, { owner: entry.owner, problem })
  }
}

const NO_TIME = { queue: 0, sign: 0, total: 0 }
const queueFull = (): ApiProblem =>
  new ApiProblem('overloaded', 'the signing queue is full', { retryAfterMs: 250, outcome: 'none' })
const replayed = (): ApiProblem => new ApiProblem('request_replayed', 'the request id was used for another document')

/** What every signer will derive too; a signer that derives something else refuses the item. */
function sessionItem(request: SignedRequest, document: SignDocument, key: SigningKey, hash: Uint8Array): SessionItem {
  const input = signingInput(document.scheme, document.payload)
  const [authorization] = request.authorizations
  return {
    instance: instanceBytes({
      keyId: document.keyId,
      epochId: key.key.epochId,
      path: document.path,
      tweak: NO_TWEAK,
      publicKey: key.key.publicKey,
      digest: messageDigest(document.scheme, input),
      requestHash: hash,
    }),
    requestId: document.requestId,
    request: {
      document: request.document,
      credentialId: authorization?.credentialId ?? '',
      alg: authorization?.alg ?? '',
      signature: authorization?.signature ?? new Uint8Array(0),
    },
    input,
    publicKey: key.key.publicKey,
    verifyingShares: key.verifyingShares,
  }
}

function baseView(document: SignDocument, key: SigningKey, hash: Uint8Array) {
  const xOnly = document.scheme === 'schnorr-secp256k1'
  const digest = document.scheme === 'eddsa-ed25519' ? null : `0x${toHex(signingInput(document.scheme, document.payload))}`
  return {
    id: signatureIdOf(hash),
    requestId: document.requestId,
    keyId: formatKeyId(document.keyId),
    keyEpoch: key.row.epoch,
    path: document.path,
    publicKey: `0x${toHex(xOnly ? key.key.publicKey.slice(1) : key.key.publicKey)}`,
    digest,
  }
}

/** The outcome, or the pending view when it takes longer than `waitMs`. */
async function within(entry: InFlight, waitMs: number, timers: Timers): Promise<SignatureView> {
  let cancel = (): void => {}
  const late = new Promise<SignatureView>((resolve) => {
    cancel = timers.after(waitMs, () => resolve(entry.pending()))
  })
  try {
    return await Promise.race([entry.done, late])
  } finally {
    cancel()
  }
}

/** The one place where a failed session becomes a row of the error table. */
function toApiProblem(error: unknown, names: SignerNames): ApiProblem {
  if (error instanceof MailboxFull) return queueFull()
  if (!(error instanceof SigningFailed)) throw error
  return failureProblem(error, names)
}

function failureProblem({ failure, released }: SigningFailed, names: SignerNames): ApiProblem {
  const outcome = released ? 'unknown' : 'none'
  switch (failure.type) {
    case 'quorum':
      return new ApiProblem('quorum_unavailable', `too few signers are reachable${bansOf(failure.banned, names)}`, {
        missing: names.of(failure.missing),
        retryAfterMs: 1000,
        outcome,
      })
    case 'setting_up':
      return new ApiProblem('quorum_unavailable', 'the signers are still setting up what the engine needs', {
        retryAfterMs: 1000,
        outcome,
      })
    case 'engine':
      return new ApiProblem('engine_unavailable', `no engine of this set signs for the key${bansOf(failure.banned, names)}`, {
        outcome,
      })
    case 'refused': {
      const code = isProblemCode(failure.refusal) ? failure.refusal : 'policy_denied'
      return new ApiProblem(code, 'the signers refused the request', { outcome })
    }
    case 'timeout':
      return new ApiProblem('signing_timeout', 'the request waited too long for its turn', { outcome })
    case 'abort':
      if (failure.code === 'OVERLOADED') {
        return new ApiProblem('overloaded', 'the signers have too many sessions open', { retryAfterMs: 250, outcome })
      }
      return new ApiProblem('protocol_abort', `the protocol ended with ${failure.code}`, {
        outcome,
        ...(failure.culprits.length > 0 && { culprits: names.of(failure.culprits) }),
      })
  }
}

/** A ban is said to whoever it stops, and not only to the log: only an operator can lift it (attacks.md O-11). */
function bansOf(banned: Banned, names: SignerNames): string {
  const pairs = banned.map((pair) => names.of(pair).join(' and '))
  return pairs.length === 0 ? '' : `; by a ban, these do not sign together: ${pairs.join(', ')}`
}
