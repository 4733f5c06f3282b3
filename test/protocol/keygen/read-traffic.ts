import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { EVERYONE } from '../../../src/protocol/engine/party.ts'
import { type Reveal, revealCodec, verdictCodec } from '../../../src/protocol/keygen/messages.ts'
import type { KeygenRun } from './keygen-fixture.ts'
import type { Verdict } from './rogue-dealer.ts'

function broadcasts(run: KeygenRun, round: number): readonly Envelope[] {
  const envelopes = run.traffic.map((bytes) => decodeEnvelope(bytes) as Envelope)
  return envelopes.filter((e) => e.round === round && e.receiver === EVERYONE)
}

/** What each signer opened in round 2. */
export const revealsOf = (run: KeygenRun): ReadonlyMap<PartyId, Reveal> =>
  new Map(broadcasts(run, 2).map((e) => [e.sender, revealCodec(run.group).decode(e.body)]))

/** What each signer said in round 3. */
export const verdictsOf = (run: KeygenRun): ReadonlyMap<PartyId, Verdict> =>
  new Map(broadcasts(run, 3).map((e) => [e.sender, verdictCodec(run.group).decode(e.body)]))
