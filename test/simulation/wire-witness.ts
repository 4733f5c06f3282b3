import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { bytes, message } from '../../src/protocol/engine/codec.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { OPEN_SIGNING, REPLY, REPLY_TYPES, ROUND, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE } from '../../src/protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { purposeOf } from '../../src/protocol/request/instance.ts'
import type { FreezeWitness } from './freeze-witness.ts'
import type { SetFacts } from './set-facts.ts'
import type { SignerHost } from './signer-host.ts'

export interface WatchedSession {
  readonly openedAt: number
  readonly suite: string
  readonly items: readonly {
    readonly owner: string
    readonly requestId: string
    readonly hash: Uint8Array
    readonly keyId: Uint8Array
  }[]
}

/** Both engines' openings: a status per item, then the points of those with status 0 (signing/batch.ts). */
const OPENING = message({ status: bytes({ max: 256 }), points: bytes({ max: 256 * 66 }) }, 256 * 67 + 16)

/**
 * Reads what honest signers let out, before the network gets it, and compares it with what their disks hold at that moment: no share without
 * its claim, no nonce point twice, no certificate of a key that a signer has not stored.
 */
export class WireWitness {
  readonly #facts: SetFacts
  readonly #now: () => number
  readonly #violated: (what: string) => void
  readonly #freezes: FreezeWitness
  readonly #sessions = new Map<string, WatchedSession>()
  /** Of each nonce point ever shown: by whom, in which session, for which item. */
  readonly #points = new Map<string, string>()
  /** Of each document: when the sessions were opened in which a share of it left. */
  readonly #shares = new Map<string, number[]>()

  constructor(facts: SetFacts, now: () => number, freezes: FreezeWitness, violated: (what: string) => void) {
    this.#facts = facts
    this.#freezes = freezes
    this.#now = now
    this.#violated = violated
  }

  get pointsSeen(): number {
    return this.#points.size
  }

  /** Whether a share of this document ever left in a session that was opened in that time. */
  shareLeft(hash: Uint8Array, since: number, until: number): boolean {
    return (this.#shares.get(toHex(hash)) ?? []).some((openedAt) => openedAt >= since && openedAt <= until)
  }

  /** What a coordinator sends, untouched. */
  sent(route: Route, frame: Uint8Array): void {
    if (route !== 'openSigning') return
    const { setup, items } = OPEN_SIGNING.decode(frame)
    const id = toHex(sessionIdOf({ ...setup, purpose: purposeOf(items.map((i) => i.instance)) }))
    if (this.#sessions.has(id)) return
    this.#sessions.set(id, {
      openedAt: this.#now(),
      suite: setup.suite,
      items: items.map(({ instance, requestId, request }) => ({
        owner: request.credentialId,
        requestId,
        hash: requestHash(request.document),
        keyId: instance.slice(0, 32),
      })),
    })
  }

  /** What a signer answers to the frame that it got. */
  answered(signer: SignerHost, all: readonly SignerHost[], route: Route, frame: Uint8Array, answer: Uint8Array): void {
    if (route !== 'openSigning' && route !== 'round') return
    const reply = REPLY.decode(answer)
    if (route === 'openSigning') {
      if (reply.type === REPLY_TYPES.sent) this.#opening(signer.id, reply.envelopes[0])
      return
    }
    if (reply.type !== REPLY_TYPES.done) return
    if (reply.result.length > 0) return this.#certificate(signer, all, reply.result)
    const { sessionId, envelopes } = ROUND.decode(frame)
    const session = this.#sessions.get(toHex(sessionId))
    if (session !== undefined) this.#share(signer, session, envelopes)
  }

  #opening(from: PartyId, bytesOfEnvelope: Uint8Array | undefined): void {
    const envelope = bytesOfEnvelope === undefined ? null : decodeEnvelope(bytesOfEnvelope)
    if (envelope === null) return this.#violated(`signer ${from} opened a session without an envelope`)
    const session = toHex(envelope.sessionId)
    const { status, points } = OPENING.decode(envelope.body)
    const accepted = [...status.keys()].filter((b) => status[b] === 0)
    if (accepted.length === 0) return
    const each = points.length / accepted.length
    const suite = this.#sessions.get(session)?.suite
    const length = suite === 'eddsa-ed25519' ? 32 : 33
    for (const [k, b] of accepted.entries()) {
      for (let at = 0; at < each; at += length) {
        const point = toHex(points.subarray(k * each + at, k * each + at + length))
        const use = `signer ${from}, session ${session.slice(0, 16)}, item ${b}`
        const other = this.#points.get(point)
        if (other !== undefined && other !== use) this.#violated(`a nonce point twice: ${other}; ${use}`)
        this.#points.set(point, use)
      }
    }
  }

  #share(signer: SignerHost, session: WatchedSession, envelopes: readonly Uint8Array[]): void {
    const statuses = envelopes.map(
      (e) => OPENING.decode((decodeEnvelope(e) as NonNullable<ReturnType<typeof decodeEnvelope>>).body).status,
    )
    for (const [b, { owner, requestId, hash, keyId }] of session.items.entries()) {
      if (statuses.some((s) => s[b] !== 0)) continue
      const tenant = this.#facts.credentials.find((c) => c.id === owner)?.tenant ?? ''
      const [claimed] = signer.store?.lookup([{ credentialId: owner, tenant, requestId }]) ?? []
      if (claimed == null || !equalBytes(claimed, hash))
        this.#violated(`a share of ${requestId} left signer ${signer.id} before its claim was stored`)
      this.#freezes.share(keyId, requestId, signer.id)
      const name = toHex(hash)
      this.#shares.set(name, [...(this.#shares.get(name) ?? []), session.openedAt])
    }
  }

  #certificate(signer: SignerHost, all: readonly SignerHost[], result: Uint8Array): void {
    const { key } = CERTIFICATE.decode(result)
    const packaged = PUBLIC_PACKAGE.encode(key)
    if (signer.store?.getKey(key.keyId)?.state !== 'active')
      this.#violated(`signer ${signer.id} let a certificate out before it stored it`)
    for (const { id, store } of all) {
      if (store === undefined) continue
      const row = store.getKey(key.keyId)
      if (row === undefined) this.#violated(`a key is certified that signer ${id} has not stored`)
      else if (!equalBytes(row.publicPackage, packaged)) this.#violated(`signer ${id} stored another public package`)
    }
  }
}
