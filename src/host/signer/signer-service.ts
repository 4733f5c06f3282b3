import type { Logger } from 'pino'
import type { Answer, Command } from '../../actors/crypto-commands.ts'
import type { Timers } from '../../actors/timers.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import {
  ABORT,
  OPEN_KEYGEN,
  OPEN_PAIR,
  OPEN_SIGNING,
  REPLY,
  REPLY_TYPES,
  type Reply,
  ROUND,
  ROUTES,
  STATUS,
  STATUS_REQUEST,
  UPDATE_KEY,
} from '../../protocol/frames/signer-frames.ts'
import { requestHash } from '../../protocol/request/authorize.ts'
import type { Usage } from '../../protocol/request/document.ts'
import type { SignerConfig } from '../config/config.ts'
import { timed } from '../metrics.ts'
import type { SignerStore } from '../store/signer-store.ts'
import type { CryptoClient } from './crypto-client.ts'
import { certificate, keys } from './key-reports.ts'
import type { CheckedSession, PairDesk } from './pair-desk.ts'
import { decoded, readable } from './read-frame.ts'
import type { SignerMetrics, SignerStage } from './signer-metrics.ts'
import { WorkerStatus } from './worker-status.ts'

export interface SignerServiceOptions {
  readonly config: Pick<SignerConfig, 'index' | 'roster' | 'credentials' | 'curve'>
  readonly store: SignerStore
  readonly crypto: CryptoClient
  /** What is remembered of peers for DKLs23. */
  readonly pairs: PairDesk
  /** For public checks of certificates only. */
  readonly curves: Curves
  readonly version: string
  readonly now: () => number
  /** false while the host's clock cannot be trusted (decisions.md 11): the signer then takes part in nothing. */
  readonly ready: () => boolean
  readonly log: Logger
  readonly metrics: SignerMetrics
  readonly timers?: Timers
}

type Handler = (body: Uint8Array) => Promise<Uint8Array>

const NOTHING: Reply = {
  type: REPLY_TYPES.done,
  code: '',
  culprits: [],
  envelopes: [],
  tickets: [],
  exhibits: [],
  result: new Uint8Array(0),
}
const refusal = (code: string, result = NOTHING.result): Reply => ({ ...NOTHING, type: REPLY_TYPES.refused, code, result })
const failure = (code: string): Reply => ({ ...NOTHING, type: REPLY_TYPES.failed, code })

/** Pending keys named per heartbeat. */
const MAX_PENDING = 64
/** Request ids written into one log line. */
const MAX_LOGGED = 8

/**
 * The signer's main thread: looks up what the crypto worker needs, lets it decide and compute, and makes durable what must be
 * durable before the worker's bytes leave. Holds no secret.
 */
export function signerHandlers(o: SignerServiceOptions): Readonly<Record<string, Handler>> {
  const worker = new WorkerStatus(o.crypto, o.timers)
  let lastNamed = new Uint8Array(0)
  // Page by page, round and round: keys that can never be finished (a signer died before it stored its share) must not hide others.
  const nextPending = (): readonly Uint8Array[] => {
    const page = o.store.pendingKeyIds(MAX_PENDING, lastNamed)
    lastNamed = page.length < MAX_PENDING ? new Uint8Array(0) : Uint8Array.from(page.at(-1) as Uint8Array)
    return page
  }
  return {
    [ROUTES.status]: (body) => status(o, body, worker, nextPending),
    [ROUTES.openSigning]: (body) => guarded(o, 'openSigning', () => openSigning(o, body)),
    [ROUTES.openKeygen]: (body) => guarded(o, 'openKeygen', () => openKeygen(o, body)),
    [ROUTES.openPrss]: (body) => guarded(o, 'openPrss', () => openPrss(o, body)),
    [ROUTES.openPair]: (body) => guarded(o, 'openPair', () => openPair(o, body)),
    [ROUTES.updateKey]: (body) => guarded(o, 'updateKey', () => updateKey(o, body)),
    [ROUTES.round]: (body) => guarded(o, 'round', () => round(o, body)),
    [ROUTES.abort]: async (body) => REPLY.encode((await o.crypto.ask('abort', { frame: body })).reply),
    [ROUTES.certificate]: (body) => certificate(o, body),
    [ROUTES.keys]: (body) => keys(o, body),
  }
}

async function guarded(o: SignerServiceOptions, command: Command, work: () => Promise<Reply>): Promise<Uint8Array> {
  if (!o.ready()) return REPLY.encode(refusal('CLOCK'))
  const reply = await timed(measured(o, command, 'total'), work)
  o.metrics.reply(reply)
  return REPLY.encode(reply)
}

const measured = (o: SignerServiceOptions, command: Command, stage: SignerStage) => (ms: number) =>
  o.metrics.stage(command, stage, ms)

