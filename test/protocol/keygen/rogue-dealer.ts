import type { Group } from '../../../src/protocol/curve/group.ts'
import { wipe } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { type Env, type Evidence, type Inbox, peersOf } from '../../../src/protocol/engine/round.ts'
import type { DkgParams } from '../../../src/protocol/keygen/dkg.ts'
import {
  COMMIT,
  chainCommitment,
  type Reveal,
  revealCodec,
  revealCommitment,
  SHARE,
  verdictCodec,
} from '../../../src/protocol/keygen/messages.ts'
import { possessionChallenge, prove } from '../../../src/protocol/keygen/proof.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { commit } from '../../../src/protocol/sharing/feldman.ts'
import { abscissa, evaluate, randomPolynomial, type SecretPolynomial } from '../../../src/protocol/sharing/polynomial.ts'
import type { KeygenScript } from './keygen-fixture.ts'

export type Verdict = Parameters<ReturnType<typeof verdictCodec>['encode']>[0]

/** Where a malicious dealer departs from the protocol; what is left out is done honestly. */
export interface Deviation {
  readonly polynomial?: (honest: SecretPolynomial, env: Env) => SecretPolynomial
  /** Before commitment: everything fits together, only the content is wrong. */
  readonly commitTo?: (reveal: Reveal, env: Env) => Reveal
  /** After commitment, with the other signers' round-1 messages in hand. */
  readonly reveal?: (committed: Reveal, env: Env, round1: Inbox) => Reveal
  /** The bytes of the round-2 broadcast. */
  readonly revealBytes?: (bytes: Uint8Array) => Uint8Array
  readonly commitBytes?: (bytes: Uint8Array) => Uint8Array
  /** For each peer. */
  readonly share?: (to: PartyId, share: Uint8Array, chainPart: Uint8Array) => { share: Uint8Array; chainPart: Uint8Array }
  readonly shareBytes?: (to: PartyId, bytes: Uint8Array) => Uint8Array
  /** What it says in round 3, knowing everything it was sent; a well-formed confirmation of nothing when left out. */
  readonly verdict?: (evidence: (from: PartyId) => Evidence, env: Env) => Verdict
}

/** A signer with valid keys that deals as it likes. It never outputs anything. */
export const rogueDealer =
  (deviation: Deviation) =>
  (env: Env, params: DkgParams): KeygenScript =>
    deal(env, params, deviation)

function* deal(env: Env, params: DkgParams, deviation: Deviation): KeygenScript {
  const { self, sessionId, threshold, rng } = env
  const group = groupOf(params.scheme, env.curves)
  const peers = peersOf(env)
  const honest = randomPolynomial(group, threshold, rng)
  const polynomial = deviation.polynomial?.(honest, env) ?? honest
  const chainPart = rng(32)
  const commitments = commit(group, polynomial)
  const fitting: Reveal = {
    salt: rng(32),
    commitments,
    possession: prove(group, polynomial, possessionChallenge(group, sessionId, self, commitments), rng),
    chainCommitment: chainCommitment(sessionId, self, chainPart),
  }
  const committed = deviation.commitTo?.(fitting, env) ?? fitting
  const keep = (bytes: Uint8Array): Uint8Array => bytes
  const opening = COMMIT.encode({ commitment: revealCommitment(sessionId, self, committed) })
  const round1 = yield { name: 'rogue/commit', broadcast: (deviation.commitBytes ?? keep)(opening), from: peers }
  const reveal = deviation.reveal?.(committed, env, round1) ?? committed
  const direct = new Map<PartyId, Uint8Array>()
  for (const to of peers) {
    const share = evaluate(group, polynomial, abscissa(group, to))
    const body = SHARE.encode(deviation.share?.(to, share, chainPart) ?? { share, chainPart })
    direct.set(to, deviation.shareBytes?.(to, body) ?? body)
  }
  const broadcast = (deviation.revealBytes ?? keep)(revealCodec(group).encode(reveal))
  yield { name: 'rogue/reveal', broadcast, direct, from: peers }
  wipe(...polynomial)
  const said = deviation.verdict?.((from) => env.evidence(from), env) ?? nothing(group)
  yield { name: 'rogue/verdict', broadcast: verdictCodec(group).encode(said), from: [] }
  throw new Fault('STOPPED')
}

const nothing = (group: Group): Verdict => ({
  type: 'confirmation',
  value: { knowledge: { commitment: group.generator, response: group.scalar(1) }, signature: new Uint8Array(64) },
})
