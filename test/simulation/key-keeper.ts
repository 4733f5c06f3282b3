import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { Usage } from '../../src/protocol/request/document.ts'
import type { Chance } from './chance.ts'
import type { EventLoop } from './event-loop.ts'
import type { Key, UpdateOrder, Users } from './users.ts'

type End = 'done' | 'refused' | 'open'

/** Refusals that no repetition of the same bytes will change. */
const FINAL: ReadonlySet<string> = new Set(['revision_conflict', 'key_frozen', 'request_replayed', 'request_expired'])

/** Whoever may freeze, unfreeze and label one key: every wish has a revision of its own, as the gateway gives it, and sometimes two have the same. */
export class KeyKeeper {
  readonly key: Key
  readonly #users: Users
  readonly #loop: EventLoop
  readonly #chance: Chance
  /** The last revision that was used. */
  #revision = 0
  /** As the last answer said. */
  #state: Usage = 'active'
  #label: string | null = null

  constructor(users: Users, loop: EventLoop, chance: Chance, key: Key) {
    this.#users = users
    this.#loop = loop
    this.#chance = chance
    this.key = key
  }

  /** One wish at random, pursued until it is answered or refused, or the storm is over. */
  async wish(until: number): Promise<void> {
    const chance = this.#chance
    const revision = ++this.#revision
    const orders = Array.from({ length: chance.happens(0.2) ? 2 : 1 }, () => this.#anything(revision))
    const times = chance.happens(0.2) ? 2 : 1
    const sent = orders.flatMap((order) => Array.from({ length: times }, () => this.#pursue(order, until)))
    await Promise.all(sent)
  }

  /** As a user who insists: with the next revision whenever this one is taken. @returns whether all signers say that it is so */
  async insist(state: Usage, until: number): Promise<boolean> {
    for (;;) {
      const end = await this.#pursue(this.#users.updateOrder(this.key, ++this.#revision, state, this.#label), until)
      if (end !== 'refused') return end === 'done'
      if (this.#loop.now > until) return false
    }
  }

  #anything(revision: number): UpdateOrder {
    const chance = this.#chance
    const what = chance.pick(['frozen', 'frozen', 'active', 'label'] as const)
    const label = what === 'label' ? `label ${chance.below(1_000)}` : this.#label
    return this.#users.updateOrder(this.key, revision, what === 'label' ? this.#state : what, label, what === 'label')
  }

  async #pursue(order: UpdateOrder, until: number): Promise<End> {
    for (;;) {
      const result = await this.#users.update(order)
      if (result.type === 'answer') {
        this.#state = order.state
        this.#label = order.label
        return 'done'
      }
      if (result.type === 'problem' && FINAL.has(result.problem.code)) return 'refused'
      if (this.#loop.now > until) return 'open'
      await this.#loop.sleep(this.#chance.between(50, 1_500))
    }
  }
}

/** One for each key, made when it is first wanted. */
export class KeyKeepers {
  readonly #users: Users
  readonly #loop: EventLoop
  readonly #chance: Chance
  readonly #keepers = new Map<string, KeyKeeper>()

  constructor(users: Users, loop: EventLoop, chance: Chance) {
    this.#users = users
    this.#loop = loop
    this.#chance = chance
  }

  of(key: Key): KeyKeeper {
    const name = toHex(key.keyId)
    const keeper = this.#keepers.get(name) ?? new KeyKeeper(this.#users, this.#loop, this.#chance, key)
    this.#keepers.set(name, keeper)
    return keeper
  }

  /** At random times of the storm, of whatever keys there are by then. */
  start(wishes: number, storm: number, keys: readonly Key[]): void {
    const chance = this.#chance
    for (let i = 0; i < wishes; i++) {
      this.#loop.after(chance.between(storm * 0.1, storm), () => {
        if (keys.length > 0) void this.of(chance.pick(keys)).wish(storm)
      })
    }
  }
}
