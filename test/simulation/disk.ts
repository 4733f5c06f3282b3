import type { CoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import type { SignerStore } from '../../src/host/store/signer-store.ts'
import { StoreError } from '../../src/host/store/store-error.ts'
import type { Chance } from './chance.ts'
import type { Life } from './event-loop.ts'

export interface DiskFaults {
  /** Probabilities per durable write. */
  full: number
  crash: number
}

/** What may go wrong with the durable writes of one life of a host. The store behind it is the real one, over SQLite. */
export class Disk {
  readonly #chance: Chance
  readonly #life: Life
  readonly #faults: DiskFaults
  readonly #note: (text: string) => void

  constructor(chance: Chance, life: Life, faults: DiskFaults, note: (text: string) => void) {
    this.#chance = chance
    this.#life = life
    this.#faults = faults
    this.#note = note
  }

  read<T>(work: () => T): T {
    if (!this.#life.alive) throw new StoreError('CLOSED', 'the process is gone')
    return work()
  }

  /** Done, refused for want of room, or cut off by the end of the process: before it is durable, or after and before anybody hears. */
  write<T>(what: string, work: () => T): T {
    if (!this.#life.alive) throw new StoreError('CLOSED', 'the process is gone')
    if (this.#chance.happens(this.#faults.full)) {
      this.#note(`disk full at ${what}`)
      throw new StoreError('FULL', 'simulated')
    }
    if (!this.#chance.happens(this.#faults.crash)) return work()
    const done = this.#chance.happens(0.5)
    if (done) work()
    this.#note(`crash ${done ? 'after' : 'before'} ${what} was durable`)
    this.#life.end()
    throw new StoreError('CLOSED', 'the process is gone')
  }
}

/** Everything else writes. */
const READS: ReadonlySet<string> = new Set([
  'getKey',
  'hasKey',
  'keyByRequest',
  'listKeys',
  'keyForSigning',
  'pendingKeyIds',
  'activeKeyIds',
  'lookup',
  'undelivered',
  'missing',
  'getSignature',
  'signatureByRequest',
  'get',
  'usable',
  // A start: it does not fail here.
  'burn',
  'keepOnly',
  // Inside a group commit, whose transaction is the durable write.
  'putSignatures',
  'enter',
  'leave',
])

/** The same store with faults between it and its host. */
export function faulty<S extends SignerStore | CoordinatorStore>(store: S, disk: Disk): S {
  const { database, ...rest } = store
  const transaction = <T>(work: () => T): T => disk.write('transaction', () => database.transaction(work))
  const { pairs, ...methods } = { pairs: undefined, ...rest }
  const parts = { database: { ...database, transaction }, ...(pairs !== undefined && { pairs: through(pairs, disk) }) }
  return { ...through(methods, disk), ...parts } as unknown as S
}

function through(methods: object, disk: Disk): object {
  const each = Object.entries(methods as Record<string, (...values: unknown[]) => unknown>).map(([name, method]) => [
    name,
    (...values: unknown[]) => (READS.has(name) ? disk.read(() => method(...values)) : disk.write(name, () => method(...values))),
  ])
  return Object.fromEntries(each)
}
