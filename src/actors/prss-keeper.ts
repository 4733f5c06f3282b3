import { sessionId as sessionIdOf } from '../protocol/channel/setup.ts'
import { equalBytes, type Rng } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { OPEN_PRSS } from '../protocol/frames/signer-frames.ts'
import { generationDigest } from './generation-ring.ts'
import { relay } from './relay-session.ts'
import type { SignerLink } from './round.ts'
import type { SignerMonitor } from './signer-monitor.ts'
import type { HmSupplies } from './signing-session.ts'
import type { TicketStock } from './ticket-stock.ts'

/** New generation before signers drop the old one after 24 hours. */
const ROTATE_AFTER_MS = 23 * 3_600_000
/** After a failed attempt; a signer that refuses is not asked in a loop. */
const BACKOFF_MS = 1000
const SLACK_MS = 1000

export interface PrssKeeperOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'states' | 'boots' | 'refresh'>
  readonly stock: TicketStock
  readonly rosterHash: Uint8Array
  readonly rng: Rng
  readonly now: () => number
  readonly timeoutMs: number
  readonly onEstablished: (threshold: number, signers: readonly PartyId[], ms: number) => void
  readonly onFailed: (threshold: number, signers: readonly PartyId[], why: string) => void
}

interface Held {
  readonly kids: readonly Uint8Array[]
  readonly digest: Uint8Array
  readonly madeAt: number
  /** Boot nonces of its members when it was made or found: with another one a member has lost it. */
  readonly boots: readonly Uint8Array[]
}

/**
 * Keeps every signer set that signs by hm supplied: a PRSS generation that all its members hold, and tickets. Generations are
 * the signers' own (RAM); the keeper only starts the protocol and remembers public key names.
 */
export class PrssKeeper {
  readonly #o: PrssKeeperOptions
  // By signer set and threshold: as many as the scheduler picks, a few per threshold.
  readonly #held = new Map<string, Held>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #failedAt = new Map<string, number>()
  /** Sets of which a member's operator has switched hm off, until a generation of theirs is made all the same. */
  readonly #off = new Set<string>()
  /** Digests of generations that a member turned out to have lost, while its last heartbeat may still list them. */
  readonly #lost = new Map<string, Uint8Array>()

  constructor(options: PrssKeeperOptions) {
    this.#o = options
  }

  /** What a session of this set needs, or null when there is no common generation or a ticket is missing. */
  supplies(threshold: number, signers: readonly PartyId[]): HmSupplies | null {
    const held = this.#common(threshold, signers)
    if (held === null) return null
    const tickets = this.#o.stock.take(signers)
    return tickets === null ? null : { kids: held.kids, digest: held.digest, tickets }
  }

