import type { Rng } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { MAX_HM_THRESHOLD } from '../protocol/prss/establish.ts'
import type { Scheme } from '../protocol/request/document.ts'
import type { Refusal } from '../protocol/signing/refusal.ts'
import { Mailbox } from './mailbox.ts'
import type { PrssKeeper } from './prss-keeper.ts'
import { QuorumPicker } from './quorum.ts'
import type { SignerLink } from './round.ts'
import type { SignerMonitor } from './signer-monitor.ts'
import { type ItemEnd, type SessionItem, type SigningEnd, signingSession, worthRetrying } from './signing-session.ts'

export type Engine = 'hm' | 'frost'

export interface Signed {
  readonly signature: Uint8Array
  readonly recovery: number
  readonly engine: Engine
  readonly signers: readonly PartyId[]
  readonly queueMs: number
  readonly signMs: number
}

/** Why a request got no signature. `released`: a share may have left a signer, so the outcome is unknown to the client. */
export type SigningFailure =
  | { readonly type: 'quorum'; readonly missing: readonly PartyId[]; readonly released: boolean }
  | { readonly type: 'engine' }
  | { readonly type: 'refused'; readonly refusal: Refusal; readonly by: readonly PartyId[] }
  | { readonly type: 'timeout'; readonly missing: readonly PartyId[] }
  | { readonly type: 'abort'; readonly code: string; readonly culprits: readonly PartyId[] }

export class SigningFailed extends Error {
  readonly failure: SigningFailure
  constructor(failure: SigningFailure) {
    super(failure.type)
    this.name = 'SigningFailed'
    this.failure = failure
  }
}

interface Job {
  readonly item: SessionItem
  readonly submittedAt: number
  readonly deadline: number
  /** Signers that refused this item; later sessions go without them (decisions.md 13). */
  readonly refusals: Map<PartyId, Refusal>
  attempts: number
  last: SigningFailure | null
  resolve(signed: Signed): void
  reject(error: SigningFailed): void
}

export interface SessionReport {
  readonly engine: Engine
  readonly scheme: Scheme
  readonly signers: readonly PartyId[]
  /** Request ids of the batch. */
  readonly requests: readonly string[]
  readonly ms: number
  readonly end: SigningEnd
}

export interface SigningSchedulerOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'up' | 'down' | 'report'>
  readonly prss: PrssKeeper
  readonly parties: readonly PartyId[]
  readonly rosterHash: Uint8Array
  readonly rng: Rng
  readonly now: () => number
  /** Whether ECDSA may be signed by hm. */
  readonly hm: boolean
  readonly exchangeTimeoutMs: number
  readonly capacity: number
  readonly maxBatch: number
  readonly maxInFlight: number
  readonly assemble: (command: Uint8Array) => Promise<Uint8Array>
  readonly onSession: (report: SessionReport) => void
}

/** Sessions one request may take part in; a persistent saboteur costs retries, not an endless loop. */
const MAX_ATTEMPTS = 4

/**
 * Turns requests into sessions: a mailbox per (scheme, threshold), a quorum per batch, and new sessions for what failed while a
 * request's deadline lasts. Sessions are temporary; nothing is resumed (architecture.md 4).
 */
export class SigningScheduler {
  readonly #o: SigningSchedulerOptions
  readonly #mailboxes = new Map<string, Mailbox<Job>>()
  readonly #picker = new QuorumPicker()

  constructor(options: SigningSchedulerOptions) {
    this.#o = options
  }

  /** Which engine signs for keys of this scheme and threshold; null when none can in this set (decisions.md 19). */
  engineFor(scheme: Scheme, threshold: number): Engine | null {
    if (scheme !== 'ecdsa-secp256k1') return 'frost'
    return this.#o.hm && threshold <= MAX_HM_THRESHOLD && 2 * threshold - 1 <= this.#o.parties.length ? 'hm' : null
  }

  signersNeeded(engine: Engine, threshold: number): number {
    return engine === 'hm' ? 2 * threshold - 1 : threshold
  }

  /** Requests waiting and batches under way, over all mailboxes. */
  load(): { readonly waiting: number; readonly inFlight: number } {
    let waiting = 0
    let inFlight = 0
    for (const m of this.#mailboxes.values()) {
      waiting += m.waiting
      inFlight += m.inFlight
    }
    return { waiting, inFlight }
  }

  /**
   * One signature. @throws MailboxFull at once, SigningFailed later.
   * @param deadline milliseconds since the Unix epoch; no new session starts after it.
   */
  async sign(item: SessionItem, scheme: Scheme, threshold: number, deadline: number): Promise<Signed> {
    const engine = this.engineFor(scheme, threshold)
    if (engine === null) throw new SigningFailed({ type: 'engine' })
    this.#assertQuorum(engine, threshold)
    return await new Promise<Signed>((resolve, reject) => {
      const job = {
        item,
        submittedAt: performance.now(),
        deadline,
        refusals: new Map(),
        attempts: 0,
        last: null,
        resolve,
        reject,
      }
      this.#mailbox(scheme, threshold, engine).submit(job)
    })
  }

