import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Curves } from '../curve/curves.ts'
import { isZero } from '../curve/operands.ts'
import { equalBytes } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../engine/party.ts'
import type { Evidence, Exchange, Incoming } from '../engine/round.ts'
import type { Accepted, Channel, RoundMail } from './channel.ts'
import { contentDigest, type Envelope, encodeEnvelope, type Header, macInput, noBytes32 } from './envelope.ts'
import { type Identity, memberOf, type Roster } from './roster.ts'

export interface LightChannelOptions {
  readonly identity: Identity
  readonly roster: Roster
  readonly signers: readonly PartyId[]
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly protocol: number
  readonly curves: Curves
  /** HMAC-SHA256 key shared with each peer, from the PRSS generation; never the PRF key itself. */
  readonly macKeys: ReadonlyMap<PartyId, Uint8Array>
}

/**
 * The channel of the honest-majority engine (honest-majority-ecdsa.md 3.4, decisions.md 17): a broadcast carries one MAC per receiver
 * over header, body and signature; the Ed25519 signature is verified only when somebody asks whose fault a failure was. Allowed
 * because secrecy of H2 does not rest on authentication (2.4, L2). Carries no direct messages.
 */
export class LightChannel implements Channel {
  readonly #o: LightChannelOptions
  #exhibits: readonly Uint8Array[] = []

  constructor(options: LightChannelOptions) {
    this.#o = options
  }

  seal(round: number, exchange: Exchange<unknown>): readonly Accepted[] {
    if (exchange.direct !== undefined) throw new Error('light envelopes are not encrypted: no direct messages')
    const sealed: Accepted[] = []
    if (exchange.broadcast !== undefined) sealed.push(this.#sign(round, EVERYONE, exchange.broadcast))
    if (exchange.assembler !== undefined) sealed.push(this.#sign(round, ASSEMBLER, exchange.assembler))
    return sealed
  }

  authenticate(envelope: Envelope): Accepted | null {
    if (envelope.kind !== 'light' || envelope.receiver !== EVERYONE) return null
    const key = this.#o.macKeys.get(envelope.sender)
    const mac = envelope.macs.get(this.#o.identity.id)
    if (key === undefined || mac === undefined) return null
    if (!equalBytes(envelope.prev, noBytes32()) || !equalBytes(envelope.keyCommitment, noBytes32())) return null
    assertAlive(key)
    const digest = contentDigest(envelope, envelope.body, this.#o.curves.sha256)
    return equalBytes(hmac(sha256, key, macInput(envelope, digest)), mac) ? { envelope, digest } : null
  }

  signed({ signature, ...rest }: Envelope): boolean {
    const { roster, curves } = this.#o
    return curves.ed25519Verify(signature, contentDigest(rest, rest.body, curves.sha256), memberOf(roster, rest.sender).signKey)
  }

  open(_round: number, mail: RoundMail): { inbox: ReadonlyMap<PartyId, Incoming>; unusable: readonly PartyId[] } {
    const inbox = new Map<PartyId, Incoming>()
    for (const [from, { envelope }] of mail.broadcasts) inbox.set(from, { broadcast: envelope.body })
    this.#exhibits = [...mail.broadcasts.values()].map((a) => encodeEnvelope(a.envelope))
    return { inbox, unusable: [] }
  }

  transcript(): Uint8Array {
    throw new Error('light sessions have no transcript: views are bound into the masks')
  }

  evidence(_from: PartyId): Evidence {
    throw new Error('light sessions have no direct messages')
  }

  exhibits(): readonly Uint8Array[] {
    return this.#exhibits
  }

  wipe(): void {
    // The MAC keys are the PRSS generation's to wipe.
  }

  #sign(round: number, receiver: number, body: Uint8Array): Accepted {
    const { suite, protocol, sessionId, identity, curves, signers, macKeys } = this.#o
    const header: Header = {
      kind: 'light',
      suite,
      protocol,
      round,
      sessionId,
      sender: identity.id,
      receiver,
      prev: noBytes32(),
      keyCommitment: noBytes32(),
    }
    const digest = contentDigest(header, body, curves.sha256)
    const signature = curves.ed25519Sign(digest, identity.signSeed)
    const macs = new Map<PartyId, Uint8Array>()
    if (receiver === EVERYONE) {
      for (const id of signers) {
        const key = macKeys.get(id)
        if (id === identity.id) continue
        if (key === undefined) throw new Error(`no MAC key for ${id}`)
        assertAlive(key)
        macs.set(id, hmac(sha256, key, macInput({ signature }, digest)))
      }
    }
    return { envelope: { ...header, body, signature, macs }, digest }
  }
}

/** The keys are the PRSS generation's, which may end before the session does. A wiped key would let the relay forge. */
function assertAlive(key: Uint8Array): void {
  if (isZero(key)) throw new Fault('HM_KID', [], 'the PRSS generation has ended')
}
