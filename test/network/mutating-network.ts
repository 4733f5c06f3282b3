import type { SignerLink } from '../../src/actors/round.ts'
import { ASSEMBLER, type PartyId } from '../../src/protocol/engine/party.ts'
import { REPLY, ROUND, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { applyRules, type Parcel, parcelTo, type Rule } from '../simulator/relay.ts'

type Deliver = (frame: Uint8Array) => Promise<Uint8Array>

/**
 * The relay of the simulator, put between a coordinator and signers that are real: in one process (`hooks.tamper` of a test set) or in
 * processes of their own, over TLS (`through`). Each envelope in a round's frame is a parcel to that signer, each envelope to the
 * assembler in a reply is one to the coordinator. A parcel that is late travels in a frame of its own, after the others.
 */
export class MutatingNetwork {
  rules: readonly Rule[] = []
  /** Every parcel on its way, before any rule, in order. */
  readonly sent: Parcel[] = []
  /** Parcels that a rule took into the frames of another signer. */
  #strays: readonly Parcel[] = []

  /** One exchange with a signer; of the type of an in-process set's `hooks.tamper`. */
  readonly exchange = async (to: PartyId, route: Route, frame: Uint8Array, deliver: Deliver): Promise<Uint8Array> => {
    if (route === 'status') return await deliver(frame)
    const answer = route === 'round' ? await this.#round(to, frame, deliver) : await deliver(frame)
    return route === 'round' || route === 'openSigning' ? this.#reply(answer) : answer
  }

  through(link: SignerLink): SignerLink {
    const send: SignerLink['send'] = (route, frame, timeoutMs) =>
      this.exchange(link.id, route, frame, (changed) => link.send(route, changed, timeoutMs))
    return { id: link.id, send }
  }

  /** Everything that travels while `run` runs, with the rules of the moment. */
  async recording(run: () => Promise<unknown>): Promise<readonly Parcel[]> {
    const from = this.sent.length
    await run()
    return this.sent.slice(from)
  }

  async #round(to: PartyId, frame: Uint8Array, deliver: Deliver): Promise<Uint8Array> {
    const { sessionId, round, envelopes } = ROUND.decode(frame)
    const arriving = [...this.#strays.filter((p) => p.to === to), ...envelopes.flatMap((bytes) => this.#changed(to, bytes))]
    this.#strays = [...this.#strays.filter((p) => p.to !== to), ...arriving.filter((p) => p.to !== to)]
    const mail = arriving.filter((p) => p.to === to)
    const ranks = [...new Set([0, ...mail.map((p) => p.late ?? 0)])].sort((a, b) => a - b)
    let answer = new Uint8Array(0)
    for (const rank of ranks) {
      const due = mail.filter((p) => (p.late ?? 0) === rank).map((p) => p.bytes)
      answer = Uint8Array.from(await deliver(ROUND.encode({ sessionId, round, envelopes: due })))
    }
    return answer
  }

  #reply(answer: Uint8Array): Uint8Array {
    const reply = REPLY.decode(answer)
    const envelopes = reply.envelopes.flatMap((bytes) =>
      parcelTo(ASSEMBLER, bytes)?.kind !== 'assembler'
        ? [bytes]
        : this.#changed(ASSEMBLER, bytes).flatMap((p) => (p.to === ASSEMBLER ? [p.bytes] : [])),
    )
    return REPLY.encode({ ...reply, envelopes })
  }

  #changed(to: PartyId, bytes: Uint8Array): readonly Parcel[] {
    const parcel = parcelTo(to, bytes)
    if (parcel === null) throw new Error('the coordinator relays something that is no envelope')
    this.sent.push(parcel)
    return applyRules(this.rules, parcel)
  }
}
