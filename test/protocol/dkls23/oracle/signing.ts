import { add, base, type Curve, decode, encode, inverse, mod, negative, type Point, times } from './curve.ts'
import type { AliceSeeds, BobSeeds } from './extension.ts'
import { pack } from './framing.ts'
import { HQ, ids, integer, join, TH, toInteger } from './hashing.ts'
import { type Alice, type AliceRandom, alice, type Bob, type BobRandom, bob, type Context, Failure, XI } from './rvole.ts'

/** Interactive DKLs23 (protocols.md 6.1-6.6 with delta = 0): all randomness comes in, every message and the signature come out. */

const VARIANT = 1

export interface Item {
  readonly instance: Uint8Array
  readonly digest: Uint8Array
  readonly publicKey: Uint8Array
}

export interface Session {
  readonly curve: Curve
  readonly suite: number
  readonly sessionId: Uint8Array
  readonly threshold: number
  /** Ascending. */
  readonly signers: readonly number[]
  readonly items: readonly Item[]
}

export interface PairSeeds {
  readonly asAlice: AliceSeeds
  readonly asBob: BobSeeds
  readonly zseed: Uint8Array
}

/** What was drawn, and the scalar that was made of it. */
export interface NonceSeed {
  readonly seed: Uint8Array
  readonly scalar: bigint
}

export interface SignerRandom {
  /** For each item; null where this signer refuses. */
  readonly r: readonly (NonceSeed | null)[]
  readonly phi: readonly (NonceSeed | null)[]
  readonly salt: Uint8Array
  readonly asBob: ReadonlyMap<number, BobRandom>
  readonly asAlice: ReadonlyMap<number, AliceRandom>
}

export interface SignerInput {
  readonly id: number
  /** Of each item's key: this signer's share. */
  readonly shares: readonly bigint[]
  /** Of each item's key: share times G of everybody in S, for S6. */
  readonly verifyingShares: readonly ReadonlyMap<number, Point>[]
  readonly pairs: ReadonlyMap<number, PairSeeds>
  readonly random: SignerRandom
}

/** Status 0 for an item that the sender takes part in. */
export interface Extend {
  readonly status: Uint8Array
  readonly com: Uint8Array
  readonly rvole: Uint8Array
}

export interface Multiply {
  readonly salt: Uint8Array
  /** R of every item that the sender accepted. */
  readonly points: Uint8Array
  readonly rvole: Uint8Array
  readonly gammaU: Uint8Array
  readonly gammaV: Uint8Array
  readonly psi: Uint8Array
  /** Empty for t = 2. */
  readonly pk: Uint8Array
}

export interface Answer {
  readonly points: Uint8Array
  /** w || u for each present item. */
  readonly shares: Uint8Array
}

/** The bodies in which they travel. The first message's `rvole` is a body of its own, to one peer. */
export const openingBody = ({ status, com }: Extend): Uint8Array => pack(status, com)
export const multiplyBody = (m: Multiply): Uint8Array => pack(m.salt, m.points, m.rvole, m.gammaU, m.gammaV, m.psi, m.pk)
export const answerBody = ({ points, shares }: Answer): Uint8Array => pack(points, shares)

export const contextOf = (s: Session): Uint8Array =>
  TH(
    'dkls-ctx',
    s.sessionId,
    integer(VARIANT, 1),
    integer(s.suite, 2),
    integer(XI, 2),
    integer(s.threshold, 2),
    ids(s.signers),
    integer(s.items.length, 2),
    TH('dkls-inst', ...s.items.map((item) => item.instance)),
  )

export const commitment = (ctx: Uint8Array, id: number, salt: Uint8Array, points: readonly Uint8Array[]): Uint8Array =>
  TH('commitR', ctx, integer(id, 2), salt, ...points)

/** Lagrange's coefficient of `id` at zero. */
export const lambda = ({ curve: { q }, signers }: Session, id: number): bigint =>
  signers.filter((j) => j !== id).reduce((product, j) => mod(product * BigInt(j) * inverse(BigInt(j - id), q), q), 1n)

const chunks = (bytes: Uint8Array, width: number): readonly Uint8Array[] =>
  Array.from({ length: bytes.length / width }, (_, i) => bytes.slice(i * width, (i + 1) * width))

const at = <T>(map: ReadonlyMap<number, T>, id: number): T => map.get(id) as T

