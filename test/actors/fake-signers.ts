import { ASSEMBLE, ASSEMBLED, type AssembleCommand } from '../../src/actors/assembler-commands.ts'
import { emptyAnswer } from '../../src/actors/crypto-commands.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import type { SessionItem } from '../../src/actors/signing-session.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { PROTOCOLS, SUITES, sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { pairedPurpose } from '../../src/protocol/dkls23/purpose.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../../src/protocol/engine/party.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import { OPEN_SIGNING, REPLY, REPLY_TYPES, type Reply, ROUND, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { instanceBytes, purposeOf } from '../../src/protocol/request/instance.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

const rng = seededRng('fake signers')

/** An item that differs from every other. */
export const someItem = (): SessionItem => ({
  instance: instanceBytes({
    keyId: rng(32),
    epochId: rng(32),
    path: 'm',
    tweak: rng(32),
    publicKey: rng(33),
    digest: rng(32),
    requestHash: rng(32),
  }),
  requestId: `req_${toHex(rng(8))}`,
  request: { document: rng(40), credentialId: 'cred_a', alg: 'ed25519', signature: rng(64) },
  input: rng(32),
  publicKey: rng(33),
  verifyingShares: new Map([1, 2, 3, 4, 5].map((id) => [id, rng(33)])),
})

/** One exchange as a signer saw it. */
export interface Seen {
  readonly to: PartyId
  readonly route: Route
  readonly protocol: string
  readonly round: number
  readonly items: number
  /** `sender>receiver` of the envelopes in the frame. */
  readonly mail: readonly string[]
}

type Answer = (seen: Seen, reply: () => Uint8Array) => Promise<Uint8Array> | Uint8Array

interface Open {
  readonly setup: SetupFields
  readonly items: number
}

/** Signers that send what the coordinator expects of their engine, with nothing in it: for tests of what it does with it. */
export class FakeSigners {
  readonly seen: Seen[] = []
  /** What a test makes of an exchange. */
  answer: Answer = (_seen, reply) => reply()
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly assembled: AssembleCommand[] = []
  readonly #sessions = new Map<string, Open>()

  constructor(ids: readonly PartyId[]) {
    this.links = new Map(ids.map((id) => [id, this.#link(id)]))
  }

  readonly assemble = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const command = ASSEMBLE.decode(bytes)
    this.assembled.push(command)
    const signed = { type: 0, signature: new Uint8Array(64), recovery: 0, code: '', culprits: [], refusals: [] }
    return ASSEMBLED.encode({
      code: '',
      culprits: [],
      spent: { combine: 300, verify: 200 },
      outcomes: command.items.map(() => signed),
    })
  }

  #link(id: PartyId): SignerLink {
    return {
      id,
      send: async (route, frame) => {
        if (route === 'openSigning') {
          const { setup, pairs, items } = OPEN_SIGNING.decode(frame)
          const instances = items.map((i) => i.instance)
          const purpose = setup.protocol === 'dkls23' ? pairedPurpose(instances, pairs) : purposeOf(instances)
          const sessionId = sessionIdOf({ ...setup, purpose })
          this.#sessions.set(toHex(sessionId), { setup, items: items.length })
          return await this.#exchange(id, route, sessionId, 0, [])
        }
        if (route === 'round') {
          const { sessionId, round, envelopes } = ROUND.decode(frame)
          return await this.#exchange(id, route, sessionId, round, envelopes)
        }
        return REPLY.encode({ ...emptyAnswer().reply, type: REPLY_TYPES.done })
      },
    }
  }

  async #exchange(
    id: PartyId,
    route: Route,
    sessionId: Uint8Array,
    round: number,
    envelopes: readonly Uint8Array[],
  ): Promise<Uint8Array> {
    const { setup, items } = this.#sessions.get(toHex(sessionId)) as Open
    const mail = envelopes.map((bytes) => {
      const envelope = decodeEnvelope(bytes)
      return `${envelope?.sender}>${envelope?.receiver === EVERYONE ? 'all' : envelope?.receiver}`
    })
    const seen = { to: id, route, protocol: setup.protocol, round, items, mail }
    this.seen.push(seen)
    return await this.answer(seen, () => REPLY.encode(this.#reply(id, setup, sessionId, round)))
  }

  #reply(id: PartyId, setup: SetupFields, sessionId: Uint8Array, round: number): Reply {
    const others = setup.signers.filter((other) => other !== id)
    const dkls = setup.protocol === 'dkls23'
    const last = round === (dkls ? 2 : 1)
    const receivers = last ? [ASSEMBLER] : round === 0 ? [EVERYONE, ...(dkls ? others : [])] : others
    const empty = { prev: new Uint8Array(32), keyCommitment: new Uint8Array(32), signature: new Uint8Array(64), macs: new Map() }
    const envelopes = receivers.map((receiver) =>
      encodeEnvelope({
        kind: 'full',
        suite: SUITES[setup.suite],
        protocol: PROTOCOLS[setup.protocol],
        round: round + 1,
        sessionId,
        sender: id,
        receiver,
        body: Uint8Array.of(id, round, receiver & 0xff),
        ...empty,
      }),
    )
    return { ...emptyAnswer().reply, type: last ? REPLY_TYPES.done : REPLY_TYPES.sent, envelopes }
  }
}

/** The same reply with other fields. */
export const changed = (bytes: Uint8Array, change: (reply: Reply) => Partial<Reply>): Uint8Array => {
  const reply = REPLY.decode(bytes)
  return REPLY.encode({ ...reply, ...change(reply) })
}

/** The end of a session at a signer. */
export const failing =
  (code: string, culprits: readonly PartyId[] = []) =>
  (): Partial<Reply> => ({
    type: REPLY_TYPES.failed,
    code,
    culprits,
    envelopes: [],
  })
