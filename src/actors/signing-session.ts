import type { Roster } from '../protocol/channel/roster.ts'
import { PROTOCOLS, sessionId as sessionIdOf } from '../protocol/channel/setup.ts'
import { settleViews } from '../protocol/channel/views.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import { pairedPurpose } from '../protocol/dkls23/purpose.ts'
import type { Rng } from '../protocol/engine/bytes.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../protocol/engine/party.ts'
import { ABORT, OPEN_SIGNING, REPLY_TYPES, type Reply } from '../protocol/frames/signer-frames.ts'
import type { Scheme } from '../protocol/request/document.ts'
import { purposeOf } from '../protocol/request/instance.ts'
import type { Refusal } from '../protocol/signing/refusal.ts'
import { ASSEMBLE, ASSEMBLED, OUTCOME_TYPES } from './assembler-commands.ts'
import { provenCulprits, round, type SignerLink } from './round.ts'
import { type Letter, type Letters, lettersOf, relayFrames } from './session-mail.ts'
import type { StageClock } from './session-stages.ts'

/** One request as the coordinator schedules it. The document goes to the signers untouched. */
export interface SessionItem {
  readonly instance: Uint8Array
  readonly requestId: string
  readonly request: {
    readonly document: Uint8Array
    readonly credentialId: string
    readonly alg: string
    readonly signature: Uint8Array
  }
  readonly input: Uint8Array
  /** 33 bytes on secp256k1, 32 on Ed25519, from the verified certificate. */
  readonly publicKey: Uint8Array
  readonly verifyingShares: ReadonlyMap<PartyId, Uint8Array>
}

/** What hm needs beside the signers: the generation all of them hold, and one ticket of each. */
export interface HmSupplies {
  readonly kids: readonly Uint8Array[]
  readonly digest: Uint8Array
  readonly tickets: readonly Uint8Array[]
}

/** An engine with what a session of it needs beside the signers. */
export type EngineSupplies =
  | { readonly engine: 'frost' }
  | { readonly engine: 'hm'; readonly supplies: HmSupplies }
  /** The set-up of every two of the signers, in the order of `pairsOf`. */
  | { readonly engine: 'dkls23'; readonly pairs: readonly Uint8Array[] }

export interface SigningSessionOptions {
  readonly scheme: Scheme
  readonly threshold: number
  /** Ascending; hm: 2t-1 of them, else t. */
  readonly links: readonly SignerLink[]
  readonly items: readonly SessionItem[]
  readonly with: EngineSupplies
  /** Of the signers, in their order. */
  readonly boots: readonly Uint8Array[]
  readonly roster: Roster
  /** For public checks only. */
  readonly curves: Curves
  readonly now: number
  /** For each exchange. */
  readonly timeoutMs: number
  readonly rng: Rng
  readonly assemble: (command: Uint8Array) => Promise<Uint8Array>
  readonly onTickets: (from: PartyId, tickets: readonly Uint8Array[]) => void
  /** Started when the session is; told when each stage ends. */
  readonly stages?: StageClock
}

export type ItemEnd =
  | { readonly type: 'signed'; readonly signature: Uint8Array; readonly recovery: number }
  | { readonly type: 'refused'; readonly by: ReadonlyMap<PartyId, Refusal> }
  | { readonly type: 'failed'; readonly code: string; readonly culprits: readonly PartyId[] }

interface SigningFault {
  readonly code: string
  /** Proven to this coordinator: by what they sent it, or by the word of t signers. */
  readonly culprits: readonly PartyId[]
  /** Signers that did not answer. */
  readonly missing: readonly PartyId[]
  /** Signers whose replies ended the session. */
  readonly from: readonly PartyId[]
}

export type SigningEnd = {
  readonly sessionId: Uint8Array
  /** The last exchange was begun: a share may have left a signer. Before it, none of them has what a share needs. */
  readonly released: boolean
} & ({ readonly type: 'done'; readonly items: readonly ItemEnd[] } | ({ readonly type: 'failed' } & SigningFault))

/** Sessions end this much after their last exchange could have been answered. */
const SLACK_MS = 1000

class Ended extends Error {
  readonly fault: SigningFault
  constructor(code: string, fault: Partial<SigningFault>) {
    super(code)
    this.fault = { code, culprits: [], missing: [], from: [], ...fault }
  }
}

