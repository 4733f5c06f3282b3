import type { Identity, Roster } from '../protocol/channel/roster.ts'
import { assertSetup, BOOT_NONCE, type ProtocolName, sessionId as sessionIdOf } from '../protocol/channel/setup.ts'
import { PAIR_SECRET } from '../protocol/dkls23/pair-record.ts'
import { setUpPair } from '../protocol/dkls23/pair-setup.ts'
import { pairedPurpose } from '../protocol/dkls23/purpose.ts'
import { concat, equalBytes, type Rng, toHex, wipe } from '../protocol/engine/bytes.ts'
import type { Codec } from '../protocol/engine/codec.ts'
import { SetupError } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import type { Env, Protocol } from '../protocol/engine/round.ts'
import type { SetupFields } from '../protocol/frames/setup-frame.ts'
import {
  ABORT,
  OPEN_KEYGEN,
  OPEN_PAIR,
  OPEN_PRSS,
  OPEN_SIGNING,
  REPLY_TYPES,
  ROUND,
  UPDATE_KEY,
} from '../protocol/frames/signer-frames.ts'
import { dkg } from '../protocol/keygen/dkg.ts'
import { establish } from '../protocol/prss/establish.ts'
import type { Generation } from '../protocol/prss/generation.ts'
import { CLOCK_SKEW_MS } from '../protocol/request/authorize.ts'
import { isEcdsa } from '../protocol/request/document.ts'
import { purposeOf } from '../protocol/request/instance.ts'
import { receiptMessage } from '../protocol/request/key-update.ts'
import type { Answered, SignerItem, SigningCommit } from '../protocol/signing/batch.ts'
import { ANSWER, type Answer, COMMAND, COMMANDS, type CommandMessage, emptyAnswer, MAX_DETAIL } from './crypto-commands.ts'
import { GenerationRing } from './generation-ring.ts'
import { KeyCache, type KeyCacheOptions } from './key-cache.ts'
import { judgeKeygen } from './keygen-intake.ts'
import { keygenHooks } from './keygen-session.ts'
import { type LiveSession, type SessionHooks, withReply } from './live-session.ts'
import { openSession } from './open-session.ts'
import { OpenSessions } from './open-sessions.ts'
import { wipePairs } from './pair-secrets.ts'
import { PairSessions } from './pair-sessions.ts'
import { refusedAnswer } from './refused-answer.ts'
import { Reservations } from './reservations.ts'
import { signingEngine } from './signing-engine.ts'
import { type Authority, type Claim, type FramedItem, judge } from './signing-intake.ts'
import { TicketBook } from './ticket-book.ts'
import { judgeUpdate } from './update-intake.ts'

/** Longest lives of sessions; a coordinator's later deadline is refused. Key generation with the portable curve code takes seconds. */
const MAX_LIFE_MS: Readonly<Record<ProtocolName, number>> = {
  dkg: 120_000,
  prss: 30_000,
  hm: 30_000,
  frost: 30_000,
  dkls23: 30_000,
  pair: 30_000,
}
/** Tickets that ride on each first reply of an hm session, and on the one that finishes a PRSS generation. */
const TICKETS_PER_SESSION = 1
const TICKETS_PER_GENERATION = 64
const NO_KEY = new Uint8Array(32)
/** What a DKLs23 session holds for each item and peer while it waits: extended OTs, and the longer of its two messages several times over. */
const PRODUCT_BYTES = 192 << 10

export interface CryptoActorOptions extends Omit<KeyCacheOptions, 'self' | 'curves'> {
  readonly identity: Identity
  readonly roster: Roster
  readonly authority: Authority
  readonly rng: Rng
  /** Times this signer has started, from its store. */
  readonly boot: number
  /** Whether this signer's operator allows the hm engine. */
  readonly hm: boolean
  /** Whether this signer's operator allows DKLs23. */
  readonly dkls23: boolean
  readonly seal: (plain: Uint8Array, keyId: Uint8Array, epoch: number) => Uint8Array
  readonly sealPair: (plain: Uint8Array, pairId: Uint8Array, peer: PartyId) => Uint8Array
  /** Throws when it was sealed for another set-up, peer or party. */
  readonly unsealPair: (sealed: Uint8Array, pairId: Uint8Array, peer: PartyId) => Uint8Array
}

