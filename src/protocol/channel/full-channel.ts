import type { Curves } from '../curve/curves.ts'
import { concat, equalBytes, type Rng, wipe } from '../engine/bytes.ts'
import { Fault, type FaultCode } from '../engine/fault.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../engine/party.ts'
import type { Evidence, Exchange, Incoming } from '../engine/round.ts'
import type { Accepted, Channel, RoundMail } from './channel.ts'
import { contentDigest, type Envelope, encodeEnvelope, type Header, headerBytes, noBytes32 } from './envelope.ts'
import { keyCommitment, messageKey } from './message-key.ts'
import { type Identity, memberOf, type Roster } from './roster.ts'
import { nextTranscript } from './views.ts'

const EPHEMERAL = 32

/** What the sender's script broadcast in round 1, from the body of the envelope: the channel's own key stands before it. */
export const withoutEphemeral = (body: Uint8Array): Uint8Array => body.slice(EPHEMERAL)

export interface FullChannelOptions {
  readonly identity: Identity
  readonly roster: Roster
  readonly signers: readonly PartyId[]
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly protocol: number
  readonly curves: Curves
  readonly rng: Rng
  /** The protocol sends no direct messages (FROST): no ephemeral key is drawn, nor put before the round-1 broadcast. */
  readonly signedOnly?: boolean
}

/**
 * The channel of protocols.md 2.4-2.6: every envelope signed, direct bodies encrypted under a key per message, every
 * envelope carrying the hash of what its sender saw in the round before. The round-1 broadcast is prefixed with the
 * sender's ephemeral X25519 key.
 */
export class FullChannel implements Channel {
  readonly #o: FullChannelOptions
  readonly #ephemeral: Uint8Array
  readonly #peerEphemerals = new Map<PartyId, Uint8Array>()
  #ownBroadcast: { readonly round: number; readonly accepted: Accepted } | undefined
  #transcript: Uint8Array
  readonly #evidence = new Map<PartyId, Evidence>()
  #exhibits: readonly Uint8Array[] = []

  constructor(options: FullChannelOptions) {
    this.#o = options
    this.#ephemeral = options.signedOnly === true ? new Uint8Array(0) : options.rng(EPHEMERAL)
    this.#transcript = options.sessionId
  }

