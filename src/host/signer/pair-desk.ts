import type { Logger } from 'pino'
import type { Answer, CommandMessage } from '../../actors/crypto-commands.ts'
import { memberOf, type Roster } from '../../protocol/channel/roster.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import { type FaultCode, VERDICTS } from '../../protocol/engine/fault.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { PAIR_STATES, type STATUS, sessionOfRound } from '../../protocol/frames/signer-frames.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import type { Ban, PairPlace, PairRow, PairStatus, PairStore } from '../store/pair-store.ts'
import type { CryptoClient } from './crypto-client.ts'
import type { PairOffice } from './pair-orders.ts'
import type { SignerMetrics } from './signer-metrics.ts'

export interface PairDeskOptions {
  readonly self: PartyId
  readonly roster: Roster
  /** Whether this signer's operator allows DKLs23. */
  readonly offered: boolean
  readonly pairs: PairStore
  readonly commits: GroupCommit
  readonly crypto: CryptoClient
  readonly now: () => number
  readonly log: Logger
  readonly metrics: Pick<SignerMetrics, 'banned' | 'struck' | 'burnt' | 'pairs'>
}

/** A set-up serves so many signatures and no more (honest-majority-ecdsa.md 6.2). */
export const MAX_SIGNATURES = 2 ** 24
/** A new set-up of one peer is accepted so often: it costs hundreds of multiplications. */
const SETUP_EVERY_MS = 10_000
/** Longer than a session lives (30 s, and as much for a clock that is behind). */
const SESSION_LIFE_MS = 120_000
/** Failed sessions that were judged already; more than the worker keeps replies of. */
const MAX_JUDGED = 1024

/** A session whose messages are checked, as the worker announced it. */
export interface CheckedSession {
  readonly id: Uint8Array
  readonly peers: readonly { readonly peer: PartyId; readonly pairId: Uint8Array }[]
  /** Items that its set-ups have not been charged for yet. */
  uncounted: number
  /** Frames of it that the worker has now. */
  inHand: number
  readonly until: number
}

type Judgement = NonNullable<Answer['judgement']>

/** What a coordinator hears of a ban. Which check on secrets it was is for this signer's operator alone (protocols.md 12). */
const toldOf = (code: string): string => (Object.hasOwn(VERDICTS, code) && VERDICTS[code as FaultCode] === 'ban' ? 'ABORT' : code)

/**
 * The main thread's part of DKLs23: which sessions run checks on long-lived secrets and with whom, what is on the disk before such a check
 * is evaluated, and what becomes of a peer that fails one (protocols.md 7).
 */
export class PairDesk implements PairOffice {
  readonly #o: PairDeskOptions
  readonly #checked = new Map<string, CheckedSession>()
  /** Bans that the store has not taken yet; as good as stored ones. */
  readonly #unstored = new Map<PartyId, Ban>()
  /** Sessions with a check of unknown outcome, whose set-ups the store has not given up yet. */
  readonly #unburnt = new Map<string, CheckedSession>()
  readonly #judged = new Set<string>()
  readonly #lastSetup = new Map<PartyId, number>()

  /** Marks that a former process left mean that it ended during a check. @throws StoreError */
  constructor(options: PairDeskOptions) {
    this.#o = options
    this.#burnt(options.pairs.burn(options.now()))
    const { hash } = options.roster
    const gone = options.pairs.keepOnly(hash)
    if (gone > 0) options.log.info({ gone, roster: toHex(hash) }, 'set-ups of other rosters are deleted')
  }

