import { join } from 'node:path'
import type { Logger } from 'pino'
import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import { type CoordinatorTimes, createCoordinator } from '../../src/host/coordinator/coordinator.ts'
import { type CoordinatorStore, openCoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import type { Curves } from '../../src/protocol/curve/curves.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import type { Chance } from './chance.ts'
import { Disk, type DiskFaults, faulty } from './disk.ts'
import { type EventLoop, Life } from './event-loop.ts'
import type { SetFacts } from './set-facts.ts'

export interface CoordinatorHostOptions {
  readonly facts: SetFacts
  readonly threshold: number
  readonly dkls23: boolean
  readonly loop: EventLoop
  readonly chance: Chance
  readonly disk: DiskFaults
  readonly now: () => number
  readonly link: (id: PartyId, life: Life) => SignerLink
  readonly log: (life: Life) => Logger
  readonly note: (text: string) => void
  /** Between the store and whoever uses it, and behind the assembler; for planted mistakes. */
  readonly tamper: (store: CoordinatorStore) => CoordinatorStore
  readonly assembled: (outcome: Uint8Array) => Uint8Array
  /** Of the assembler. */
  readonly curves: Curves
  readonly onDown: () => void
}

/** As in production but for rarer heartbeats, which are most of what happens, and a shorter wait for key generation. */
const TIMES: CoordinatorTimes = { heartbeat: 1_000, heartbeatTimeout: 750, exchange: 2_000, keygenExchange: 5_000 }
/** Milliseconds of combining and verifying a batch. */
const ASSEMBLY = [0.1, 5] as const

export type Coordinator = ReturnType<typeof createCoordinator>

/** The coordinator as its role puts it together; a new one over the same store after each crash. */
export class CoordinatorHost {
  readonly #o: CoordinatorHostOptions
  readonly #assembler: AssemblerActor
  #life: Life
  #coordinator: Coordinator | undefined
  #store: CoordinatorStore | undefined

  constructor(options: CoordinatorHostOptions) {
    this.#o = options
    this.#assembler = new AssemblerActor(options.curves)
    this.#life = new Life(options.loop)
    this.#life.end()
  }

  /** undefined while the process is down. */
  get running(): (Coordinator & { readonly life: Life; readonly store: CoordinatorStore }) | undefined {
    const [coordinator, store] = [this.#coordinator, this.#store]
    return coordinator === undefined || store === undefined ? undefined : { ...coordinator, life: this.#life, store }
  }

  #starts = 0

  start(directoryLost: boolean): void {
    const { facts, threshold, dkls23, loop, chance, disk, now, link, log, note, tamper, assembled, onDown } = this.#o
    if (this.#life.alive) return
    this.#starts += 1
    const life = new Life(loop)
    const store = openCoordinatorStore(join(facts.folder, 'coordinator.db'))
    if (directoryLost) for (const table of ['deliveries', 'keys']) store.database.statement(`DELETE FROM ${table}`).run()
    const guarded = tamper(faulty(store, new Disk(chance, life, disk, (text) => note(`coordinator: ${text}`))))
    this.#life = life
    this.#store = store
    this.#coordinator = createCoordinator({
      config: {
        roster: facts.rosterFile,
        signers: facts.rosterFile.signers,
        defaultThreshold: threshold,
        ecdsaEngines: dkls23 ? ['hm', 'dkls23'] : ['hm'],
        maxQueue: 1000,
        maxBatch: 64,
        batchesInFlight: 2,
        signTimeoutMs: 5000,
      },
      links: new Map(facts.identities.map(({ id }) => [id, link(id, life)])),
      store: guarded,
      commits: groupCommit(guarded.database, undefined, life.timers),
      curves: facts.curves,
      rng: seededRng(`${facts.seed}/coordinator/${this.#starts}`),
      now,
      assemble: (command) =>
        new Promise((resolve) => {
          life.timers.after(chance.between(...ASSEMBLY), () => resolve(assembled(this.#assembler.call(command))))
        }),
      onSession: () => {},
      onSigned: () => {},
      onPair: () => {},
      log: log(life),
      times: TIMES,
      timers: life.timers,
    })
    life.onEnd(() => {
      // A crash in the middle of a write: not before the store is done with it.
      queueMicrotask(() => store.database.close())
      this.#store = undefined
      this.#coordinator = undefined
      onDown()
    })
    void this.#coordinator.monitor.start()
  }

  crash(): void {
    const store = this.#store
    this.#life.end()
    store?.database.close()
  }
}
