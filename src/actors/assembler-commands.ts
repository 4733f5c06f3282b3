import { MAX_BODY } from '../protocol/channel/envelope.ts'
import { bytes, list, message, struct, text, uint } from '../protocol/engine/codec.ts'
import { MAX_PARTIES } from '../protocol/engine/party.ts'
import { TICKET } from '../protocol/frames/signer-frames.ts'
import { MAX_BATCH } from '../protocol/signing/batch.ts'

const MAX_MESSAGE = 64 << 10
const MAX_COMMAND = 32 << 20
/** An hour; no worker that is alive answers so late. */
const MAX_SPENT = 3_600_000_000

/** What the coordinator's main thread hands its worker: one finished exchange of a batch, to be combined and verified. */
export const ASSEMBLE = message(
  {
    engine: text(8),
    scheme: text(32),
    sessionId: bytes(32),
    threshold: uint(MAX_PARTIES),
    signers: list(uint(65535), MAX_PARTIES),
    kids: list(bytes(32), 20),
    tickets: list(bytes(TICKET), MAX_PARTIES),
    items: list(
      struct({
        instance: bytes({ max: 512 }),
        input: bytes({ max: MAX_MESSAGE }),
        publicKey: bytes({ max: 33 }),
        /** X_j by signer, in the order of `signers`; from the key's certificate. FROST only, else empty. */
        verifyingShares: list(bytes({ max: 33 }), MAX_PARTIES),
      }),
      MAX_BATCH,
    ),
    /** Bodies of round 1 and round 2 by signer, in the order of `signers`. */
    openings: list(bytes({ max: MAX_BODY }), MAX_PARTIES),
    answers: list(bytes({ max: MAX_BODY }), MAX_PARTIES),
  },
  MAX_COMMAND,
)
export type AssembleCommand = ReturnType<typeof ASSEMBLE.decode>

export const OUTCOME_TYPES = { signed: 0, refused: 1, failed: 2 } as const

/** Either a fault of the whole batch (`code` set) or one outcome per item. */
export const ASSEMBLED = message(
  {
    code: text(40),
    culprits: list(uint(65535), MAX_PARTIES),
    /** Microseconds the worker needed, for the coordinator's metrics: to verify the final signatures, and for everything else. */
    spent: struct({ combine: uint(MAX_SPENT), verify: uint(MAX_SPENT) }),
    outcomes: list(
      struct({
        type: uint(2),
        signature: bytes({ max: 64 }),
        recovery: uint(3),
        code: text(40),
        culprits: list(uint(65535), MAX_PARTIES),
        refusals: list(struct({ by: uint(65535), why: text(40) }), MAX_PARTIES),
      }),
      MAX_BATCH,
    ),
  },
  1 << 20,
)
