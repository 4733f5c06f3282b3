import { expect } from 'vitest'
import { decodeEnvelope, type Envelope } from '../../src/protocol/channel/envelope.ts'
import { PROTOCOLS } from '../../src/protocol/channel/setup.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { OPEN_SIGNING, REPLY, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { openingOf as frostOpening } from '../../src/protocol/frost/sign.ts'
import { FROST_BIP340, FROST_ED25519 } from '../../src/protocol/frost/suite.ts'
import { openingOf as hmOpening } from '../../src/protocol/hm/sign.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { ecdsaCurve } from '../../src/protocol/signing/ecdsa.ts'
import type { TestSet } from '../host/set/in-process-set.ts'

interface Claimed {
  readonly credentialId: string
  readonly tenant: string
  readonly requestId: string
  readonly hash: Uint8Array
}

const tenantOf = (credentialId: string): string => credentialId.slice('cred_'.length)

/**
 * Everything that signers let out over the life of a test, through any number of crashes: which points, which shares, for which
 * requests. Throws at the frame that breaks a promise.
 */
export class WireRecord {
  /** Each nonce point once seen, with the signer and session that made it. */
  readonly #points = new Map<string, string>()
  /** The one answer of a signer in a session: a second other one would be a second use of its nonces. */
  readonly #answers = new Map<string, string>()
  readonly #requests = new Map<string, readonly Claimed[]>()
  readonly #refused = new Map<string, ReadonlySet<number>>()
  readonly #released: { readonly signer: number; readonly request: Claimed }[] = []
  readonly #rValues = new Map<string, string>()
  readonly #set: TestSet

  constructor(set: TestSet) {
    this.#set = set
  }

  get points(): number {
    return this.#points.size
  }

  get shares(): number {
    return this.#released.length
  }

  /** An answer of a signer, as it leaves. */
  observe(from: number, route: Route, frame: Uint8Array, answer: Uint8Array): void {
    if (route !== 'openSigning' && route !== 'round') return
    for (const bytes of REPLY.decode(answer).envelopes) {
      const envelope = decodeEnvelope(bytes) as Envelope
      if (envelope.protocol !== PROTOCOLS.hm && envelope.protocol !== PROTOCOLS.frost) continue
      const session = toHex(envelope.sessionId)
      if (route === 'openSigning') {
        this.#opened(session, frame)
        this.#made(from, session, envelope)
      } else if (envelope.receiver === 0) this.#answered(from, session, envelope)
    }
  }

  #opened(session: string, frame: Uint8Array): void {
    const { items } = OPEN_SIGNING.decode(frame)
    const requests = items.map(({ requestId, request: { credentialId, document } }) => ({
      credentialId,
      tenant: tenantOf(credentialId),
      requestId,
      hash: requestHash(document),
    }))
    this.#requests.set(session, requests)
  }

  #made(from: number, session: string, envelope: Envelope): void {
    const { curves } = this.#set
    const count = this.#requests.get(session)?.length ?? 0
    const owner = `${from} ${session} ${toHex(envelope.body)}`
    const items: readonly (readonly Uint8Array[] | null)[] =
      envelope.protocol === PROTOCOLS.hm
        ? hmOpening(ecdsaCurve(envelope.suite, curves)?.group ?? curves.secp256k1)
            .read(envelope.body, from, count)
            .points.map((point) => point && [point])
        : frostOpening((envelope.suite === 4 ? FROST_ED25519 : FROST_BIP340).group(curves))
            .read(envelope.body, from, count)
            .points.map((c) => c && [c.hiding, c.binding])
    const refused = items.flatMap((points, b) => (points === null ? [b] : []))
    this.#refused.set(session, new Set([...(this.#refused.get(session) ?? []), ...refused]))
    for (const point of items.flatMap((points) => points ?? [])) {
      const name = toHex(point)
      const first = this.#points.get(name) ?? owner
      expect(first, 'a nonce point is made once').toBe(owner)
      this.#points.set(name, owner)
    }
  }

  #answered(from: number, session: string, envelope: Envelope): void {
    const name = `${from} ${session}`
    const first = this.#answers.get(name) ?? toHex(envelope.body)
    expect(toHex(envelope.body), 'nonces are used once').toBe(first)
    this.#answers.set(name, first)
    for (const [b, request] of (this.#requests.get(session) ?? []).entries()) {
      // Of an item that one of them refused there is no share.
      if (this.#refused.get(session)?.has(b)) continue
      this.#expectClaimed(from, request)
      this.#released.push({ signer: from, request })
    }
  }

  #expectClaimed(signer: number, { credentialId, tenant, requestId, hash }: Claimed): void {
    const [claimed] = this.#set.signerOf(signer).store.lookup([{ credentialId, tenant, requestId }])
    expect(claimed != null && equalBytes(claimed, hash), `signer ${signer} knows that it signed ${requestId}`).toBe(true)
  }

  /** A signature that a client got. Two requests never share an R, one request never has two signatures. */
  signed(requestId: string, compact: Uint8Array): void {
    const r = toHex(compact.subarray(0, 32))
    const value = `${requestId} ${toHex(compact)}`
    expect(this.#rValues.get(r) ?? value, 'an R is used once').toBe(value)
    const before = this.#rValues.get(requestId) ?? value
    expect(before, 'a request has one signature').toBe(value)
    this.#rValues.set(r, value)
    this.#rValues.set(requestId, value)
  }

  /** After all crashes: every share that ever left still has its claim. */
  expectAllClaimed(): void {
    for (const { signer, request } of this.#released) this.#expectClaimed(signer, request)
  }
}
