import type { SignerLink } from '../../src/actors/round.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Route } from '../../src/protocol/frames/signer-frames.ts'
import type { Chance } from './chance.ts'
import type { EventLoop, Life } from './event-loop.ts'

/** Probabilities per exchange and direction; all zero once healed. */
export interface NetworkFaults {
  drop: number
  duplicate: number
  slow: number
  corrupt: number
}

/** A signer as the network reaches it: its answer's bytes, or a rejection when there is none. */
export type Serve = (route: Route, frame: Uint8Array) => Promise<Uint8Array>

export interface NetworkOptions {
  readonly loop: EventLoop
  readonly chance: Chance
  readonly faults: NetworkFaults
  /** undefined while the signer's process is down. */
  readonly serve: (id: PartyId) => { readonly life: Life; readonly serve: Serve } | undefined
  /** Whose answers lie, and how often. */
  readonly lies: (id: PartyId) => number
  /** What it says instead, in good form; undefined: the truth. */
  readonly lie: (id: PartyId, route: Route, answer: Uint8Array) => Uint8Array | undefined
  readonly note: (text: string) => void
}

const FAST = [0.2, 3] as const
/** Also beyond every deadline: what comes late comes after its session was given up. */
const SLOW = [50, 8_000] as const

/**
 * The connections between coordinator and signers, message by message: on time, late, twice, changed, or not at all. Each exchange ends
 * at its deadline, as the transport promises.
 */
export class Network {
  readonly #o: NetworkOptions
  readonly #cut = new Map<PartyId, 'both' | 'answers'>()

  constructor(options: NetworkOptions) {
    this.#o = options
  }

  /** From now on nothing goes through to this signer, or comes back from it. */
  cut(id: PartyId, which: 'both' | 'answers'): void {
    this.#cut.set(id, which)
  }

  mend(id: PartyId): void {
    this.#cut.delete(id)
  }

  /** How a coordinator, in one life of it, reaches a signer. */
  link(id: PartyId, life: Life): SignerLink {
    return { id, send: (route, frame, timeoutMs) => this.#exchange(id, life, route, frame, timeoutMs) }
  }

  #exchange(id: PartyId, life: Life, route: Route, frame: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { loop, chance, faults } = this.#o
    return new Promise((resolve, reject) => {
      if (!life.alive) return
      life.timers.after(timeoutMs, () => reject(new Error('timeout')))
      const times = chance.happens(faults.duplicate) ? 2 : 1
      for (let i = 0; i < times; i++) {
        if (this.#lost(id, 'request', route)) continue
        loop.after(this.#latency(), () => {
          const signer = this.#o.serve(id)
          // Nobody listens: the refusal is as fast as an answer.
          if (signer === undefined) return void life.timers.after(this.#latency(), () => reject(new Error('unreachable')))
          signer.serve(route, this.#changed(frame, faults.corrupt, `to ${id}`)).then(
            (answer) => this.#answer(id, route, signer.life, life, () => resolve(this.#fromSigner(id, route, answer))),
            (error: unknown) => this.#answer(id, route, signer.life, life, () => reject(error)),
          )
        })
      }
    })
  }

  #answer(id: PartyId, route: Route, from: Life, to: Life, arrive: () => void): void {
    if (!from.alive || this.#lost(id, 'answer', route)) return
    to.timers.after(this.#latency(), arrive)
  }

  #lost(id: PartyId, what: 'request' | 'answer', route: Route): boolean {
    const cut = this.#cut.get(id)
    if (cut === 'both' || (cut === 'answers' && what === 'answer')) return true
    if (!this.#o.chance.happens(this.#o.faults.drop)) return false
    this.#o.note(`lost: ${what} ${route} of signer ${id}`)
    return true
  }

  #latency(): number {
    const { chance, faults } = this.#o
    return chance.happens(faults.slow) ? chance.between(...SLOW) : chance.between(...FAST)
  }

  #fromSigner(id: PartyId, route: Route, answer: Uint8Array): Uint8Array {
    const said = this.#o.lie(id, route, answer) ?? answer
    return this.#changed(this.#changed(said, this.#o.faults.corrupt, `from ${id}`), this.#o.lies(id), `lie of ${id}`)
  }

  /** A copy, as a network makes one; with one bit, byte or length not what it was. */
  #changed(frame: Uint8Array, probability: number, what: string): Uint8Array {
    const { chance, note } = this.#o
    const copy = Uint8Array.from(frame)
    if (copy.length === 0 || !chance.happens(probability)) return copy
    note(`changed: ${what}`)
    const at = chance.below(copy.length)
    if (chance.happens(0.1)) return copy.subarray(0, at)
    copy[at] = (copy[at] as number) ^ (chance.happens(0.5) ? 1 << chance.below(8) : 1 + chance.below(255))
    return copy
  }
}
