import { SUITES } from '../../../src/protocol/channel/setup.ts'
import type { ReceiverSetup, SenderSetup } from '../../../src/protocol/dkls23/pair-record.ts'
import { type RvoleContext, RvoleReceiver, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'

/** Whether c + d = a b comes out of one multiplication on these two halves of a set-up, for both inputs. */
export function multiplyWith(sender: SenderSetup, receiver: ReceiverSetup, [alice, bob]: readonly [PartyId, PartyId]): boolean {
  const group = nativeCurves.secp256k1
  const rng = seededRng('multiply')
  const ctx = bytes32('a signing session')
  const context: RvoleContext = { group, suite: SUITES['ecdsa-secp256k1'], ctx, sender: alice, receiver: bob, count: 1 }
  const one = new RvoleReceiver(context, receiver, rng)
  const inputs = [group.randomScalar(rng), group.randomScalar(rng)] as const
  const two = RvoleSender.accept(context, sender, one.message).answer([0], [inputs[0]], [inputs[1]], rng)
  const { du, dv } = one.finish(two.message, [0])
  const fits = (a: Uint8Array, c?: Uint8Array, d?: Uint8Array): boolean =>
    equalBytes(
      group.addAssign(Uint8Array.from(c as Uint8Array), d as Uint8Array),
      group.mulAssign(Uint8Array.from(a), one.b[0] as Uint8Array),
    )
  return fits(inputs[0], two.cu[0], du[0]) && fits(inputs[1], two.cv[0], dv[0])
}
