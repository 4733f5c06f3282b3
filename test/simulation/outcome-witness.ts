import type { KeyView, SignatureView } from '../../src/host/api/coordinator-service.ts'
import type { ApiProblem } from '../../src/host/api/problem.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { CERTIFICATE, verifyCertificate } from '../../src/protocol/keygen/certificate.ts'
import { ownedRequestHash } from '../../src/protocol/request/authorize.ts'
import type { Scheme } from '../../src/protocol/request/document.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import type { SetFacts } from './set-facts.ts'
import type { SignerHost } from './signer-host.ts'
import { isSignature } from './verify.ts'
import type { WireWitness } from './wire-witness.ts'

/** A user's document as this user knows it. */
export interface Sent {
  readonly owner: string
  readonly requestId: string
  readonly hash: Uint8Array
}

export interface SignWish extends Sent {
  readonly scheme: Scheme
  readonly keyId: Uint8Array
  readonly publicKey: Uint8Array
  /** Message for Ed25519, else digest; the user's own computation. */
  readonly input: Uint8Array
}

interface NoneClaim {
  readonly wish: Sent
  readonly since: number
  readonly at: number
}

/** Compares what the coordinator answers with everything it ever answered, and with what the signers hold. */
export class OutcomeWitness {
  readonly #facts: SetFacts
  readonly #wire: WireWitness
  readonly #signers: readonly SignerHost[]
  readonly #violated: (what: string) => void
  /** First signature of each document, and of each request id its document. */
  readonly #signatures = new Map<string, string>()
  readonly #signedOf = new Map<string, string>()
  readonly #keyOf = new Map<string, string>()
  readonly #nonces = new Map<string, string>()
  readonly #none: NoneClaim[] = []
  /** Whom problems may name: nobody but a signer that lies. */
  culprits: 'anybody' | readonly string[] = []

  constructor(facts: SetFacts, wire: WireWitness, signers: readonly SignerHost[], violated: (what: string) => void) {
    this.#facts = facts
    this.#wire = wire
    this.#signers = signers
    this.#violated = violated
  }

  get signatures(): number {
    return this.#signatures.size
  }

  /** Ids of the keys that were ever answered as active. */
  get keys(): readonly string[] {
    return [...this.#keyOf.values()]
  }

  signed(wish: SignWish, view: SignatureView): void {
    const { signature } = view
    if (signature === null) return this.#violated(`${wish.requestId} is signed without a signature`)
    const name = toHex(wish.hash)
    const answer = `${toHex(signature.compact)}${'recovery' in signature ? signature.recovery : ''}`
    const before = this.#signatures.get(name)
    if (before === answer) return
    if (before !== undefined) return this.#violated(`two outcomes of ${wish.requestId}`)
    this.#signatures.set(name, answer)
    if (signature.scheme !== wish.scheme || !isSignature(signature, wish.input, wish.publicKey))
      this.#violated(`the signature of ${wish.requestId} does not verify`)
    const request = `${wish.owner} ${wish.requestId}`
    const other = this.#signedOf.get(request)
    if (other !== undefined && other !== name) this.#violated(`two documents signed under ${wish.requestId}`)
    this.#signedOf.set(request, name)
    // The same point for two digests, or two keys, would give a key away; for two documents of one digest it cannot be either.
    const point = toHex(signature.compact.subarray(0, 32))
    if (this.#nonces.has(point)) this.#violated(`${wish.requestId} has the nonce point of ${this.#nonces.get(point)}`)
    this.#nonces.set(point, wish.requestId)
  }

  key(wish: Sent, view: KeyView): { readonly keyId: Uint8Array; readonly publicKey: Uint8Array } {
    const keyId = parseKeyId(view.id) ?? new Uint8Array(32)
    const request = `${wish.owner} ${wish.requestId}`
    const before = this.#keyOf.get(request)
    if (before !== undefined && before !== view.id) this.#violated(`two keys for ${wish.requestId}`)
    this.#keyOf.set(request, view.id)
    // A key that was asked for again may have been frozen meanwhile.
    if (view.state !== 'active' && view.revision === 0)
      this.#violated(`${wish.requestId} was answered with a key that is not active`)
    const certificate = CERTIFICATE.decode(Uint8Array.from(Buffer.from(view.certificate, 'base64url')))
    if (!verifyCertificate(certificate, this.#facts.roster, this.#facts.curves))
      this.#violated(`the certificate of ${wish.requestId} does not hold`)
    if (!equalBytes(certificate.key.requestHash, ownedRequestHash(wish.hash, wish.owner)))
      this.#violated(`the certificate of ${wish.requestId} is another request's`)
    for (const { id, store } of this.#signers) {
      const state = store?.getKey(keyId)?.state ?? 'unknown'
      if (store !== undefined && state !== 'active') this.#violated(`the key of ${wish.requestId} is ${state} at signer ${id}`)
    }
    return { keyId, publicKey: certificate.key.publicKey }
  }

  /** @param since when the call reached the coordinator. @param excused whether a fault explains an unexpected error. */
  problem(wish: Sent, problem: ApiProblem, since: number, now: number, excused: boolean): void {
    if (problem.code === 'internal' && !excused) this.#violated(`an untyped error: ${String(problem.cause)}`)
    if (problem.outcome === 'none') this.#none.push({ wish, since, at: now })
    const named = problem.culprits ?? []
    const { culprits } = this
    if (culprits !== 'anybody' && named.some((name) => !culprits.includes(name)))
      this.#violated(`an honest signer is named: ${named.join(' ')}`)
  }

  /** At the end: "nothing was released, and nothing will be by this call" has to have come true. */
  judgeNone(): void {
    for (const { wish, since, at } of this.#none) {
      if (this.#wire.shareLeft(wish.hash, since, at)) this.#violated(`${wish.requestId}: outcome none, but a share left`)
    }
  }
}
