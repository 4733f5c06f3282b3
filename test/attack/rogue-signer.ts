import type { Answer } from '../../src/actors/crypto-commands.ts'
import type { LiveSession } from '../../src/actors/live-session.ts'
import { openSession } from '../../src/actors/open-session.ts'
import type { signerHandlers } from '../../src/host/signer/signer-service.ts'
import type { Identity, Roster } from '../../src/protocol/channel/roster.ts'
import { SUITES, sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import type { Curves } from '../../src/protocol/curve/curves.ts'
import { contextOf } from '../../src/protocol/dkls23/context.ts'
import type { PairSecret } from '../../src/protocol/dkls23/pair-record.ts'
import { setUpPair } from '../../src/protocol/dkls23/pair-setup.ts'
import { pairedPurpose } from '../../src/protocol/dkls23/purpose.ts'
import { sign } from '../../src/protocol/dkls23/sign.ts'
import { type Rng, toHex } from '../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import {
  OPEN_PAIR,
  OPEN_SIGNING,
  PAIR_STATES,
  REPLY,
  ROUND,
  ROUTES,
  type Route,
  STATUS,
} from '../../src/protocol/frames/signer-frames.ts'
import type { PublicPackage } from '../../src/protocol/keygen/key-record.ts'
import { signingInput } from '../../src/protocol/request/digest.ts'
import { parseDocument } from '../../src/protocol/request/document.ts'
import type { AcceptedItem, SigningCommit } from '../../src/protocol/signing/batch.ts'
import { type Twin, twin } from '../simulator/twin.ts'

/** What a liar may know of a session. */
export interface RogueSession {
  readonly context: Uint8Array
  readonly suite: number
  readonly signers: readonly PartyId[]
  readonly count: number
}

type Handlers = ReturnType<typeof signerHandlers>

export interface RogueOptions {
  readonly identity: Identity
  readonly roster: Roster
  readonly curves: Curves
  readonly rng: Rng
  readonly now: () => number
  /** What it holds of a key. */
  readonly keyOf: (keyId: Uint8Array) => { readonly share: Uint8Array; readonly key: PublicPackage }
}

/**
 * A signer whose program is its owner's: it has its keys, shares and set-ups like any other, and says in DKLs23 sessions what `lie` makes of the
 * honest script. It judges nothing and forgets nothing. Other routes are an honest signer's.
 */
export class RogueSigner {
  readonly #o: RogueOptions
  readonly #sessions = new Map<string, LiveSession>()
  /** By peer, for ever: a ban is its peer's idea. */
  readonly pairs = new Map<PartyId, PairSecret>()
  lie: (session: RogueSession) => Twin<SigningCommit> = () => ({})
  /** In sessions that make a set-up. */
  setupLie: Twin<never> = {}

  constructor(options: RogueOptions) {
    this.#o = options
  }

  /** Its answer on a route of DKLs23; undefined where an honest signer answers for it. */
  answer(route: Route, frame: Uint8Array): Answer | undefined {
    if (route === 'openPair') return this.#openPair(frame)
    if (route === 'openSigning' && OPEN_SIGNING.decode(frame).setup.protocol === 'dkls23') return this.#openSigning(frame)
    if (route !== 'round') return undefined
    const { sessionId, round, envelopes } = ROUND.decode(frame)
    return this.#sessions.get(toHex(sessionId))?.receive(round, envelopes, true)
  }

  /** The routes of a whole signer, with this one's program where DKLs23 is spoken. */
  over(honest: Handlers): Handlers {
    const take =
      (route: Route) =>
      async (frame: Uint8Array): Promise<Uint8Array> => {
        const answer = this.answer(route, frame)
        if (answer !== undefined) return REPLY.encode(answer.reply)
        const said = await (honest[ROUTES[route]] as Handlers[string])(frame)
        return route === 'status' ? STATUS.encode({ ...STATUS.decode(said), pairs: this.states() }) : said
      }
    const taken = (['status', 'openPair', 'openSigning', 'round'] as const).map((route) => [ROUTES[route], take(route)])
    return { ...honest, ...Object.fromEntries(taken) }
  }

  /** As if it stood well with everybody. */
  states(): ReturnType<typeof STATUS.decode>['pairs'] {
    return this.#o.roster.members
      .filter(({ id }) => id !== this.#o.identity.id)
      .map(({ id: peer }) => {
        const pairId = this.pairs.get(peer)?.pairId
        const state = pairId === undefined ? PAIR_STATES.none : PAIR_STATES.ok
        return { peer, state, pairId: pairId ?? new Uint8Array(0), signatures: 0, code: '' }
      })
  }

  #openPair(frame: Uint8Array): Answer {
    const { setup } = OPEN_PAIR.decode(frame)
    const peer = setup.signers.find((id) => id !== this.#o.identity.id) as PartyId
    const id = sessionIdOf({ ...setup, purpose: new Uint8Array(0) })
    const live = openSession(this.#party(), {
      id,
      setup,
      deadline: Number.MAX_SAFE_INTEGER,
      generation: undefined,
      script: (env) => twin(setUpPair(env), this.setupLie),
      hooks: {
        onCommit: (never) => never,
        onDone: (secret) => {
          this.pairs.set(peer, secret)
          return { reply: { result: secret.pairId } }
        },
        onEnd: () => {},
      },
    })
    this.#sessions.set(toHex(id), live)
    return live.start()
  }

  #openSigning(frame: Uint8Array): Answer {
    const { setup, items, pairs } = OPEN_SIGNING.decode(frame)
    const id = sessionIdOf({
      ...setup,
      purpose: pairedPurpose(
        items.map((i) => i.instance),
        pairs,
      ),
    })
    const own = items.map(({ instance, request }): AcceptedItem => {
      const document = parseDocument(request.document)
      if (document.type !== 'sign.v1') throw new Error('not a signing request')
      const { share, key } = this.#o.keyOf(document.keyId)
      const input = signingInput(document.scheme, document.payload)
      const verifyingShares = new Map(key.parties.map((party, i) => [party, key.verificationShares[i] as Uint8Array]))
      return { item: { instance, input, publicKey: key.publicKey }, share: Uint8Array.from(share), verifyingShares }
    })
    const suite = SUITES[setup.suite]
    const { signers, threshold } = setup
    const instances = items.map((i) => i.instance)
    const context = contextOf({ sessionId: id, suite, threshold, signers, instances })
    const hooks = this.lie({ context, suite, signers, count: items.length })
    const params = { suite, pairs: this.pairs, items: own }
    const live = openSession(this.#party(), {
      id,
      setup,
      deadline: Number.MAX_SAFE_INTEGER,
      generation: undefined,
      script: (env) => twin(sign(env, params), hooks),
      hooks: { onCommit: () => ({}), onDone: () => ({}), onEnd: () => {} },
    })
    this.#sessions.set(toHex(id), live)
    return live.start()
  }

  #party() {
    const { identity, roster, rng, curves } = this.#o
    return { identity, roster, rng, curves }
  }
}
