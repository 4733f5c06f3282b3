import { maxBatch } from '../protocol/dkls23/parameters.ts'
import { equalBytes } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { MAX_HM_THRESHOLD } from '../protocol/prss/establish.ts'
import { isEcdsa, type Scheme } from '../protocol/request/document.ts'
import { MAX_BATCH } from '../protocol/signing/batch.ts'
import { Breaker } from './breaker.ts'
import type { PairKeeper } from './pair-keeper.ts'
import type { PrssKeeper } from './prss-keeper.ts'
import { type Fits, fewestMarks, type Marks, QuorumPicker } from './quorum.ts'
import type { SignerMonitor } from './signer-monitor.ts'
import type { Banned, Engine, SigningFailure } from './signing-job.ts'
import type { EngineSupplies, HmSupplies } from './signing-session.ts'
import { SYSTEM_TIMERS, type Timers } from './timers.ts'

export const ECDSA_ENGINES = ['hm', 'dkls23'] as const
export type EcdsaEngine = (typeof ECDSA_ENGINES)[number]

/** hm goes on with a signer that was away when it has been back for so long: one that comes and goes must not take requests with it. */
const SETTLED_MS = 3_000
/** A request tries hm so often, then the other engine (honest-majority-ecdsa.md 4.2). */
const MAX_HM_FAILURES = 2
/** How long a signer set that succeeded where another had failed is preferred. */
const PREFERRED_MS = 600_000
/**
 * Items of a DKLs23 session, although more are allowed: each takes a signer's worker milliseconds, a larger batch saves little, and
 * heartbeats wait behind it.
 */
const DKLS_ITEMS = 16
/** A signer that is there again so soon, without a restart, was not down. */
const SOON_MS = 1_000
/** Ends that say nothing of an engine: whoever gave them has too much to do, or judged the request (decisions.md 13). */
const NO_FAILURE: ReadonlySet<string> = new Set(['OVERLOADED', 'WORKER_LOST', 'WORKER_FAILURE', 'REQUEST_REPLAYED', 'KEY_FROZEN'])

/** What is to be signed, as far as it decides with whom. */
export interface Wish {
  readonly scheme: Scheme
  readonly threshold: number
  readonly refusing: ReadonlySet<PartyId>
  readonly marks: Marks
  readonly hmFailures: number
}

export type Choice =
  | { readonly type: 'session'; readonly signers: readonly PartyId[]; readonly with: EngineSupplies }
  /** What an engine needs can be had, and is not there yet. */
  | { readonly type: 'wait' }
  | { readonly type: 'none'; readonly failure: SigningFailure }

/** A session that has ended. */
export interface EndedSession {
  readonly engine: Engine
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly boots: readonly Uint8Array[]
  /** By `Timers.elapsed`. */
  readonly started: number
  /** The first thing that went wrong, in the session or with one of its items. */
  readonly fault: { readonly code: string; readonly culprits: readonly PartyId[]; readonly missing: readonly PartyId[] } | null
}

export interface EngineChoiceOptions {
  readonly monitor: Pick<SignerMonitor, 'states' | 'up' | 'down' | 'boots'>
  readonly prss: Pick<PrssKeeper, 'supplies' | 'ensure' | 'isOff'>
  readonly pairs: Pick<PairKeeper, 'idsOf' | 'isReady' | 'isAllowed' | 'isPossible'>
  readonly parties: readonly PartyId[]
  /** Allowed for ECDSA, the preferred one first. */
  readonly ecdsaEngines: readonly EcdsaEngine[]
  /** hm keeps failing with these signers: from now on and for some minutes it gets no request. For the log. */
  readonly onBreaker: (threshold: number, signers: readonly PartyId[]) => void
  readonly timers?: Timers
}

/**
 * Decides which engine signs, and with whom (honest-majority-ecdsa.md 4.2): hm while 2t-1 signers are there and it works, else DKLs23
 * with t signers who have set-ups in common; FROST for what is not ECDSA. Remembers what failed, never whom to trust.
 */
export class EngineChoice {
  readonly #o: EngineChoiceOptions
  readonly #timers: Timers
  readonly #picker = new QuorumPicker()
  /** Per signer set of hm: those the choice falls on, a few per threshold. */
  readonly #breakers = new Map<string, Breaker>()
  /** By threshold. */
  readonly #preferred = new Map<number, { readonly signers: readonly PartyId[]; readonly until: number }>()
  /** Thresholds of which a DKLs23 session failed and nobody could be named: the next set that succeeds is preferred. */
  readonly #rotating = new Set<number>()

  constructor(options: EngineChoiceOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
  }

