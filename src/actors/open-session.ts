import type { Channel } from '../protocol/channel/channel.ts'
import { FullChannel } from '../protocol/channel/full-channel.ts'
import { LightChannel } from '../protocol/channel/light-channel.ts'
import type { Identity, Roster } from '../protocol/channel/roster.ts'
import { PROTOCOLS, SUITES } from '../protocol/channel/setup.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import type { Rng } from '../protocol/engine/bytes.ts'
import type { Env, Protocol } from '../protocol/engine/round.ts'
import type { SetupFields } from '../protocol/frames/setup-frame.ts'
import type { Generation } from '../protocol/prss/generation.ts'
import { LiveSession, type SessionHooks } from './live-session.ts'

interface Party {
  readonly identity: Identity
  readonly roster: Roster
  readonly rng: Rng
  readonly curves: Curves
}

interface SessionPlan<Result, Commit> {
  readonly id: Uint8Array
  readonly setup: SetupFields
  /** On this host's clock. */
  readonly deadline: number
  /** Present: hm, on the light channel under the generation's MAC keys. Absent: the full channel. */
  readonly generation: Generation | undefined
  readonly script: (env: Env) => Protocol<Result, Commit>
  readonly hooks: SessionHooks<Result, Commit>
}

/** A session with its channel and script, not yet started. The set-up was checked: nothing here refuses anything. */
export function openSession<Result, Commit>(party: Party, plan: SessionPlan<Result, Commit>): LiveSession {
  const { identity, roster, rng, curves } = party
  const { id, setup, deadline, generation, script, hooks } = plan
  const { signers, threshold } = setup
  const shared = {
    identity,
    roster,
    signers,
    sessionId: id,
    suite: SUITES[setup.suite],
    protocol: PROTOCOLS[setup.protocol],
    curves,
    rng,
  }
  const channel: Channel =
    generation === undefined
      ? new FullChannel({ ...shared, signedOnly: setup.protocol === 'frost' })
      : new LightChannel({ ...shared, macKeys: new Map([...generation.pairs].map(([peer, key]) => [peer, key.mac])) })
  const env: Env = {
    self: identity.id,
    parties: signers,
    threshold,
    sessionId: id,
    roster,
    rng,
    curves,
    transcript: () => channel.transcript(),
    evidence: (from) => channel.evidence(from),
  }
  // Light sessions end when the relay shows us a forged copy of our own points (C2); full ones ignore it.
  const own = generation === undefined ? {} : { ownCopyFault: 'HM_R_OWN' as const }
  const needsMark = setup.protocol === 'dkls23'
  return LiveSession.open({ ...shared, channel, self: identity.id, deadline, script: script(env), hooks, needsMark, ...own })
}
