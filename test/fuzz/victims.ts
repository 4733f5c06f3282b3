import type { Channel } from '../../src/protocol/channel/channel.ts'
import { encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { FullChannel, type FullChannelOptions } from '../../src/protocol/channel/full-channel.ts'
import type { Progress, Session } from '../../src/protocol/channel/session.ts'
import type { Fault } from '../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Exchange } from '../../src/protocol/engine/round.ts'
import { openSession, type Plan, type Run, runSession } from '../simulator/run-session.ts'
import { promise } from './target.ts'

/** The signer whose keys the fuzzer has; all others are honest. */
export const ATTACKER: PartyId = 3

/** A protocol with its honest run: what the honest signers said is replayed, what the attacker says is made up. */
export interface Stage<Result, Commit> {
  readonly plan: Plan<Result, Commit>
  readonly run: Run<Result, Commit>
}

export function stage<Result, Commit>(plan: Plan<Result, Commit>): Stage<Result, Commit> {
  const run = runSession(plan)
  for (const [id, end] of run.ends)
    if (end.type !== 'done') throw new Error(`honest ${id} ended with ${end.fault.code}: ${end.fault.detail}`)
  return { plan, run }
}

/** What reached `to` in a round of the honest run from everybody but the attacker. */
export const honestMail = <R, C>({ run }: Stage<R, C>, to: PartyId, round: number): readonly Uint8Array[] =>
  run.sent.filter((p) => p.to === to && p.round === round && p.from !== ATTACKER).map((p) => p.bytes)

/** What the attacker would have sent to `to` if it were honest. */
export const attackersMail = <R, C>({ run }: Stage<R, C>, to: PartyId, round: number): readonly Uint8Array[] =>
  run.sent.filter((p) => p.to === to && p.round === round && p.from === ATTACKER).map((p) => p.bytes)

/** An honest signer's session that has all messages before `round` and waits for those of it. */
export function victimAt<R, C>(s: Stage<R, C>, id: PartyId, round: number): Session<R, C> {
  const session = openSession(s.plan, s.run.sessionId, id)
  session.start()
  for (let r = 1; r < round; r++) session.receive([...honestMail(s, id, r), ...attackersMail(s, id, r)])
  if (session.round !== round || session.ended) throw new Error(`the honest replay did not get to round ${round}`)
  return session
}

/** The attacker's own channel after the honest rounds before `round`: it seals whatever it is told to. */
export function attackerAt<R, C>(s: Stage<R, C>, round: number): Channel {
  const channels: Channel[] = []
  const channelFor = (options: FullChannelOptions): Channel => {
    const channel = s.plan.channelFor?.(options) ?? new FullChannel(options)
    channels.push(channel)
    return channel
  }
  const session = openSession({ ...s.plan, channelFor }, s.run.sessionId, ATTACKER)
  session.start()
  for (let r = 1; r < round; r++) session.receive(honestMail(s, ATTACKER, r))
  if (session.ended) throw new Error('the attacker has to act before its session is over')
  return channels[0] as Channel
}

/** Envelopes of an exchange that the attacker makes up, validly signed, encrypted and authenticated. */
export const sealed = (
  channel: Channel,
  round: number,
  exchange: Pick<Exchange, 'broadcast' | 'direct'>,
): readonly Uint8Array[] => channel.seal(round, { name: 'fuzz', from: [], ...exchange }).map((a) => encodeEnvelope(a.envelope))

/** What must hold of any failure that the attacker's bytes bring about. */
export function assertFair(fault: Fault, extra: readonly PartyId[] = []): void {
  for (const culprit of fault.culprits) {
    promise(culprit === ATTACKER || extra.includes(culprit), `${fault.code} names the honest signer ${culprit} (${fault.detail})`)
  }
}

/** How a session stands after the attack, as an outcome. */
export function standing<R, C>(progress: Progress<R, C>): string {
  const { end } = progress
  if (end === undefined) return progress.waitingFor.length > 0 ? `waits for ${progress.waitingFor.join()}` : 'goes on'
  if (end.type === 'done') return 'done'
  assertFair(end.fault)
  return end.fault.culprits.length > 0 ? `${end.fault.code} proven` : end.fault.code
}
