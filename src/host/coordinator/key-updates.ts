import type { Logger } from 'pino'
import { round, type SignerLink } from '../../actors/round.ts'
import type { Roster } from '../../protocol/channel/roster.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { REPLY_TYPES, type Reply, UPDATE_KEY } from '../../protocol/frames/signer-frames.ts'
import { requestHash } from '../../protocol/request/authorize.ts'
import type { KeyUpdateDocument } from '../../protocol/request/document.ts'
import { receiptMessage } from '../../protocol/request/key-update.ts'
import type { SignedRequest } from '../api/coordinator-service.ts'
import { ApiProblem, isProblemCode } from '../api/problem.ts'
import type { CoordinatorStore, OpenUpdate, StoredDirectoryKey } from '../store/coordinator-store.ts'
import type { KeyDirectory } from './directory.ts'
import type { SignerNames } from './signer-names.ts'

export interface KeyUpdatesOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly directory: KeyDirectory
  readonly store: CoordinatorStore
  readonly roster: Roster
  readonly curves: Curves
  readonly names: SignerNames
  readonly now: () => number
  readonly timeoutMs: number
  readonly log: Logger
}

/** A key after an update that all signers have, with the receipt of each in the order of the roster. */
export interface Updated {
  readonly row: StoredDirectoryKey
  readonly receipts: readonly Uint8Array[]
}

interface Running {
  readonly hash: Uint8Array
  readonly done: Promise<Updated>
}

/** Open updates brought to one signer at one heartbeat, and how soon again those that it did not take. */
const PER_HEARTBEAT = 16
const RETRY_MS = 1_000
/** What a signer that says so will say of this document for ever; all else may pass: a certificate that is still on its way, a clock, load. */
const FINAL: ReadonlySet<string> = new Set([
  'authorization_invalid',
  'key_frozen',
  'malformed_request',
  'payload_invalid',
  'request_expired',
  'request_replayed',
  'revision_conflict',
])
const isFinal = (reply: Reply): boolean => reply.type === REPLY_TYPES.refused && FINAL.has(reply.code)

/**
 * Brings key updates to all signers. It decides nothing about them: each signer judges the owner's document and its revision itself, and what is
 * answered as done carries the receipts of all of them, which only they can make.
 */
export class KeyUpdates {
  readonly #o: KeyUpdatesOptions
  /** One update of a key at a time: two at once could leave signers with different documents of one revision. */
  readonly #running = new Map<string, Running>()
  /** When each signer was last brought its open updates; also keeps two runs for one signer apart. */
  readonly #settled = new Map<PartyId, number>()

  constructor(options: KeyUpdatesOptions) {
    this.#o = options
  }

  /** @param row the key, owned by who asks. @throws ApiProblem */
  async apply(request: SignedRequest, document: KeyUpdateDocument, row: StoredDirectoryKey): Promise<Updated> {
    const hash = requestHash(request.document)
    const name = toHex(document.keyId)
    const running = this.#running.get(name)
    if (running !== undefined) {
      if (equalBytes(running.hash, hash)) return await running.done
      throw new ApiProblem('revision_conflict', 'another update of this key is under way', { retryAfterMs: 500 })
    }
    // Known here already: spares the signers the question, and keeps two documents of one revision from being spread.
    if (document.revision < row.revision || (document.revision === row.revision && differs(row.updateHash, hash))) {
      throw new ApiProblem('revision_conflict', 'the key has this revision or a later one')
    }
    const done = this.#apply(request, document, hash, row.threshold).finally(() => this.#running.delete(name))
    this.#running.set(name, { hash, done })
    return await done
  }

