import type { EcdsaGroup } from '../curve/group.ts'
import { concat, type Rng } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import type { Multiplied } from './messages.ts'
import { productsFit } from './public-checks.ts'
import type { RvoleReceiver, RvoleSender } from './rvole.ts'
import type { Keep, Part } from './signature-share.ts'

/** Shares of a peer's products, u and v; index k is the k-th present item. All secret. */
export interface Shares {
  readonly u: readonly Uint8Array[]
  readonly v: readonly Uint8Array[]
}

/**
 * As Alice (protocols.md 6.3): multiplies `(r_i, sk_i)` with a peer's random inputs. `fields` go to that peer and to nobody else;
 * `shares` are this signer's c^u, c^v.
 */
export function multiply(
  group: EcdsaGroup,
  { sender, receiver }: { readonly sender: RvoleSender; readonly receiver: RvoleReceiver },
  present: readonly number[],
  parts: readonly Part[],
  rng: Rng,
  keep: Keep,
) {
  const { message, cu, cv } = sender.answer(
    present,
    parts.map(({ r }) => r),
    parts.map(({ key }) => key),
    rng,
  )
  keep([...cu, ...cv])
  // psi = phi - chi: what turns chi, which the peer multiplied with, into phi.
  const psi = parts.map(({ phi }, k) => {
    const minusChi = group.negAssign(Uint8Array.from(receiver.b[present[k] as number] as Uint8Array))
    return group.addAssign(minusChi, phi)
  })
  keep(psi)
  const timesGenerator = (scalars: readonly Uint8Array[]): Uint8Array => concat(...scalars.map((c) => group.baseMul(c)))
  const fields = { product: message, gammaU: timesGenerator(cu), gammaV: timesGenerator(cv), psi: concat(...psi) }
  return { fields, shares: { u: cu, v: cv } satisfies Shares }
}

/**
 * As Bob: S3, S4 and S5 of protocols.md 6.4 for one peer. The second and third tie what the peer multiplied with to its public points
 * `nonces` (R_j) and `keys` (pk_j). Every item is computed and compared, whatever came of those before it.
 * @returns this signer's d^u, d^v.
 * @throws Fault RVOLE_CHECK, EC_CHECK_U, EC_CHECK_V (the caller must ban), SIGN_MALFORMED; all name the peer.
 */
export function checkedShares(
  group: EcdsaGroup,
  peer: PartyId,
  receiver: RvoleReceiver,
  present: readonly number[],
  theirs: Pick<Multiplied, 'product' | 'gammaU' | 'gammaV'>,
  nonces: readonly Uint8Array[],
  keys: readonly Uint8Array[],
  keep: Keep,
): Shares {
  const { du, dv } = receiver.finish(theirs.product, present) // S3
  keep([...du, ...dv])
  const chi = present.map((b) => receiver.b[b] as Uint8Array)
  const fitsU = productsFit(group, chi, nonces, theirs.gammaU, du)
  const fitsV = productsFit(group, chi, keys, theirs.gammaV, dv)
  if (!fitsU) throw new Fault('EC_CHECK_U', [peer]) // S4
  if (!fitsV) throw new Fault('EC_CHECK_V', [peer]) // S5
  return { u: du, v: dv }
}