  /** The engines that can ever sign for such keys in this set, the preferred one first. */
  enginesFor(scheme: Scheme, threshold: number): readonly Engine[] {
    if (!isEcdsa(scheme)) return ['frost']
    const { ecdsaEngines, parties } = this.#o
    const hm = threshold <= MAX_HM_THRESHOLD && 2 * threshold - 1 <= parties.length
    return ecdsaEngines.filter((engine) => engine !== 'hm' || hm)
  }

  /** Items of one session at most. */
  maxItems(engine: Engine | null, threshold: number): number {
    return engine === 'dkls23' ? Math.min(DKLS_ITEMS, maxBatch(threshold)) : MAX_BATCH
  }

  /** What the next request would be signed with; null when nothing can sign it now. */
  inUse(scheme: Scheme, threshold: number): Engine | null {
    const up = this.#o.monitor.up()
    let first: Engine | null = null
    // Asked for each request: it ends with the first answer.
    for (const engine of this.enginesFor(scheme, threshold)) {
      if (!this.#isUsable(engine, threshold, up, this.#isReady)) continue
      if (engine !== 'hm' || this.#isSteady(threshold, this.#hmSet(up, threshold, NO_MARKS) ?? [])) return engine
      first ??= engine
    }
    return first
  }

  /** The set that hm would sign with and so needs a generation of, whether it is its turn or not. */
  hmSet(threshold: number): readonly PartyId[] | null {
    const isOffered = this.enginesFor('ecdsa-secp256k1', threshold).includes('hm')
    return isOffered ? this.#hmSet(this.#o.monitor.up(), threshold, NO_MARKS) : null
  }

  /** Milliseconds for which hm stays off because it kept failing, with whichever signers; 0: it is not. */
  breakerLeft(): number {
    const now = this.#timers.elapsed()
    return Math.max(0, ...[...this.#breakers.values()].map((breaker) => breaker.left(now)))
  }

  /**
   * Why nothing can sign now, whatever else is tried with these signers; null when something may.
   * @param candidates if left out, all but those that have been away for a second.
   */
  failureNow(scheme: Scheme, threshold: number, candidates: readonly PartyId[] = this.#notMissed()): SigningFailure | null {
    if (this.#couldSign(scheme, threshold, candidates)) return null
    const { parties, monitor } = this.#o
    if (this.enginesFor(scheme, threshold).length === 0) return { type: 'engine', banned: [] }
    // Those who are down could not help either.
    if (!this.#couldSign(scheme, threshold, parties)) return { type: 'engine', banned: this.#bannedAmong(parties) }
    return { type: 'quorum', missing: monitor.down(), banned: this.#bannedAmong(candidates) }
  }

  async choose(wish: Wish): Promise<Choice> {
    const { scheme, threshold, refusing, marks } = wish
    const candidates = this.#o.monitor.up().filter((id) => !refusing.has(id))
    const engines = this.enginesFor(scheme, threshold)
    const failure = this.failureNow(scheme, threshold, candidates)
    if (failure !== null) return { type: 'none', failure }
    if (engines.includes('frost')) {
      const signers = this.#picker.pick(candidates, threshold, marks) as readonly PartyId[]
      return { type: 'session', signers, with: { engine: 'frost' } }
    }
    const hmSet = engines.includes('hm') ? this.#hmSet(candidates, threshold, marks) : null
    const steady = hmSet !== null && wish.hmFailures < MAX_HM_FAILURES && this.#isSteady(threshold, hmSet)
    // hm last as well: where DKLs23 cannot sign, an hm that is not to be relied on is better than nothing.
    const order = hmSet === null ? engines : steady ? engines : [...engines.filter((e) => e !== 'hm'), 'hm' as const]
    for (const engine of order) {
      if (engine === 'dkls23') {
        const signers = this.#dklsSet(candidates, threshold, marks)
        const pairs = signers === null ? null : this.#o.pairs.idsOf(signers)
        if (signers !== null && pairs !== null) return { type: 'session', signers, with: { engine, pairs } }
      } else if (hmSet !== null && !this.#o.prss.isOff(threshold, hmSet)) {
        const supplies = await this.#hmSupplies(threshold, hmSet)
        if (supplies !== null) return { type: 'session', signers: hmSet, with: { engine: 'hm', supplies } }
      }
    }
    // That an operator has switched hm off may have been found only now, by asking for a generation.
    const found = this.failureNow(scheme, threshold, candidates)
    return found === null ? { type: 'wait' } : { type: 'none', failure: found }
  }

  /** To be told of every session. */
  ended(session: EndedSession): void {
    const { engine, threshold, signers, fault } = session
    if (fault !== null && NO_FAILURE.has(fault.code)) return
    if (engine === 'hm' && fault !== null) this.#hmFailed(session, fault.missing)
    if (engine !== 'dkls23') return
    const preferred = this.#preferred.get(threshold)
    if (fault === null) {
      if (this.#rotating.delete(threshold))
        this.#preferred.set(threshold, { signers, until: this.#timers.elapsed() + PREFERRED_MS })
      return
    }
    if (preferred?.signers.join() === signers.join()) this.#preferred.delete(threshold)
    if (fault.missing.length === 0 && fault.culprits.length === 0) this.#rotating.add(threshold)
  }

  /** A signer that is merely down, or was started again, is no failure of hm. Which of the two it was shows a moment later. */
  #hmFailed(session: EndedSession, missing: readonly PartyId[]): void {
    const { threshold, signers, boots, started } = session
    const at = this.#timers.elapsed()
    const judge = (): void => {
      const { monitor } = this.#o
      const now = monitor.boots(signers)
      const stayed = now?.every((boot, i) => equalBytes(boot, boots[i] as Uint8Array)) === true
      const up = monitor.up()
      if (!stayed || !signers.every((id) => up.includes(id))) return
      if (this.#breaker(threshold, signers).failed(started, at)) this.#o.onBreaker(threshold, signers)
    }
    if (missing.length === 0) judge()
    else this.#timers.after(SOON_MS, judge)
  }

  #notMissed(): readonly PartyId[] {
    const now = this.#timers.elapsed()
    const { monitor } = this.#o
    return monitor.states().flatMap(({ id, up, lostAt }) => (up || (lostAt !== null && now - lostAt < SOON_MS) ? [id] : []))
  }

  #breaker(threshold: number, signers: readonly PartyId[]): Breaker {
    const name = `${threshold}:${signers.join()}`
    const breaker = this.#breakers.get(name) ?? new Breaker()
    this.#breakers.set(name, breaker)
    return breaker
  }

  #couldSign(scheme: Scheme, threshold: number, candidates: readonly PartyId[]): boolean {
    const isPossible: Fits = (a, b) => this.#o.pairs.isPossible(a, b)
    return this.enginesFor(scheme, threshold).some((engine) => this.#isUsable(engine, threshold, candidates, isPossible))
  }

  /** @param fits whether two signers have, or can have, what DKLs23 needs. */
  #isUsable(engine: Engine, threshold: number, candidates: readonly PartyId[], fits: Fits): boolean {
    if (engine === 'frost') return candidates.length >= threshold
    if (engine === 'dkls23') return fewestMarks(candidates, threshold, NO_MARKS, fits) !== null
    const set = this.#hmSet(candidates, threshold, NO_MARKS)
    return set !== null && !this.#o.prss.isOff(threshold, set)
  }

  readonly #isReady: Fits = (a, b) => this.#o.pairs.isReady(a, b)
  readonly #isAllowed: Fits = (a, b) => this.#o.pairs.isAllowed(a, b)

  /** Always the same one, so that one generation serves all; never with two of whom one has banned the other (4.2: policy). */
  #hmSet(candidates: readonly PartyId[], threshold: number, marks: Marks): readonly PartyId[] | null {
    return fewestMarks(candidates, sizeOf('hm', threshold), marks, this.#isAllowed)
  }

  /** Whether hm is to be relied on with these signers. */
  #isSteady(threshold: number, signers: readonly PartyId[]): boolean {
    const now = this.#timers.elapsed()
    if (this.#breakers.get(`${threshold}:${signers.join()}`)?.isOpen(now) === true) return false
    return this.#o.monitor.states().every(({ id, returnedAt }) => {
      return !signers.includes(id) || returnedAt === null || now - returnedAt >= SETTLED_MS
    })
  }

  #dklsSet(candidates: readonly PartyId[], threshold: number, marks: Marks): readonly PartyId[] | null {
    const preferred = this.#preferred.get(threshold)
    if (preferred !== undefined && this.#timers.elapsed() < preferred.until) {
      const { signers } = preferred
      const isFree = signers.every((id) => candidates.includes(id) && (marks.get(id) ?? 0) === 0)
      if (isFree && this.#o.pairs.idsOf(signers) !== null) return signers
    }
    return this.#picker.pick(candidates, threshold, marks, this.#isReady)
  }

  async #hmSupplies(threshold: number, signers: readonly PartyId[]): Promise<HmSupplies | null> {
    const { prss } = this.#o
    const held = prss.supplies(threshold, signers)
    if (held !== null) return held
    await prss.ensure(threshold, signers)
    return prss.supplies(threshold, signers)
  }

  #bannedAmong(candidates: readonly PartyId[]): Banned {
    return candidates.flatMap((a) => candidates.filter((b) => a < b && !this.#isAllowed(a, b)).map((b) => [a, b] as const))
  }
}

const NO_MARKS: Marks = new Map()
const sizeOf = (engine: Engine, threshold: number): number => (engine === 'hm' ? 2 * threshold - 1 : threshold)
