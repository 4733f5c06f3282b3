import { bytes, type Codec, message, struct } from '../engine/codec.ts'
import { BLOCK, LAMBDA } from './parameters.ts'

const SEEDS = LAMBDA * BLOCK

/** One direction in which this signer is Alice (OT-extension sender): knows Delta and one seed of each pair. */
export interface SenderSetup {
  /** 32 bytes: names this direction of this set-up. */
  readonly psid: Uint8Array
  /** 16 bytes. Bit i says which seed of pair i this signer does not know. */
  readonly delta: Uint8Array
  /** 128 x 16 bytes: seed_{i, 1 - Delta_i}. */
  readonly seeds: Uint8Array
}

/** The direction in which it is Bob (receiver): knows both seeds of each pair. */
export interface ReceiverSetup {
  readonly psid: Uint8Array
  /** 128 x 16 bytes: seed_{i,0}. */
  readonly seeds0: Uint8Array
  /** 128 x 16 bytes: seed_{i,1}. */
  readonly seeds1: Uint8Array
}

/** What one signer keeps of a set-up with one peer: both directions and the seed of the zero shares. */
export interface PairSecret {
  /** 32 bytes, the same at both signers. */
  readonly pairId: Uint8Array
  readonly sender: SenderSetup
  readonly receiver: ReceiverSetup
  /** 32 bytes, the same at both signers. */
  readonly zseed: Uint8Array
}

/** The stored form, to be sealed before it reaches a disk. The caller wipes both the bytes and the decoded fields. */
export const PAIR_SECRET: Codec<PairSecret> = message(
  {
    pairId: bytes(32),
    sender: struct({ psid: bytes(32), delta: bytes(BLOCK), seeds: bytes(SEEDS) }),
    receiver: struct({ psid: bytes(32), seeds0: bytes(SEEDS), seeds1: bytes(SEEDS) }),
    zseed: bytes(32),
  },
  3 * SEEDS + 256,
)