/**
 * The crypto actor of a signer: lives in a worker thread, owns every secret and all protocol sessions. Synchronous: bytes in,
 * bytes out. Whatever a frame holds, the answer is a reply frame; an exception is a bug of ours.
 */
export class CryptoActor {
  readonly #o: CryptoActorOptions
  readonly #sessions = new OpenSessions<LiveSession>()
  readonly #generations = new GenerationRing()
  readonly #tickets: TicketBook
  readonly #keys: KeyCache
  readonly #pairs: PairSessions
  readonly #bootNonce: Uint8Array
  /** Last boot counter seen of each peer. */
  #boots: ReadonlyMap<PartyId, number> = new Map()
  readonly #reservations = new Reservations()

  constructor(options: CryptoActorOptions) {
    this.#o = options
    this.#tickets = new TicketBook(options.rng)
    this.#keys = new KeyCache({ ...options, self: options.identity.id, curves: options.authority.curves })
    this.#pairs = new PairSessions({
      self: options.identity.id,
      offered: options.dkls23,
      unseal: options.unsealPair,
      endSession: (id) => this.#sessions.end(id),
    })
    this.#bootNonce = options.rng(BOOT_NONCE)
  }

  call(bytes: Uint8Array): Uint8Array {
    const command = COMMAND.decode(bytes)
    const answer = this.#dispatch(command)
    // Afterwards: a round that comes too late shall hear so (C5), not that there never was such a session.
    this.#sessions.expire(command.now)
    this.#generations.expire(command.now)
    return ANSWER.encode({ ...answer, sessions: this.#sessions.size, bootNonce: this.#bootNonce })
  }

  /** Entries of every map that grows with what the coordinator asks; each has its bound in its own file. */
  get load(): Readonly<Record<'open' | 'ended' | 'seen' | 'reserved' | 'keys' | 'tickets' | 'pairs', number>> {
    const { size: open, ended, seen } = this.#sessions
    const held = {
      reserved: this.#reservations.size,
      keys: this.#keys.size,
      tickets: this.#tickets.size,
      pairs: this.#pairs.size,
    }
    return { open, ended, seen, ...held }
  }

  /** Random per start of this worker; public. */
  get bootNonce(): Uint8Array {
    return Uint8Array.from(this.#bootNonce)
  }

  close(): void {
    this.#sessions.endAll()
    this.#generations.wipe()
    this.#keys.wipe()
    this.#pairs.wipe()
    wipe(this.#o.identity.signSeed, this.#o.identity.exchangeSecret)
  }

  #dispatch(command: CommandMessage): Answer {
    try {
      switch (command.kind) {
        case COMMANDS.openSigning:
          return this.#openSigning(command)
        case COMMANDS.openKeygen:
          return this.#openKeygen(command)
        case COMMANDS.openPrss:
          return this.#openPrss(command)
        case COMMANDS.openPair:
          return this.#openPair(command)
        case COMMANDS.dropPairs:
          this.#pairs.giveUp(command.pairs)
          return emptyAnswer()
        case COMMANDS.updateKey:
          return this.#updateKey(command)
        case COMMANDS.round:
          return this.#round(command)
        case COMMANDS.abort:
          this.#sessions.end(decodeFrame(ABORT, command.frame).sessionId)
          return withReply({ type: REPLY_TYPES.done })
        default:
          return this.#status(command)
      }
    } catch (error) {
      return refusedAnswer(error)
    }
  }

  #updateKey({ frame, now, keys }: CommandMessage): Answer {
    const update = judgeUpdate(decodeFrame(UPDATE_KEY, frame), keys[0], this.#o.authority, now)
    // Signed here, where the identity is; it leaves when the main thread has stored what it says.
    const receipt = this.#sign(receiptMessage(update.requestHash))
    return { ...withReply({ type: REPLY_TYPES.done, result: receipt }), update }
  }

  #status({ now, tickets }: CommandMessage): Answer {
    const generations = this.#generations.current(now).map(({ threshold, signers, kids }) => ({ threshold, signers, kids }))
    return { ...emptyAnswer(), generations, tickets: this.#tickets.issue(tickets) }
  }

  #openSigning({ frame, now, known, keys, pairs: records }: CommandMessage): Answer {
    const { setup, generation: digest, tickets, pairs, items } = decodeFrame(OPEN_SIGNING, frame)
    if (!equalBytes(setup.keyId, NO_KEY) || setup.epoch !== 0) throw new SetupError('SETUP_REFUSED', 'batches name no key')
    const instances = items.map((i) => i.instance)
    const dkls = setup.protocol === 'dkls23'
    if (dkls) this.#pairs.assertBatch(setup.threshold, items.length)
    const purpose = dkls ? pairedPurpose(instances, pairs) : purposeOf(instances)
    const id = this.#admissible(setup, purpose, now)
    const generation = setup.protocol === 'hm' ? this.#hmGeneration(setup, digest, tickets, now) : undefined
    const bytes = frame.length + (dkls ? items.length * (setup.signers.length - 1) * PRODUCT_BYTES : 0)
    this.#admit(id, setup, now, bytes)
    const held = dkls ? this.#pairs.use(id, setup.signers, pairs, records) : undefined

    const claims: (Claim | null)[] = []
    const releases: (() => void)[] = []
    const shares: Uint8Array[] = []
    const end = (): void => {
      for (const release of releases) release()
      wipe(...shares)
      held?.end()
    }
    const usages = new Map(keys.map(({ keyId, usage }) => [toHex(keyId), usage]))
    const usageOf = (keyId: Uint8Array): string | undefined => usages.get(toHex(keyId))
    const session = { suite: setup.suite, threshold: setup.threshold, now, usageOf }
    const judgeItem = (framed: FramedItem, b: number): SignerItem => {
      const { item, claim } = judge(framed, session, this.#o.authority, this.#keys, known[b] ?? null, (c) =>
        this.#reservations.conflict(c),
      )
      claims.push(claim)
      if (claim !== null) releases.push(this.#reservations.hold(claim))
      if ('share' in item) shares.push(item.share)
      return item
    }
    try {
      const make = signingEngine(setup, generation, tickets, held?.pairs)
      const detail = this.#loadKeys(keys)
      const judged = items.map(judgeItem)
      const hooks: SessionHooks<Answered, SigningCommit> = {
        onCommit: ({ present }) => ({ claims: present.flatMap((b) => claims[b] ?? []) }),
        onDone: () => ({}),
        onEnd: end,
        ...(held && { onFault: held.onFault }),
      }
      const answer = this.#open(id, setup, (env) => make(env, judged), generation, hooks, bytes)
      const peers = [...(held?.pairs ?? [])].map(([peer, { pairId }]) => ({ peer, pairId }))
      const fresh = generation === undefined ? [] : this.#tickets.issue(TICKETS_PER_SESSION)
      const refusals = judged.flatMap((i) => ('refusal' in i ? [i.refusal] : []))
      const checked = held && answer.reply.type === REPLY_TYPES.sent ? { sessionId: id, items: items.length, peers } : null
      return { ...answer, reply: { ...answer.reply, tickets: fresh }, checked, refusals, detail: answer.detail || detail }
    } catch (error) {
      end()
      throw error
    }
  }

  /** A record that does not open costs the items of its key (`key_not_found`) and not the batch. @returns words for our log. */
  #loadKeys(rows: CommandMessage['keys']): string {
    const broken = rows.filter((row) => !this.#keys.load(row))
    return broken.length === 0
      ? ''
      : `keys that do not open: ${broken.map((r) => toHex(r.keyId.subarray(0, 8))).join(' ')}`.slice(0, MAX_DETAIL)
  }

  #hmGeneration(setup: SetupFields, digest: Uint8Array, tickets: readonly Uint8Array[], now: number): Generation {
    if (!this.#o.hm) throw new SetupError('HM_POLICY', 'this signer does not offer hm')
    if (!isEcdsa(setup.suite)) throw new SetupError('HM_PARAM', 'hm signs ECDSA only')
    if (setup.signers.length !== 2 * setup.threshold - 1) throw new SetupError('HM_PARAM', 'hm needs exactly 2t-1 signers')
    const generation = this.#generations.find(setup.threshold, setup.signers, digest, now)
    if (generation === undefined) throw new SetupError('HM_KID', 'no such PRSS generation')
    const own = tickets[setup.signers.indexOf(this.#o.identity.id)]
    if (own === undefined || tickets.length !== setup.signers.length || !this.#tickets.spend(own)) {
      throw new SetupError('HM_TICKET', 'ticket unknown, used or void')
    }
    return generation
  }

  #openKeygen({ frame, now }: CommandMessage): Answer {
    const { setup, requestId, request } = decodeFrame(OPEN_KEYGEN, frame)
    if (setup.protocol !== 'dkg' || !equalBytes(setup.keyId, NO_KEY))
      throw new SetupError('SETUP_REFUSED', 'not a key generation')
    const owner = judgeKeygen(requestId, request, setup, this.#o.roster.members.length, this.#o.authority, now)
    const id = this.#admissible(setup, owner.ownedRequestHash, now)
    this.#admit(id, setup, now)
    const params = { scheme: owner.document.scheme, requestHash: owner.ownedRequestHash, sign: this.#sign }
    return this.#open(id, setup, (env) => dkg(env, params), undefined, keygenHooks(owner, requestId, this.#o.seal))
  }

  #openPrss({ frame, now }: CommandMessage): Answer {
    const { setup } = decodeFrame(OPEN_PRSS, frame)
    if (!this.#o.hm) throw new SetupError('HM_POLICY', 'this signer does not offer hm')
    if (setup.protocol !== 'prss' || setup.suite !== 'none') throw new SetupError('SETUP_REFUSED', 'not a PRSS set-up')
    const id = this.#admissible(setup, new Uint8Array(0), now)
    this.#admit(id, setup, now)
    const params = {
      exchangeSecret: this.#o.identity.exchangeSecret,
      boot: this.#o.boot,
      bootNonce: this.#bootNonce,
      bootsSeen: this.#boots,
    }
    return this.#open(id, setup, (env) => establish(env, params), undefined, {
      onCommit: (never) => never,
      onDone: ({ generation, boots }) => {
        this.#generations.add(generation, now)
        this.#boots = new Map([...this.#boots, ...boots])
        return { reply: { tickets: this.#tickets.issue(TICKETS_PER_GENERATION), result: concat(...generation.kids) } }
      },
      onEnd: () => {},
    })
  }

  #openPair({ frame, now }: CommandMessage): Answer {
    const { setup } = decodeFrame(OPEN_PAIR, frame)
    this.#pairs.assertOffered()
    if (setup.protocol !== 'pair' || setup.suite !== 'none') throw new SetupError('SETUP_REFUSED', 'not a set-up of a pair')
    const id = this.#admissible(setup, new Uint8Array(0), now)
    const [peer] = setup.signers.filter((signer) => signer !== this.#o.identity.id)
    if (peer === undefined || setup.signers.length !== 2) throw new SetupError('DKLS_PARAM', 'a pair has two signers')
    this.#admit(id, setup, now)
    const { onFault, end: onEnd } = this.#pairs.make(id, peer)
    return this.#open(id, setup, setUpPair, undefined, {
      onCommit: (never) => never,
      onDone: (secret) => {
        const plain = PAIR_SECRET.encode(secret)
        this.#pairs.replaced(peer)
        try {
          const { pairId } = secret
          return { setup: { peer, pairId, sealed: this.#o.sealPair(plain, pairId, peer) }, reply: { result: pairId } }
        } finally {
          wipe(plain)
          wipePairs(new Map([[peer, secret]]))
        }
      },
      onFault,
      onEnd,
    })
  }

  #round({ frame, now, marked }: CommandMessage): Answer {
    const { sessionId, round, envelopes } = decodeFrame(ROUND, frame)
    const live = this.#sessions.get(sessionId)
    if (live === undefined) return withReply({ type: REPLY_TYPES.failed, code: 'STOPPED' })
    if (live.deadline < now) {
      this.#sessions.end(sessionId)
      return withReply({ type: REPLY_TYPES.failed, code: 'HM_STALE' }) // C5
    }
    if (!this.#sessions.hold(sessionId, frame.length)) {
      this.#sessions.end(sessionId)
      return withReply({ type: REPLY_TYPES.failed, code: 'OVERLOADED' })
    }
    try {
      return live.receive(round, envelopes, marked === 1)
    } finally {
      this.#sessions.settle(sessionId)
    }
  }

  readonly #sign = (message: Uint8Array): Uint8Array => this.#o.authority.curves.ed25519Sign(message, this.#o.identity.signSeed)

  /** Everything that must hold of a set-up before any secret is touched. @returns the session id. */
  #admissible(setup: SetupFields, purpose: Uint8Array, now: number): Uint8Array {
    const full = { ...setup, purpose }
    assertSetup(full, this.#o.identity.id, this.#o.roster)
    if (localDeadline(setup) <= now || setup.deadline > now + MAX_LIFE_MS[setup.protocol] + CLOCK_SKEW_MS) {
      throw new SetupError('SETUP_REFUSED', 'deadline passed or too far away')
    }
    const boot = setup.boots[setup.signers.indexOf(this.#o.identity.id)]
    // Session ids seen before this worker's start are forgotten; none of them can have named it.
    if (boot === undefined || !equalBytes(boot, this.#bootNonce))
      throw new SetupError('SETUP_STALE', 'meant for an earlier start')
    return sessionIdOf(full)
  }

  #admit(id: Uint8Array, setup: SetupFields, now: number, bytes = 0): void {
    this.#sessions.expire(now)
    const verdict = this.#sessions.admit(id, localDeadline(setup), bytes)
    if (verdict === 'repeated') throw new SetupError('SESSION_REUSED', 'this session id was seen before')
    if (verdict === 'full') throw new SetupError('OVERLOADED', 'too many open sessions')
  }

  #open<Result, Commit>(
    id: Uint8Array,
    setup: SetupFields,
    script: (env: Env) => Protocol<Result, Commit>,
    generation: Generation | undefined,
    hooks: SessionHooks<Result, Commit>,
    bytes = 0,
  ): Answer {
    const { identity, roster, rng, authority } = this.#o
    const party = { identity, roster, rng, curves: authority.curves }
    const live = openSession(party, { id, setup, deadline: localDeadline(setup), generation, script, hooks })
    this.#sessions.add(id, live, bytes)
    try {
      return live.start()
    } finally {
      this.#sessions.settle(id)
    }
  }
}

/** The coordinator's deadline, as much later as its clock may be behind ours. */
const localDeadline = (setup: SetupFields): number => setup.deadline + CLOCK_SKEW_MS

/** A frame that is no canonical frame is refused like any other bad set-up; peer bytes never throw. */
function decodeFrame<T>(codec: Codec<T>, frame: Uint8Array): T {
  try {
    return codec.decode(frame)
  } catch (error) {
    throw new SetupError('MALFORMED', error instanceof Error ? error.message : 'undecodable frame')
  }
}
