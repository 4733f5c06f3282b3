import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concat } from '../../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import { Fq, mod, Point, scalarOf } from './session.ts'

/** What an attack ends with; the test compares keys with the dealer's and gives forgeries to an independent verifier. */
export type Loot =
  | { readonly type: 'key'; readonly value: bigint }
  | { readonly type: 'forgery'; readonly digest: bigint; readonly r: bigint; readonly s: bigint; readonly publicKey: Uint8Array }
  | { readonly type: 'nothing'; readonly why: string }

export const nothing = (why: string): Loot => ({ type: 'nothing', why })

export const div = (n: bigint, d: bigint): bigint => (mod(d) === 0n ? 0n : mod(n * Fq.inv(mod(d))))

/** x from one signature whose nonce is known. */
export const keyFromNonce = (k: bigint, s: bigint, z: bigint, r: bigint): bigint => div(s * k - z, r)

/** The value at `x` of the line through (i, vi) and (j, vj). */
export const onLine = (i: PartyId, vi: bigint, j: PartyId, vj: bigint, x: number): bigint =>
  mod(vi + (vj - vi) * BigInt(x - i) * Fq.inv(mod(BigInt(j - i))))

/**
 * Two unknown lines a and y: known are a(m), y(m) at the corrupt signer and the products a(i) y(i) at two honest ones. Gives the
 * two solutions of the quadratic, as values at 0.
 */
export function factorLines(
  m: PartyId,
  am: bigint,
  ym: bigint,
  products: ReadonlyMap<PartyId, bigint>,
): readonly { readonly a0: bigint; readonly y0: bigint }[] {
  const [[i, ci], [j, cj]] = [...products] as [[PartyId, bigint], [PartyId, bigint]]
  const [di, dj] = [BigInt(i - m), BigInt(j - m)]
  // c - am ym = d u + d^2 v with u = alpha ym + beta am, v = alpha beta
  const [ei, ej] = [ci - am * ym, cj - am * ym].map((e, n) => mod(e * Fq.inv(mod(n === 0 ? di : dj)))) as [bigint, bigint]
  const v = mod((ei - ej) * Fq.inv(mod(di - dj)))
  const u = mod(ei - di * v)
  let root: bigint
  try {
    root = Fq.sqrt(mod(u * u - 4n * v * am * ym))
  } catch {
    return []
  }
  return [root, mod(-root)].map((w) => {
    const [alphaYm, betaAm] = [mod((u + w) * Fq.inv(2n)), mod((u - w) * Fq.inv(2n))]
    const at0 = (value: bigint, slope: bigint): bigint => mod(value - slope * BigInt(m))
    return { a0: at0(am, alphaYm * Fq.inv(ym)), y0: at0(ym, betaAm * Fq.inv(am)) }
  })
}

const isKey = (x: bigint, publicKey: Uint8Array): boolean =>
  mod(x) !== 0n && Point.BASE.multiply(mod(x)).equals(Point.fromBytes(publicKey))

/** The first candidate that is the key. */
export function keyAmong(candidates: Iterable<bigint>, publicKey: Uint8Array): Loot {
  for (const candidate of candidates) if (isKey(candidate, publicKey)) return { type: 'key', value: mod(candidate) }
  return nothing('no candidate is the key')
}

/** A finished forgery, if it verifies. */
export function forgeryOf(digest: bigint, r: bigint, s: bigint, publicKey: Uint8Array): Loot {
  return verifies(digest, r, s, publicKey)
    ? { type: 'forgery', digest: mod(digest), r, s, publicKey }
    : nothing('the signature does not verify')
}

const verifies = (digest: bigint, r: bigint, s: bigint, publicKey: Uint8Array): boolean =>
  r !== 0n &&
  mod(s) !== 0n &&
  secp256k1.verify(concat(scalarOf(r), scalarOf(s)), scalarOf(digest), publicKey, {
    prehash: false,
    lowS: false,
    format: 'compact',
  })
