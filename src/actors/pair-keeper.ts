import { sessionId as sessionIdOf } from '../protocol/channel/setup.ts'
import { pairsOf } from '../protocol/dkls23/purpose.ts'
import { equalBytes, type Rng } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { knownCode, OPEN_PAIR, PAIR_STATES } from '../protocol/frames/signer-frames.ts'
import { relay } from './relay-session.ts'
import type { SignerLink } from './round.ts'
import type { SignerMonitor, SignerStatus } from './signer-monitor.ts'
import { SYSTEM_TIMERS, type Timers } from './timers.ts'

/** A set-up is made anew after as many signatures (decisions.md 6); until then, and while that is under way, the old one serves. */
const RENEW_AFTER = 2 ** 20
/** After a failed attempt, doubled by each further one. */
const BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000
/** As long as signers let a set-up live. */
const LIFE_MS = 30_000

type Pair = readonly [PartyId, PartyId]
type Report = SignerStatus['pairs'][number]

/** `missing`: the two have no common set-up, and none is being made at the moment. */
export const PAIR_CONDITIONS = ['ok', 'setting_up', 'banned', 'burnt', 'missing'] as const
export type PairCondition = (typeof PAIR_CONDITIONS)[number]

export interface PairView {
  /** Ascending. */
  readonly parties: Pair
  readonly condition: PairCondition
  readonly bannedBy: readonly PartyId[]
}

export interface PairKeeperOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'states' | 'boots' | 'refresh'>
  readonly rosterHash: Uint8Array
  readonly rng: Rng
  readonly now: () => number
  /** For one exchange: base OTs with the portable curve code take seconds. */
  readonly timeoutMs: number
  readonly onEstablished: (pair: Pair, ms: number) => void
  readonly onFailed: (pair: Pair, why: string) => void
  /** A signer has banned a peer. Only its operator can take that back. */
  readonly onBan: (by: PartyId, peer: PartyId, code: string) => void
  readonly timers?: Timers
}

/**
 * Keeps every two signers supplied with a set-up for DKLs23 (protocols.md 4). What a pair has, the two tell with their heartbeats; the
 * keeper starts the protocol where they have nothing in common, and never for two of whom one has banned the other.
 */
export class PairKeeper {
  readonly #o: PairKeeperOptions
  readonly #timers: Timers
  readonly #pairs: readonly Pair[]
  /** By pair, those under way. */
  readonly #running = new Map<string, Pair>()
  readonly #failures = new Map<string, { readonly count: number; readonly at: number }>()
  /** By pair, the number of its last attempt. */
  readonly #tried = new Map<string, number>()
  #attempts = 0
  /** Bans that were told, by who and whom. */
  readonly #bans = new Set<string>()

  constructor(options: PairKeeperOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
    this.#pairs = pairsOf([...options.links.keys()])
  }

