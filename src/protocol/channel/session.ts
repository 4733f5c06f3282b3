import { equalBytes } from '../engine/bytes.ts'
import { Fault, type FaultCode } from '../engine/fault.ts'
import { EVERYONE, type PartyId } from '../engine/party.ts'
import type { Exchange, Protocol } from '../engine/round.ts'
import { ScriptRunner, type Step } from '../engine/script.ts'
import type { Accepted, Channel } from './channel.ts'
import { decodeEnvelope, encodeEnvelope } from './envelope.ts'

export type End<Result> =
  | { readonly type: 'done'; readonly result: Result }
  | {
      readonly type: 'failed'
      readonly fault: Fault
      readonly exhibits: readonly Uint8Array[]
      /** Digest of what each culprit sent in the round that failed: its direct message if there is one. */
      readonly evidence: ReadonlyMap<PartyId, Uint8Array>
    }

/** What one call brought about. */
export interface Progress<Result, Commit> {
  /** Envelopes to hand to the relay, in order, only after every commit is durable. */
  readonly outgoing: readonly Uint8Array[]
  readonly commits: readonly Commit[]
  /** Peers whose messages the current round still lacks. Silence makes them missing, never culprits. */
  readonly waitingFor: readonly PartyId[]
  readonly end?: End<Result>
}

export interface SessionOptions<Result, Commit> {
  readonly self: PartyId
  readonly signers: readonly PartyId[]
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly protocol: number
  readonly channel: Channel
  readonly script: Protocol<Result, Commit>
  /** The relay showed us another version of our own broadcast: hm ends the session with this code; others ignore it. */
  readonly ownCopyFault?: FaultCode
}

type Slots = Map<PartyId, Accepted>

/** One party's side of one protocol run: script, channel and one slot per (round, sender, kind). */
export class Session<Result, Commit = never> {
  readonly #o: SessionOptions<Result, Commit>
  readonly #runner: ScriptRunner<Result, Commit>
  #exchange: Exchange<Commit> | undefined
  /** Current round and the one after it; memory is at most 4 envelopes per peer. */
  #slots = new Map<number, { broadcasts: Slots; directs: Slots }>()
  #own: readonly Accepted[] = []
  #outgoing: Uint8Array[] = []
  #commits: Commit[] = []
  #end: End<Result> | undefined

  constructor(options: SessionOptions<Result, Commit>) {
    this.#o = options
    this.#runner = new ScriptRunner(options.script)
  }

  get ended(): boolean {
    return this.#end !== undefined
  }

  get round(): number {
    return this.#runner.round
  }

