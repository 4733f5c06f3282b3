import { concat, idList, u8, u16, u32 } from '../engine/bytes.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { bitmap } from '../signing/batch.ts'

/** Variant byte of H2. Must change whenever a share is computed differently (honest-majority-ecdsa.md 2.5, N4). */
const VARIANT = 2

/** Everything that must be fixed before the first nonce point exists; each field enters ctx (M2). */
export interface ContextFields {
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly threshold: number
  readonly signers: readonly PartyId[]
  readonly kids: readonly Uint8Array[]
  /** One unused 16-byte ticket of every signer, in signer order. */
  readonly tickets: readonly Uint8Array[]
  readonly instances: readonly Uint8Array[]
}

/**
 * ctx of honest-majority-ecdsa.md 1.4. Nonces and masks are functions of it: leaving a field out would be nonce reuse, which is why
 * the instance list is hashed in directly and not only through the session id.
 */
export const contextOf = (f: ContextFields): Uint8Array =>
  TH(
    TAGS.hmContext,
    f.sessionId,
    u8(VARIANT),
    u16(f.suite),
    u8(f.threshold - 1),
    idList(f.signers),
    concat(u32(f.kids.length), ...f.kids),
    concat(u32(f.tickets.length), ...f.tickets),
    u16(f.instances.length),
    TH(TAGS.hmInstances, ...f.instances),
  )

/**
 * bind: the R list by content, and which items of the batch it covers. The masks are a function of it, so two signers that
 * saw different lists answer noise (2.4, L2).
 */
export const bindOf = (
  ctx: Uint8Array,
  count: number,
  present: readonly number[],
  signers: readonly PartyId[],
  points: ReadonlyMap<PartyId, readonly (Uint8Array | null)[]>,
): Uint8Array =>
  TH(
    TAGS.hmBind,
    ctx,
    bitmap(present, count),
    ...signers.map((j) => concat(...present.map((b) => points.get(j)?.[b] as Uint8Array))),
  )
