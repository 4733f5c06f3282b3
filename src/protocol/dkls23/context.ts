import { idList, u8, u16 } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { VARIANT, XI } from './parameters.ts'

/** Everything that a signing session is about; fixed before the first nonce exists. */
export interface ContextFields {
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly threshold: number
  readonly signers: readonly PartyId[]
  /** Of every item of the batch, refused ones included: each holds its digest (interactive mode, protocols.md 6.10). */
  readonly instances: readonly Uint8Array[]
}

/**
 * ctx of protocols.md 6.1, 32 bytes: it enters every multiplication, commitment and zero share, so that signers with different views
 * of what is signed end without a signature.
 */
export const contextOf = (f: ContextFields): Uint8Array =>
  TH(
    TAGS.dklsContext,
    f.sessionId,
    u8(VARIANT),
    u16(f.suite),
    u16(XI),
    u16(f.threshold),
    idList(f.signers),
    u16(f.instances.length),
    TH(TAGS.dklsInstances, ...f.instances),
  )

/** com_i, 32 bytes: fixes the nonce points of all items that `from` takes part in before it has seen anybody else's. */
export const commitmentOf = (ctx: Uint8Array, from: PartyId, salt: Uint8Array, points: readonly Uint8Array[]): Uint8Array =>
  TH(TAGS.dklsCommit, ctx, u16(from), salt, ...points)