  /** Establishes a generation unless a fresh one is held; concurrent calls share one attempt. Never rejects. */
  async ensure(threshold: number, signers: readonly PartyId[]): Promise<void> {
    const name = nameOf(threshold, signers)
    const held = this.#common(threshold, signers)
    if (held !== null && this.#o.now() - held.madeAt < ROTATE_AFTER_MS) return
    // Either way: a clock that is put back must not make a second of waiting an hour.
    if (Math.abs(this.#o.now() - (this.#failedAt.get(name) ?? Number.NEGATIVE_INFINITY)) < BACKOFF_MS) return
    const running = this.#running.get(name) ?? this.#establish(name, threshold, signers).finally(() => this.#running.delete(name))
    this.#running.set(name, running)
    await running
  }

  /** Whether asking again is of no use: a member does not offer hm. */
  isOff(threshold: number, signers: readonly PartyId[]): boolean {
    return this.#off.has(nameOf(threshold, signers))
  }

  /** Tickets that rode on a session's replies. */
  restock(from: PartyId, tickets: readonly Uint8Array[]): void {
    this.#o.stock.add(from, tickets)
  }

  /** Signers that refused a ticket: those in stock are from before a restart, or were crowded out by newer ones. */
  voidTickets(signers: readonly PartyId[]): void {
    for (const id of signers) this.#o.stock.clear(id)
  }

  /**
   * A session learnt that a signer no longer holds the generation.
   * @param digest of the session's generation: news of an old one must not cost the one that took its place. Left out: any.
   */
  forget(threshold: number, signers: readonly PartyId[], digest?: Uint8Array): void {
    const name = nameOf(threshold, signers)
    const held = this.#held.get(name)
    if (held === undefined || (digest !== undefined && !equalBytes(held.digest, digest))) return
    this.#held.delete(name)
    this.#lost.set(name, held.digest)
  }

  // What this keeper established itself counts at once; what a coordinator before it did, when all members report it.
  #common(threshold: number, signers: readonly PartyId[]): Held | null {
    const name = nameOf(threshold, signers)
    const boots = this.#o.monitor.boots(signers)
    if (boots === undefined) return null
    const held = this.#held.get(name)
    if (held !== undefined) {
      if (boots.every((boot, i) => equalBytes(boot, held.boots[i] as Uint8Array))) return held
      this.forget(threshold, signers)
    }
    const states = this.#o.monitor.states()
    const [first, ...others] = signers.map((id) =>
      states
        .find((s) => s.id === id && s.up)
        ?.status?.generations.find((g) => g.threshold === threshold && g.signers.join() === signers.join()),
    )
    if (first === undefined || !others.every((g) => g !== undefined && sameKids(g.kids, first.kids))) return null
    const digest = generationDigest(first.kids)
    const lost = this.#lost.get(name)
    if (lost !== undefined && equalBytes(lost, digest)) return null
    const found = { kids: first.kids, digest, madeAt: this.#o.now(), boots }
    this.#held.set(name, found)
    return found
  }

  async #establish(name: string, threshold: number, signers: readonly PartyId[]): Promise<void> {
    const { links, monitor, rosterHash, rng, timeoutMs, stock, now } = this.#o
    const started = now()
    // As known before: a heartbeat with another nonce may come from a restart in the meantime, and then nothing is held any more.
    const boots = monitor.boots(signers)
    if (boots === undefined) return
    const setup = {
      protocol: 'prss' as const,
      suite: 'none' as const,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash,
      threshold,
      signers,
      boots,
      deadline: Math.ceil(started + 4 * timeoutMs + SLACK_MS),
      coordinatorNonce: rng(32),
    }
    const sessionId = sessionIdOf({ ...setup, purpose: new Uint8Array(0) })
    const members = signers.map((id) => links.get(id) as SignerLink)
    const end = await relay(members, { route: 'openPrss', frame: OPEN_PRSS.encode({ setup }) }, sessionId, timeoutMs)
    const kids = end.type === 'done' ? commonResult([...end.replies.values()].map((r) => r.result)) : null
    if (end.type === 'failed' || kids === null) {
      const stale = end.type === 'failed' ? [...end.failures].filter(([, r]) => r.code === 'SETUP_STALE').map(([id]) => id) : []
      // Restarted since their last heartbeat: with the boot nonces that they tell now it may be tried at once. A signer that calls its own
      // nonce stale waits like any other failure.
      await monitor.refresh(stale)
      const told = monitor.boots(signers)
      if (told === undefined || told.every((boot, i) => equalBytes(boot, boots[i] as Uint8Array))) this.#failedAt.set(name, now())
      const codes = end.type === 'failed' ? [...end.failures].map(([id, r]) => `${id}:${r.code}`) : ['kids differ']
      const missing = end.type === 'failed' ? end.missing.map((id) => `${id}:missing`) : []
      if (end.type === 'failed' && [...end.failures.values()].some((r) => r.code === 'HM_POLICY')) this.#off.add(name)
      this.#o.onFailed(threshold, signers, [...codes, ...missing].join(' '))
      return
    }
    for (const [id, reply] of end.replies) {
      // Whoever has just made a generation may have restarted: tickets of before would all be refused, one session each.
      stock.clear(id)
      stock.add(id, reply.tickets)
    }
    this.#off.delete(name)
    this.#held.set(name, { kids, digest: generationDigest(kids), madeAt: now(), boots })
    this.#o.onEstablished(threshold, signers, now() - started)
  }
}

const KID = 32

/** The kids that every signer reports with its last reply, concatenated; null unless all say the same. */
function commonResult(results: readonly Uint8Array[]): readonly Uint8Array[] | null {
  const first = results[0]
  if (first === undefined || first.length === 0 || first.length % KID !== 0 || !results.every((r) => equalBytes(r, first)))
    return null
  return Array.from({ length: first.length / KID }, (_, i) => first.slice(i * KID, (i + 1) * KID))
}

const sameKids = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.length === b.length && a.every((kid, i) => equalBytes(kid, b[i] as Uint8Array))

const nameOf = (threshold: number, signers: readonly PartyId[]): string => `${threshold}:${signers.join()}`