  async #apply(request: SignedRequest, document: KeyUpdateDocument, hash: Uint8Array, threshold: number): Promise<Updated> {
    const { links, store, directory, roster, names, timeoutMs, log } = this.#o
    const [authorization] = request.authorizations
    const update: OpenUpdate = {
      keyId: document.keyId,
      requestId: document.requestId,
      document: request.document,
      credentialId: authorization?.credentialId ?? '',
      alg: authorization?.alg ?? '',
      signature: authorization?.signature ?? new Uint8Array(0),
      expiresAt: document.expiresAt,
    }
    const frame = frameOf(update)
    const { replies } = await round([...links.values()], 'updateKey', () => frame, timeoutMs)
    const receipts = new Map(
      [...replies].filter(([id, reply]) => this.#isReceipt(id, reply, hash)).map(([id, r]) => [id, r.result]),
    )
    const without = roster.members.map((m) => m.id).filter((id) => !receipts.has(id))
    // One of t is honest and has judged the owner's signature; fewer could show a state here that nobody asked for.
    if (receipts.size >= threshold) {
      store.applyUpdate({ ...update, hash, revision: document.revision, usage: document.state, label: document.label }, without)
      directory.forget(document.keyId)
    }
    log.info({ keyId: toHex(document.keyId), request: document.requestId, revision: document.revision, without }, 'key update')
    if (without.length > 0) throw this.#problem(without, replies, receipts.size > 0, names)
    return {
      row: store.getKey(document.keyId) as StoredDirectoryKey,
      receipts: roster.members.map((m) => receipts.get(m.id) as Uint8Array),
    }
  }

  /** Refused for good, or by all who answered: the reason. Otherwise signers are missing, and the update goes to them as soon as they take it. */
  #problem(without: readonly PartyId[], replies: ReadonlyMap<PartyId, Reply>, some: boolean, names: SignerNames): ApiProblem {
    const outcome = some || without.some((id) => !replies.has(id)) ? 'unknown' : 'none'
    const refusal = without
      .map((id) => replies.get(id))
      .find((r) => r !== undefined && (some ? isFinal(r) : r.type === REPLY_TYPES.refused) && isProblemCode(r.code))
    if (refusal !== undefined && isProblemCode(refusal.code)) {
      return new ApiProblem(refusal.code, 'a signer refused the update', { outcome })
    }
    return new ApiProblem('quorum_unavailable', 'not all signers have the update yet', {
      missing: names.of(without),
      retryAfterMs: 1000,
      outcome,
    })
  }

  #isReceipt(id: PartyId, reply: Reply, hash: Uint8Array): boolean {
    const member = this.#o.roster.members.find((m) => m.id === id)
    if (member === undefined || reply.type !== REPLY_TYPES.done || reply.result.length !== 64) return false
    return this.#o.curves.ed25519Verify(reply.result, receiptMessage(hash), member.signKey)
  }

  /** After a heartbeat of `to`: brings it the updates that it lacks, while their documents are valid. Never rejects. */
  async settle(to: PartyId): Promise<void> {
    const { store, links, directory, now, timeoutMs, log } = this.#o
    const last = this.#settled.get(to)
    const link = links.get(to)
    if (link === undefined || (last !== undefined && Math.abs(now() - last) < RETRY_MS)) return
    this.#settled.set(to, now())
    try {
      for (const update of store.openUpdates(to, now(), PER_HEARTBEAT)) {
        const { replies } = await round([link], 'updateKey', () => frameOf(update), timeoutMs)
        const reply = replies.get(to)
        if (reply === undefined) return
        const taken = this.#isReceipt(to, reply, requestHash(update.document))
        if (taken || isFinal(reply)) {
          store.endUpdate(update.keyId, update.document, to, taken)
          directory.forget(update.keyId)
        }
        log.info({ keyId: toHex(update.keyId), signer: to, taken, code: reply.code }, 'key update delivered late')
      }
    } catch (err) {
      log.error({ err }, 'delivering key updates failed')
    }
  }
}

const differs = (known: Uint8Array | null, hash: Uint8Array): boolean => known !== null && !equalBytes(known, hash)

const frameOf = ({ keyId, requestId, document, credentialId, alg, signature }: OpenUpdate): Uint8Array =>
  UPDATE_KEY.encode({ keyId, requestId, request: { document, credentialId, alg, signature } })