/**
 * To whom a signer's messages of a round go: all others alike, each other one by itself, or both. The answer to the last of them is one
 * message for the assembler, and is the share.
 */
type Addressees = 'everyone' | 'each' | 'everyone and each'
const ROUNDS: Readonly<Record<EngineSupplies['engine'], readonly Addressees[]>> = {
  frost: ['everyone'],
  hm: ['everyone'],
  dkls23: ['everyone and each', 'each'],
}

/**
 * The session actor of the coordinator for one batch: an exchange with each signer to open it and one for each round of messages among
 * them, then combining and verifying in the worker. It has no authority: it decides who and when, never what. Ends once, with an
 * outcome per item or one failure for all.
 */
export async function signingSession(o: SigningSessionOptions): Promise<SigningEnd> {
  const signers = o.links.map((l) => l.id)
  const rounds = ROUNDS[o.with.engine]
  const setup = {
    protocol: o.with.engine,
    suite: o.scheme,
    keyId: new Uint8Array(32),
    epoch: 0,
    rosterHash: o.roster.hash,
    threshold: o.threshold,
    signers,
    boots: o.boots,
    deadline: Math.ceil(o.now + (1 + rounds.length) * o.timeoutMs + SLACK_MS),
    coordinatorNonce: o.rng(32),
  }
  const instances = o.items.map((i) => i.instance)
  const pairs = o.with.engine === 'dkls23' ? o.with.pairs : []
  const purpose = o.with.engine === 'dkls23' ? pairedPurpose(instances, pairs) : purposeOf(instances)
  const sessionId = sessionIdOf({ ...setup, purpose })
  let released = false
  /** Everything the signers sent: evidence when their views differ. */
  const seen: Uint8Array[] = []
  try {
    const open = OPEN_SIGNING.encode({
      setup,
      generation: o.with.engine === 'hm' ? o.with.supplies.digest : new Uint8Array(0),
      tickets: o.with.engine === 'hm' ? o.with.supplies.tickets : [],
      pairs,
      items: o.items.map(({ instance, requestId, request }) => ({ instance, requestId, request })),
    })
    const lettersFrom = (s: number, reply: Reply, number: number, receivers: readonly number[]): Letters => {
      const sender = signers[s] as PartyId
      const letters = lettersOf(reply, { sessionId, protocol: PROTOCOLS[setup.protocol], round: number, sender }, receivers)
      if (letters === null) throw new Ended('MALFORMED', { culprits: [sender], from: [sender] })
      return letters
    }
    let replies = await exchange(o, 'openSigning', () => open, REPLY_TYPES.sent, seen)
    o.stages?.end('open')
    let openings: readonly Letter[] = []
    for (const [i, addressees] of rounds.entries()) {
      const number = i + 1
      const last = number === rounds.length
      const mail = replies.map((reply, s) => {
        const others = addressees === 'everyone' ? [] : signers.filter((_, other) => other !== s)
        return lettersFrom(s, reply, number, addressees === 'each' ? others : [EVERYONE, ...others])
      })
      if (number === 1) openings = mail.map((letters) => letters.get(EVERYONE) as Letter)
      released = last
      const frames = relayFrames(sessionId, number, mail)
      replies = await exchange(o, 'round', frames, last ? REPLY_TYPES.done : REPLY_TYPES.sent, seen)
      o.stages?.end(number === 1 ? 'round_1' : 'round_2')
    }
    const answers = replies.map((reply, s) => lettersFrom(s, reply, rounds.length + 1, [ASSEMBLER]).get(ASSEMBLER) as Letter)
    return await combine(o, sessionId, signers, openings, answers)
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    // Signers that still wait give their secrets back now and not at the deadline.
    void round(o.links, 'abort', () => ABORT.encode({ sessionId }), o.timeoutMs)
    const { fault } = error
    const culprits = VIEWS_DIFFER.has(fault.code) ? settled(o, sessionId, seen, fault.culprits) : fault.culprits
    return { sessionId, released, type: 'failed', ...fault, culprits }
  }
}

/** FROST, DKLs23: signers compare what they saw in round 1. What each has signed tells who made the difference; hm has no such signatures. */
const VIEWS_DIFFER: ReadonlySet<string> = new Set(['INCONSISTENT_BROADCAST', 'FROST_VIEW'])