  /** The set-up of every two of these signers, in the order a session names them; null unless all have one. */
  idsOf(signers: readonly PartyId[]): readonly Uint8Array[] | null {
    const ids = pairsOf(signers).map((pair) => this.#common(pair))
    return ids.some((id) => id === null) ? null : (ids as readonly Uint8Array[])
  }

  isReady(a: PartyId, b: PartyId): boolean {
    return this.#common([a, b]) !== null
  }

  /** Whether neither of the two, as far as is known, has banned the other. */
  isAllowed(a: PartyId, b: PartyId): boolean {
    return this.#bannedBy([a, b]).length === 0
  }

  /** Whether a set-up of the two is there or can come: both offer the engine, or have not said yet that they do not. */
  isPossible(a: PartyId, b: PartyId): boolean {
    return this.isAllowed(a, b) && [a, b].every((id) => this.#statusOf(id)?.pairs.length !== 0)
  }

  views(): readonly PairView[] {
    return this.#pairs.map((pair) => ({ parties: pair, condition: this.#condition(pair), bannedBy: this.#bannedBy(pair) }))
  }

  /** Starts what is due, one set-up at a time for each signer. To be called after every heartbeat. */
  tend(): void {
    this.#tellBans()
    const busy = new Set([...this.#running.values()].flat())
    // Whoever has waited longest: a signer whose set-ups take their time and come to nothing must not keep the others from theirs.
    const triedAt = (pair: Pair): number => this.#tried.get(nameOf(pair)) ?? 0
    for (const pair of this.#pairs.toSorted((a, b) => triedAt(a) - triedAt(b))) {
      if (pair.some((id) => busy.has(id)) || !this.#isDue(pair)) continue
      for (const id of pair) busy.add(id)
      const name = nameOf(pair)
      this.#attempts += 1
      this.#tried.set(name, this.#attempts)
      this.#running.set(name, pair)
      void this.#establish(pair).finally(() => {
        this.#running.delete(name)
        this.tend()
      })
    }
  }

  #isDue(pair: Pair): boolean {
    const [a, b] = pair
    const bothUp = this.#o.monitor.states().filter((s) => pair.includes(s.id) && s.up).length === 2
    const reports = [this.#report(a, b), this.#report(b, a)]
    // A signer that reports nothing of its peer does not offer the engine.
    if (!bothUp || reports.includes(undefined) || !this.isAllowed(a, b)) return false
    const failed = this.#failures.get(nameOf(pair))
    if (failed !== undefined && this.#timers.elapsed() - failed.at < backoff(failed.count)) return false
    return this.#common(pair) === null || reports.some((r) => (r?.signatures ?? 0) >= RENEW_AFTER)
  }

  /** Never rejects. */
  async #establish(pair: Pair): Promise<void> {
    const { monitor, onEstablished, onFailed } = this.#o
    const started = this.#timers.elapsed()
    const before = this.#common(pair)
    const why = await this.#run(pair)
    // Both tell what they hold now.
    await monitor.refresh(pair)
    const held = this.#common(pair)
    // A signer that says it has finished and then reports nothing new is asked again no sooner than one that failed.
    const made = why === null && held !== null && (before === null || !equalBytes(before, held))
    const name = nameOf(pair)
    if (made) this.#failures.delete(name)
    else this.#failures.set(name, { count: (this.#failures.get(name)?.count ?? 0) + 1, at: this.#timers.elapsed() })
    if (made) onEstablished(pair, this.#timers.elapsed() - started)
    else onFailed(pair, why ?? 'the two report different set-ups')
  }

  /** @returns why it failed, or null. */
  async #run(pair: Pair): Promise<string | null> {
    const { links, monitor, rosterHash, rng, now, timeoutMs } = this.#o
    const boots = monitor.boots(pair)
    if (boots === undefined) return 'not heard of yet'
    const setup = {
      protocol: 'pair' as const,
      suite: 'none' as const,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash,
      threshold: 2,
      signers: pair,
      boots,
      deadline: Math.ceil(now() + LIFE_MS),
      coordinatorNonce: rng(32),
    }
    const sessionId = sessionIdOf({ ...setup, purpose: new Uint8Array(0) })
    const members = pair.map((id) => links.get(id) as SignerLink)
    const end = await relay(members, { route: 'openPair', frame: OPEN_PAIR.encode({ setup }) }, sessionId, timeoutMs)
    if (end.type === 'done') return null
    const codes = [...end.failures].map(([id, { code }]) => `${id}:${code}`)
    return [...codes, ...end.missing.map((id) => `${id}:missing`)].join(' ')
  }

  #condition(pair: Pair): PairCondition {
    const [a, b] = pair
    if (!this.isAllowed(a, b)) return 'banned'
    if (this.#common(pair) !== null) return 'ok'
    if (this.#running.has(nameOf(pair))) return 'setting_up'
    const burnt = [this.#report(a, b), this.#report(b, a)].some((r) => r?.state === PAIR_STATES.burnt)
    return burnt ? 'burnt' : 'missing'
  }

  /** The set-up that both report. */
  #common([a, b]: Pair): Uint8Array | null {
    const [mine, theirs] = [this.#report(a, b), this.#report(b, a)]
    const ok = mine?.state === PAIR_STATES.ok && theirs?.state === PAIR_STATES.ok
    return ok && equalBytes(mine.pairId, theirs.pairId) ? mine.pairId : null
  }

  #bannedBy([a, b]: Pair): readonly PartyId[] {
    return [a, b].filter((id) => this.#report(id, id === a ? b : a)?.state === PAIR_STATES.banned)
  }

  #tellBans(): void {
    for (const pair of this.#pairs) {
      for (const by of pair) {
        const peer = pair[0] === by ? pair[1] : pair[0]
        const report = this.#report(by, peer)
        const name = `${by}>${peer}`
        if (report?.state !== PAIR_STATES.banned) this.#bans.delete(name)
        else if (!this.#bans.has(name)) {
          this.#bans.add(name)
          this.#o.onBan(by, peer, knownCode(report.code))
        }
      }
    }
  }

  #report(of: PartyId, about: PartyId): Report | undefined {
    return this.#statusOf(of)?.pairs.find((p) => p.peer === about)
  }

  /** Of the last heartbeat, also of a signer that is down: a ban holds while it is away. */
  #statusOf(id: PartyId): SignerStatus | null | undefined {
    return this.#o.monitor.states().find((s) => s.id === id)?.status
  }
}

const nameOf = (pair: Pair): string => pair.join()
const backoff = (failures: number): number => Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (failures - 1))
