import type { Channel } from '../../src/protocol/channel/channel.ts'
import { FullChannel, type FullChannelOptions } from '../../src/protocol/channel/full-channel.ts'
import { type End, type Progress, Session } from '../../src/protocol/channel/session.ts'
import { assertSetup, PROTOCOLS, type Setup, SUITES, sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { concat } from '../../src/protocol/engine/bytes.ts'
import type { FaultCode } from '../../src/protocol/engine/fault.ts'
import { ASSEMBLER, type PartyId } from '../../src/protocol/engine/party.ts'
import type { Env, Protocol } from '../../src/protocol/engine/round.ts'
import { applyRules, type Parcel, parcelsOf, type Rule } from './relay.ts'
import { pick, seededRng } from './seeded-rng.ts'
import { identityOf, type World } from './world.ts'

export interface Plan<Result, Commit> {
  readonly world: World
  readonly setup: Setup
  /** Decides every signer's randomness and the order of delivery. */
  readonly seed: string
  readonly scriptFor: (env: Env) => Protocol<Result, Commit>
  /** Full channel unless said otherwise. */
  readonly channelFor?: (options: FullChannelOptions) => Channel
  /** The first rule that matches a parcel acts on it. */
  readonly rules?: readonly Rule[]
  readonly ownCopyFault?: FaultCode
}

/** One recorded run: what the signers ended with and all that a coordinator could see. */
export interface Run<Result, Commit> {
  readonly seed: string
  readonly sessionId: Uint8Array
  readonly ends: ReadonlyMap<PartyId, End<Result>>
  /** What each signer stored before sending, in order. */
  readonly commits: ReadonlyMap<PartyId, readonly Commit[]>
  /** Every envelope the signers handed to the relay, before any rule. */
  readonly sent: readonly Parcel[]
  /** Every byte string of `sent` once, for scans. */
  readonly traffic: readonly Uint8Array[]
  /** Envelopes that reached the coordinator as assembler. */
  readonly assembler: ReadonlyMap<PartyId, readonly Uint8Array[]>
  /** For signers that ended with TIMEOUT: whom they were still waiting for. */
  readonly missing: ReadonlyMap<PartyId, readonly PartyId[]>
}

/** More deliveries than any run of ours needs; a relay that feeds itself is a bug of the test. */
const MAX_DELIVERIES = 100_000

/**
 * Runs one session per signer in this process, over a relay that delivers in a random order and changes what `rules` say. Signers still
 * waiting when nothing is left to deliver end with TIMEOUT. @throws Error that names the seed, when a session throws: a bug.
 */
export function runSession<Result, Commit = never>(plan: Plan<Result, Commit>): Run<Result, Commit> {
  try {
    return run(plan)
  } catch (error) {
    throw new Error(`simulation with seed '${plan.seed}': ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

function run<Result, Commit>(plan: Plan<Result, Commit>): Run<Result, Commit> {
  const { world, setup, seed } = plan
  const sessionId = sessionIdOf(setup)
  const sessions = new Map(setup.signers.map((id) => [id, openSession(plan, sessionId, id)]))
  const ends = new Map<PartyId, End<Result>>()
  const commits = new Map<PartyId, Commit[]>(setup.signers.map((id) => [id, []]))
  const assembler = new Map<PartyId, Uint8Array[]>()
  const missing = new Map<PartyId, readonly PartyId[]>()
  const sent: Parcel[] = []
  const traffic: Uint8Array[] = []
  const order = seededRng(`${seed}/order`)
  // A start is an event like any other: some signers hear from peers before they have begun.
  const queue: (Parcel | { readonly start: PartyId })[] = setup.signers.map((start) => ({ start }))
  const late: Parcel[] = []
  const nextOf = () => {
    if (queue.length > 0) return queue.splice(pick(order, queue.length), 1)[0]
    const rank = Math.min(...late.map((p) => p.late as number))
    const due = late.filter((p) => p.late === rank)
    return late.splice(late.indexOf(due[pick(order, due.length)] as Parcel), 1)[0]
  }

  const take = (id: PartyId, progress: Progress<Result, Commit>): void => {
    commits.get(id)?.push(...progress.commits)
    for (const bytes of progress.outgoing) {
      traffic.push(bytes)
      for (const parcel of parcelsOf(id, setup.signers, bytes)) {
        sent.push(parcel)
        for (const next of applyRules(plan.rules ?? [], parcel)) ((next.late ?? 0) > 0 ? late : queue).push(next)
      }
    }
    if (progress.end !== undefined) ends.set(id, progress.end)
  }

  for (let deliveries = 0; queue.length > 0 || late.length > 0; deliveries++) {
    if (deliveries > MAX_DELIVERIES) throw new Error('the relay does not come to rest')
    const next = nextOf()
    if (next === undefined) throw new Error('empty queue')
    if ('start' in next) take(next.start, session(sessions, next.start).start())
    else if (next.to === ASSEMBLER) assembler.set(next.from, [...(assembler.get(next.from) ?? []), next.bytes])
    else if (sessions.has(next.to)) take(next.to, session(sessions, next.to).receive([next.bytes]))
  }
  for (const [id, open] of sessions) {
    if (open.ended) continue
    missing.set(id, open.waitingFor)
    take(id, open.stop('TIMEOUT'))
  }
  return { seed: `${world.seed} ${seed}`, sessionId, ends, commits, sent, traffic, assembler, missing }
}

function session<Result, Commit>(sessions: ReadonlyMap<PartyId, Session<Result, Commit>>, id: PartyId): Session<Result, Commit> {
  return sessions.get(id) as Session<Result, Commit>
}

/** One signer's session as a host would open it. */
export function openSession<Result, Commit>(
  plan: Plan<Result, Commit>,
  sessionId: Uint8Array,
  self: PartyId,
): Session<Result, Commit> {
  const { world, setup, seed } = plan
  assertSetup(setup, self, world.roster)
  const suite = SUITES[setup.suite]
  const protocol = PROTOCOLS[setup.protocol]
  const rng = seededRng(`${world.seed}/${seed}/signer/${self}`)
  const { signers } = setup
  const options = {
    identity: identityOf(world, self),
    roster: world.roster,
    signers,
    sessionId,
    suite,
    protocol,
    curves: world.curves,
    rng,
  }
  const channel = plan.channelFor?.(options) ?? new FullChannel(options)
  const env: Env = {
    self,
    parties: signers,
    threshold: setup.threshold,
    sessionId,
    roster: world.roster,
    rng,
    curves: world.curves,
    transcript: () => channel.transcript(),
    evidence: (from) => channel.evidence(from),
  }
  return new Session({
    self,
    signers,
    sessionId,
    suite,
    protocol,
    channel,
    script: plan.scriptFor(env),
    ...(plan.ownCopyFault === undefined ? {} : { ownCopyFault: plan.ownCopyFault }),
  })
}

/** All that the coordinator saw of a run, as one byte string. */
export const wire = (run: Pick<Run<unknown, unknown>, 'traffic'>): Uint8Array => concat(...run.traffic)