function settled(
  o: SigningSessionOptions,
  sessionId: Uint8Array,
  seen: readonly Uint8Array[],
  proven: readonly PartyId[],
): readonly PartyId[] {
  const context = { sessionId, signers: o.links.map((l) => l.id), roster: o.roster, curves: o.curves }
  const { equivocators, falsePrev } = settleViews(context, seen)
  return [...new Set([...proven, ...equivocators, ...falsePrev])].sort((a, b) => a - b)
}

/** One exchange with all signers; anything but the expected kind of reply from each ends the session. */
async function exchange(
  o: SigningSessionOptions,
  route: 'openSigning' | 'round',
  frameFor: (id: PartyId) => Uint8Array,
  type: number,
  seen: Uint8Array[],
): Promise<readonly Reply[]> {
  const { replies, missing } = await round(o.links, route, frameFor, o.timeoutMs)
  for (const [id, reply] of replies) {
    o.onTickets(id, reply.tickets)
    seen.push(...reply.envelopes, ...reply.exhibits)
  }
  if (missing.length > 0) throw new Ended('TIMEOUT', { missing })
  const others = o.links.filter(({ id }) => replies.get(id)?.type !== type).map(({ id }) => id)
  if (others.length > 0) throw endOf(others, replies, o.threshold)
  return o.links.map((l) => replies.get(l.id) as Reply)
}

/** Why these replies end the session; the first signer by id gives the code. */
function endOf(others: readonly PartyId[], replies: ReadonlyMap<PartyId, Reply>, threshold: number): Ended {
  const typeOf = (id: PartyId) => replies.get(id)?.type
  const from = others.filter((id) => typeOf(id) === REPLY_TYPES.failed || typeOf(id) === REPLY_TYPES.refused)
  const [first] = from
  if (first !== undefined)
    return new Ended((replies.get(first) as Reply).code, { from, culprits: provenCulprits(replies.values(), threshold) })
  // Still waiting: it got nothing from a peer that it could accept. Who of the two is to blame only they could show.
  const waiting = others.every((id) => typeOf(id) === REPLY_TYPES.sent)
  return waiting
    ? new Ended('INCONSISTENT_BROADCAST', { from: others })
    : new Ended('MALFORMED', { from: others, culprits: others })
}

async function combine(
  o: SigningSessionOptions,
  sessionId: Uint8Array,
  signers: readonly PartyId[],
  openings: readonly Letter[],
  answers: readonly Letter[],
): Promise<SigningEnd> {
  const hm = o.with.engine === 'hm' ? o.with.supplies : undefined
  const command = ASSEMBLE.encode({
    engine: o.with.engine,
    scheme: o.scheme,
    sessionId,
    threshold: o.threshold,
    signers,
    kids: hm?.kids ?? [],
    tickets: hm?.tickets ?? [],
    items: o.items.map(({ instance, input, publicKey, verifyingShares }) => ({
      instance,
      input,
      publicKey,
      verifyingShares: o.with.engine === 'frost' ? signers.map((id) => verifyingShares.get(id) as Uint8Array) : [],
    })),
    openings: openings.map((e) => e.body),
    answers: answers.map((e) => e.body),
  })
  const assembled = ASSEMBLED.decode(await assembly(o, command))
  o.stages?.combined(assembled.spent.combine / 1000, assembled.spent.verify / 1000)
  if (assembled.code !== '') throw new Ended(assembled.code, { culprits: assembled.culprits, from: assembled.culprits })
  const items = assembled.outcomes.map((outcome): ItemEnd => {
    if (outcome.type === OUTCOME_TYPES.signed) return { type: 'signed', signature: outcome.signature, recovery: outcome.recovery }
    if (outcome.type === OUTCOME_TYPES.failed) return { type: 'failed', code: outcome.code, culprits: outcome.culprits }
    return { type: 'refused', by: new Map(outcome.refusals.map((r) => [r.by, r.why as Refusal])) }
  })
  return { sessionId, released: true, type: 'done', items }
}

/** A worker that is lost or overloaded ends this session like any failure of it; the words are for whoever reads the pool's log. */
async function assembly(o: SigningSessionOptions, command: Uint8Array): Promise<Uint8Array> {
  try {
    return await o.assemble(command)
  } catch (error) {
    throw new Ended(error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL', {})
  }
}
