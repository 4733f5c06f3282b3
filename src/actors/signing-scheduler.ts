import type { Roster } from '../protocol/channel/roster.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import type { Rng } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { MAX_HM_THRESHOLD } from '../protocol/prss/establish.ts'
import type { Scheme } from '../protocol/request/document.ts'
import { Mailbox } from './mailbox.ts'
import type { PrssKeeper } from './prss-keeper.ts'
import { fewestMarks, QuorumPicker } from './quorum.ts'
import type { SignerLink } from './round.ts'
import type { SignerMonitor } from './signer-monitor.ts'
import { type Engine, type Signed, SigningFailed, SigningJob } from './signing-job.ts'
import { type HmSupplies, type ItemEnd, type SessionItem, type SigningEnd, signingSession } from './signing-session.ts'
import { SYSTEM_TIMERS, sleep, type Timers } from './timers.ts'

export interface SessionReport {
  readonly engine: Engine
  readonly scheme: Scheme
  readonly signers: readonly PartyId[]
  readonly items: readonly SessionItem[]
  readonly ms: number
  readonly end: SigningEnd
}

export interface SigningSchedulerOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'up' | 'down' | 'report' | 'boots' | 'refresh'>
  readonly prss: Pick<PrssKeeper, 'supplies' | 'ensure' | 'isOff' | 'restock' | 'forget' | 'voidTickets'>
  readonly parties: readonly PartyId[]
  readonly roster: Roster
  /** For public checks only. */
  readonly curves: Curves
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
  /** For the log: an exception that no peer and no overload can cause. */
  readonly onBug: (error: unknown) => void
  readonly timers?: Timers
}

/** Sessions one request may take part in; a persistent saboteur costs retries, not an endless loop. */
const MAX_ATTEMPTS = 4
/** Between two looks for a generation and tickets, and after a failure that haste makes worse. */
const PAUSE_MS = 50
/** Looks for what an hm session needs; with the pause and the PRSS protocol in between, at least two seconds. */
const MAX_WAITS = 40
/** Looks for a quorum that is suddenly gone: a connection that broke once is not a dead signer, as the next heartbeat shows. */
const MAX_GRACES = 5
/** Failures of load: whoever is overloaded or restarting is asked again after 2, 4, 8 pauses. */
const PAUSE_AFTER: ReadonlySet<string> = new Set(['OVERLOADED', 'WORKER_LOST', 'WORKER_FAILURE'])
/** Documents waiting in one mailbox: 400 of the largest kind. */
export const MAX_WAITING_BYTES = 64 << 20
/** A third of the largest frame: a batch of large messages must fit into one, and into an exchange's time. */
const MAX_BATCH_BYTES = 8 << 20

interface Run {
  readonly scheme: Scheme
  readonly threshold: number
  readonly engine: Engine
}

interface Session {
  readonly engine: Engine
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly supplies: HmSupplies | undefined
  readonly started: number
  readonly ms: number
}

/**
 * Turns requests into sessions: a mailbox per (scheme, threshold), a quorum per batch, and new sessions for what failed while a
 * request's deadline lasts. Sessions are temporary; nothing is resumed (architecture.md 4).
 */
export class SigningScheduler {
  readonly #o: SigningSchedulerOptions
  readonly #timers: Timers
  /** At most schemes x thresholds in use: 3 x 15. */
  readonly #mailboxes = new Map<string, Mailbox<SigningJob>>()
  readonly #picker = new QuorumPicker()

  constructor(options: SigningSchedulerOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
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
    if (engine === null) throw new SigningFailed({ type: 'engine' }, false)
    this.#assertQuorum(engine, threshold)
    return await new Promise<Signed>((resolve, reject) => {
      this.#mailbox({ scheme, threshold, engine }).submit(new SigningJob(item, deadline, this.#timers.elapsed(), resolve, reject))
    })
  }

