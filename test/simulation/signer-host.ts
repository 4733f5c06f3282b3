import { join } from 'node:path'
import type { Logger } from 'pino'
import { CryptoActor } from '../../src/actors/crypto-actor.ts'
import { clockWatch } from '../../src/host/clock-watch.ts'
import { recordSeals } from '../../src/host/kms/record-seals.ts'
import { openRecord } from '../../src/host/kms/sealing.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import { PairDesk } from '../../src/host/signer/pair-desk.ts'
import { signerMetrics } from '../../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../../src/host/signer/signer-service.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import { openSignerStore, type SignerStore } from '../../src/host/store/signer-store.ts'
import type { Identity } from '../../src/protocol/channel/roster.ts'
import { ROUTES } from '../../src/protocol/frames/signer-frames.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import type { Credential } from '../../src/protocol/request/authorize.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import type { Chance } from './chance.ts'
import { CryptoThread } from './crypto-thread.ts'
import { Disk, type DiskFaults, faulty } from './disk.ts'
import { type EventLoop, Life } from './event-loop.ts'
import type { Serve } from './network.ts'
import type { SetFacts } from './set-facts.ts'

export interface SignerHostOptions {
  readonly facts: SetFacts
  readonly identity: Identity
  readonly loop: EventLoop
  readonly chance: Chance
  readonly disk: DiskFaults
  /** The host's wall clock. */
  readonly now: () => number
  readonly log: (life: Life) => Logger
  readonly note: (text: string) => void
  /** Between the store and whoever uses it; for planted mistakes. */
  readonly tamper: (store: SignerStore) => SignerStore
  readonly onDown: () => void
}

const CHECK_CLOCK_EVERY_MS = 1_000
/** One for all lives of all signers: each registry watches the event loop and the collector for good, and a few thousand of them are all that a process does. */
const METRICS = signerMetrics(createMetrics({ role: 'signer', name: 'simulated' }))

/** One signer: its main thread's handlers, its crypto actor behind a queue as its thread is, and a real store that outlives them. */
export class SignerHost {
  readonly #o: SignerHostOptions
  readonly #dataKey: Uint8Array
  #starts = 0
  #life: Life
  #store: SignerStore | undefined
  #pairs: PairDesk | undefined
  #actor: CryptoActor | undefined
  #serve: Serve = () => Promise.reject(new Error('not started'))
  #loseWorker = (): void => {}

  constructor(options: SignerHostOptions) {
    this.#o = options
    this.#dataKey = seededRng(`${options.facts.seed}/data-key/${options.identity.id}`)(32)
    this.#life = new Life(options.loop)
    this.#life.end()
  }

  get id(): number {
    return this.#o.identity.id
  }

  /** What the network reaches; undefined while the process is down. */
  get reachable(): { readonly life: Life; readonly serve: Serve } | undefined {
    return this.#life.alive ? { life: this.#life, serve: this.#serve } : undefined
  }

  /** The disk as it is, behind every fault; undefined while the process is down. */
  get store(): SignerStore | undefined {
    return this.#store
  }

  /** How it stands with its peers for DKLs23; undefined while the process is down. */
  get pairs(): PairDesk | undefined {
    return this.#pairs
  }

  get load(): CryptoActor['load'] | undefined {
    return this.#actor?.load
  }

  start(): void {
    const { identity, facts, loop, chance, disk, now, log, note, tamper, onDown } = this.#o
    if (this.#life.alive) return
    this.#starts += 1
    const life = new Life(loop)
    const store = openSignerStore(join(facts.folder, `signer-${identity.id}.db`))
    const worker = new CryptoThread(loop, chance, life, () => this.#makeActor(store))
    this.#life = life
    this.#store = store
    this.#actor = worker.actor
    this.#loseWorker = () => {
      worker.lose()
      this.#actor = worker.actor
    }
    const watch = clockWatch(() => note(`signer ${identity.id}: clock stepped back`), { wall: now, monotonic: () => loop.now })
    // Its own timer is a real one.
    watch.stop()
    const check = (): void => {
      watch.steady()
      life.timers.after(CHECK_CLOCK_EVERY_MS, check)
    }
    check()
    const behindFaults = tamper(faulty(store, new Disk(chance, life, disk, (text) => note(`signer ${identity.id}: ${text}`))))
    const shared = {
      crypto: worker.client(now),
      now,
      log: log(life),
      metrics: METRICS,
    }
    const pairs = new PairDesk({
      ...shared,
      self: identity.id,
      roster: facts.roster,
      offered: true,
      pairs: behindFaults.pairs,
      commits: groupCommit(behindFaults.database, undefined, life.timers),
    })
    this.#pairs = pairs
    const handlers = signerHandlers({
      ...shared,
      timers: life.timers,
      pairs,
      config: { index: identity.id, roster: facts.rosterFile, credentials: facts.credentials, curve: 'native' },
      store: behindFaults,
      curves: facts.curves,
      version: '0',
      ready: watch.steady,
    })
    this.#serve = (route, frame) => {
      const handler = handlers[ROUTES[route]]
      if (handler === undefined) throw new Error(`no handler for ${route}`)
      return handler(frame)
    }
    life.onEnd(() => {
      worker.close()
      // A crash in the middle of a write: not before the store is done with it.
      queueMicrotask(() => store.database.close())
      this.#store = undefined
      this.#pairs = undefined
      this.#actor = undefined
      onDown()
    })
  }

  crash(): void {
    const store = this.#store
    this.#life.end()
    store?.database.close()
  }

  loseWorker(): void {
    if (this.#life.alive) this.#loseWorker()
  }

  /** What this signer holds of a key, unsealed. */
  secretOf(keyId: Uint8Array): { readonly share: Uint8Array } | undefined {
    const row = this.#store?.getKey(keyId)
    if (row === undefined) return undefined
    const { epoch } = PUBLIC_PACKAGE.decode(row.publicPackage)
    return KEY_SECRET.decode(openRecord(this.#dataKey, this.#place(keyId, epoch), row.sealedShare))
  }

  readonly #place = (keyId: Uint8Array, epoch: number) => ({ table: 'keys', keyId, party: this.#o.identity.id, epoch })

  #makeActor(store: SignerStore): CryptoActor {
    const { identity, facts } = this.#o
    const boot = store.nextBoot()
    return new CryptoActor({
      // Copies: an actor wipes its identity at its end.
      identity: {
        ...identity,
        signSeed: Uint8Array.from(identity.signSeed),
        exchangeSecret: Uint8Array.from(identity.exchangeSecret),
      },
      roster: facts.roster,
      rng: seededRng(`${facts.seed}/signer-${identity.id}/${boot}`),
      boot,
      capacity: 300,
      hm: true,
      authority: {
        audience: facts.rosterFile.audience,
        curves: facts.curves,
        credentials: new Map(facts.credentials.map((c: Credential) => [c.id, c])),
      },
      dkls23: true,
      ...recordSeals(this.#dataKey, identity.id),
    })
  }
}
