import type { PartyId } from '../protocol/engine/party.ts'
import type { Refusal } from '../protocol/signing/refusal.ts'
import type { SessionItem } from './signing-session.ts'

export type Engine = 'hm' | 'dkls23' | 'frost'

/** Two signers of whom at least one has banned the other: DKLs23 and hm go without sets that hold both. */
export type Banned = readonly (readonly [PartyId, PartyId])[]

export interface Signed {
  readonly signature: Uint8Array
  readonly recovery: number
  readonly engine: Engine
  readonly signers: readonly PartyId[]
  readonly queueMs: number
  readonly signMs: number
}

/** Why a request got no signature. */
export type SigningFailure =
  /** `banned`: who of the signers that are there cannot be in one session. */
  | { readonly type: 'quorum'; readonly missing: readonly PartyId[]; readonly banned: Banned }
  /** No engine signs for the key with this set, because of `banned` if there are any. */
  | { readonly type: 'engine'; readonly banned: Banned }
  /** The signers have not finished what the engine needs among them. */
  | { readonly type: 'setting_up' }
  | { readonly type: 'refused'; readonly refusal: Refusal; readonly by: readonly PartyId[] }
  | { readonly type: 'timeout' }
  | { readonly type: 'abort'; readonly code: string; readonly culprits: readonly PartyId[] }

export class SigningFailed extends Error {
  readonly failure: SigningFailure
  /** Signers were asked for their shares in some session: one may have left, so the outcome is unknown to the client. */
  readonly released: boolean

  constructor(failure: SigningFailure, released: boolean) {
    super(failure.type)
    this.name = 'SigningFailed'
    this.failure = failure
    this.released = released
  }
}

/** Outweighs any number of failures that only say who was there. */
const REASON = 100

/** One request on its way through sessions, until it is settled once. */
export class SigningJob {
  readonly item: SessionItem
  /** Milliseconds since the Unix epoch; no session starts after it. */
  readonly deadline: number
  /** By `Timers.elapsed`. */
  readonly submittedAt: number
  /** Signers that refused the request; later sessions go without them (decisions.md 13). */
  readonly refusals = new Map<PartyId, Refusal>()
  /** Whom later sessions had better do without: signers of failed sessions, and above all those a failure is known to come from. */
  readonly marks = new Map<PartyId, number>()
  attempts = 0
  /** Times it had to wait for something that a session needs, and times there was no quorum for it. */
  waits = 0
  graces = 0
  /** Sessions of hm it was in that failed. */
  hmFailures = 0
  released = false
  last: SigningFailure = { type: 'timeout' }
  readonly #resolve: (signed: Signed) => void
  readonly #reject: (error: SigningFailed) => void

  constructor(
    item: SessionItem,
    deadline: number,
    submittedAt: number,
    resolve: (signed: Signed) => void,
    reject: (error: SigningFailed) => void,
  ) {
    this.item = item
    this.deadline = deadline
    this.submittedAt = submittedAt
    this.#resolve = resolve
    this.#reject = reject
  }

  /** It was in a session with these signers that failed, because of `reasons` if that is known. */
  failedIn(engine: Engine, signers: readonly PartyId[], reasons: readonly PartyId[]): void {
    // Unexplained failures of hm say nothing of whom to take for another engine, and hm has one set only.
    if (engine === 'hm') this.hmFailures += 1
    const present = engine === 'hm' ? 0 : 1
    for (const id of signers) this.marks.set(id, (this.marks.get(id) ?? 0) + (reasons.includes(id) ? REASON : present))
  }

  signed(signed: Signed): void {
    this.#resolve(signed)
  }

  fail(failure: SigningFailure): void {
    this.#reject(new SigningFailed(failure, this.released))
  }
}