async function openSigning(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  const started = performance.now()
  const frame = decoded(OPEN_SIGNING, body)
  if (frame === null) return refusal('MALFORMED')
  const tenants = new Map(o.config.credentials.map((c) => [c.id, c.tenant]))
  // Read only, by the ids the frame claims: an item that claims another id than its document is refused by the worker.
  const known = o.store.lookup(
    frame.items.map((i) => ({
      credentialId: i.request.credentialId,
      tenant: tenants.get(i.request.credentialId) ?? '',
      requestId: i.requestId,
    })),
  )
  const ids = new Map(frame.items.map((i) => [toHex(i.instance.subarray(0, 32)), i.instance.slice(0, 32)]))
  const keys = [...ids.values()].flatMap((id) => o.store.keyForSigning(id) ?? [])
  const pairs = frame.setup.protocol === 'dkls23' ? o.pairs.records(frame.setup.signers) : []
  o.metrics.stage('openSigning', 'lookup', performance.now() - started)
  const answer = await o.crypto.ask('openSigning', { frame: body, known, keys, pairs })
  if (answer.checked !== null) o.pairs.opened(answer.checked)
  if (answer.unopened !== null) o.pairs.unopened(answer.unopened)
  // A session that was refused as a whole judged nothing.
  if (answer.reply.type === REPLY_TYPES.sent) o.metrics.judged(frame.items.length, answer.refusals)
  o.log.info(
    {
      session: sessionOf(answer.reply),
      protocol: frame.setup.protocol,
      items: frame.items.length,
      requests: frame.items.slice(0, MAX_LOGGED).map((i) => i.requestId),
      ...(answer.refusals.length > 0 && { refusals: answer.refusals }),
    },
    'signing session',
  )
  return release(o, answer, body)
}

/**
 * Freeze, unfreeze, archive, label. The receipt leaves when the update is on the disk, and from then on `release` lets no share of a
 * frozen key go.
 */
async function updateKey(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  const frame = decoded(UPDATE_KEY, body)
  if (frame === null) return refusal('MALFORMED')
  const row = o.store.getKey(frame.keyId)
  const known = row?.updateHash ?? null
  // The same bytes again get the same answer, also when they have expired meanwhile.
  if (row?.updateReceipt != null && known !== null && equalBytes(known, requestHash(frame.request.document))) {
    return { ...NOTHING, result: row.updateReceipt }
  }
  const key = o.store.keyForSigning(frame.keyId)
  const { update, reply, detail } = await o.crypto.ask('updateKey', { frame: body, keys: key === undefined ? [] : [key] })
  if (update === null) {
    o.log.warn({ request: frame.requestId, code: reply.code, detail }, 'key update refused')
    return reply
  }
  const { revision } = update
  const usage = update.usage as Usage
  const verdict = o.store.updateKey({ ...update, usage, receipt: reply.result, firstSentAt: o.now() })
  o.log.info({ keyId: toHex(update.keyId), request: frame.requestId, revision, usage, verdict }, 'key update')
  return verdict === 'stored' ? reply : refusal(verdict)
}

async function openKeygen(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  const frame = decoded(OPEN_KEYGEN, body)
  if (frame === null) return refusal('MALFORMED')
  const { credentialId } = frame.request
  const tenant = o.config.credentials.find((c) => c.id === credentialId)?.tenant
  const existing = tenant === undefined ? undefined : o.store.keyByRequest({ credentialId, tenant, requestId: frame.requestId })
  // One request makes one key, ever: the coordinator finishes the key that is there (decisions.md 3).
  if (existing !== undefined) {
    const same = equalBytes(existing.requestHash, requestHash(frame.request.document))
    return same ? refusal('KEY_EXISTS', existing.keyId) : refusal('request_replayed')
  }
  const answer = await o.crypto.ask('openKeygen', { frame: body })
  o.log.info({ session: sessionOf(answer.reply), request: frame.requestId }, 'key generation session')
  return release(o, answer, body)
}

async function openPrss(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  return release(o, await o.crypto.ask('openPrss', { frame: body }), body)
}

async function openPair(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  const frame = decoded(OPEN_PAIR, body)
  if (frame === null) return refusal('MALFORMED')
  const { signers } = frame.setup
  const refused = o.pairs.admitSetup(signers)
  if (refused !== null) return refusal(refused)
  const answer = await o.crypto.ask('openPair', { frame: body })
  if (answer.reply.type === REPLY_TYPES.refused) o.pairs.refusedSetup(signers)
  return release(o, answer, body)
}

