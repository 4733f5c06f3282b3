import type { EcdsaGroup } from '../curve/group.ts'
import { equalBytes, u16, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { Fault, SetupError } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { type Env, type Protocol, peersOf } from '../engine/round.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { accept, choose, makeOffer, OT_PART, PHI_POINTS } from './base-ot.ts'
import { exchange } from './pair-exchange.ts'
import type { PairSecret } from './pair-record.ts'
import { rehearse } from './pair-rehearsal.ts'
import { BLOCK, LAMBDA } from './parameters.ts'

const POINT = 33

export const OFFER = message({ nonce: bytes(32), point: bytes(POINT) }, 80)
export const CHOOSE = message({ phi: bytes(PHI_POINTS * POINT) }, PHI_POINTS * POINT + 8)
export const CONFIRM = message({ tag: bytes(32), zeroPart: bytes(32) }, 80)

/** One signer and the nonce of its offer. */
interface End {
  readonly id: PartyId
  readonly nonce: Uint8Array
}

/** psid(A, B), 32 bytes: the direction in which `alice` sends in the OT extension and `bob` receives. */
const psidOf = (sessionId: Uint8Array, alice: End, bob: End): Uint8Array =>
  TH(TAGS.pair, sessionId, u16(alice.id), u16(bob.id), alice.nonce, bob.nonce)

/**
 * Set-up of a pair of signers for DKLs23 (protocols.md 4; steps in this folder's README): base OT in both directions, the seed of their zero
 * shares, and a rehearsal, whose failure throws the set-up away and bans nobody. Needs the full channel. The result belongs to the
 * host, which seals and wipes it.
 * @throws SetupError DKLS_PARAM unless the session has exactly two signers.
 * @throws Fault SETUP_MALFORMED naming the peer; PAIR_REHEARSAL naming nobody.
 */
export function* setUpPair(env: Env): Protocol<PairSecret> {
  const { self, parties, sessionId, rng } = env
  const group = env.curves.secp256k1
  const [peer] = peersOf(env)
  if (peer === undefined || parties.length !== 2) throw new SetupError('DKLS_PARAM', 'a set-up is one of exactly two signers')
  const delta = rng(BLOCK)
  const seeds = Array.from({ length: 3 }, () => new Uint8Array(LAMBDA * BLOCK)) as [Uint8Array, Uint8Array, Uint8Array]
  const [mine, zeros, ones] = seeds
  const kept = [delta, ...seeds]
  const secrets: Uint8Array[] = []
  let finished = false
  try {
    // Delta 0 would send our inputs in clear. An honest source gives it with probability 2^-128 (attacks.md C-09).
    if (group.isZero(delta)) throw new RangeError('the random source is broken: it gave a Delta of zero')

    // 1. Nonces, the points of both base OTs.
    const nonce = rng(32)
    const offer = makeOffer(group, rng)
    secrets.push(offer.secret)
    const theirs = yield* exchange(peer, 'pair/offer', OFFER, { nonce, point: offer.point }, ({ point }) =>
      requirePoints(group, [point]),
    )
    const us = { id: self, nonce }
    const them = { id: peer, nonce: theirs.nonce }
    const asAlice = { group, psid: psidOf(sessionId, us, them) }
    const asBob = { group, psid: psidOf(sessionId, them, us) }

    // 2 to 5. Base OT, both directions, part by part.
    for (let first = 0; first < LAMBDA; first += OT_PART) {
      const phi = choose(asAlice, theirs.point, delta, first, mine, rng)
      const chosen = yield* exchange(peer, 'pair/choose', CHOOSE, { phi }, (value) => requirePoints(group, pointsIn(value.phi)))
      accept(asBob, offer, first, pointsIn(chosen.phi), [zeros, ones], peer)
    }
    const sender = { psid: asAlice.psid, delta, seeds: mine }
    const receiver = { psid: asBob.psid, seeds0: zeros, seeds1: ones }

    // 6 to 8.
    yield* rehearse(env, peer, { sender, receiver })

    // 9. The rehearsal went well here: no signer keeps what the other has thrown away, unless this message is lost. The parts of the zero
    // shares' seed go last because nothing may be secret in a first round: its key still depends on the receiver's long-lived one alone.
    const inOrder = <T>(ours: T, others: T): [T, T] => (self < peer ? [ours, others] : [others, ours])
    const ids = inOrder(self, peer).map(u16)
    const pairId = TH(TAGS.pairId, ...ids, ...inOrder(sender.psid, receiver.psid))
    const okOf = (party: PartyId): Uint8Array => TH(TAGS.pairOk, pairId, u16(party))
    const zeroPart = rng(32)
    secrets.push(zeroPart)
    const confirmed = yield* exchange(peer, 'pair/confirm', CONFIRM, { tag: okOf(self), zeroPart })
    secrets.push(confirmed.zeroPart)
    if (!equalBytes(confirmed.tag, okOf(peer))) throw new Fault('PAIR_REHEARSAL', [], 'another set-up was confirmed')
    const zseed = TH(TAGS.zeroSeed, sessionId, ...ids, ...inOrder(zeroPart, confirmed.zeroPart))
    finished = true
    return { pairId, sender, receiver, zseed }
  } finally {
    wipe(...secrets)
    if (!finished) wipe(...kept)
  }
}

const pointsIn = (phi: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: PHI_POINTS }, (_, k) => phi.slice(k * POINT, (k + 1) * POINT))

function requirePoints(group: EcdsaGroup, points: readonly Uint8Array[]): void {
  if (!points.every((point) => group.isPoint(point))) throw new RangeError('no point')
}