  // A set that cannot sign says so at once instead of queueing what can only time out.
  #assertQuorum(engine: Engine, threshold: number): void {
    const { monitor } = this.#o
    if (monitor.up().length >= this.signersNeeded(engine, threshold)) return
    throw new SigningFailed({ type: 'quorum', missing: monitor.down() }, false)
  }

  #mailbox(run: Run): Mailbox<SigningJob> {
    const name = `${run.scheme}:${run.threshold}`
    let mailbox = this.#mailboxes.get(name)
    if (mailbox === undefined) {
      const { capacity, maxBatch, maxInFlight } = this.#o
      mailbox = new Mailbox({
        capacity,
        capacityBytes: MAX_WAITING_BYTES,
        maxBatch,
        maxBatchBytes: MAX_BATCH_BYTES,
        bytesOf: ({ item }) => item.request.document.length + item.input.length,
        maxInFlight,
        run: (jobs) => this.#run(jobs, run),
        timers: this.#timers,
      })
      this.#mailboxes.set(name, mailbox)
    }
    return mailbox
  }

  async #run(batch: readonly SigningJob[], run: Run): Promise<void> {
    let groups: readonly (readonly SigningJob[])[] = [batch]
    while (groups.length > 0) {
      const again = await Promise.all(groups.map((jobs) => this.#attempt(jobs, run)))
      groups = byRefusals(again.flat())
    }
  }

  /** One session. @returns the jobs that need another; all others are settled. Never rejects. */
  async #attempt(jobs: readonly SigningJob[], { scheme, threshold, engine }: Run): Promise<readonly SigningJob[]> {
    const live = jobs.filter((job) => this.#mayTry(job))
    if (live.length === 0) return []
    try {
      const signers = this.#quorum(live, threshold, engine)
      if (signers === null) return await this.#withoutQuorum(live, this.signersNeeded(engine, threshold))
      const supplies = engine === 'hm' ? await this.#supplies(threshold, signers) : undefined
      if (supplies === null) return await this.#wait(live, this.#o.prss.isOff(threshold, signers))
      // After every wait: as late as can be.
      const boots = this.#o.monitor.boots(signers)
      if (boots === undefined) return await this.#withoutQuorum(live, this.signersNeeded(engine, threshold))
      const started = this.#timers.elapsed()
      const end = await signingSession({
        scheme,
        threshold,
        links: signers.map((id) => this.#o.links.get(id) as SignerLink),
        items: live.map((j) => j.item),
        supplies,
        boots,
        roster: this.#o.roster,
        curves: this.#o.curves,
        now: this.#o.now(),
        timeoutMs: this.#o.exchangeTimeoutMs,
        rng: this.#o.rng,
        assemble: this.#o.assemble,
        onTickets: (from, tickets) => this.#o.prss.restock(from, tickets),
      })
      const ms = this.#timers.elapsed() - started
      this.#o.onSession({ engine, scheme, signers, items: live.map((j) => j.item), ms, end })
      const attempts = Math.max(...live.map((j) => j.attempts))
      if (end.type === 'failed' && PAUSE_AFTER.has(end.code) && attempts < MAX_ATTEMPTS)
        await sleep(this.#timers, PAUSE_MS * 2 ** attempts)
      // Restarted since their last heartbeat.
      if (end.type === 'failed' && end.code === 'SETUP_STALE') await this.#o.monitor.refresh(end.from)
      return this.#settle(live, end, { engine, threshold, signers, supplies, started, ms })
    } catch (error) {
      // A bug of ours: every job gets an answer all the same, and nobody is told that no share left.
      this.#o.onBug(error)
      for (const job of live) {
        job.released = true
        job.last = { type: 'abort', code: 'INTERNAL', culprits: [] }
      }
      return live
    }
  }

  #mayTry(job: SigningJob): boolean {
    if (job.attempts < MAX_ATTEMPTS && job.waits < MAX_WAITS && job.deadline > this.#o.now()) {
      job.attempts += 1
      return true
    }
    job.fail(job.last)
    return false
  }

  /** Settles what cannot be helped; the others look again in a moment. */
  async #withoutQuorum(jobs: readonly SigningJob[], size: number): Promise<readonly SigningJob[]> {
    const { monitor, parties } = this.#o
    const again = jobs.filter((job) => {
      const [refusal] = job.refusals.values()
      // 403 only when refusals alone leave no quorum; otherwise it is signers that are missing.
      if (refusal !== undefined && parties.length - job.refusals.size < size) {
        job.fail({ type: 'refused', refusal, by: [...job.refusals.keys()] })
        return false
      }
      job.attempts -= 1
      job.graces += 1
      if (job.graces <= MAX_GRACES) return true
      job.fail({ type: 'quorum', missing: monitor.down() })
      return false
    })
    if (again.length > 0) await sleep(this.#timers, PAUSE_MS)
    return again
  }

  /** No session was held: the attempt does not count, the waiting does. */
  async #wait(jobs: readonly SigningJob[], inVain: boolean): Promise<readonly SigningJob[]> {
    if (inVain) {
      for (const job of jobs) job.fail({ type: 'engine' })
      return []
    }
    for (const job of jobs) {
      job.attempts -= 1
      job.waits += 1
      if (job.waits === MAX_WAITS) job.last = { type: 'abort', code: 'HM_KID', culprits: [] }
    }
    await sleep(this.#timers, PAUSE_MS)
    return jobs
  }

  #quorum(jobs: readonly SigningJob[], threshold: number, engine: Engine): readonly PartyId[] | null {
    const up = this.#o.monitor.up()
    const size = this.signersNeeded(engine, threshold)
    const refusing = new Set(jobs.flatMap((j) => [...j.refusals.keys()]))
    const candidates = up.filter((id) => !refusing.has(id))
    const marks = new Map(candidates.map((id) => [id, jobs.reduce((sum, job) => sum + (job.marks.get(id) ?? 0), 0)]))
    // hm: always the same set, so that one generation serves all; FROST: all in turn.
    return engine === 'hm' ? fewestMarks(candidates, size, marks) : this.#picker.pick(candidates, size, marks)
  }

  async #supplies(threshold: number, signers: readonly PartyId[]): Promise<HmSupplies | null> {
    const { prss } = this.#o
    const held = prss.supplies(threshold, signers)
    if (held !== null) return held
    await prss.ensure(threshold, signers)
    return prss.supplies(threshold, signers)
  }

  #settle(jobs: readonly SigningJob[], end: SigningEnd, session: Session): readonly SigningJob[] {
    if (end.type === 'done') return jobs.filter((job, b) => !this.#settleItem(job, end.items[b] as ItemEnd, session))
    const { monitor, prss } = this.#o
    const { code, culprits, missing, from } = end
    monitor.report(missing)
    if (code === 'HM_KID' && session.supplies !== undefined)
      prss.forget(session.threshold, session.signers, session.supplies.digest)
    if (code === 'HM_TICKET') prss.voidTickets(from)
    for (const job of jobs) {
      job.released ||= end.released
      job.last = missing.length > 0 ? { type: 'quorum', missing } : { type: 'abort', code, culprits }
      job.mark(session.signers, [...missing, ...culprits])
    }
    return jobs
  }

  /** @returns whether the job is settled. */
  #settleItem(job: SigningJob, end: ItemEnd, { engine, signers, started, ms }: Session): boolean {
    if (end.type === 'signed') {
      const { signature, recovery } = end
      job.signed({ signature, recovery, engine, signers, queueMs: started - job.submittedAt, signMs: ms })
      return true
    }
    if (end.type === 'refused') for (const [id, refusal] of end.by) job.refusals.set(id, refusal)
    else {
      job.released = true
      job.last = { type: 'abort', code: end.code, culprits: end.culprits }
      job.mark(signers, end.culprits)
    }
    return false
  }
}

/** Jobs that the same signers refused can share a quorum; the others need one of their own. */
function byRefusals(jobs: readonly SigningJob[]): readonly (readonly SigningJob[])[] {
  return [...Map.groupBy(jobs, (job) => [...job.refusals.keys()].sort((a, b) => a - b).join()).values()]
}
