import { decodeEnvelope } from '../protocol/channel/envelope.ts'
import type { Roster } from '../protocol/channel/roster.ts'
import { PROTOCOLS, sessionId as sessionIdOf } from '../protocol/channel/setup.ts'
import { settleViews } from '../protocol/channel/views.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import { equalBytes, type Rng } from '../protocol/engine/bytes.ts'
import { ASSEMBLER, EVERYONE, type PartyId } from '../protocol/engine/party.ts'
import { ABORT, OPEN_SIGNING, REPLY_TYPES, type Reply, ROUND } from '../protocol/frames/signer-frames.ts'
import type { Scheme } from '../protocol/request/document.ts'
import { purposeOf } from '../protocol/request/instance.ts'
import type { Refusal } from '../protocol/signing/refusal.ts'
import { ASSEMBLE, ASSEMBLED, OUTCOME_TYPES } from './assembler-commands.ts'
import { provenCulprits, round, type SignerLink } from './round.ts'

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

export interface SigningSessionOptions {
  readonly scheme: Scheme
  readonly threshold: number
  /** Ascending; hm: 2t-1 of them, FROST: t. */
  readonly links: readonly SignerLink[]
  readonly items: readonly SessionItem[]
  /** Present: hm. Absent: FROST. */
  readonly supplies: HmSupplies | undefined
  /** Of the signers, in their order. */
  readonly boots: readonly Uint8Array[]
  readonly roster: Roster
  /** For public checks only. */
  readonly curves: Curves
  readonly now: number
  /** For each of the two exchanges. */
  readonly timeoutMs: number
  readonly rng: Rng
  readonly assemble: (command: Uint8Array) => Promise<Uint8Array>
  readonly onTickets: (from: PartyId, tickets: readonly Uint8Array[]) => void
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
  /** The second exchange was begun: a share may have left a signer. Before it, none of them has what a share needs. */
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
 * The session actor of the coordinator for one batch: two exchanges with each signer, then combining and verifying in the worker.
 * It has no authority: it decides who and when, never what. Ends once, with an outcome per item or one failure for all.
 */
export async function signingSession(o: SigningSessionOptions): Promise<SigningEnd> {
  const signers = o.links.map((l) => l.id)
  const setup = {
    protocol: o.supplies === undefined ? ('frost' as const) : ('hm' as const),
    suite: o.scheme,
    keyId: new Uint8Array(32),
    epoch: 0,
    rosterHash: o.roster.hash,
    threshold: o.threshold,
    signers,
    boots: o.boots,
    deadline: Math.ceil(o.now + 2 * o.timeoutMs + SLACK_MS),
    coordinatorNonce: o.rng(32),
  }
  const sessionId = sessionIdOf({ ...setup, purpose: purposeOf(o.items.map((i) => i.instance)) })
  let released = false
  /** Everything the signers sent: evidence when their views differ. */
  const seen: Uint8Array[] = []
  try {
    const open = OPEN_SIGNING.encode({
      setup,
      generation: o.supplies?.digest ?? new Uint8Array(0),
      tickets: o.supplies?.tickets ?? [],
      pairs: [],
      items: o.items.map(({ instance, requestId, request }) => ({ instance, requestId, request })),
    })
    const expected = { sessionId, protocol: PROTOCOLS[setup.protocol], receiver: EVERYONE }
    const first = await exchange(o, 'openSigning', open, REPLY_TYPES.sent, seen)
    const openings = first.map((reply, i) => single(reply, { ...expected, round: 1, sender: signers[i] as PartyId }))
    // Everybody gets the same frame, with its own envelope in it: hm signers compare that copy with what they sent (C2).
    const relayed = ROUND.encode({ sessionId, round: 1, envelopes: openings.map((e) => e.bytes) })
    released = true
    const second = await exchange(o, 'round', relayed, REPLY_TYPES.done, seen)
    const answers = second.map((reply, i) =>
      single(reply, { ...expected, round: 2, sender: signers[i] as PartyId, receiver: ASSEMBLER }),
    )
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

/** FROST: signers compare what they saw in round 1. What each has signed tells who made the difference; hm has no such signatures. */
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
  frame: Uint8Array,
  type: number,
  seen: Uint8Array[],
): Promise<readonly Reply[]> {
  const { replies, missing } = await round(o.links, route, () => frame, o.timeoutMs)
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

interface Expected {
  readonly sessionId: Uint8Array
  readonly protocol: number
  readonly round: number
  readonly sender: PartyId
  readonly receiver: number
}

/** The one envelope of a reply. The connection is pinned to the signer, so wrong headers are that signer's own doing. */
function single(reply: Reply, expected: Expected): { readonly bytes: Uint8Array; readonly body: Uint8Array } {
  const bytes = reply.envelopes[0]
  const envelope = bytes === undefined || reply.envelopes.length !== 1 ? null : decodeEnvelope(bytes)
  if (
    bytes === undefined ||
    envelope === null ||
    envelope.round !== expected.round ||
    envelope.sender !== expected.sender ||
    envelope.receiver !== expected.receiver ||
    envelope.protocol !== expected.protocol ||
    !equalBytes(envelope.sessionId, expected.sessionId)
  ) {
    throw new Ended('MALFORMED', { culprits: [expected.sender], from: [expected.sender] })
  }
  return { bytes, body: envelope.body }
}

async function combine(
  o: SigningSessionOptions,
  sessionId: Uint8Array,
  signers: readonly PartyId[],
  openings: readonly { readonly body: Uint8Array }[],
  answers: readonly { readonly body: Uint8Array }[],
): Promise<SigningEnd> {
  const command = ASSEMBLE.encode({
    engine: o.supplies === undefined ? 'frost' : 'hm',
    scheme: o.scheme,
    sessionId,
    threshold: o.threshold,
    signers,
    kids: o.supplies?.kids ?? [],
    tickets: o.supplies?.tickets ?? [],
    items: o.items.map(({ instance, input, publicKey, verifyingShares }) => ({
      instance,
      input,
      publicKey,
      verifyingShares: o.supplies === undefined ? signers.map((id) => verifyingShares.get(id) as Uint8Array) : [],
    })),
    openings: openings.map((e) => e.body),
    answers: answers.map((e) => e.body),
  })
  const assembled = ASSEMBLED.decode(await assembly(o, command))
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