/** A round whose messages are checked against secrets that outlive the session is marked on the disk first, and until it is answered. */
async function round(o: SignerServiceOptions, body: Uint8Array): Promise<Reply> {
  const session = o.pairs.checkedBy(body)
  if (session === undefined) return release(o, await o.crypto.ask('round', { frame: body }), body)
  if (!(await timed(measured(o, 'round', 'mark'), () => o.pairs.enter(session)))) {
    await end(o, body)
    return failure('PAIR_UNKNOWN')
  }
  let answer: Answer
  try {
    answer = await o.crypto.ask('round', { frame: body, marked: 1 })
  } catch (error) {
    await o.pairs.lost(session, error)
    throw error
  }
  o.pairs.answered(session)
  return release(o, answer, body, session)
}

/** Makes the answer's effects durable, then lets its bytes go. Whatever cannot be stored is not sent. */
async function release(o: SignerServiceOptions, answer: Answer, frame: Uint8Array, session?: CheckedSession): Promise<Reply> {
  const { claims, pending, activate, setup, judgement, detail, reply } = answer
  if (detail !== '') o.log.warn({ code: reply.code, culprits: reply.culprits, detail }, 'session refused or failed')
  if (judgement !== null) o.pairs.judge(judgement)
  if (session !== undefined) {
    await timed(measured(o, 'round', 'unmark'), () => o.pairs.leave(session, reply.type === REPLY_TYPES.failed))
    // From here to the claim nothing waits: a ban that another session brought meanwhile is seen here, or comes too late.
    if (!o.pairs.stands(session) && reply.type !== REPLY_TYPES.failed) {
      await end(o, frame)
      return failure('ABORT')
    }
  }
  if (claims.length > 0) {
    const started = performance.now()
    const firstSentAt = o.now()
    // Again, since the worker judged in round 1: the key may have been frozen meanwhile. Here and in `updateKey` the store is read and
    // written in one go on this thread, so either the freeze is on the disk now and no share leaves, or this share was decided on
    // before the freeze was stored and so before its receipt existed. A repeated frame comes through here again.
    if (!o.store.usable(claims.map((c) => c.keyId))) {
      o.log.warn({ requests: claims.map((c) => c.requestId).slice(0, MAX_LOGGED) }, 'a key was frozen meanwhile; nothing is sent')
      await end(o, frame)
      return failure('KEY_FROZEN')
    }
    const verdicts = o.store.claim(claims.map((c) => ({ ...c, firstSentAt })))
    o.metrics.stage('round', 'ledger', performance.now() - started)
    if (verdicts.some((v) => v === 'conflict' || v === 'forgotten')) {
      o.log.warn(
        { requests: claims.map((c) => c.requestId).slice(0, MAX_LOGGED) },
        'a request id was used meanwhile; nothing is sent',
      )
      await end(o, frame)
      return failure('REQUEST_REPLAYED')
    }
  }
  if (pending !== null) {
    const stored = o.store.insertPending({ ...pending, createdAt: o.now() })
    if (stored !== 'stored' && !equalBytes(stored.existing.keyId, pending.keyId)) {
      await end(o, frame)
      return refusal('KEY_EXISTS', stored.existing.keyId)
    }
  }
  if (setup !== null && o.pairs.store(setup) === 'banned') return failure('PAIR_BANNED')
  if (activate !== null) {
    // Storing the share failed and the coordinator went on all the same: no certificate leaves for a key that this signer has not.
    if (o.store.activate(activate.keyId, activate.certificate) === 'unknown') {
      o.log.error({ keyId: toHex(activate.keyId) }, 'a key without a stored share is not certified')
      return failure('STOPPED')
    }
    o.log.info({ keyId: toHex(activate.keyId) }, 'key active')
  }
  return reply
}

async function end(o: SignerServiceOptions, frame: Uint8Array): Promise<void> {
  const round = decoded(ROUND, frame)
  if (round !== null) await o.crypto.ask('abort', { frame: ABORT.encode({ sessionId: round.sessionId }) })
}

async function status(
  o: SignerServiceOptions,
  body: Uint8Array,
  worker: WorkerStatus,
  nextPending: () => readonly Uint8Array[],
): Promise<Uint8Array> {
  const { tickets } = readable(STATUS_REQUEST, body)
  const answer = await worker.read(tickets)
  o.metrics.sessions(answer.sessions)
  return STATUS.encode({
    version: o.version,
    index: o.config.index,
    rosterHash: o.config.roster.roster.hash,
    bootNonce: answer.bootNonce,
    curve: o.config.curve,
    ready: o.ready() ? 1 : 0,
    generations: answer.generations,
    tickets: answer.tickets,
    pending: nextPending(),
    pairs: o.pairs.states(),
  })
}

/** Names the session in the log; both sides of an exchange log the same 16 digits. */
function sessionOf(reply: Reply): string {
  const first = reply.envelopes[0]
  return first === undefined ? '' : toHex(first.subarray(8, 16))
}