  // A set that cannot sign says so at once instead of queueing what can only time out.
  #assertQuorum(engine: Engine, threshold: number): void {
    const { monitor, parties } = this.#o
    if (monitor.up().length < this.signersNeeded(engine, threshold)) {
      throw new SigningFailed({ type: 'quorum', missing: parties.filter((id) => monitor.down().includes(id)), released: false })
    }
  }

  #mailbox(scheme: Scheme, threshold: number, engine: Engine): Mailbox<Job> {
    const name = `${scheme}:${threshold}`
    let mailbox = this.#mailboxes.get(name)
    if (mailbox === undefined) {
      const { capacity, maxBatch, maxInFlight } = this.#o
      mailbox = new Mailbox({ capacity, maxBatch, maxInFlight, run: (jobs) => this.#run(jobs, scheme, threshold, engine) })
      this.#mailboxes.set(name, mailbox)
    }
    return mailbox
  }

  async #run(batch: readonly Job[], scheme: Scheme, threshold: number, engine: Engine): Promise<void> {
    // Jobs that some signers refused need quorums of their own; all others stay together.
    let groups: (readonly Job[])[] = [batch]
    while (groups.length > 0) {
      const again = await Promise.all(groups.map((jobs) => this.#attempt(jobs, scheme, threshold, engine)))
      const retry = again.flat()
      const together = retry.filter((j) => j.refusals.size === 0)
      groups = [...(together.length > 0 ? [together] : []), ...retry.filter((j) => j.refusals.size > 0).map((j) => [j])]
    }
  }

  /** One session. @returns the jobs that need another. */
  async #attempt(jobs: readonly Job[], scheme: Scheme, threshold: number, engine: Engine): Promise<readonly Job[]> {
    const live = jobs.filter((job) => this.#mayTry(job))
    if (live.length === 0) return []
    try {
      const signers = await this.#quorum(live, threshold, engine)
      if (signers === null) return []
      const supplies = engine === 'hm' ? await this.#supplies(threshold, signers) : undefined
      if (supplies === null) {
        for (const job of live) job.last = { type: 'timeout', missing: [] }
        return live
      }
      const started = performance.now()
      const end = await signingSession({
        scheme,
        threshold,
        links: signers.map((id) => this.#o.links.get(id) as SignerLink),
        items: live.map((j) => j.item),
        supplies,
        rosterHash: this.#o.rosterHash,
        now: this.#o.now(),
        timeoutMs: this.#o.exchangeTimeoutMs,
        rng: this.#o.rng,
        assemble: this.#o.assemble,
        onTickets: (from, tickets) => this.#o.prss.restock(from, tickets),
      })
      const ms = performance.now() - started
      this.#o.onSession({ engine, scheme, signers, requests: live.map((j) => j.item.requestId), ms, end })
      return this.#settle(live, end, { engine, signers, started, ms, threshold })
    } catch (error) {
      // Whatever broke here is ours (a lost worker, a bug): every job gets an answer all the same.
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL'
      for (const job of live) job.last = { type: 'abort', code, culprits: [] }
      return live
    }
  }

  #mayTry(job: Job): boolean {
    if (job.attempts < MAX_ATTEMPTS && job.deadline > this.#o.now()) {
      job.attempts += 1
      return true
    }
    job.reject(new SigningFailed(job.last ?? { type: 'timeout', missing: [] }))
    return false
  }

  async #quorum(jobs: readonly Job[], threshold: number, engine: Engine): Promise<readonly PartyId[] | null> {
    const refusing = new Set(jobs.flatMap((j) => [...j.refusals.keys()]))
    const { monitor, parties } = this.#o
    const up = monitor.up()
    const size = this.signersNeeded(engine, threshold)
    const candidates = up.filter((id) => !refusing.has(id))
    // hm: a fixed set, so that one generation serves all; FROST: all sets in turn.
    const signers =
      candidates.length < size ? null : engine === 'hm' ? candidates.slice(0, size) : this.#picker.pick(candidates, size)
    if (signers !== null) return signers
    for (const job of jobs) {
      const refusal = [...job.refusals.values()][0]
      // 403 only when refusals alone leave no quorum; otherwise it is signers that are missing.
      const refused = refusal !== undefined && parties.length - job.refusals.size < size
      const missing = parties.filter((id) => !up.includes(id))
      const released = job.last !== null
      job.reject(
        new SigningFailed(
          refused ? { type: 'refused', refusal, by: [...job.refusals.keys()] } : { type: 'quorum', missing, released },
        ),
      )
    }
    return null
  }

  async #supplies(threshold: number, signers: readonly PartyId[]) {
    const ready = this.#o.prss.supplies(threshold, signers)
    if (ready !== null) return ready
    await this.#o.prss.ensure(threshold, signers)
    return this.#o.prss.supplies(threshold, signers)
  }

  #settle(
    jobs: readonly Job[],
    end: SigningEnd,
    run: {
      readonly engine: Engine
      readonly signers: readonly PartyId[]
      readonly started: number
      readonly ms: number
      readonly threshold: number
    },
  ): readonly Job[] {
    if (end.type === 'failed') {
      this.#o.monitor.report(end.missing)
      if (end.code === 'HM_KID') this.#o.prss.forget(run.threshold, run.signers)
      const failure: SigningFailure =
        end.missing.length > 0
          ? { type: 'timeout', missing: end.missing }
          : { type: 'abort', code: end.code, culprits: end.culprits }
      for (const job of jobs) job.last = failure
      if (end.missing.length > 0 || worthRetrying(end.code)) return jobs
      for (const job of jobs) job.reject(new SigningFailed(failure))
      return []
    }
    return jobs.filter((job, b) => this.#settleItem(job, end.items[b] as ItemEnd, run))
  }

  /** @returns whether the job needs another session. */
  #settleItem(
    job: Job,
    end: ItemEnd,
    run: { readonly engine: Engine; readonly signers: readonly PartyId[]; readonly started: number; readonly ms: number },
  ): boolean {
    if (end.type === 'signed') {
      const { signature, recovery } = end
      job.resolve({
        signature,
        recovery,
        engine: run.engine,
        signers: run.signers,
        queueMs: run.started - job.submittedAt,
        signMs: run.ms,
      })
      return false
    }
    if (end.type === 'refused') for (const [id, refusal] of end.by) job.refusals.set(id, refusal)
    else job.last = { type: 'abort', code: end.code, culprits: end.culprits }
    return true
  }
}
