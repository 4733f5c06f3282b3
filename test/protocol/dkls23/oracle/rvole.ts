import { fromBits, toBits, xor } from './bits.ts'
import { type Curve, mod } from './curve.ts'
import { type AliceSeeds, type BobSeeds, check, extend, type Lie, ROWS } from './extension.ts'
import { pack, unpack } from './framing.ts'
import { HQ, integer, join, plainSha256, TH, toInteger } from './hashing.ts'

/** The random vector multiplication of protocols.md 5.1-5.4. Alice's inputs are (a_u, a_v), Bob's b is random. */

export const XI = 416

/** What a check says: the code and whom it names, as production must. */
export class Failure extends Error {
  readonly code: string
  readonly culprit: number
  constructor(code: string, culprit: number) {
    super(`${code} of ${culprit}`)
    this.code = code
    this.culprit = culprit
  }
}

export interface Context {
  readonly curve: Curve
  readonly suite: number
  readonly ctx: Uint8Array
  readonly alice: number
  readonly bob: number
  readonly count: number
}

export const sidOf = (c: Context, psid: Uint8Array, nonceB: Uint8Array): Uint8Array =>
  TH('rvole-sid', c.ctx, psid, integer(c.alice, 2), integer(c.bob, 2), nonceB)

export const gadget = ({ curve, suite }: Context, psid: Uint8Array): readonly bigint[] =>
  Array.from({ length: XI }, (_, j) => HQ(curve.q, 'gadget', psid, integer(suite, 2), integer(j, 4)))

type Triple = readonly [bigint, bigint, bigint]

/** Three scalars of one row. Bytes 32m.. on secp256k1; 48m.. of 160 on P-256, whose order is too far from 2^256 for 32. */
export function pads(curve: Curve, key: Uint8Array, j: number, row: Uint8Array): Triple {
  const [blocks, width] = curve.name === 'secp256k1' ? [3, 32] : [5, 48]
  const stream = join(...Array.from({ length: blocks }, (_, c) => plainSha256(key, integer(j, 4), integer(c, 1), row)))
  const scalar = (m: number): bigint => toInteger(stream.slice(m * width, (m + 1) * width)) % curve.q
  return [scalar(0), scalar(1), scalar(2)]
}

/** The indexes J that message 2 covers. */
const indexes = (present: readonly number[]): readonly number[] =>
  present.flatMap((b) => Array.from({ length: XI }, (_, j) => b * XI + j))

const instanceOf = (j: number): number => Math.floor(j / XI)

export const thetas = ({ q }: Curve, sid: Uint8Array, nonceA: Uint8Array, at: Uint8Array): readonly [bigint, bigint] => {
  const root = TH('atilde', sid, nonceA, at)
  return [HQ(q, 'theta', root, integer(0, 1)), HQ(q, 'theta', root, integer(1, 1))]
}

const scalars = (values: readonly bigint[]): Uint8Array => join(...values.map((value) => integer(value, 32)))

/** Canonical scalars, 32 bytes each. */
function readScalars({ q }: Curve, bytes: Uint8Array, wrong: () => never): readonly bigint[] {
  const values = Array.from({ length: bytes.length / 32 }, (_, i) => toInteger(bytes.slice(32 * i, 32 * i + 32)))
  return values.every((value) => value < q) ? values : wrong()
}

export interface BobRandom {
  readonly nonce: Uint8Array
  /** 416 bits for each instance. */
  readonly beta: Uint8Array
  /** 16 bytes. */
  readonly tail: Uint8Array
}

export interface Bob {
  readonly message: Uint8Array
  readonly b: readonly bigint[]
  readonly finish: (
    message: Uint8Array,
    present: readonly number[],
  ) => { readonly du: readonly bigint[]; readonly dv: readonly bigint[] }
}

