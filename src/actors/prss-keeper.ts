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
  readonly monitor: Pick<SignerMonitor, 'states'>
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
  readonly madeAt: number
}

/**
 * Keeps every signer set that signs by hm supplied: a PRSS generation that all its members hold, and tickets. Generations are
 * the signers' own (RAM); the keeper only starts the protocol and remembers public key names.
 */
export class PrssKeeper {
  readonly #o: PrssKeeperOptions
  readonly #held = new Map<string, Held>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #retryAt = new Map<string, number>()

  constructor(options: PrssKeeperOptions) {
    this.#o = options
  }

  /** What a session of this set needs, or null when there is no common generation or a ticket is missing. */
  supplies(threshold: number, signers: readonly PartyId[]): HmSupplies | null {
    const kids = this.#common(threshold, signers)
    if (kids === null) return null
    const tickets = this.#o.stock.take(signers)
    return tickets === null ? null : { kids, digest: generationDigest(kids), tickets }
  }

  /** Establishes a generation unless a fresh one is held; concurrent calls share one attempt. Never rejects. */
  async ensure(threshold: number, signers: readonly PartyId[]): Promise<void> {
    const name = nameOf(threshold, signers)
    const held = this.#held.get(name)
    const fresh = held !== undefined && this.#o.now() - held.madeAt < ROTATE_AFTER_MS
    if (fresh && this.#common(threshold, signers) !== null) return
    if ((this.#retryAt.get(name) ?? 0) > this.#o.now()) return
    const running = this.#running.get(name) ?? this.#establish(name, threshold, signers).finally(() => this.#running.delete(name))
    this.#running.set(name, running)
    await running
  }

  /** Tickets that rode on a session's replies. */
  restock(from: PartyId, tickets: readonly Uint8Array[]): void {
    this.#o.stock.add(from, tickets)
  }

  /** A session learnt that a signer no longer holds the generation. */
  forget(threshold: number, signers: readonly PartyId[]): void {
    this.#held.delete(nameOf(threshold, signers))
  }

  // What this keeper established itself counts at once; what a coordinator before it did, when all members report it.
  #common(threshold: number, signers: readonly PartyId[]): readonly Uint8Array[] | null {
    const held = this.#held.get(nameOf(threshold, signers))
    if (held !== undefined) return held.kids
    const reported = signers.map((id) =>
      this.#o.monitor
        .states()
        .find((s) => s.id === id && s.up)
        ?.status?.generations.find((g) => g.threshold === threshold && g.signers.join() === signers.join()),
    )
    const first = reported[0]
    if (first === undefined || !reported.every((g) => g !== undefined && sameKids(g.kids, first.kids))) return null
    this.#held.set(nameOf(threshold, signers), { kids: first.kids, madeAt: this.#o.now() })
    return first.kids
  }

  async #establish(name: string, threshold: number, signers: readonly PartyId[]): Promise<void> {
    const { links, rosterHash, rng, timeoutMs, stock, now } = this.#o
    const started = now()
    const setup = {
      protocol: 'prss' as const,
      suite: 'none' as const,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash,
      threshold,
      signers,
      deadline: Math.ceil(started + 4 * timeoutMs + SLACK_MS),
      coordinatorNonce: rng(32),
    }
    const sessionId = sessionIdOf({ ...setup, purpose: new Uint8Array(0) })
    const members = signers.map((id) => links.get(id) as SignerLink)
    const end = await relay(members, { route: 'openPrss', frame: OPEN_PRSS.encode({ setup }) }, sessionId, timeoutMs)
    const kids = end.type === 'done' ? commonResult([...end.replies.values()].map((r) => r.result)) : null
    if (end.type === 'failed' || kids === null) {
      this.#retryAt.set(name, now() + BACKOFF_MS)
      const codes = end.type === 'failed' ? [...end.failures].map(([id, r]) => `${id}:${r.code}`) : ['kids differ']
      const missing = end.type === 'failed' ? end.missing.map((id) => `${id}:missing`) : []
      this.#o.onFailed(threshold, signers, [...codes, ...missing].join(' '))
      return
    }
    for (const [id, reply] of end.replies) stock.add(id, reply.tickets)
    this.#held.set(name, { kids, madeAt: now() })
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