  start(): Progress<Result, Commit> {
    return this.#guard(() => {
      this.#take(this.#runner.start())
      this.#completeRounds()
    })
  }

  /** Envelopes from the relay, in any order; whatever is not authentic and expected is ignored. */
  receive(envelopes: readonly Uint8Array[]): Progress<Result, Commit> {
    return this.#guard(() => {
      for (const bytes of envelopes) this.#file(bytes)
      this.#completeRounds()
    })
  }

  /** Ends the session from outside; the script's secrets are wiped. */
  stop(code: FaultCode = 'STOPPED'): Progress<Result, Commit> {
    if (this.#end === undefined) this.#fail(new Fault(code))
    return this.#progress()
  }

  get waitingFor(): readonly PartyId[] {
    if (this.#exchange === undefined || this.#end !== undefined) return []
    const { broadcasts, directs } = this.#slotsOf(this.#runner.round)
    const { from, broadcast, direct } = this.#exchange
    return from.filter((id) => (broadcast !== undefined && !broadcasts.has(id)) || (direct !== undefined && !directs.has(id)))
  }

  #guard(work: () => void): Progress<Result, Commit> {
    if (this.#end !== undefined) return this.#progress()
    try {
      work()
    } catch (error) {
      if (!(error instanceof Fault)) {
        // A bug of ours: loud, and the session stays ended for whoever calls again.
        this.#fail(new Fault('STOPPED'))
        throw error
      }
      this.#fail(error)
    }
    return this.#progress()
  }

  #progress(): Progress<Result, Commit> {
    const progress = { outgoing: this.#outgoing, commits: this.#commits, waitingFor: this.waitingFor }
    this.#outgoing = []
    this.#commits = []
    return this.#end === undefined ? progress : { ...progress, end: this.#end }
  }

  #fail(fault: Fault, received: readonly Accepted[] = []): void {
    this.#runner.stop()
    const evidence = new Map(
      received.filter(({ envelope }) => fault.culprits.includes(envelope.sender)).map((a) => [a.envelope.sender, a.digest]),
    )
    this.#end = { type: 'failed', fault, exhibits: this.#o.channel.exhibits(), evidence }
    this.#o.channel.wipe()
    this.#slots.clear()
  }

  #take(step: Step<Result, Commit>, received: readonly Accepted[] = []): void {
    if (step.type === 'failed') return this.#fail(step.fault, received)
    if (step.type === 'done') {
      this.#end = { type: 'done', result: step.result }
      this.#o.channel.wipe()
      this.#slots.clear()
      return
    }
    this.#exchange = step.exchange
    if (step.exchange.commit !== undefined) this.#commits.push(step.exchange.commit)
    this.#own = this.#o.channel.seal(step.round, step.exchange)
    this.#outgoing.push(...this.#own.map((a) => encodeEnvelope(a.envelope)))
  }

  #slotsOf(round: number): { broadcasts: Slots; directs: Slots } {
    let slots = this.#slots.get(round)
    if (slots === undefined) {
      slots = { broadcasts: new Map(), directs: new Map() }
      this.#slots.set(round, slots)
    }
    return slots
  }

  #file(bytes: Uint8Array): void {
    const envelope = decodeEnvelope(bytes)
    const { self, signers, sessionId, suite, protocol } = this.#o
    const round = this.#runner.round
    if (envelope === null || !equalBytes(envelope.sessionId, sessionId)) return
    if (envelope.suite !== suite || envelope.protocol !== protocol || !signers.includes(envelope.sender)) return
    if (envelope.sender === self) return this.#checkOwnCopy(envelope.round, envelope.receiver, bytes)
    // Past rounds are closed. One round ahead is possible (the relay may reorder); more is not, a peer needs our message first.
    if (envelope.round !== round && envelope.round !== round + 1) return
    const accepted = this.#o.channel.authenticate(envelope)
    if (accepted === null) return
    const slots = this.#slotsOf(envelope.round)
    const slot = envelope.receiver === EVERYONE ? slots.broadcasts : slots.directs
    const first = slot.get(envelope.sender)
    if (first === undefined) slot.set(envelope.sender, accepted)
    else if (!equalBytes(first.digest, accepted.digest)) {
      throw this.#proven(new Fault('EQUIVOCATION', [envelope.sender]), [first, accepted])
    }
  }

  #checkOwnCopy(round: number, receiver: number, bytes: Uint8Array): void {
    if (this.#o.ownCopyFault === undefined || round !== this.#runner.round) return
    const own = this.#own.find((a) => a.envelope.receiver === receiver)
    if (own === undefined || !equalBytes(encodeEnvelope(own.envelope), bytes)) throw new Fault(this.#o.ownCopyFault)
  }

  #completeRounds(): void {
    while (this.#end === undefined && this.#exchange !== undefined && this.waitingFor.length === 0) {
      const round = this.#runner.round
      const { from, broadcast, direct } = this.#exchange
      const slots = this.#slotsOf(round)
      const only = (map: Slots): Slots => new Map([...map].filter(([id]) => from.includes(id)))
      const mail = {
        broadcasts: broadcast === undefined ? new Map() : only(slots.broadcasts),
        directs: direct === undefined ? new Map() : only(slots.directs),
      }
      const { inbox, unusable } = this.#o.channel.open(round, mail)
      if (unusable.length > 0) {
        for (const id of unusable) slots.directs.delete(id)
        return
      }
      this.#slots.delete(round)
      const step = this.#runner.resume(inbox)
      const envelopes = [...mail.broadcasts.values(), ...mail.directs.values()]
      this.#take(step.type === 'failed' ? { ...step, fault: this.#proven(step.fault, envelopes) } : step, envelopes)
    }
  }

  /** The fault without those culprits who did not sign what convicts them. Light envelopes are checked for that only here. */
  #proven(fault: Fault, envelopes: readonly Accepted[]): Fault {
    const unsigned = new Set(
      envelopes
        .map((a) => a.envelope)
        .filter((e) => fault.culprits.includes(e.sender) && !this.#o.channel.signed(e))
        .map((e) => e.sender),
    )
    if (unsigned.size === 0) return fault
    return new Fault(
      fault.code,
      fault.culprits.filter((id) => !unsigned.has(id)),
      fault.detail,
    )
  }
}
