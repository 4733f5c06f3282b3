import { signatureIdOf } from '../../src/host/api/signature-id.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { SCHEMES, type Usage } from '../../src/protocol/request/document.ts'
import type { Chance } from './chance.ts'
import type { EventLoop } from './event-loop.ts'
import { KeyKeepers } from './key-keeper.ts'
import type { Plan } from './plan.ts'
import { OWNERS } from './set-facts.ts'
import type { Key, KeyOrder, SignOrder, Users } from './users.ts'

/** One wish of a user and how it went so far. */
interface Case {
  readonly order: SignOrder
  /** Another document goes about under its request id, it expires soon, or it is not the owner's: it may never be signed. */
  readonly doubtful: boolean
  /** Must never be signed. */
  readonly forbidden: boolean
}

/** A signer that is taken away for a while, when all others could do without it. */
export interface Absence {
  readonly ready: (patienceMs: number) => Promise<boolean>
  readonly begin: () => void
  readonly end: () => void
}

const WAITS = [0, 1_000, 5_000] as const
/** Virtual milliseconds after which a healed set must have done what it is asked. */
const PATIENCE = 30_000
/** A pair that failed again and again is tried once a minute. */
const PAIR_PATIENCE = 90_000
const MAX_ABORTS = 3

/** The users' day: keys, requests, repeats, conflicts and reads at random times; once all is well again, everything that is still open. */
export class Workload {
  readonly #users: Users
  readonly #loop: EventLoop
  readonly #chance: Chance
  readonly #violated: (what: string) => void
  readonly #keys: Key[] = []
  readonly #keyOrders: KeyOrder[] = []
  readonly #cases: Case[] = []
  readonly #keepers: KeyKeepers
  readonly #absence: Absence
  #updating = false

  constructor(users: Users, loop: EventLoop, chance: Chance, violated: (what: string) => void, absence: Absence) {
    this.#users = users
    this.#loop = loop
    this.#chance = chance
    this.#violated = violated
    this.#absence = absence
    this.#keepers = new KeyKeepers(users, loop, chance.fork('keepers'))
  }

  get keys(): readonly Key[] {
    return this.#keys
  }

  start({ storm, requests, updates }: Plan): void {
    const chance = this.#chance
    const first = chance.below(SCHEMES.length)
    const count = 1 + chance.below(3)
    for (let i = 0; i < count; i++) {
      const scheme = SCHEMES[(first + i) % SCHEMES.length] as (typeof SCHEMES)[number]
      const order = this.#users.keyOrder(chance.pick(OWNERS), scheme)
      this.#keyOrders.push(order)
      const times = chance.happens(0.2) ? 2 : 1
      for (let k = 0; k < times; k++) this.#loop.after(chance.between(0, storm * 0.4), () => void this.#makeKey(order, storm))
    }
    for (let i = 0; i < requests; i++) this.#loop.after(chance.between(storm * 0.05, storm), () => this.#ask(storm))
    this.#updating = updates > 0
    this.#keepers.start(updates, storm, this.#keys)
  }