export const presentOf = (statuses: readonly Uint8Array[]): readonly number[] =>
  [...(statuses[0] as Uint8Array).keys()].filter((b) => statuses.every((status) => status[b] === 0))

export interface Products {
  readonly cu: readonly bigint[]
  readonly cv: readonly bigint[]
}

export interface Results {
  readonly du: readonly bigint[]
  readonly dv: readonly bigint[]
}

/** One honest signer. Each step takes what the others sent to it, by sender. */
export class Signer {
  readonly #s: Session
  readonly #input: SignerInput
  readonly #ctx: Uint8Array
  readonly #peers: readonly number[]
  readonly #bobs: ReadonlyMap<number, Bob>
  readonly #alices = new Map<number, Alice>()
  readonly #products = new Map<number, Products>()
  #results: ReadonlyMap<number, Results> = new Map()
  readonly #status: Uint8Array
  #statuses: ReadonlyMap<number, Uint8Array> = new Map()
  #coms: ReadonlyMap<number, Uint8Array> = new Map()
  #present: readonly number[] = []
  #sk: readonly bigint[] = []

  constructor(session: Session, input: SignerInput) {
    this.#s = session
    this.#input = input
    this.#ctx = contextOf(session)
    this.#peers = session.signers.filter((j) => j !== input.id)
    this.#bobs = new Map(
      this.#peers.map((j) => [j, bob(this.#rvole(j, input.id), at(input.pairs, j).asBob, at(input.random.asBob, j))]),
    )
    this.#status = Uint8Array.from(input.random.r, (r) => (r === null ? 1 : 0))
  }

  #rvole(sender: number, receiver: number): Context {
    const { curve, suite, items } = this.#s
    return { curve, suite, ctx: this.#ctx, alice: sender, bob: receiver, count: items.length }
  }

  #drawn(which: 'r' | 'phi', b: number): bigint {
    return (this.#input.random[which][b] as NonceSeed).scalar
  }

  #points(): readonly Uint8Array[] {
    return this.#input.random.r.flatMap((r) => (r === null ? [] : [encode(base(this.#s.curve, r.scalar))]))
  }

  /** Bob's random inputs for each item, by Alice. */
  get b(): ReadonlyMap<number, readonly bigint[]> {
    return new Map([...this.#bobs].map(([j, { b }]) => [j, b]))
  }

  /** c of this signer as Alice, by Bob; after {@link multiply}. */
  get products(): ReadonlyMap<number, Products> {
    return this.#products
  }

  /** d of this signer as Bob, by Alice; after {@link answer}. */
  get results(): ReadonlyMap<number, Results> {
    return this.#results
  }

  /** 6.2. */
  extend(): ReadonlyMap<number, Extend> {
    const { id, random } = this.#input
    const com = commitment(this.#ctx, id, random.salt, this.#points())
    return new Map(this.#peers.map((j) => [j, { status: this.#status, com, rvole: at(this.#bobs, j).message }]))
  }

  /** 6.3. @throws Failure SIGN_MALFORMED, OTE_CHECK */
  multiply(inbox: ReadonlyMap<number, Extend>): ReadonlyMap<number, Multiply> {
    const { curve, signers, threshold } = this.#s
    const { id, random, shares } = this.#input
    for (const j of this.#peers) {
      const { status, com } = at(inbox, j)
      if (status.length !== this.#s.items.length || com.length !== 32) throw new Failure('SIGN_MALFORMED', j)
    }
    for (const j of this.#peers) {
      this.#alices.set(j, alice(this.#rvole(id, j), at(this.#input.pairs, j).asAlice, at(inbox, j).rvole))
    }
    this.#coms = new Map([...inbox].map(([j, { com }]) => [j, com]))
    this.#statuses = new Map([...inbox].map(([j, { status }]) => [j, status]))
    this.#present = presentOf([this.#status, ...this.#statuses.values()])
    this.#sk = this.#present.map((b) => mod(lambda(this.#s, id) * (shares[b] as bigint) + this.#zeta(b), curve.q))
    const r = this.#present.map((b) => this.#drawn('r', b))
    const g = (values: readonly bigint[]): Uint8Array => join(...values.map((value) => encode(base(curve, value))))
    return new Map(
      this.#peers.map((j) => {
        const { message, cu, cv } = at(this.#alices, j).answer(this.#present, r, this.#sk, at(random.asAlice, j))
        this.#products.set(j, { cu, cv })
        const chi = at(this.#bobs, j).b
        const psi = this.#present.map((b) => mod(this.#drawn('phi', b) - (chi[b] as bigint), curve.q))
        return [
          j,
          {
            salt: random.salt,
            points: join(...this.#points()),
            rvole: message,
            gammaU: g(cu),
            gammaV: g(cv),
            psi: join(...psi.map((value) => integer(value, 32))),
            pk: threshold > 2 && signers.length > 2 ? g(this.#sk) : new Uint8Array(0),
          },
        ]
      }),
    )
  }

  /** Zero for t = 2. Otherwise each pair adds one fragment, which the two of them take with opposite signs. */
  #zeta(b: number): bigint {
    const { curve, threshold } = this.#s
    const { id, pairs, random } = this.#input
    if (threshold === 2) return 0n
    return this.#peers.reduce((sum, j) => {
      const nonces = [at(random.asBob, j).nonce, at(this.#alices, j).nonceB]
      const [min, max] = (id < j ? nonces : nonces.reverse()) as [Uint8Array, Uint8Array]
      const fragment = HQ(curve.q, 'zero', at(pairs, j).zseed, this.#ctx, min, max, integer(b, 4))
      return id < j ? sum + fragment : sum - fragment
    }, 0n)
  }

  /** 6.4, 6.5, 6.6. @throws Failure */
  answer(inbox: ReadonlyMap<number, Multiply>): Answer {
    const { curve, items } = this.#s
    const { q } = curve
    const received = new Map(this.#peers.map((j) => [j, this.#read(j, at(inbox, j))])) // S1
    for (const j of this.#peers) {
      const { salt, points } = at(received, j)
      if (Buffer.compare(commitment(this.#ctx, j, salt, points), at(this.#coms, j)) !== 0) throw new Failure('SIGN_COMMIT', j) // S2
    }
    const keys = this.#present.map((_, k) => this.#peers.map((j) => this.#publicPart(j, k, at(received, j).pk)))
    const results = new Map(this.#peers.map((j) => [j, at(this.#bobs, j).finish(at(inbox, j).rvole, this.#present)])) // S3
    this.#results = results
    for (const [p, j] of this.#peers.entries()) {
      const { gammaU, gammaV, point } = at(received, j)
      const { du, dv } = at(results, j)
      this.#present.forEach((b, k) => {
        const chi = at(this.#bobs, j).b[b] as bigint
        const holds = (of: Point, gamma: Point, d: bigint): boolean =>
          same(add(curve, times(curve, chi, of), negative(curve, gamma)), base(curve, d))
        if (!holds(point(b), gammaU[k] as Point, du[k] as bigint)) throw new Failure('EC_CHECK_U', j) // S4
        if (!holds(keys[k]?.[p] as Point, gammaV[k] as Point, dv[k] as bigint)) throw new Failure('EC_CHECK_V', j) // S5
      })
    }
    const points: Uint8Array[] = []
    const shares = this.#present.map((b, k) => {
      const item = items[b] as Item
      const sk = this.#sk[k] as bigint
      const total = add(curve, base(curve, sk), ...(keys[k] as Point[]))
      if (!same(total, decode(curve, item.publicKey))) throw new Failure('PK_SUM', 0) // S7; S6 by construction: nobody says pk when t = 2
      const nonce = add(curve, base(curve, this.#drawn('r', b)), ...this.#peers.map((j) => at(received, j).point(b)))
      if (nonce === null || nonce.x % q === 0n) throw new Failure('R_ZERO', 0) // S8
      points.push(encode(nonce))
      const sum = (of: (j: number) => bigint): bigint => this.#peers.reduce((rest, j) => rest + of(j), 0n)
      const phi = this.#drawn('phi', b)
      const Phi = phi + sum((j) => at(received, j).psi[k] as bigint)
      const u = this.#drawn('r', b) * Phi + sum((j) => (at(this.#products, j).cu[k] as bigint) + (at(results, j).du[k] as bigint))
      const v = sk * Phi + sum((j) => (at(this.#products, j).cv[k] as bigint) + (at(results, j).dv[k] as bigint))
      const w = toInteger(item.digest) * phi + nonce.x * v
      return join(integer(mod(w, q), 32), integer(mod(u, q), 32))
    })
    return { points: join(...points), shares: join(...shares) }
  }

  /** pk_j: said by j when t > 2; known to everybody when there are no zero shares. */
  #publicPart(j: number, k: number, said: readonly Point[]): Point {
    const shares = this.#input.verifyingShares[this.#present[k] as number] as ReadonlyMap<number, Point>
    return this.#s.threshold === 2 ? times(this.#s.curve, lambda(this.#s, j), at(shares, j)) : (said[k] as Point)
  }

  #read(j: number, m: Multiply): Received {
    const { curve, threshold } = this.#s
    const count = this.#present.length
    const accepted = [...at(this.#statuses, j).keys()].filter((b) => at(this.#statuses, j)[b] === 0)
    const points = chunks(m.points, 33)
    const lengths = [
      [m.salt, 32],
      [m.points, 33 * accepted.length],
      [m.gammaU, 33 * count],
      [m.gammaV, 33 * count],
      [m.psi, 32 * count],
      [m.pk, threshold === 2 ? 0 : 33 * count],
    ] as const
    try {
      if (lengths.some(([bytes, length]) => bytes.length !== length)) throw new RangeError('another length')
      const psi = chunks(m.psi, 32).map(toInteger)
      if (psi.some((value) => value >= curve.q)) throw new RangeError('not canonical')
      const list = (bytes: Uint8Array): readonly Point[] => chunks(bytes, 33).map((point) => decode(curve, point))
      const decoded = list(m.points)
      return {
        salt: m.salt,
        points,
        point: (b) => decoded[accepted.indexOf(b)] as Point,
        gammaU: list(m.gammaU),
        gammaV: list(m.gammaV),
        psi,
        pk: list(m.pk),
      }
    } catch {
      throw new Failure('SIGN_MALFORMED', j)
    }
  }
}

interface Received {
  readonly salt: Uint8Array
  readonly points: readonly Uint8Array[]
  readonly point: (b: number) => Point
  readonly gammaU: readonly Point[]
  readonly gammaV: readonly Point[]
  readonly psi: readonly bigint[]
  readonly pk: readonly Point[]
}

const same = (a: Point, b: Point): boolean => a?.x === b?.x && a?.y === b?.y

export interface Signature {
  /** r || s, s at most (q - 1) / 2. */
  readonly bytes: Uint8Array
  readonly recovery: number
}

/** What the coordinator makes of the answers: a signature for each present item. @throws Failure DKLS_VIEW, SIGN_MALFORMED, SIG_INVALID */
export function assemble(s: Session, present: readonly number[], answers: ReadonlyMap<number, Answer>): readonly Signature[] {
  const { curve } = s
  const { q } = curve
  const all = [...answers.values()]
  const points = (all[0] as Answer).points
  if (all.some((a) => Buffer.compare(a.points, points) !== 0)) throw new Failure('DKLS_VIEW', 0)
  for (const [id, { shares }] of answers) {
    if (chunks(shares, 32).some((share) => toInteger(share) >= q)) throw new Failure('SIGN_MALFORMED', id)
  }
  return present.map((b, k) => {
    const nonce = decode(curve, chunks(points, 33)[k] as Uint8Array)
    const sum = (offset: number): bigint =>
      all.reduce((rest, a) => rest + toInteger(a.shares.slice(64 * k + offset, 64 * k + offset + 32)), 0n)
    const quotient = mod(sum(0) * inverse(sum(32), q), q)
    const high = quotient > (q - 1n) / 2n
    const r = nonce.x % q
    const sFinal = high ? q - quotient : quotient
    const item = s.items[b] as Item
    if (!verifies(curve, r, sFinal, item)) throw new Failure('SIG_INVALID', 0)
    const recovery = (Number(nonce.y & 1n) ^ Number(high)) + (nonce.x >= q ? 2 : 0)
    return { bytes: join(integer(r, 32), integer(sFinal, 32)), recovery }
  })
}

/** FIPS 186-5, 6.4.2. */
function verifies(curve: Curve, r: bigint, s: bigint, { digest, publicKey }: Item): boolean {
  const { q } = curve
  if (r <= 0n || r >= q || s <= 0n || s >= q) return false
  const w = inverse(s, q)
  const point = add(curve, base(curve, toInteger(digest) * w), times(curve, r * w, decode(curve, publicKey)))
  return point !== null && point.x % q === r
}
