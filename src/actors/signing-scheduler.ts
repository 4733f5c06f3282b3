import type { Roster } from '../protocol/channel/roster.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import type { Rng } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import type { Scheme } from '../protocol/request/document.ts'
import type { Choice, EngineChoice, Wish } from './engine-choice.ts'
import { Mailbox } from './mailbox.ts'
import type { PrssKeeper } from './prss-keeper.ts'
import type { SignerLink } from './round.ts'
import { StageClock, type StageTimes } from './session-stages.ts'
import type { SignerMonitor } from './signer-monitor.ts'
import { type Engine, type Signed, SigningFailed, type SigningFailure, SigningJob } from './signing-job.ts'
import { type ItemEnd, type SessionItem, type SigningEnd, signingSession } from './signing-session.ts'
import { SYSTEM_TIMERS, sleep, type Timers } from './timers.ts'

export interface SessionReport {
  readonly engine: Engine
  readonly scheme: Scheme
  readonly signers: readonly PartyId[]
  readonly items: readonly SessionItem[]
  readonly ms: number
  readonly stages: StageTimes
  readonly end: SigningEnd
}

export interface SigningSchedulerOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'down' | 'report' | 'boots' | 'refresh'>
  readonly engines: Pick<EngineChoice, 'choose' | 'ended' | 'failureNow' | 'inUse' | 'maxItems'>
  readonly prss: Pick<PrssKeeper, 'restock' | 'forget' | 'voidTickets'>
  readonly parties: readonly PartyId[]
  readonly roster: Roster
  /** For public checks only. */
  readonly curves: Curves
  readonly rng: Rng
  readonly now: () => number
  readonly exchangeTimeoutMs: number
  readonly capacity: number
  readonly maxBatch: number
  readonly maxInFlight: number
  readonly assemble: (command: Uint8Array) => Promise<Uint8Array>
  readonly onSession: (report: SessionReport) => void
  /** For the log: an exception that no peer and no overload can cause. */
  readonly onBug: (error: unknown) => void
  /** As the mailbox's. */
  readonly isBusy?: () => boolean
  readonly timers?: Timers
}

/** Sessions one request may take part in: two of hm, and DKLs23 with each pair of three; a saboteur costs retries, not an endless loop. */
const MAX_ATTEMPTS = 6
/** Between two looks for a generation and tickets, and after a failure that haste makes worse. */
const PAUSE_MS = 50
/** Looks for what a session needs; with the pauses, and the protocols among signers that bring it, at least two seconds. */
const MAX_WAITS = 40
/** Looks for a quorum that is suddenly gone: a connection that broke, or one heartbeat that did, is not a dead signer, as the next one shows. */
const MAX_GRACES = 15
/** The signers that said so know better what they hold than their last heartbeats did: another start, a ban, other set-ups. */
const ASK_AFTER: ReadonlySet<string> = new Set(['SETUP_STALE', 'ABORT', 'PAIR_BANNED', 'PAIR_UNKNOWN'])
/** Failures of load: whoever is overloaded or restarting is asked again after 2, 4, 8 pauses. */
const PAUSE_AFTER: ReadonlySet<string> = new Set(['OVERLOADED', 'WORKER_LOST', 'WORKER_FAILURE'])
/** Documents waiting in one mailbox: 400 of the largest kind. */
export const MAX_WAITING_BYTES = 64 << 20
/** A third of the largest frame: a batch of large messages must fit into one, and into an exchange's time. */
const MAX_BATCH_BYTES = 8 << 20

interface Run {
  readonly scheme: Scheme
  readonly threshold: number
}

type Plan = Extract<Choice, { readonly type: 'session' }>

interface Session extends Run {
  readonly plan: Plan
  readonly boots: readonly Uint8Array[]
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
  /** At most schemes x thresholds in use: 4 x 15. */
  readonly #mailboxes = new Map<string, Mailbox<SigningJob>>()

