import { equalBytes } from '../protocol/engine/bytes.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { STATUS, STATUS_REQUEST } from '../protocol/frames/signer-frames.ts'
import { type SignerLink, UnknownRoute } from './round.ts'
import type { TicketStock } from './ticket-stock.ts'
import { SYSTEM_TIMERS, type Timers } from './timers.ts'

export type SignerStatus = ReturnType<typeof STATUS.decode>

/** What the coordinator knows of one signer, from its own heartbeats and failed exchanges. */
export interface SignerState {
  readonly id: PartyId
  readonly up: boolean
  /** Milliseconds since the Unix epoch of the last change of `up`. */
  readonly since: number
  /** Of the last heartbeat; null while the signer is down. */
  readonly rttMs: number | null
  /** Milliseconds since the Unix epoch of the last heartbeat that was answered. */
  readonly heardAt: number | null
  /** Of the last answer; stays while the signer is down. */
  readonly status: SignerStatus | null
  /** Its last answer was in another version of the frames than ours: no session can have it until one of us is updated. */
  readonly foreign: boolean
  /** By `Timers.elapsed`: when it last came back after it had been away or restarted; null while it has been there without interruption. */
  readonly returnedAt: number | null
  /** By `Timers.elapsed`: when it went away; null while it is there, or was never. */
  readonly lostAt: number | null
}

export interface SignerMonitorOptions {
  readonly links: readonly SignerLink[]
  readonly rosterHash: Uint8Array
  readonly stock: TicketStock
  readonly now: () => number
  readonly intervalMs: number
  readonly timeoutMs: number
  /** After every heartbeat that was answered, and whenever a signer turns out to be down. */
  readonly onChange: (state: SignerState) => void
  readonly timers?: Timers
}

/**
 * Watches the signers: one heartbeat each, one at a time. A failed exchange of a session counts at once, the next heartbeat
 * corrects it. "Down" only ever steers scheduling; it is no proof of anything.
 */
export class SignerMonitor {
  readonly #o: SignerMonitorOptions
  readonly #states: Map<PartyId, SignerState>
  readonly #timers: Timers
  /** Takes back the next heartbeat; between heartbeats only. */
  readonly #waiting = new Map<PartyId, () => void>()
  /** What ends exchanges under way with a signer when it turns out to be silent; bounded by the exchanges. */
  readonly #hangUps = new Map<PartyId, Set<() => void>>()
  /** By `Timers.elapsed`: when an exchange was last answered, whatever it was. */
  readonly #answeredAt = new Map<PartyId, number>()
  #stopped = false