export function bob(c: Context, seeds: BobSeeds, random: BobRandom, lie?: Lie): Bob {
  const { curve } = c
  const sid = sidOf(c, seeds.psid, random.nonce)
  const beta = toBits(random.beta)
  if (beta.length !== c.count * XI) throw new RangeError('416 bits for each instance')
  const { u, x, t, columns } = extend(seeds, sid, beta, toBits(random.tail), lie)
  const g = gadget(c, seeds.psid)
  /** The part of `b` at index J: what Alice's inputs are multiplied by, summed over J. */
  const weighted = (b: number, of: (j: number) => bigint): bigint =>
    mod(
      g.reduce((sum, factor, j) => sum + factor * of(b * XI + j), 0n),
      curve.q,
    )
  return {
    message: pack(random.nonce, u, x, t),
    b: Array.from({ length: c.count }, (_, b) => weighted(b, (j) => (beta[j] ? 1n : 0n))),
    finish: (message, present) => {
      const malformed = (): never => {
        throw new Failure('SIGN_MALFORMED', c.alice)
      }
      const [nonceA, at, eta, mu] = unpackOr(message, malformed)
      const list = indexes(present)
      if (nonceA.length !== 32 || at.length !== 96 * list.length || eta.length !== 32 * present.length || mu.length !== 32)
        malformed()
      const atScalars = readScalars(curve, at, malformed)
      const etas = readScalars(curve, eta, malformed)
      const [theta0, theta1] = thetas(curve, sid, nonceA, at)
      const key = TH('pad', sid, nonceA)
      const y = new Map<number, Triple>()
      const checked = list.map((j, k) => {
        const pad = pads(curve, key, j, columns[j] as Uint8Array)
        const masked = (m: 0 | 1 | 2): bigint => pad[m] + (beta[j] ? (atScalars[3 * k + m] as bigint) : 0n)
        const triple: Triple = [masked(0), masked(1), masked(2)]
        y.set(j, triple)
        const own = beta[j] ? (etas[present.indexOf(instanceOf(j))] as bigint) : 0n
        return mod(triple[2] + theta0 * triple[0] + theta1 * triple[1] - own, curve.q)
      })
      if (Buffer.compare(TH('mu', sid, scalars(checked)), mu) !== 0) throw new Failure('RVOLE_CHECK', c.alice)
      const share = (m: 0 | 1): readonly bigint[] => present.map((b) => weighted(b, (j) => (y.get(j) as Triple)[m]))
      return { du: share(0), dv: share(1) }
    },
  }
}

export interface AliceRandom {
  readonly nonce: Uint8Array
  /** One for each present instance. */
  readonly ahat: readonly bigint[]
}

export interface Alice {
  readonly nonceB: Uint8Array
  readonly answer: (
    present: readonly number[],
    au: readonly bigint[],
    av: readonly bigint[],
    random: AliceRandom,
  ) => { readonly message: Uint8Array; readonly cu: readonly bigint[]; readonly cv: readonly bigint[] }
}

/** @throws Failure SIGN_MALFORMED, OTE_CHECK */
export function alice(c: Context, seeds: AliceSeeds, message: Uint8Array): Alice {
  const { curve } = c
  const { q } = curve
  const n = c.count * XI
  const malformed = (): never => {
    throw new Failure('SIGN_MALFORMED', c.bob)
  }
  const [nonceB, u, x, t] = unpackOr(message, malformed)
  if (nonceB.length !== 32 || u.length !== (ROWS * (n + 128)) / 8 || x.length !== 16 || t.length !== 16 * ROWS) malformed()
  const sid = sidOf(c, seeds.psid, nonceB)
  const columns = check(seeds, sid, n, { u, x, t })
  if (columns === null) throw new Failure('OTE_CHECK', c.bob)
  const g = gadget(c, seeds.psid)
  return {
    nonceB,
    answer: (present, au, av, { nonce, ahat }) => {
      const key = TH('pad', sid, nonce)
      const list = indexes(present)
      const alpha0 = list.map((j) => pads(curve, key, j, columns[j] as Uint8Array))
      const alpha1 = list.map((j) => pads(curve, key, j, fromBits(xor(toBits(columns[j] as Uint8Array), seeds.delta))))
      const at = scalars(
        list.flatMap((j, k) => {
          const p = present.indexOf(instanceOf(j))
          const input = [au[p], av[p], ahat[p]] as unknown as Triple
          return [0, 1, 2].map((m) => mod((alpha0[k] as Triple)[m as 0] - (alpha1[k] as Triple)[m as 0] + input[m as 0], q))
        }),
      )
      const [theta0, theta1] = thetas(curve, sid, nonce, at)
      const eta = present.map((_, p) => mod((ahat[p] as bigint) + theta0 * (au[p] as bigint) + theta1 * (av[p] as bigint), q))
      const mu = TH('mu', sid, scalars(alpha0.map(([u0, v0, hat0]) => mod(hat0 + theta0 * u0 + theta1 * v0, q))))
      const share = (m: 0 | 1): readonly bigint[] =>
        present.map((_, p) =>
          mod(
            g.reduce((sum, factor, j) => sum - factor * (alpha0[p * XI + j] as Triple)[m], 0n),
            q,
          ),
        )
      return { message: pack(nonce, at, scalars(eta), mu), cu: share(0), cv: share(1) }
    },
  }
}

type Four = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

function unpackOr(message: Uint8Array, malformed: () => never): Four {
  try {
    return unpack(message, 4) as unknown as Four
  } catch {
    return malformed()
  }
}
