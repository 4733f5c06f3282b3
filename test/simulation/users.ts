import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { CoordinatorService, KeyAction, SignatureView, SignedRequest } from '../../src/host/api/coordinator-service.ts'
import type { ApiProblem } from '../../src/host/api/problem.ts'
import { toProblem } from '../../src/host/api/to-problem.ts'
import { StoreError } from '../../src/host/store/store-error.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { authorizationMessage, requestHash } from '../../src/protocol/request/authorize.ts'
import { encodeDocument, type Payload, type Scheme, type Usage } from '../../src/protocol/request/document.ts'
import { formatKeyId } from '../../src/protocol/request/ids.ts'
import type { Chance } from './chance.ts'
import type { CoordinatorHost } from './coordinator-host.ts'
import type { EventLoop } from './event-loop.ts'
import type { FreezeWitness, UpdateWish } from './freeze-witness.ts'
import type { OutcomeWitness, Sent, SignWish } from './outcome-witness.ts'
import { OWNERS, type Owner, type SetFacts } from './set-facts.ts'

export interface Key {
  readonly owner: Owner
  readonly scheme: Scheme
  readonly keyId: Uint8Array
  readonly publicKey: Uint8Array
}

export interface KeyOrder extends Sent {
  readonly owner: Owner
  readonly scheme: Scheme
  readonly request: SignedRequest
}

export interface SignOrder extends SignWish {
  readonly request: SignedRequest
}

export interface UpdateOrder extends UpdateWish, Sent {
  readonly action: KeyAction
  readonly request: SignedRequest
}

type Result<T> =
  | { readonly type: 'answer'; readonly value: T }
  | { readonly type: 'problem'; readonly problem: ApiProblem }
  | { readonly type: 'lost' }

const CLIENT = { name: 'simulated', credentials: OWNERS }
const MINUTE = 60_000
const ACTIONS: Readonly<Record<Usage, KeyAction>> = { frozen: 'freeze', active: 'unfreeze', archived: 'archive' }

export interface UsersOptions {
  readonly facts: SetFacts
  readonly threshold: number
  readonly loop: EventLoop
  readonly chance: Chance
  readonly coordinator: CoordinatorHost
  readonly witness: OutcomeWitness
  readonly freezes: FreezeWitness
  readonly now: () => number
  /** Probability that an answer does not arrive. */
  readonly faults: { drop: number }
  readonly note: (text: string) => void
}

/** What users do: documents of their own, signed, and calls of the coordinator that can be lost on the way there or back. */
export class Users {
  readonly #o: UsersOptions
  #requests = 0
  /** Calls that are not answered yet. */
  waiting = 0

  constructor(options: UsersOptions) {
    this.#o = options
  }

  requestId(): string {
    return `req_${++this.#requests}`
  }

  keyOrder(owner: Owner, scheme: Scheme): KeyOrder {
    const { facts, threshold, now } = this.#o
    const requestId = this.requestId()
    const issuedAt = now()
    const document = encodeDocument({
      type: 'keygen.v1',
      scheme,
      threshold,
      parties: facts.identities.length,
      requestId,
      audience: facts.rosterFile.audience,
      issuedAt,
      expiresAt: issuedAt + 30 * MINUTE,
    })
    return { owner, requestId, scheme, hash: requestHash(document), request: this.#signed(owner, document) }
  }

  /** @param owner whose credential signs: the key's owner, or somebody else. */
  signOrder(key: Key, owner: Owner, requestId: string, lifeMs = 30 * MINUTE): SignOrder {
    const { facts, chance, now } = this.#o
    const message = Uint8Array.from({ length: chance.below(80) }, () => chance.below(256))
    const asDigest = key.scheme !== 'eddsa-ed25519' && owner === 'cred_alice' && chance.happens(0.3)
    const { payload, input } = asDigest ? digestOf(sha256(message)) : messageOf(key.scheme, message)
    const issuedAt = now()
    const document = encodeDocument({
      type: 'sign.v1',
      scheme: key.scheme,
      keyId: key.keyId,
      path: 'm',
      payload,
      requestId,
      audience: facts.rosterFile.audience,
      issuedAt,
      expiresAt: issuedAt + lifeMs,
    })
    const { scheme, keyId, publicKey } = key
    return {
      owner,
      requestId,
      scheme,
      keyId,
      publicKey,
      input,
      hash: requestHash(document),
      request: this.#signed(owner, document),
    }
  }

  /** @param revision as its owner counts them. @param label the key's new label, which is all that is to change if `labelling` */
  updateOrder(key: Key, revision: number, state: Usage, label: string | null, labelling = false): UpdateOrder {
    const { facts, now } = this.#o
    const { owner, scheme, keyId } = key
    const requestId = this.requestId()
    const issuedAt = now()
    const document = encodeDocument({
      type: 'key-update.v1',
      scheme,
      keyId,
      revision,
      state,
      label,
      requestId,
      audience: facts.rosterFile.audience,
      issuedAt,
      expiresAt: issuedAt + 30 * MINUTE,
    })
    const action = labelling ? 'label' : ACTIONS[state]
    const request = this.#signed(owner, document)
    return { owner, requestId, keyId, revision, state, label, action, request, hash: requestHash(document) }
  }

  /** @returns once all signers have it. */
  async update(order: UpdateOrder): Promise<Result<void>> {
    return await this.#call(
      order,
      order.action,
      (service) => {
        this.#o.freezes.sent(order)
        return service.updateKey(formatKeyId(order.keyId), order.action, order.request, CLIENT)
      },
      (view) => this.#o.freezes.answered(order, view),
    )
  }