  constructor(options: SigningSchedulerOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
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

  /** Whether `sign` would take a small request now; cheaper than to make the item and be refused. */
  hasRoom(scheme: Scheme, threshold: number): boolean {
    return this.#mailbox({ scheme, threshold }).hasRoom
  }

  /**
   * One signature. @throws MailboxFull at once, SigningFailed later.
   * @param deadline milliseconds since the Unix epoch; no new session starts after it.
   */
  async sign(item: SessionItem, scheme: Scheme, threshold: number, deadline: number): Promise<Signed> {
    // A set that cannot sign says so at once instead of queueing what can only time out.
    const failure = this.#o.engines.failureNow(scheme, threshold)
    if (failure !== null) throw new SigningFailed(failure, false)
    return await new Promise<Signed>((resolve, reject) => {
      this.#mailbox({ scheme, threshold }).submit(new SigningJob(item, deadline, this.#timers.elapsed(), resolve, reject))
    })
  }

  #mailbox(run: Run): Mailbox<SigningJob> {
    const { scheme, threshold } = run
    const name = `${scheme}:${threshold}`
    let mailbox = this.#mailboxes.get(name)
    if (mailbox === undefined) {
      const { capacity, maxBatch, maxInFlight, engines, isBusy } = this.#o
      mailbox = new Mailbox({
        capacity,
        capacityBytes: MAX_WAITING_BYTES,
        maxBatch: () => Math.min(maxBatch, engines.maxItems(engines.inUse(scheme, threshold), threshold)),
        maxBatchBytes: MAX_BATCH_BYTES,
        bytesOf: ({ item }) => item.request.document.length + item.input.length,
        maxInFlight,
        ...(isBusy && { isBusy }),
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

  /** One session, or as many as the engine needs for so many. @returns the jobs that need another; the rest are settled. Never rejects. */
  async #attempt(jobs: readonly SigningJob[], run: Run): Promise<readonly SigningJob[]> {
    const live = jobs.filter((job) => this.#mayTry(job))
    if (live.length === 0) return []
    try {
      const choice = await this.#o.engines.choose(wishOf(live, run))
      if (choice.type === 'none') return await this.#withoutQuorum(live, choice.failure, run)
      if (choice.type === 'wait') return await this.#wait(live)
      const most = this.#o.engines.maxItems(choice.with.engine, run.threshold)
      if (live.length <= most) return await this.#session(live, run, choice)
      // A batch that was made for another engine. One part after the other: it is one batch under way, and as much work as one.
      for (const job of live) job.attempts -= 1
      const again: SigningJob[] = []
      for (const part of parts(live, most)) again.push(...(await this.#attempt(part, run)))
      return again
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

  async #session(jobs: readonly SigningJob[], run: Run, plan: Plan): Promise<readonly SigningJob[]> {
    const { links, monitor, roster, curves, rng, now, exchangeTimeoutMs, assemble, prss, onSession } = this.#o
    const { signers } = plan
    // After every wait: as late as can be.
    const boots = monitor.boots(signers)
    if (boots === undefined) return await this.#withoutQuorum(jobs, { type: 'quorum', missing: monitor.down(), banned: [] }, run)
    const stages = new StageClock(this.#timers.elapsed)
    const { started } = stages
    const items = jobs.map((j) => j.item)
    const end = await signingSession({
      ...run,
      with: plan.with,
      links: signers.map((id) => links.get(id) as SignerLink),
      items,
      boots,
      roster,
      curves,
      now: now(),
      timeoutMs: exchangeTimeoutMs,
      rng,
      assemble,
      onTickets: (from, tickets) => prss.restock(from, tickets),
      stages,
    })
    const ms = this.#timers.elapsed() - started
    onSession({ engine: plan.with.engine, scheme: run.scheme, signers, items, ms, stages: stages.times, end })
    if (end.type === 'failed') {
      const attempts = Math.max(...jobs.map((j) => j.attempts))
      if (PAUSE_AFTER.has(end.code) && attempts < MAX_ATTEMPTS) await sleep(this.#timers, PAUSE_MS * 2 ** attempts)
      monitor.report(end.missing)
      if (ASK_AFTER.has(end.code)) await monitor.refresh(end.from)
    }
    return this.#settle(jobs, end, { ...run, plan, boots, started, ms })
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
  async #withoutQuorum(
    jobs: readonly SigningJob[],
    failure: SigningFailure,
    { scheme, threshold }: Run,
  ): Promise<readonly SigningJob[]> {
    const { engines, parties } = this.#o
    const again = jobs.filter((job) => {
      const [refusal] = job.refusals.values()
      // 403 only when refusals alone leave no quorum; otherwise it is signers that are missing.
      const left = parties.filter((id) => !job.refusals.has(id))
      if (refusal !== undefined && engines.failureNow(scheme, threshold, left) !== null) {
        job.fail({ type: 'refused', refusal, by: [...job.refusals.keys()] })
        return false
      }
      job.attempts -= 1
      job.graces += 1
      if (failure.type === 'quorum' && job.graces <= MAX_GRACES) return true
      job.fail(failure)
      return false
    })
    if (again.length > 0) await sleep(this.#timers, PAUSE_MS)
    return again
  }

  /** No session was held: the attempt does not count, the waiting does. */
  async #wait(jobs: readonly SigningJob[]): Promise<readonly SigningJob[]> {
    for (const job of jobs) {
      job.attempts -= 1
      job.waits += 1
      if (job.waits === MAX_WAITS) job.last = { type: 'setting_up' }
    }
    await sleep(this.#timers, PAUSE_MS)
    return jobs
  }

  #settle(jobs: readonly SigningJob[], end: SigningEnd, session: Session): readonly SigningJob[] {
    const { prss, engines } = this.#o
    const { plan, threshold, boots, started } = session
    const { signers, with: supplied } = plan
    const items = end.type === 'done' ? end.items : []
    const failed = end.type === 'failed' ? end : items.find((item) => item.type === 'failed')
    const fault = failed === undefined ? null : { missing: [], ...failed }
    engines.ended({ engine: supplied.engine, threshold, signers, boots, started, fault })
    if (end.type === 'done') return jobs.filter((job, b) => !this.#settleItem(job, items[b] as ItemEnd, session))
    const { code, culprits, missing, from } = end
    if (code === 'HM_KID' && supplied.engine === 'hm') prss.forget(threshold, signers, supplied.supplies.digest)
    if (code === 'HM_TICKET') prss.voidTickets(from)
    for (const job of jobs) {
      job.released ||= end.released
      job.last = missing.length > 0 ? { type: 'quorum', missing, banned: [] } : { type: 'abort', code, culprits }
      job.failedIn(supplied.engine, signers, [...missing, ...culprits])
    }
    return jobs
  }

  /** @returns whether the job is settled. */
  #settleItem(job: SigningJob, end: ItemEnd, { plan, started, ms }: Session): boolean {
    const { signers } = plan
    const { engine } = plan.with
    if (end.type === 'signed') {
      const { signature, recovery } = end
      job.signed({ signature, recovery, engine, signers, queueMs: started - job.submittedAt, signMs: ms })
      return true
    }
    if (end.type === 'refused') for (const [id, refusal] of end.by) job.refusals.set(id, refusal)
    else {
      job.released = true
      job.last = { type: 'abort', code: end.code, culprits: end.culprits }
      job.failedIn(engine, signers, end.culprits)
    }
    return false
  }
}

const wishOf = (jobs: readonly SigningJob[], run: Run): Wish => {
  const marks = new Map<PartyId, number>()
  for (const job of jobs) for (const [id, count] of job.marks) marks.set(id, (marks.get(id) ?? 0) + count)
  const refusing = new Set(jobs.flatMap((job) => [...job.refusals.keys()]))
  return { ...run, refusing, marks, hmFailures: Math.max(...jobs.map((job) => job.hmFailures)) }
}

const parts = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** Jobs that the same signers refused can share a quorum; the others need one of their own. */
function byRefusals(jobs: readonly SigningJob[]): readonly (readonly SigningJob[])[] {
  return [...Map.groupBy(jobs, (job) => [...job.refusals.keys()].sort((a, b) => a - b).join()).values()]
}