  async #makeKey(order: KeyOrder, until: number): Promise<'active' | 'aborted' | 'open'> {
    let aborts = 0
    for (;;) {
      const result = await this.#users.createKey(order)
      if (result.type === 'answer') {
        if (!this.#keys.some((k) => toHex(k.keyId) === toHex(result.value.keyId))) this.#keys.push(result.value)
        return 'active'
      }
      // What the answer advises: a new request id. This user is a little more stubborn.
      if (result.type === 'problem' && result.problem.code === 'protocol_abort') aborts += 1
      if (aborts >= MAX_ABORTS) return 'aborted'
      if (this.#loop.now > until) return 'open'
      await this.#loop.sleep(this.#chance.between(50, 1_500))
    }
  }

  #ask(until: number): void {
    if (this.#keys.length === 0) return
    const chance = this.#chance
    const key = chance.pick(this.#keys)
    const stranger = chance.happens(0.06)
    const owner = stranger ? (OWNERS.find((o) => o !== key.owner) ?? key.owner) : key.owner
    const short = chance.happens(0.06)
    const conflict = chance.happens(0.15)
    const requestId = this.#users.requestId()
    const orders = Array.from({ length: conflict ? 2 : 1 }, () =>
      this.#users.signOrder(key, owner, requestId, short ? chance.between(500, 5_000) | 0 : undefined),
    )
    for (const order of orders) {
      this.#cases.push({ order, doubtful: stranger || short || conflict, forbidden: stranger })
      const times = chance.happens(0.25) ? 2 : 1
      for (let k = 0; k < times; k++)
        this.#loop.after(chance.between(0, k === 0 ? 50 : 3_000), () => void this.#pursue(order, until))
    }
  }

  /** Sends the same bytes again until they are signed. @returns the code of the last refusal */
  async #pursue(order: SignOrder, until: number): Promise<string> {
    const chance = this.#chance
    for (;;) {
      const byId = chance.happens(0.15)
      const waitMs = chance.pick(WAITS)
      const result = byId
        ? await this.#users.read(order, signatureIdOf(order.hash), waitMs)
        : await this.#users.sign(order, waitMs)
      if (result.type === 'answer' && result.value.state === 'signed') return 'signed'
      if (this.#loop.now > until) return result.type === 'problem' ? result.problem.code : result.type
      await this.#loop.sleep(chance.between(50, 1_500))
    }
  }

  /** After healing: whatever users still want, they get; what they got, they get again. */
  async finish({ dkls23 }: Pick<Plan, 'dkls23'>): Promise<void> {
    const until = this.#loop.now + PATIENCE
    await Promise.all(this.#keyOrders.map((order) => this.#finishKey(order, until)))
    const fresh = this.#users.keyOrder(this.#chance.pick(OWNERS), this.#chance.pick(SCHEMES))
    if ((await this.#makeKey(fresh, this.#loop.now + PATIENCE)) !== 'active') this.#violated('a healed set makes no key')
    if (this.#updating) await Promise.all(this.#keys.map((key) => this.#change(key, 'active')))
    const news = this.#keys.map((key) => ({
      order: this.#users.signOrder(key, key.owner, this.#users.requestId()),
      doubtful: false,
      forbidden: false,
    }))
    await Promise.all([...this.#cases, ...news].map((c) => this.#finishCase(c)))
    if (dkls23) await this.#signWithoutOne()
    if (this.#updating) await Promise.all(this.#keys.map((key) => this.#lockUp(key)))
  }

  /** A dead signer costs nothing but speed: every key signs, whichever signer it is. */
  async #signWithoutOne(): Promise<void> {
    if (!(await this.#absence.ready(PAIR_PATIENCE))) return this.#violated('a healed set does not set up its pairs')
    this.#absence.begin()
    const orders = this.#keys.map((key) => this.#users.signOrder(key, key.owner, this.#users.requestId()))
    await Promise.all(orders.map((order) => this.#finishCase({ order, doubtful: false, forbidden: false })))
    this.#absence.end()
    if (!(await this.#absence.ready(PAIR_PATIENCE))) this.#violated('a signer that was away does not come back')
  }

  async #change(key: Key, state: Usage): Promise<void> {
    if (!(await this.#keepers.of(key).insist(state, this.#loop.now + PATIENCE)))
      this.#violated(`a healed set does not make a key ${state}`)
  }

  /** Frozen for now, or archived for good: nothing is signed any more. */
  async #lockUp(key: Key): Promise<void> {
    await this.#change(key, this.#chance.pick(['frozen', 'archived'] as const))
    const order = this.#users.signOrder(key, key.owner, this.#users.requestId())
    const result = await this.#users.sign(order, PATIENCE)
    const end = result.type === 'problem' ? result.problem.code : result.type
    if (end !== 'key_frozen') this.#violated(`a key that may not sign: ${order.requestId} ended as ${end}`)
  }

  async #finishKey(order: KeyOrder, until: number): Promise<void> {
    const end = await this.#makeKey(order, until)
    if (end === 'open') this.#violated(`${order.requestId} is neither a key nor given up`)
  }

  async #finishCase({ order, doubtful, forbidden }: Case): Promise<void> {
    const end = await this.#pursue(order, this.#loop.now + (doubtful ? 0 : PATIENCE))
    if (end === 'signed' && forbidden) this.#violated(`${order.requestId} was signed for somebody else`)
    if (end !== 'signed' && !doubtful) this.#violated(`a healed set does not sign ${order.requestId}: ${end}`)
  }
}
