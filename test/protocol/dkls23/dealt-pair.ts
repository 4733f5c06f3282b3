import type { PairSecret, ReceiverSetup, SenderSetup } from '../../../src/protocol/dkls23/pair-record.ts'
import { BLOCK, LAMBDA } from '../../../src/protocol/dkls23/parameters.ts'
import type { Rng } from '../../../src/protocol/engine/bytes.ts'

/** One direction of a pair set-up as a trusted dealer would make it: what base OT gives the two, in one place. */
export function dealtDirection(rng: Rng): { readonly sender: SenderSetup; readonly receiver: ReceiverSetup } {
  const psid = rng(32)
  const delta = rng(BLOCK)
  const seeds0 = rng(LAMBDA * BLOCK)
  const seeds1 = rng(LAMBDA * BLOCK)
  const seeds = new Uint8Array(LAMBDA * BLOCK)
  for (let i = 0; i < LAMBDA; i++) {
    const known = bitOf(delta, i) === 1 ? seeds0 : seeds1
    seeds.set(known.subarray(BLOCK * i, BLOCK * (i + 1)), BLOCK * i)
  }
  return { sender: { psid, delta, seeds }, receiver: { psid: Uint8Array.from(psid), seeds0, seeds1 } }
}

export const bitOf = (bits: Uint8Array, i: number): number => ((bits[i >> 3] as number) >> (i & 7)) & 1

/** A whole set-up as a dealer would make it: what the signer with the smaller id keeps, then the other's. */
export function dealtPair(rng: Rng): readonly [smaller: PairSecret, larger: PairSecret] {
  const pairId = rng(32)
  const zseed = rng(32)
  const up = dealtDirection(rng)
  const down = dealtDirection(rng)
  return [
    { pairId, sender: up.sender, receiver: down.receiver, zseed },
    { pairId: Uint8Array.from(pairId), sender: down.sender, receiver: up.receiver, zseed: Uint8Array.from(zseed) },
  ]
}
