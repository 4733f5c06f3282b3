import type { UpdatedKeyView } from '../../src/host/api/coordinator-service.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { Usage } from '../../src/protocol/request/document.ts'
import { receiptsOfAll } from '../../src/protocol/request/key-update.ts'
import type { SetFacts } from './set-facts.ts'
import type { SignerHost } from './signer-host.ts'

/** A user's key update as this user knows it. */
export interface UpdateWish {
  readonly hash: Uint8Array
  readonly requestId: string
  readonly keyId: Uint8Array
  readonly revision: number
  readonly state: Usage
  readonly label: string | null
}

interface Watched {
  /** The highest revision that was answered as done with the key at rest, and of any that says it may sign, from when that was sent. */
  frozen: number
  thawed: number
  /** Of each revision the document that was answered as done. */
  readonly done: Map<number, string>
  last: UpdateWish | undefined
}

/** Compares key updates that were answered as done with what the signers hold and let out. */
export class FreezeWitness {
  readonly #facts: SetFacts
  readonly #signers: readonly SignerHost[]
  readonly #violated: (what: string) => void
  readonly #keys = new Map<string, Watched>()
  /** Updates answered as done, once each. */
  updates = 0

  constructor(facts: SetFacts, signers: readonly SignerHost[], violated: (what: string) => void) {
    this.#facts = facts
    this.#signers = signers
    this.#violated = violated
  }

  /** About to reach the coordinator: from now on the signers may have it, whatever becomes of the call. */
  sent({ keyId, revision, state }: UpdateWish): void {
    const key = this.#of(keyId)
    if (state === 'active') key.thawed = Math.max(key.thawed, revision)
  }

  /** What leaves the coordinator as done. */
  answered(wish: UpdateWish, view: UpdatedKeyView): void {
    const { keyId, revision, requestId, hash, state } = wish
    const { roster, curves } = this.#facts
    const key = this.#of(keyId)
    if (!receiptsOfAll(hash, view.receipts, roster, curves)) this.#violated(`${requestId} is done without all receipts`)
    const other = key.done.get(revision)
    if (other !== undefined && other !== toHex(hash)) this.#violated(`two updates of revision ${revision} are done: ${requestId}`)
    if (other === undefined) this.updates += 1
    key.done.set(revision, toHex(hash))
    if (state !== 'active') key.frozen = Math.max(key.frozen, revision)
    if (revision >= (key.last?.revision ?? 0)) key.last = wish
    for (const { id, store } of this.#signers) {
      const row = store?.getKey(keyId)
      if (store !== undefined && (row?.revision ?? 0) < revision)
        this.#violated(`${requestId} is done, and signer ${id} has revision ${row?.revision ?? 'none'}`)
    }
  }

  /** A share for this key leaves a signer. */
  share(keyId: Uint8Array, requestId: string, from: number): void {
    const key = this.#keys.get(toHex(keyId))
    if (key !== undefined && key.frozen > key.thawed)
      this.#violated(`a share of ${requestId} left signer ${from} although its key is frozen`)
  }

  /** At the end, when nothing is under way: every signer has what was last answered, or something later. */
  judgeRest(): void {
    for (const [name, { last }] of this.#keys) {
      if (last === undefined) continue
      for (const { id, store } of this.#signers) {
        const row = store?.getKey(last.keyId)
        if (row === undefined || row.revision < last.revision) this.#violated(`signer ${id} lacks the last update of ${name}`)
        else if (row.revision === last.revision && (row.usage !== last.state || row.label !== last.label))
          this.#violated(`signer ${id} has another state of ${name} than was answered`)
      }
    }
  }

  #of(keyId: Uint8Array): Watched {
    const name = toHex(keyId)
    const known = this.#keys.get(name) ?? { frozen: 0, thawed: 0, done: new Map(), last: undefined }
    this.#keys.set(name, known)
    return known
  }
}