  seal(round: number, exchange: Exchange<unknown>): readonly Accepted[] {
    if (exchange.direct !== undefined && this.#o.signedOnly === true) throw new Error('direct messages need ephemeral keys')
    const sealed: Accepted[] = []
    if (exchange.broadcast !== undefined) {
      const prefix = this.#prefixed(round) ? this.#o.curves.x25519PublicKey(this.#ephemeral) : new Uint8Array(0)
      const accepted = this.#sign(round, EVERYONE, noBytes32(), concat(prefix, exchange.broadcast))
      this.#ownBroadcast = { round, accepted }
      sealed.push(accepted)
    }
    for (const [to, body] of [...(exchange.direct ?? [])].sort(([a], [b]) => a - b)) {
      const key = this.#sendKey(to, round)
      try {
        const kc = keyCommitment(key)
        const header = this.#header(round, this.#o.identity.id, to, this.#prev(round), kc)
        const cipher = this.#o.curves.seal(key, headerBytes(header, body.length + 16), body)
        sealed.push(this.#sign(round, to, kc, cipher))
      } finally {
        wipe(key)
      }
    }
    if (exchange.assembler !== undefined) sealed.push(this.#sign(round, ASSEMBLER, noBytes32(), exchange.assembler))
    return sealed
  }

  authenticate(envelope: Envelope): Accepted | null {
    const { kind, sender, receiver, signature } = envelope
    if (kind !== 'full') return null
    const direct = receiver !== EVERYONE
    if (direct && receiver !== this.#o.identity.id) return null
    if (!direct && !equalBytes(envelope.keyCommitment, noBytes32())) return null
    const digest = contentDigest(envelope, envelope.body, this.#o.curves.sha256)
    return this.#o.curves.ed25519Verify(signature, digest, memberOf(this.#o.roster, sender).signKey) ? { envelope, digest } : null
  }

  /** Always: an envelope without a valid signature was never accepted. */
  signed(): boolean {
    return true
  }

  open(round: number, mail: RoundMail): { inbox: ReadonlyMap<PartyId, Incoming>; unusable: readonly PartyId[] } {
    // prev first: nothing of a round is looked at, and nobody named, before all senders agree on the round before.
    const expected = this.#prev(round)
    for (const { envelope } of [...mail.broadcasts.values(), ...mail.directs.values()]) {
      if (!equalBytes(envelope.prev, expected)) throw new Fault('INCONSISTENT_BROADCAST')
    }
    const inbox = new Map<PartyId, Incoming>()
    for (const [from, { envelope }] of mail.broadcasts) {
      inbox.set(from, { broadcast: this.#prefixed(round) ? this.#takeEphemeral(from, envelope.body) : envelope.body })
    }
    this.#wipeEvidence()
    const unusable: PartyId[] = []
    for (const [from, { envelope }] of mail.directs) {
      const key = this.#receiveKey(from, round)
      if (!equalBytes(keyCommitment(key), envelope.keyCommitment)) {
        // Our key is not the one committed to: no third party could tell who is wrong, so it is as if nothing had come.
        wipe(key)
        unusable.push(from)
        continue
      }
      this.#evidence.set(from, { envelope: encodeEnvelope(envelope), key })
      // An empty message is valid in no protocol: a body that does not open becomes the sender's malformed message.
      const direct = this.#o.curves.open(key, headerBytes(envelope, envelope.body.length), envelope.body) ?? new Uint8Array(0)
      inbox.set(from, { ...inbox.get(from), direct })
    }
    if (unusable.length > 0) {
      for (const { direct } of inbox.values()) wipe(direct)
      return { inbox: new Map(), unusable }
    }
    this.#advanceTranscript(round, mail.broadcasts)
    return { inbox, unusable }
  }

  transcript(): Uint8Array {
    return this.#transcript
  }

  evidence(from: PartyId): Evidence {
    const found = this.#evidence.get(from)
    if (found === undefined) throw new Error(`no direct message of ${from} in the last round`)
    return { envelope: found.envelope, key: Uint8Array.from(found.key) }
  }

  exhibits(): readonly Uint8Array[] {
    return this.#exhibits
  }

  wipe(): void {
    wipe(this.#ephemeral)
    this.#wipeEvidence()
  }

  #wipeEvidence(): void {
    for (const { key } of this.#evidence.values()) wipe(key)
    this.#evidence.clear()
  }

  #prev(round: number): Uint8Array {
    return round === 1 ? noBytes32() : this.#transcript
  }

  #header(round: number, sender: PartyId, receiver: number, prev: Uint8Array, kc: Uint8Array): Header {
    const { suite, protocol, sessionId } = this.#o
    return { kind: 'full', suite, protocol, round, sessionId, sender, receiver, prev, keyCommitment: kc }
  }

  #sign(round: number, receiver: number, kc: Uint8Array, body: Uint8Array): Accepted {
    const header = this.#header(round, this.#o.identity.id, receiver, this.#prev(round), kc)
    const digest = contentDigest(header, body, this.#o.curves.sha256)
    const signature = this.#o.curves.ed25519Sign(digest, this.#o.identity.signSeed)
    return { envelope: { ...header, body, signature, macs: new Map() }, digest }
  }

  #prefixed(round: number): boolean {
    return round === 1 && this.#o.signedOnly !== true
  }

  #takeEphemeral(from: PartyId, body: Uint8Array): Uint8Array {
    if (body.length < EPHEMERAL) throw new Fault('MALFORMED', [from], 'no ephemeral key')
    const key = body.slice(0, EPHEMERAL)
    this.#peerEphemerals.set(from, key)
    return body.slice(EPHEMERAL)
  }

  #advanceTranscript(round: number, broadcasts: ReadonlyMap<PartyId, Accepted>): void {
    const all = new Map(broadcasts)
    if (this.#ownBroadcast?.round === round) all.set(this.#o.identity.id, this.#ownBroadcast.accepted)
    const sorted = [...all].sort(([a], [b]) => a - b).map(([, accepted]) => accepted)
    this.#transcript = nextTranscript(
      this.#transcript,
      round,
      sorted.map((a) => a.digest),
    )
    this.#exhibits = sorted.map((a) => encodeEnvelope(a.envelope))
  }

  // ikm(i->j, r) = X25519(e_i, idE_j) || X25519(idE_i, idE_j) || [r >= 2: X25519(e_i, e_j)], protocols.md 2.4.
  #sendKey(to: PartyId, round: number): Uint8Array {
    const { identity, roster, sessionId } = this.#o
    const theirs = memberOf(roster, to).exchangeKey
    const parts = [
      this.#agree(this.#ephemeral, theirs, 'CHANNEL', to),
      this.#agree(identity.exchangeSecret, theirs, 'CHANNEL', to),
    ]
    if (round >= 2) parts.push(this.#agree(this.#ephemeral, this.#peerEphemeral(to), 'MALFORMED', to))
    const key = messageKey(sessionId, concat(...parts), identity.id, to, round)
    wipe(...parts)
    return key
  }

  #receiveKey(from: PartyId, round: number): Uint8Array {
    const { identity, roster, sessionId } = this.#o
    const ephemeral = this.#peerEphemeral(from)
    const parts = [
      this.#agree(identity.exchangeSecret, ephemeral, 'MALFORMED', from),
      this.#agree(identity.exchangeSecret, memberOf(roster, from).exchangeKey, 'CHANNEL', from),
    ]
    if (round >= 2) parts.push(this.#agree(this.#ephemeral, ephemeral, 'MALFORMED', from))
    const key = messageKey(sessionId, concat(...parts), from, identity.id, round)
    wipe(...parts)
    return key
  }

  /** Only the owner of a key can make the value zero: a public key of low order, in the roster or in its round-1 broadcast. */
  #agree(secret: Uint8Array, publicKey: Uint8Array, code: FaultCode, owner: PartyId): Uint8Array {
    try {
      return this.#o.curves.x25519(secret, publicKey)
    } catch {
      throw new Fault(code, [owner], 'X25519 key of low order')
    }
  }

  #peerEphemeral(id: PartyId): Uint8Array {
    const key = this.#peerEphemerals.get(id)
    if (key === undefined) throw new Fault('CHANNEL', [], `no ephemeral key of ${id}: direct messages need a round-1 broadcast`)
    return key
  }
}