  /** As the heartbeat tells it: every other signer of the roster, or nothing. */
  states(): ReturnType<typeof STATUS.decode>['pairs'] {
    this.#retry()
    if (!this.#o.offered) return []
    const rows = this.peers().map((peer) => this.#stateOf(peer))
    this.#o.metrics.pairs(rows.map(({ state }) => state))
    return rows
  }

  peers(): readonly PartyId[] {
    return this.#o.roster.members.map(({ id }) => id).filter((id) => id !== this.#o.self)
  }

  row(peer: PartyId): PairRow {
    return this.#o.pairs.get(this.#place(peer))
  }

  /** What the worker needs of the peers of a session. */
  records(signers: readonly PartyId[]): CommandMessage['pairs'] {
    return signers
      .filter((id) => this.#isPeer(id))
      .map((peer) => {
        const { state, pairId } = this.#stateOf(peer)
        const sealed = state === PAIR_STATES.ok ? this.row(peer).setup?.sealed : undefined
        return { peer, state, pairId, sealed: sealed ?? new Uint8Array(0) }
      })
  }

  /** Whether a new set-up with these signers may begin. @returns the code of the refusal, or null. */
  admitSetup(signers: readonly PartyId[]): 'PAIR_BANNED' | 'OVERLOADED' | null {
    const now = this.#o.now()
    for (const peer of signers.filter((id) => this.#isPeer(id))) {
      if (this.#stateOf(peer).state === PAIR_STATES.banned) return 'PAIR_BANNED'
      const last = this.#lastSetup.get(peer)
      if (last !== undefined && now >= last && now - last < SETUP_EVERY_MS) return 'OVERLOADED'
      this.#lastSetup.set(peer, now)
    }
    return null
  }

  /** The set-up that was admitted did not begin. */
  refusedSetup(signers: readonly PartyId[]): void {
    for (const peer of signers) this.#lastSetup.delete(peer)
  }

  /** The worker has opened a session whose messages it will check. */
  opened({ sessionId: id, peers, items }: NonNullable<Answer['checked']>): void {
    const now = this.#o.now()
    for (const [name, { until, inHand }] of this.#checked) {
      if (until >= now || inHand > 0) break
      this.#checked.delete(name)
    }
    this.#checked.set(toHex(id), { id, peers, uncounted: items, inHand: 0, until: now + SESSION_LIFE_MS })
  }

  /** Given up durably: the coordinator would come back with a set-up that both report, again and again. @throws StoreError */
  unopened({ peer, pairId }: NonNullable<Answer['unopened']>): void {
    const { setup } = this.row(peer)
    if (setup === null || !equalBytes(setup.pairId, pairId)) return
    this.#o.pairs.renew(this.#place(peer))
    this.#o.log.error({ peer, pair: toHex(pairId) }, 'the stored set-up with this peer does not open; it is given up')
  }

  /** The session of a round's frame if its messages are checked. */
  checkedBy(frame: Uint8Array): CheckedSession | undefined {
    const id = sessionOfRound(frame)
    return id === null ? undefined : this.#checked.get(toHex(id))
  }

  /**
   * Durable before the worker sees the messages: should this process end during the check, nobody will know its outcome, and the seeds
   * are given up at the next start. @returns false when a set-up of the session is no longer in use: the worker must not be asked.
   */
  async enter(session: CheckedSession): Promise<boolean> {
    session.inHand += 1
    const { id: sessionId, uncounted: signatures } = session
    session.uncounted = 0
    const peers = session.peers.map(({ peer, pairId }) => ({ place: this.#place(peer), pairId }))
    try {
      const entered = await this.#o.commits.commit(() => this.#o.pairs.enter({ sessionId, peers, signatures }))
      if (!entered) session.inHand -= 1
      return entered
    } catch (error) {
      session.inHand -= 1
      session.uncounted += signatures
      throw error
    }
  }

  /** The worker has answered. */
  answered(session: CheckedSession): void {
    session.inHand -= 1
  }

  /**
   * What the answer says of the peers is stored.
   * @param failed no frame of the session brings a share any more. One that is done gives its last answer again, if its set-ups stand.
   */
  async leave(session: CheckedSession, failed: boolean): Promise<void> {
    if (failed) this.#checked.delete(toHex(session.id))
    await this.#unmark(session)
  }

  /** Whether every set-up of the session is in use still. */
  stands({ peers }: CheckedSession): boolean {
    return (
      peers.every(({ peer }) => !this.#unstored.has(peer)) && this.#o.pairs.usable(peers.map(({ peer }) => this.#place(peer)))
    )
  }

  /** The worker has not answered, and may have evaluated the check. */
  async lost(session: CheckedSession, error: unknown): Promise<void> {
    session.inHand -= 1
    // While the worker starts again, frames keep coming: of these it has seen nothing.
    if (error instanceof Error && 'reached' in error && error.reached === false) return await this.#unmark(session)
    this.#unburnt.set(toHex(session.id), session)
    // A worker that lives has the seeds still, and other sessions with these peers.
    for (const { peer, pairId } of session.peers) void this.#drop(peer, pairId)
    this.#burnLost()
  }

  /** Durable before any byte of the answer leaves. @throws StoreError: then nothing may leave, and the peer is banned all the same. */
  judge({ sessionId, bans, strikes }: Judgement): void {
    const name = toHex(sessionId)
    const bannedAt = this.#o.now()
    for (const { peer, code, evidence } of bans) {
      if (this.#stateOf(peer).state === PAIR_STATES.banned) continue
      this.#unstored.set(peer, { code, sessionId, evidence, bannedAt })
      this.#o.metrics.banned(code)
      this.#o.log.error({ peer, code, session: name, evidence: toHex(evidence) }, 'peer banned: it failed a check')
    }
    this.#storeBans()
    // A frame that comes again brings its answer again.
    if (strikes.length === 0 || this.#judged.has(name)) return
    for (const { peer, code, evidence } of strikes) {
      const banned = this.#o.pairs.strike(this.#place(peer), { code, sessionId, evidence, bannedAt })
      this.#o.metrics.struck(code)
      this.#o.log.warn({ peer, code, session: name, evidence: toHex(evidence) }, 'strike against a peer')
      if (banned) this.#struckOut(peer, code)
    }
    this.#judged.add(name)
    for (const oldest of this.#judged) {
      if (this.#judged.size <= MAX_JUDGED) break
      this.#judged.delete(oldest)
    }
  }

  /** Takes the place of the set-up before it. */
  store({ peer, pairId, sealed }: NonNullable<Answer['setup']>): 'stored' | 'banned' {
    const verdict = this.#unstored.has(peer) ? 'banned' : this.#o.pairs.put(this.#place(peer), { pairId, sealed })
    this.#o.log.info({ peer, pair: toHex(pairId), verdict }, 'pair set-up')
    return verdict
  }

  /** An operator's order. */
  async renew(peer: PartyId): Promise<PairStatus> {
    const status = this.#o.pairs.renew(this.#place(peer))
    await this.#drop(peer)
    this.#o.log.warn({ peer, status }, 'an operator gave up the set-up with this peer')
    return status
  }

  /** An operator's order. */
  async lift(peer: PartyId): Promise<'lifted' | 'not-banned'> {
    this.#storeBans()
    const verdict = this.#o.pairs.lift(this.#place(peer), this.#o.now())
    await this.#drop(peer)
    this.#o.log.warn({ peer, verdict }, 'an operator lifted the ban of this peer')
    return verdict
  }

  #isPeer(id: PartyId): boolean {
    return id !== this.#o.self && this.#o.roster.members.some((m) => m.id === id)
  }

  #place(peer: PartyId): PairPlace {
    return { peerKey: memberOf(this.#o.roster, peer).signKey, rosterHash: this.#o.roster.hash }
  }

  #stateOf(peer: PartyId) {
    const { status, setup, signatures, ban } = this.row(peer)
    const unstored = this.#unstored.get(peer)
    const lost = [...this.#unburnt.values()].some(({ peers }) => peers.some((p) => p.peer === peer))
    const used = signatures >= MAX_SIGNATURES ? 'exhausted' : 'ok'
    const state = unstored !== undefined ? 'banned' : status !== 'ok' ? status : lost ? 'burnt' : used
    const named = state === 'ok' || state === 'exhausted'
    return {
      peer,
      state: PAIR_STATES[state],
      pairId: named && setup !== null ? setup.pairId : new Uint8Array(0),
      signatures: named ? signatures : 0,
      code: toldOf(unstored?.code ?? ban?.code ?? ''),
    }
  }

  /**
   * With whatever else is written in this turn. Another frame of the session may be in the middle of a check: its mark is this one's. And
   * while the disk has not taken what a check ended with, the mark is all that the next start would know of it.
   */
  async #unmark(session: CheckedSession): Promise<void> {
    await this.#o.commits.commit(() => {
      const settled = !this.#unburnt.has(toHex(session.id)) && session.peers.every(({ peer }) => !this.#unstored.has(peer))
      if (session.inHand === 0 && settled) this.#o.pairs.leave(session.id)
    })
  }

  /** What the disk did not take is tried again with every heartbeat. */
  #retry(): void {
    try {
      this.#storeBans()
      this.#burnLost()
      this.#sweep()
    } catch (err) {
      this.#o.log.error({ err }, 'what became of checks is not stored yet')
    }
  }

  /** A mark that no frame in hand accounts for is one that could not be taken away: its check has ended, and how is stored by now. */
  #sweep(): void {
    for (const sessionId of this.#o.pairs.marks()) {
      if ((this.#checked.get(toHex(sessionId))?.inHand ?? 0) === 0) this.#o.pairs.leave(sessionId)
    }
  }

  #burnLost(): void {
    for (const [name, { id }] of this.#unburnt) {
      this.#burnt(this.#o.pairs.burn(this.#o.now(), id))
      this.#unburnt.delete(name)
    }
  }

  #storeBans(): void {
    for (const [peer, ban] of this.#unstored) {
      this.#o.pairs.ban(this.#place(peer), ban)
      this.#unstored.delete(peer)
    }
  }

  #struckOut(peer: PartyId, code: string): void {
    this.#o.metrics.banned(code)
    this.#o.log.error({ peer, code }, 'peer banned: too many strikes')
    void this.#drop(peer)
  }

  /**
   * The worker ends its sessions with this peer and forgets the set-up that it has unsealed. Never rejects: a worker that does not hear
   * it is gone, or goes on with what `enter` will not let it use.
   */
  async #drop(peer: PartyId, pairId: Uint8Array = new Uint8Array(0)): Promise<void> {
    const record = { peer, state: PAIR_STATES.none, pairId, sealed: new Uint8Array(0) }
    try {
      await this.#o.crypto.ask('dropPairs', { pairs: [record] })
    } catch (err) {
      this.#o.log.warn({ err, peer }, 'the worker did not hear that a set-up is given up')
    }
  }

  #burnt(places: readonly PairPlace[]): void {
    for (const place of places) {
      const peer = this.#o.roster.members.find((m) => equalBytes(m.signKey, place.peerKey))?.id
      const { status, crashes } = this.#o.pairs.get(place)
      this.#o.metrics.burnt()
      this.#o.log.error({ peer, status, crashes }, 'ended during a check of this peer; the set-up is given up')
    }
  }
}
