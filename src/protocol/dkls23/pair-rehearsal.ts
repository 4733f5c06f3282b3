import { SUITES } from '../channel/setup.ts'
import type { EcdsaGroup } from '../curve/group.ts'
import { equalBytes, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import type { Env, Protocol } from '../engine/round.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { exchange, exchangeBytes } from './pair-exchange.ts'
import type { PairSecret } from './pair-record.ts'
import { type RvoleContext, RvoleReceiver, RvoleSender } from './rvole.ts'

/** All that went into the two multiplications of the rehearsal and came out of them: the sender's as Alice, the sender's as Bob. */
export const OPEN = message(
  { u: bytes(32), v: bytes(32), cu: bytes(32), cv: bytes(32), b: bytes(32), du: bytes(32), dv: bytes(32) },
  256,
)
export type Opening = ReturnType<typeof OPEN.decode>

/**
 * One multiplication in each direction on a new set-up, with random inputs that are opened afterwards (protocols.md 4.4): software or
 * storage that does not fit shows here, and not in the first signature, where it would ban an honest signer.
 * @throws Fault PAIR_REHEARSAL naming nobody, whatever check failed; SETUP_MALFORMED naming the peer.
 */
export function* rehearse(
  env: Env,
  peer: PartyId,
  { sender, receiver }: Pick<PairSecret, 'sender' | 'receiver'>,
): Protocol<void> {
  const { self, sessionId, rng } = env
  const group = env.curves.secp256k1
  const ctx = TH(TAGS.rehearsal, sessionId)
  const multiplication = (alice: PartyId, bob: PartyId): RvoleContext => ({
    group,
    suite: SUITES['ecdsa-secp256k1'],
    ctx,
    sender: alice,
    receiver: bob,
    count: 1,
  })
  const u = group.randomScalar(rng)
  const v = group.randomScalar(rng)
  const secrets = [u, v]
  const bob = new RvoleReceiver(multiplication(peer, self), receiver, rng)
  let alice: RvoleSender | undefined
  try {
    const extended = yield* exchangeBytes(peer, 'pair/extend', bob.message)
    alice = RvoleSender.accept(multiplication(self, peer), sender, extended)

    const { message, cu, cv } = alice.answer([0], [u], [v], rng)
    secrets.push(...cu, ...cv)
    const multiplied = yield* exchangeBytes(peer, 'pair/multiply', message)
    const { du, dv } = bob.finish(multiplied, [0])
    secrets.push(...du, ...dv)

    // Nothing will ever rest on these.
    const mine: Opening = { u, v, cu: only(cu), cv: only(cv), b: only(bob.b), du: only(du), dv: only(dv) }
    const theirs = yield* exchange(peer, 'pair/open', OPEN, mine, (opened) => requireScalars(group, opened))
    if (!(fits(group, mine, theirs) && fits(group, theirs, mine))) throw new Fault('PAIR_REHEARSAL', [], 'a product is wrong')
  } catch (error) {
    throw error instanceof Fault ? unbanned(error, peer) : error
  } finally {
    alice?.wipe()
    bob.wipe()
    wipe(...secrets)
  }
}

/** A check that bans in a signing session says here that the set-up is no good: nothing has been done with it yet. */
function unbanned(fault: Fault, peer: PartyId): Fault {
  if (fault.code === 'SIGN_MALFORMED') return new Fault('SETUP_MALFORMED', [peer], fault.detail)
  return fault.code === 'OTE_CHECK' || fault.code === 'RVOLE_CHECK' ? new Fault('PAIR_REHEARSAL', [], fault.code) : fault
}

function only(list: readonly Uint8Array[]): Uint8Array {
  const [value] = list
  if (value === undefined) throw new Error('a multiplication without a result')
  return value
}

/** c + d = a b for both inputs of the direction in which `alice` is Alice. */
function fits(group: EcdsaGroup, alice: Opening, bob: Opening): boolean {
  const holds = (a: Uint8Array, c: Uint8Array, d: Uint8Array): boolean =>
    equalBytes(group.addAssign(Uint8Array.from(c), d), group.mulAssign(Uint8Array.from(a), bob.b))
  return holds(alice.u, alice.cu, bob.du) && holds(alice.v, alice.cv, bob.dv)
}

function requireScalars(group: EcdsaGroup, opening: Opening): void {
  if (!Object.values(opening).every((value) => group.isScalar(value))) throw new RangeError('no canonical scalar')
}
