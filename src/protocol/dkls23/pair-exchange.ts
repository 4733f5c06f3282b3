import { wipe } from '../engine/bytes.ts'
import type { Codec } from '../engine/codec.ts'
import { blame } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { directOf, type Protocol } from '../engine/round.ts'

/** Two signers tell each other something in private. The empty broadcast keeps the round in the transcript. */
export function* exchangeBytes(peer: PartyId, name: string, mine: Uint8Array): Protocol<Uint8Array> {
  return directOf(yield { name, broadcast: new Uint8Array(0), direct: new Map([[peer, mine]]), from: [peer] }, peer)
}

/**
 * The same with messages of one form, whose bytes are wiped: what they hold is secret. `check` refuses a value by throwing.
 * @throws Fault SETUP_MALFORMED naming the peer.
 */
export function* exchange<T>(
  peer: PartyId,
  name: string,
  codec: Codec<T>,
  mine: T,
  check: (theirs: T) => void = () => {},
): Protocol<T> {
  const bodies = [codec.encode(mine)]
  try {
    const body = yield* exchangeBytes(peer, name, bodies[0] as Uint8Array)
    bodies.push(body)
    return blame(peer, 'SETUP_MALFORMED', () => {
      const theirs = codec.decode(body)
      check(theirs)
      return theirs
    })
  } finally {
    wipe(...bodies)
  }
}
