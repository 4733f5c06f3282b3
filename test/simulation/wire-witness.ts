import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { withoutEphemeral } from '../../src/protocol/channel/full-channel.ts'
import { PROTOCOLS, sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { OPENING as COMMITTED } from '../../src/protocol/dkls23/messages.ts'
import { pairedPurpose } from '../../src/protocol/dkls23/purpose.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { bytes, message } from '../../src/protocol/engine/codec.ts'
import { EVERYONE, type PartyId } from '../../src/protocol/engine/party.ts'
import { OPEN_SIGNING, REPLY, REPLY_TYPES, ROUND, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE } from '../../src/protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { purposeOf } from '../../src/protocol/request/instance.ts'
import type { FreezeWitness } from './freeze-witness.ts'
import type { SetFacts } from './set-facts.ts'
import type { SignerHost } from './signer-host.ts'

export interface WatchedSession {
  /** DKLs23: what each signer was shown of the items that all signers take part in, which it answers for two rounds later. */
  readonly shown: Map<PartyId, readonly Uint8Array[]>
  readonly openedAt: number
  readonly suite: string
  readonly items: readonly {
    readonly owner: string
    readonly requestId: string
    readonly hash: Uint8Array
    readonly keyId: Uint8Array
  }[]
}

/** Openings of hm and FROST: a status per item, then the points of those with status 0 (signing/batch.ts). */
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
    const { setup, pairs, items } = OPEN_SIGNING.decode(frame)
    const instances = items.map((i) => i.instance)
    const purpose = setup.protocol === 'dkls23' ? pairedPurpose(instances, pairs) : purposeOf(instances)
    const id = toHex(sessionIdOf({ ...setup, purpose }))
    if (this.#sessions.has(id)) return
    this.#sessions.set(id, {
      openedAt: this.#now(),
      suite: setup.suite,
      shown: new Map(),
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
      if (reply.type === REPLY_TYPES.sent) this.#opening(signer.id, reply.envelopes)
      return
    }
    // What it did not accept it does not go on with; a frame that the network has spoilt may not even be one.
    if (reply.type !== REPLY_TYPES.sent && reply.type !== REPLY_TYPES.done) return
    const { sessionId, round, envelopes } = ROUND.decode(frame)
    const session = this.#sessions.get(toHex(sessionId))
    if (session !== undefined && round === 1) session.shown.set(signer.id, statusesIn(envelopes))
    if (reply.type !== REPLY_TYPES.done) return
    if (session !== undefined) return this.#share(signer, session)
    this.#certificate(signer, all, reply.result)
  }

  #opening(from: PartyId, envelopes: readonly Uint8Array[]): void {
    const envelope = envelopes.map(decodeEnvelope).find((e) => e?.receiver === EVERYONE)
    if (envelope == null) return this.#violated(`signer ${from} opened a session without an envelope`)
    const session = toHex(envelope.sessionId)
    // The points of DKLs23 are for one peer's eyes; a commitment that comes again would be the same nonce again.
    if (envelope.protocol === PROTOCOLS.dkls23)
      return this.#once(toHex(COMMITTED.decode(withoutEphemeral(envelope.body)).commitment), `signer ${from}, session ${session}`)
    const { status, points } = OPENING.decode(envelope.body)
    const accepted = [...status.keys()].filter((b) => status[b] === 0)
    if (accepted.length === 0) return
    const each = points.length / accepted.length
    const suite = this.#sessions.get(session)?.suite
    const length = suite === 'eddsa-ed25519' ? 32 : 33
    for (const [k, b] of accepted.entries()) {
      for (let at = 0; at < each; at += length) {
        const point = toHex(points.subarray(k * each + at, k * each + at + length))
        this.#once(point, `signer ${from}, session ${session.slice(0, 16)}, item ${b}`)
      }
    }
  }

  #once(point: string, use: string): void {
    const other = this.#points.get(point)
    if (other !== undefined && other !== use) this.#violated(`a nonce point twice: ${other}; ${use}`)
    this.#points.set(point, use)
  }

  #share(signer: SignerHost, session: WatchedSession): void {
    const statuses = session.shown.get(signer.id) ?? []
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
    const certificate = certificateIn(result)
    if (certificate === null) return
    const { key } = certificate
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

/** What each sender of these broadcasts says of each item. */
const statusesIn = (envelopes: readonly Uint8Array[]): readonly Uint8Array[] =>
  envelopes.flatMap((bytes) => {
    const envelope = decodeEnvelope(bytes)
    if (envelope === null || envelope.receiver !== EVERYONE) return []
    const { dkls23, hm, frost } = PROTOCOLS
    try {
      if (envelope.protocol === dkls23) return [COMMITTED.decode(withoutEphemeral(envelope.body)).status]
      return envelope.protocol === hm || envelope.protocol === frost ? [OPENING.decode(envelope.body).status] : []
    } catch {
      // A liar's second envelope, which no honest signer takes up.
      return []
    }
  })

/** Other protocols among the signers end with names: of PRSS keys, of a pair's set-up. */
function certificateIn(result: Uint8Array): ReturnType<typeof CERTIFICATE.decode> | null {
  try {
    return CERTIFICATE.decode(result)
  } catch {
    return null
  }
}
