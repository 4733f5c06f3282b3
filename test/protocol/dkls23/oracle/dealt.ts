import { toBits } from './bits.ts'
import { base, type Curve, encode, mod, type Point } from './curve.ts'
import { type AliceSeeds, type BobSeeds, ROWS } from './extension.ts'
import { HQ, integer, plainSha256, STREAM, toInteger } from './hashing.ts'
import { type AliceRandom, type BobRandom, XI } from './rvole.ts'
import { contextOf, type NonceSeed, type Session, type SignerInput } from './signing.ts'

/** Set-ups, keys and randomness from a name: every value is a stream of its own, so that no two depend on an order of drawing. */

export const drawn = (name: string, length: number): Uint8Array => STREAM(plainSha256(Buffer.from(name, 'utf8')), length)

/** Uniform in 1..q-1 but for a bias of 2^-128. */
export const drawnScalar = ({ q }: Curve, name: string): bigint => 1n + (toInteger(drawn(name, 48)) % (q - 1n))

/** What base OTs between the two would have left: one ordered direction. */
export function dealtSeeds(name: string): { readonly alice: AliceSeeds; readonly bob: BobSeeds } {
  const psid = drawn(`${name}/psid`, 32)
  const delta = toBits(drawn(`${name}/delta`, 16))
  const seed = (i: number, y: number): Uint8Array => drawn(`${name}/seed/${i}/${y}`, 16)
  const rows = Array.from({ length: ROWS }, (_, i) => i)
  return {
    alice: { psid, delta, seeds: rows.map((i) => seed(i, delta[i] ? 0 : 1)) },
    bob: { psid, seeds: rows.map((i) => [seed(i, 0), seed(i, 1)] as const) },
  }
}

export const bobRandom = (name: string, count: number): BobRandom => ({
  nonce: drawn(`${name}/nonce`, 32),
  beta: drawn(`${name}/beta`, (count * XI) / 8),
  tail: drawn(`${name}/tail`, 16),
})

export const aliceRandom = (curve: Curve, name: string, present: readonly number[]): AliceRandom => ({
  nonce: drawn(`${name}/nonce`, 32),
  ahat: present.map((b) => drawnScalar(curve, `${name}/ahat/${b}`)),
})

export interface DealtOptions {
  readonly curve: Curve
  readonly suite: number
  readonly threshold: number
  /** Everybody with a share, ascending. */
  readonly parties: readonly number[]
  /** |S| = t of them. */
  readonly signers: readonly number[]
  readonly count: number
  /** Items that a signer refuses. */
  readonly refuses?: ReadonlyMap<number, readonly number[]>
  readonly name: string
}

/** A session with a key of its own for each item, and everything that its signers bring. */
export function dealtSession(o: DealtOptions): { readonly session: Session; readonly inputs: ReadonlyMap<number, SignerInput> } {
  const { curve, name, threshold, signers } = o
  const items = Array.from({ length: o.count }, (_, b) => b)
  const coefficients = items.map((b) => Array.from({ length: threshold }, (_, m) => drawnScalar(curve, `${name}/key/${b}/${m}`)))
  const share = (b: number, id: number): bigint =>
    mod(
      (coefficients[b] as bigint[]).reduceRight((sum, c) => sum * BigInt(id) + c, 0n),
      curve.q,
    )
  const refused = (id: number, b: number): boolean => o.refuses?.get(id)?.includes(b) ?? false
  const present = items.filter((b) => signers.every((id) => !refused(id, b)))
  const session: Session = {
    curve,
    suite: o.suite,
    sessionId: drawn(`${name}/session`, 32),
    threshold,
    signers,
    items: items.map((b) => {
      const digest = drawn(`${name}/digest/${b}`, 32)
      const publicKey = encode(base(curve, (coefficients[b] as bigint[])[0] as bigint))
      return { digest, publicKey, instance: instance(`${name}/${b}`, publicKey, digest) }
    }),
  }
  const verifyingShares = items.map((b) => new Map<number, Point>(signers.map((id) => [id, base(curve, share(b, id))])))
  const ctx = contextOf(session)
  /** A signer binds what it has drawn to the session and the item. */
  const nonce = (id: number, b: number, use: number): NonceSeed => {
    const seed = drawn(`${name}/${use === 0 ? 'r' : 'phi'}/${id}/${b}`, 32)
    return { seed, scalar: HQ(curve.q, 'dkls-nonce', seed, ctx, integer(b, 4), integer(use, 4)) }
  }
  const inputs = signers.map((id): [number, SignerInput] => {
    const peers = signers.filter((j) => j !== id)
    const each = <T>(make: (j: number) => T): ReadonlyMap<number, T> => new Map(peers.map((j) => [j, make(j)]))
    return [
      id,
      {
        id,
        shares: items.map((b) => share(b, id)),
        verifyingShares,
        pairs: each((j) => ({
          asAlice: dealtSeeds(`${name}/pair/${id}/${j}`).alice,
          asBob: dealtSeeds(`${name}/pair/${j}/${id}`).bob,
          zseed: drawn(`${name}/zseed/${Math.min(id, j)}/${Math.max(id, j)}`, 32),
        })),
        random: {
          r: items.map((b) => (refused(id, b) ? null : nonce(id, b, 0))),
          phi: items.map((b) => (refused(id, b) ? null : nonce(id, b, 1))),
          salt: drawn(`${name}/salt/${id}`, 32),
          asBob: each((j) => bobRandom(`${name}/bob/${id}/${j}`, o.count)),
          asAlice: each((j) => aliceRandom(curve, `${name}/alice/${id}/${j}`, present)),
        },
      },
    ]
  })
  return { session, inputs: new Map(inputs) }
}

/** `key_id || epoch_id || lp(path) || tweak || lp(public key) || digest || request_hash` (honest-majority-ecdsa.md 1.4). */
function instance(name: string, publicKey: Uint8Array, digest: Uint8Array): Uint8Array {
  const part = (field: string): Uint8Array => drawn(`${name}/${field}`, 32)
  const lp = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...integer(bytes.length, 4), ...bytes])
  return Uint8Array.from([
    ...part('key-id'),
    ...part('epoch-id'),
    ...lp(Buffer.from('m')),
    ...new Uint8Array(32),
    ...lp(publicKey),
    ...digest,
    ...part('request'),
  ])
}
