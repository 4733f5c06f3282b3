import type { PairSecret } from '../protocol/dkls23/pair-record.ts'
import { maxBatch } from '../protocol/dkls23/parameters.ts'
import { toHex } from '../protocol/engine/bytes.ts'
import { SetupError } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import type { SessionHooks } from './live-session.ts'
import { judgementOf } from './pair-faults.ts'
import { type PairRecord, PairSecrets, type PairSecretsOptions, wipePairs } from './pair-secrets.ts'

export interface PairSessionsOptions extends PairSecretsOptions {
  /** Whether this signer's operator allows the engine. */
  readonly offered: boolean
  /** Ends a session of this worker and forgets its replies. */
  readonly endSession: (id: Uint8Array) => void
}

/** What a session that uses set-ups holds of them. */
export interface HeldPairs {
  readonly pairs: ReadonlyMap<PartyId, PairSecret>
  readonly onFault: NonNullable<SessionHooks<unknown, unknown>['onFault']>
  /** Once, however the session ends. */
  readonly end: () => void
}

interface Open {
  readonly id: Uint8Array
  readonly peers: readonly PartyId[]
}

/**
 * The DKLs23 sessions of a worker by their peers: those that sign with a set-up and those that make one. A ban ends them all at once,
 * before the answer with the ban has left this thread (protocols.md 7.2).
 */
export class PairSessions {
  readonly #o: PairSessionsOptions
  readonly #secrets: PairSecrets
  readonly #open = new Map<string, Open>()

  constructor(options: PairSessionsOptions) {
    this.#o = options
    this.#secrets = new PairSecrets(options)
  }

  /** Unsealed set-ups; one per peer at most. */
  get size(): number {
    return this.#secrets.size
  }

  /** @throws SetupError DKLS_POLICY */
  assertOffered(): void {
    if (!this.#o.offered) throw new SetupError('DKLS_POLICY', 'this signer does not offer DKLs23')
  }

  /** Before anything is judged or held of a session that signs. @throws SetupError DKLS_POLICY, DKLS_PARAM */
  assertBatch(threshold: number, items: number): void {
    this.assertOffered()
    if (items > maxBatch(threshold)) throw new SetupError('DKLS_PARAM', `1..${maxBatch(threshold)} items`)
  }

  /** For a session that signs. @throws SetupError DKLS_PARAM, PAIR_BANNED, PAIR_UNKNOWN */
  use(id: Uint8Array, signers: readonly PartyId[], pairIds: readonly Uint8Array[], records: readonly PairRecord[]): HeldPairs {
    const pairs = this.#secrets.forSession(signers, pairIds, records)
    return this.#hold(id, [...pairs.keys()], pairs)
  }

  /** For a session that makes a new set-up. */
  make(id: Uint8Array, peer: PartyId): HeldPairs {
    return this.#hold(id, [peer], new Map())
  }

  /** There is a newer set-up with this peer. Sessions under way go on with their copies of the one before. */
  replaced(peer: PartyId): void {
    this.#secrets.forget(peer)
  }

  /** Ends whatever runs with these peers; their set-ups are never used again. */
  giveUp(records: readonly PairRecord[]): void {
    for (const { peer, pairId } of records) this.#giveUp(peer, pairId.length === 32 ? pairId : undefined)
  }

  wipe(): void {
    this.#secrets.wipe()
  }

  #hold(id: Uint8Array, peers: readonly PartyId[], pairs: ReadonlyMap<PartyId, PairSecret>): HeldPairs {
    const name = toHex(id)
    this.#open.set(name, { id, peers })
    return {
      pairs,
      onFault: (fault, evidence) => {
        const found = judgementOf(fault, id, evidence)
        for (const { peer } of found.judgement?.bans ?? []) this.#giveUp(peer, pairs.get(peer)?.pairId, id)
        return found
      },
      end: () => {
        this.#open.delete(name)
        wipePairs(pairs)
      },
    }
  }

  /** @param except the session that found it out, which ends by itself and keeps its reply. */
  #giveUp(peer: PartyId, pairId: Uint8Array | undefined, except?: Uint8Array): void {
    const others = [...this.#open.values()].filter(({ id, peers }) => id !== except && peers.includes(peer))
    for (const { id } of others) this.#o.endSession(id)
    this.#secrets.giveUp(peer, pairId)
  }
}
