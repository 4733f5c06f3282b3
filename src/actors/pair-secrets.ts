import { PAIR_SECRET, type PairSecret } from '../protocol/dkls23/pair-record.ts'
import { pairsOf } from '../protocol/dkls23/purpose.ts'
import { equalBytes, toHex, wipe } from '../protocol/engine/bytes.ts'
import { SetupError } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { PAIR_STATES } from '../protocol/frames/signer-frames.ts'

/** How it stands with one peer, as the main thread found it in the store when the frame came. */
export interface PairRecord {
  readonly peer: PartyId
  /** Of PAIR_STATES. */
  readonly state: number
  /** `ok` and `exhausted`: 32 bytes; else empty. */
  readonly pairId: Uint8Array
  /** Empty unless `ok`. */
  readonly sealed: Uint8Array
}

export interface PairSecretsOptions {
  readonly self: PartyId
  /** Opens a sealed set-up; throws when it was sealed for another set-up, peer or party. */
  readonly unseal: (sealed: Uint8Array, pairId: Uint8Array, peer: PartyId) => Uint8Array
}

/** The stored set-up with this peer is damaged or in another's place: as good as none, and for the main thread to give up. */
export class UnopenedPair extends SetupError {
  readonly pair: Pick<PairRecord, 'peer' | 'pairId'>

  constructor({ peer, pairId }: PairRecord) {
    super('PAIR_UNKNOWN', `the stored set-up with signer ${peer} does not open`)
    this.pair = { peer, pairId }
  }
}

/** Set-ups that were given up, remembered so that no command which was on its way uses them; a thousand is years of them. */
const MAX_DEAD = 1024

/**
 * The unsealed DKLs23 set-ups of a worker, one per peer. Sessions get copies and wipe them: a set-up that is replaced or given up must
 * not turn to zeros under a session that goes on, which would look like a lie of its peer.
 */
export class PairSecrets {
  readonly #o: PairSecretsOptions
  readonly #held = new Map<PartyId, PairSecret>()
  readonly #dead = new Set<string>()

  constructor(options: PairSecretsOptions) {
    this.#o = options
  }

  get size(): number {
    return this.#held.size
  }

  /**
   * Copies of the set-ups with every peer of a session, which the caller wipes. Everything is compared before anything is opened.
   * @param pairIds of all pairs of `signers`, in the order of `pairsOf`.
   * @throws SetupError DKLS_PARAM, PAIR_BANNED, PAIR_UNKNOWN
   */
  forSession(
    signers: readonly PartyId[],
    pairIds: readonly Uint8Array[],
    records: readonly PairRecord[],
  ): ReadonlyMap<PartyId, PairSecret> {
    const pairs = pairsOf(signers)
    if (pairIds.length !== pairs.length) throw new SetupError('DKLS_PARAM', 'not one set-up for every two signers')
    const own = pairs.flatMap(([a, b], i) => {
      const peer = a === this.#o.self ? b : b === this.#o.self ? a : undefined
      return peer === undefined ? [] : [{ peer, pairId: pairIds[i] as Uint8Array }]
    })
    const chosen = own.map(({ peer, pairId }) => {
      const record = records.find((r) => r.peer === peer)
      if (record?.state === PAIR_STATES.banned || this.#dead.has(toHex(pairId))) {
        throw new SetupError('PAIR_BANNED', `signer ${peer} is banned`)
      }
      if (record?.state !== PAIR_STATES.ok || !equalBytes(record.pairId, pairId)) {
        throw new SetupError('PAIR_UNKNOWN', `another set-up with signer ${peer}, or none`)
      }
      return record
    })
    const copies = new Map<PartyId, PairSecret>()
    try {
      for (const record of chosen) copies.set(record.peer, copyOf(this.#open(record)))
      return copies
    } catch (error) {
      wipePairs(copies)
      throw error
    }
  }

  /** Never again the set-up in use with this peer, nor the one of this id. */
  giveUp(peer: PartyId, pairId?: Uint8Array): void {
    const held = this.#held.get(peer)
    for (const id of [held?.pairId, pairId]) if (id !== undefined) this.#dead.add(toHex(id))
    for (const oldest of this.#dead) {
      if (this.#dead.size <= MAX_DEAD) break
      this.#dead.delete(oldest)
    }
    this.forget(peer)
  }

  wipe(): void {
    for (const peer of [...this.#held.keys()]) this.forget(peer)
  }

  /** Until it is needed again. */
  forget(peer: PartyId): void {
    const held = this.#held.get(peer)
    if (held !== undefined) wipePairs(new Map([[peer, held]]))
    this.#held.delete(peer)
  }

  #open(record: PairRecord): PairSecret {
    const { peer, pairId, sealed } = record
    const held = this.#held.get(peer)
    if (held !== undefined && equalBytes(held.pairId, pairId)) return held
    this.forget(peer)
    let plain: Uint8Array | undefined
    try {
      plain = this.#o.unseal(sealed, pairId, peer)
      const secret = PAIR_SECRET.decode(plain)
      this.#held.set(peer, secret)
      if (!equalBytes(secret.pairId, pairId)) throw new RangeError('of another set-up')
      return secret
    } catch {
      this.forget(peer)
      throw new UnopenedPair(record)
    } finally {
      wipe(plain)
    }
  }
}

const copyOf = ({ pairId, sender, receiver, zseed }: PairSecret): PairSecret => ({
  pairId: Uint8Array.from(pairId),
  sender: { psid: Uint8Array.from(sender.psid), delta: Uint8Array.from(sender.delta), seeds: Uint8Array.from(sender.seeds) },
  receiver: {
    psid: Uint8Array.from(receiver.psid),
    seeds0: Uint8Array.from(receiver.seeds0),
    seeds1: Uint8Array.from(receiver.seeds1),
  },
  zseed: Uint8Array.from(zseed),
})

/** Seeds of both directions, and of the zero shares. */
export function wipePairs(pairs: ReadonlyMap<PartyId, PairSecret>): void {
  for (const { sender, receiver, zseed } of pairs.values())
    wipe(sender.delta, sender.seeds, receiver.seeds0, receiver.seeds1, zseed)
}
