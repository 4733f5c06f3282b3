import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { PROTOCOLS, SUITES } from '../../src/protocol/channel/setup.ts'
import { bytes, message } from '../../src/protocol/engine/codec.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { REPLY, REPLY_TYPES, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { ANSWER as FROST_ANSWER } from '../../src/protocol/frost/sign.ts'
import { ANSWER as HM_ANSWER } from '../../src/protocol/hm/sign.ts'
import { MAX_BATCH } from '../../src/protocol/signing/batch.ts'
import type { Chance } from './chance.ts'
import type { SetFacts } from './set-facts.ts'

const { hm: HM, frost: FROST } = PROTOCOLS
const SCALAR = 32
/** Of its answers in signing sessions. */
const RATE = 0.3
/** A status per item, then points; see signing/batch.ts. */
const OPENING = message({ status: bytes({ max: MAX_BATCH }), points: bytes({ max: MAX_BATCH * 66 }) }, MAX_BATCH * 67 + 16)

/**
 * A malicious signer that knows its own keys: what it says instead of the truth has the right form and its own good signature, so that nothing but the
 * mathematics can find it out. Shares are wrong by a scalar; FROST's commitments are other points, for which no share of its will fit.
 */
export class Liar {
  readonly #facts: SetFacts
  readonly #chance: Chance
  readonly #note: (text: string) => void

  constructor(facts: SetFacts, chance: Chance, note: (text: string) => void) {
    this.#facts = facts
    this.#chance = chance
    this.#note = note
  }

  /** @returns what it says instead; undefined where it has no such lie. */
  lie(id: PartyId, route: Route, answer: Uint8Array): Uint8Array | undefined {
    if ((route !== 'openSigning' && route !== 'round') || !this.#chance.happens(RATE)) return undefined
    const reply = REPLY.decode(answer)
    const [first] = reply.envelopes
    const envelope = first === undefined || reply.type === REPLY_TYPES.refused ? null : decodeEnvelope(first)
    const body = envelope === null ? undefined : route === 'round' ? this.#shares(envelope) : this.#points(envelope)
    if (envelope === null || body === undefined) return undefined
    this.#note(`signer ${id} lies in good form: ${route}`)
    return REPLY.encode({ ...reply, envelopes: [this.#sealed(id, envelope, body)] })
  }

  /** Of an envelope to the assembler: mu and nu of hm, z of FROST. */
  #shares({ protocol, body }: Envelope): Uint8Array | undefined {
    const answer = protocol === HM ? decoded(HM_ANSWER, body) : protocol === FROST ? decoded(FROST_ANSWER, body) : undefined
    if (answer === undefined || answer.shares.length === 0) return undefined
    const shares = Uint8Array.from(answer.shares)
    const at = SCALAR * this.#chance.below(shares.length / SCALAR)
    // Small enough to stay below either order, little end or big end first.
    const wrong = this.#chance.happens(0.5) ? at : at + SCALAR - 1
    shares[wrong] = (shares[wrong] as number) ^ (1 + this.#chance.below(7))
    return 'bind' in answer ? HM_ANSWER.encode({ ...answer, shares }) : FROST_ANSWER.encode({ ...answer, shares })
  }

  /** hm's points carry MACs under keys that only its crypto worker has. */
  #points({ protocol, suite, body }: Envelope): Uint8Array | undefined {
    const opening = protocol === FROST ? decoded(OPENING, body) : undefined
    if (opening === undefined || opening.points.length === 0) return undefined
    const group = suite === SUITES['eddsa-ed25519'] ? this.#facts.curves.ed25519 : this.#facts.curves.secp256k1
    const points = Uint8Array.from(opening.points)
    const at = group.pointLength * this.#chance.below(points.length / group.pointLength)
    // Below either order, little end or big end first.
    const scalar = Uint8Array.from({ length: SCALAR }, (_, i) => (i === 0 || i === SCALAR - 1 ? 0 : this.#chance.below(256)))
    points.set(group.baseMul(scalar), at)
    return OPENING.encode({ ...opening, points })
  }

  #sealed(id: PartyId, envelope: Envelope, body: Uint8Array): Uint8Array {
    const { curves, identities } = this.#facts
    const { signature: _, macs: __, body: ___, ...header } = envelope
    const signature = curves.ed25519Sign(contentDigest(header, body), (identities[id - 1] as { signSeed: Uint8Array }).signSeed)
    return encodeEnvelope({ ...envelope, body, signature })
  }
}

function decoded<T>(codec: { readonly decode: (input: Uint8Array) => T }, body: Uint8Array): T | undefined {
  try {
    return codec.decode(body)
  } catch {
    return undefined
  }
}