  constructor(options: SignerMonitorOptions) {
    this.#o = options
    this.#timers = options.timers ?? SYSTEM_TIMERS
    const since = options.now()
    this.#states = new Map(
      options.links.map((l) => [
        l.id,
        { id: l.id, up: false, since, rttMs: null, heardAt: null, status: null, foreign: false, returnedAt: null, lostAt: null },
      ]),
    )
  }

  /** Resolves when every signer was asked once. */
  async start(): Promise<void> {
    await Promise.all(this.#o.links.map((link) => this.#beat(link)))
  }

  stop(): void {
    this.#stopped = true
    for (const cancel of this.#waiting.values()) cancel()
  }

  states(): readonly SignerState[] {
    return [...this.#states.values()]
  }

  up(): readonly PartyId[] {
    return this.states().flatMap((s) => (s.up ? [s.id] : []))
  }

  down(): readonly PartyId[] {
    return this.states().flatMap((s) => (s.up ? [] : [s.id]))
  }

  /** Boot nonces as of the last heartbeats, in the order asked for; undefined while one of them has never answered. */
  boots(signers: readonly PartyId[]): readonly Uint8Array[] | undefined {
    const found = signers.flatMap((id) => this.#states.get(id)?.status?.bootNonce ?? [])
    return found.length === signers.length ? found : undefined
  }

  /**
   * The link, whose exchanges fail as soon as a heartbeat of the signer does: what waits for a silent signer goes on without it after
   * the time of a heartbeat, and not of an exchange.
   */
  watched(link: SignerLink): SignerLink {
    const hangUps = this.#hangUps.get(link.id) ?? new Set()
    this.#hangUps.set(link.id, hangUps)
    return {
      id: link.id,
      send: async (route, frame, timeoutMs) => {
        let hangUp = (): void => {}
        const silent = new Promise<never>((_, reject) => {
          hangUp = () => reject(new Error('the signer does not answer heartbeats'))
        })
        hangUps.add(hangUp)
        try {
          const answer = await Promise.race([link.send(route, frame, timeoutMs), silent])
          this.#answeredAt.set(link.id, this.#timers.elapsed())
          return answer
        } finally {
          hangUps.delete(hangUp)
        }
      },
    }
  }

  /** A session could not reach these signers: they count as down until they answer a heartbeat, which is sent at once. */
  report(missing: readonly PartyId[]): void {
    for (const id of missing) {
      const state = this.#states.get(id)
      if (state?.up !== true) continue
      // Not while one is under way, and never two at a time.
      if (this.#waiting.has(id)) this.#next(id, 0)
      this.#set({ ...state, up: false, since: this.#o.now(), rttMs: null, lostAt: this.#timers.elapsed() })
    }
  }

  /** Asks these signers now, whenever their next heartbeats are due: a session was refused for what is known of them. */
  async refresh(signers: readonly PartyId[]): Promise<void> {
    await Promise.all(this.#o.links.filter((l) => signers.includes(l.id)).map((link) => this.#inquire(link)))
  }

  async #beat(link: SignerLink): Promise<void> {
    this.#waiting.delete(link.id)
    await this.#inquire(link)
    this.#next(link.id, this.#o.intervalMs)
  }

  async #inquire(link: SignerLink): Promise<void> {
    const started = this.#timers.elapsed()
    const status = await this.#ask(link)
    if (this.#stopped) return
    // Heartbeats wait behind the work of a signer: one that answered something meanwhile is busy, and not silent.
    if (status === 'silent' && (this.#answeredAt.get(link.id) ?? Number.NEGATIVE_INFINITY) >= started) return
    if (status === 'silent') this.#silent(link.id)
    else if (status === 'foreign') this.#foreign(link.id)
    else this.#answered(link, status, this.#timers.elapsed() - started)
  }

  #silent(id: PartyId): void {
    this.report([id])
    for (const hangUp of this.#hangUps.get(id) ?? []) hangUp()
  }

  #next(id: PartyId, ms: number): void {
    if (this.#stopped) return
    this.#waiting.get(id)?.()
    const link = this.#o.links.find((l) => l.id === id)
    if (link !== undefined)
      this.#waiting.set(
        id,
        this.#timers.after(ms, () => void this.#beat(link)),
      )
  }

  async #ask(link: SignerLink): Promise<SignerStatus | 'silent' | 'foreign'> {
    let answer: Uint8Array
    try {
      const wanted = STATUS_REQUEST.encode({ tickets: this.#o.stock.wanted(link.id) })
      answer = await link.send('status', wanted, this.#o.timeoutMs)
    } catch (error) {
      return error instanceof UnknownRoute ? 'foreign' : 'silent'
    }
    try {
      return STATUS.decode(answer)
    } catch {
      return 'foreign'
    }
  }

  #foreign(id: PartyId): void {
    const before = this.#states.get(id) as SignerState
    if (!before.foreign) this.#set({ ...before, up: false, since: this.#o.now(), rttMs: null, foreign: true })
  }

  #answered(link: SignerLink, status: SignerStatus, rttMs: number): void {
    const before = this.#states.get(link.id) as SignerState
    const usable = status.ready === 1 && status.index === link.id && equalBytes(status.rosterHash, this.#o.rosterHash)
    const restarted = before.status !== null && !equalBytes(before.status.bootNonce, status.bootNonce)
    // Tickets of an earlier start are void at the signer.
    if (restarted) this.#o.stock.clear(link.id)
    this.#o.stock.add(link.id, status.tickets)
    const up = usable
    const since = up === before.up && !restarted ? before.since : this.#o.now()
    const heardAt = this.#o.now()
    const returned = before.status !== null && up && (!before.up || restarted)
    const returnedAt = returned ? this.#timers.elapsed() : before.returnedAt
    const lostAt = up ? null : before.up ? this.#timers.elapsed() : before.lostAt
    this.#set({
      id: link.id,
      up,
      since,
      rttMs: Math.round(rttMs * 100) / 100,
      heardAt,
      status,
      foreign: false,
      returnedAt,
      lostAt,
    })
  }

  #set(state: SignerState): void {
    this.#states.set(state.id, state)
    this.#o.onChange(state)
  }
}