  /** @returns the key once it is active. */
  async createKey(order: KeyOrder): Promise<Result<Key>> {
    const { owner, scheme } = order
    return await this.#call(
      order,
      'keygen',
      (service) => service.createKey(order.request, CLIENT),
      (view) => ({ owner, scheme, ...this.#o.witness.key(order, view) }),
    )
  }

  async sign(order: SignOrder, waitMs: number): Promise<Result<SignatureView>> {
    return await this.#call(
      order,
      'sign',
      (service) => service.sign(order.request, CLIENT, waitMs),
      (view) => this.#seen(order, view),
    )
  }

  async read(order: SignOrder, id: string, waitMs: number): Promise<Result<SignatureView>> {
    return await this.#call(
      order,
      'read',
      (service) => service.getSignature(id, CLIENT, waitMs),
      (view) => this.#seen(order, view),
    )
  }

  #seen(order: SignOrder, view: SignatureView): SignatureView {
    if (view.state === 'signed') this.#o.witness.signed(order, view)
    return view
  }

  /** @param left what the answer says, when it leaves the coordinator; the user may never get it. */
  async #call<T, U>(
    sent: Sent,
    what: string,
    work: (service: CoordinatorService) => Promise<T>,
    left: (answer: T) => U,
  ): Promise<Result<U>> {
    const { loop, chance, coordinator, witness, faults, note } = this.#o
    await loop.sleep(chance.between(0.2, 3))
    const running = coordinator.running
    if (running === undefined || chance.happens(faults.drop)) return { type: 'lost' }
    const since = loop.now
    this.waiting += 1
    const result = await new Promise<Result<U>>((resolve) => {
      running.life.onEnd(() => resolve({ type: 'lost' }))
      work(running.service).then(
        (answer) => resolve(running.life.alive ? { type: 'answer', value: left(answer) } : { type: 'lost' }),
        (error: unknown) => {
          if (!running.life.alive) return resolve({ type: 'lost' })
          const problem = toProblem(error)
          witness.problem(sent, problem, since, loop.now, problem.cause instanceof StoreError)
          resolve({ type: 'problem', problem })
        },
      )
    })
    this.waiting -= 1
    const said = result.type === 'problem' ? result.problem.code : result.type
    note(`${what} ${sent.requestId} ${toHex(sent.hash.subarray(0, 4))}: ${said}`)
    await loop.sleep(chance.between(0.2, 3))
    return chance.happens(faults.drop) ? { type: 'lost' } : result
  }

  #signed(owner: Owner, document: Uint8Array): SignedRequest {
    const { curves, userSeeds } = this.#o.facts
    const signature = curves.ed25519Sign(authorizationMessage(document), userSeeds.get(owner) as Uint8Array)
    return { document, authorizations: [{ credentialId: owner, alg: 'ed25519', signature }] }
  }
}

interface Wanted {
  readonly payload: Payload
  readonly input: Uint8Array
}

const digestOf = (digest: Uint8Array): Wanted => ({ payload: { kind: 'digest', digest }, input: digest })

/** The digest as a user computes it who does not ask the set. */
function messageOf(scheme: Scheme, message: Uint8Array): Wanted {
  switch (scheme) {
    case 'eddsa-ed25519':
      return { payload: { kind: 'message', message }, input: message }
    case 'schnorr-secp256k1':
      return { payload: { kind: 'message', message, hash: 'sha256' }, input: sha256(message) }
    case 'ecdsa-p256':
      return { payload: { kind: 'message', message, hash: 'sha256d' }, input: sha256(sha256(message)) }
    case 'ecdsa-secp256k1':
      return { payload: { kind: 'message', message, hash: 'keccak256' }, input: keccak_256(message) }
  }
}
