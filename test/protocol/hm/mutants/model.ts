import { createCipheriv, createHash, createHmac } from 'node:crypto'
import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import type { Generation, SharedKey } from '../../../../src/protocol/prss/generation.ts'
import type { Instance } from '../../../../src/protocol/request/instance.ts'
import {
  type Answer,
  Fq,
  type HonestSigner,
  intOf,
  mod,
  Point,
  type PointLists,
  Refused,
  rOf,
  type Session,
  type ShareOf,
} from './session.ts'

// H2 once more, from honest-majority-ecdsa.md 1.2 and 1.4 and not from src/: slow BigInts, Node's own hashes and cipher, and a switch
// for every ingredient. With nothing switched it is production byte for byte (model.test.ts); with one thing missing it is a mutant.

/** What can be left out of ctx; a field goes from the instance list, the session id and the PRF input alike. */
export type Field = keyof Session | keyof Instance | 'kids'

export interface Missing {
  readonly fields?: readonly Field[]
  /** Every instance of a batch uses the values of instance 0. */
  readonly index?: boolean
  /** Masks are a function of ctx alone. */
  readonly bind?: boolean
  /** zmu = znu. */
  readonly maskLabels?: boolean
  /** k = a. */
  readonly nonceStreams?: boolean
  /** Checks of round 2 that are not made. C2: the own entry is taken from the list. */
  readonly checks?: readonly ('C1' | 'C2' | 'C3' | 'C4')[]
}

export interface ModelOptions {
  readonly id: PartyId
  readonly generation: Generation
  readonly shareOf: ShareOf
  readonly missing?: Missing
  /** A computing fault: what this signer's arithmetic makes of a digest. */
  readonly fault?: (z: bigint) => bigint
}

const u = (value: number, width: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out.subarray(4 - width)
}
const lp = (bytes: Uint8Array): Buffer => Buffer.concat([u(bytes.length, 4), bytes])
const hash = (tag: string, ...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.from(`quorate/v1/${tag}`), ...parts].map(lp)))
    .digest()
const many = (items: readonly Uint8Array[]): Buffer => Buffer.concat([u(items.length, 4), ...items])
const ids = (list: readonly PartyId[]): Buffer => many(list.map((id) => u(id, 2)))

/** `values` 32-byte blocks of ChaCha20 under HMAC(K, input). */
function stream(key: SharedKey, input: Uint8Array, values: number): readonly bigint[] {
  const sk = createHmac('sha256', key.prf).update(input).digest()
  const bytes = createCipheriv('chacha20', sk, Buffer.alloc(16)).update(Buffer.alloc(32 * values))
  return Array.from({ length: values }, (_, i) => intOf(bytes.subarray(32 * i, 32 * i + 32)))
}

export const lambda = (id: PartyId, signers: readonly PartyId[]): bigint =>
  signers.reduce((l, j) => (j === id ? l : mod(l * BigInt(j) * Fq.inv(mod(BigInt(j - id))))), 1n)

const encoded = (P: Point): Uint8Array => (P.equals(Point.ZERO) ? new Uint8Array(33) : P.toBytes(true))

/** The value at 0 of the line (t' = 1) through two signers' points. */
export const lineAtZero = (i: PartyId, Pi: Point, j: PartyId, Pj: Point): Point => {
  const at = (P: Point, factor: bigint): Point => P.multiplyUnsafe(mod(factor))
  const inverse = Fq.inv(mod(BigInt(j - i)))
  return at(Pi, BigInt(j) * inverse).add(at(Pj, -BigInt(i) * inverse))
}

export function contextOf(session: Session, kids: readonly Uint8Array[], missing: Missing): Buffer {
  const has = (field: Field): boolean => missing.fields?.includes(field) !== true
  const part = (field: Field, bytes: Uint8Array): Uint8Array => (has(field) ? bytes : new Uint8Array(0))
  const instances = session.items.map((i) =>
    Buffer.concat([
      part('keyId', i.keyId),
      part('epochId', i.epochId),
      part('path', lp(Buffer.from(i.path))),
      part('tweak', i.tweak),
      part('publicKey', lp(i.publicKey)),
      part('digest', i.digest),
      part('requestHash', i.requestHash),
    ]),
  )
  return hash(
    'hm-ctx',
    part('sessionId', session.sessionId),
    u(2, 1),
    part('suite', u(session.suite, 2)),
    part('threshold', u(session.threshold - 1, 1)),
    part('signers', ids(session.signers)),
    part('kids', many(kids)),
    part('tickets', many(session.tickets)),
    u(session.items.length, 2),
    hash('hm-inst', ...(has('items') ? instances : [])),
  )
}

export interface ModelSigner extends HonestSigner {
  // What a corrupt signer knows of itself and nobody of an honest one.
  readonly nonces: (session: Session) => readonly { readonly k: bigint; readonly a: bigint }[]
  /** The values r^k of item 0, by the other member of the subset. */
  readonly parts: (session: Session) => ReadonlyMap<PartyId, bigint>
  readonly openMasks: (session: Session, lists: PointLists) => readonly Answer[]
  /** Round 3 of H3 (1.5): s_i under an opened w, its mask bound to the transcript unless binding is missing. */
  readonly third: (session: Session, lists: PointLists, w: bigint) => bigint
}

export function modelSigner({ id, generation, shareOf, missing = {}, fault = (z) => z }: ModelOptions): ModelSigner {
  const suite = (session: Session): Uint8Array => (missing.fields?.includes('suite') ? new Uint8Array(0) : u(session.suite, 2))

  /** Two values per item of one key's stream. */
  function pairs(key: SharedKey, tag: string, session: Session, ...rest: readonly Uint8Array[]): readonly (readonly bigint[])[] {
    const count = session.items.length
    const values = stream(key, hash(tag, suite(session), ...rest), 2 * count)
    return session.items.map((_, b) => values.slice(missing.index ? 0 : 2 * b, missing.index ? 2 : 2 * b + 2))
  }

  const subsetsIn = (session: Session): readonly SharedKey[] =>
    generation.subsets.filter((key) => key.members.every((m) => session.signers.includes(m)))

  const parts = (session: Session): ReadonlyMap<PartyId, bigint> => {
    const ctx = contextOf(session, generation.kids, missing)
    return new Map(
      subsetsIn(session).map((key) => [
        key.members.find((m) => m !== id) as PartyId,
        mod(pairs(key, 'hm-rand', session, ctx, ids(key.members))[0]?.[0] as bigint),
      ]),
    )
  }

  /** k_i and a_i. */
  function nonces(session: Session): readonly { readonly k: bigint; readonly a: bigint }[] {
    const ctx = contextOf(session, generation.kids, missing)
    const sums = session.items.map(() => [0n, 0n])
    for (const key of subsetsIn(session)) {
      const factor = session.signers.filter((j) => !key.members.includes(j)).reduce((f, j) => f * BigInt(j - id), 1n)
      for (const [b, values] of pairs(key, 'hm-rand', session, ctx, ids(key.members)).entries()) {
        const sum = sums[b] as bigint[]
        for (const n of [0, 1]) sum[n] = mod((sum[n] as bigint) + factor * (values[n] as bigint))
      }
    }
    return sums.map(([k, a]) => ({ k: k as bigint, a: (missing.nonceStreams ? k : a) as bigint }))
  }

  function masks(session: Session, bind: Uint8Array): readonly Answer[] {
    const ctx = contextOf(session, generation.kids, missing)
    const sums = session.items.map(() => ({ mu: 0n, nu: 0n }))
    for (const [peer, key] of generation.pairs) {
      if (!session.signers.includes(peer)) continue
      const sign = id < peer ? 1n : -1n
      const seed = missing.bind ? [] : [bind]
      for (const [b, [mu, nu]] of pairs(key, 'hm-mask', session, ctx, ids(key.members), ...seed).entries()) {
        const sum = sums[b] as Answer
        sums[b] = {
          mu: mod(sum.mu + sign * (mu as bigint)),
          nu: mod(sum.nu + sign * ((missing.maskLabels ? mu : nu) as bigint)),
        }
      }
    }
    return sums
  }

  const opened = new WeakMap<Session, readonly Point[]>()
  function open(session: Session): readonly Point[] {
    const points = opened.get(session) ?? nonces(session).map(({ k }) => Point.BASE.multiply(k))
    opened.set(session, points)
    return points
  }

  /** R and r as production's recipe has them for one item: R(0) from the first two signers; the third is only checked. */
  function nonce(signers: readonly PartyId[], list: ReadonlyMap<PartyId, Point>): bigint {
    const without = (check: 'C1' | 'C3' | 'C4'): boolean => missing.checks?.includes(check) === true
    const [[i, Pi], [j, Pj], [m, Pm]] = signers.map((s) => [s, list.get(s) as Point]) as [
      [PartyId, Point],
      [PartyId, Point],
      [PartyId, Point],
    ]
    if (!without('C1') && [Pi, Pj, Pm].some((P) => P.equals(Point.ZERO))) throw new Refused('HM_R_MALFORMED')
    const R = lineAtZero(i, Pi, j, Pj)
    if (!without('C3') && !R.equals(lineAtZero(i, Pi, m, Pm))) throw new Refused('HM_R_DEGREE')
    const r = R.equals(Point.ZERO) ? 0n : rOf(R)
    if (!without('C4') && r === 0n) throw new Refused('HM_R_ZERO')
    return r
  }

  function bindOf(session: Session, lists: PointLists): Uint8Array {
    const { signers, items } = session
    const present = Buffer.alloc(Math.ceil(items.length / 8))
    for (const b of items.keys()) present[b >> 3] = (present[b >> 3] as number) | (1 << (b & 7))
    const perSigner = signers.map((j) => Buffer.concat((lists.get(j) as readonly Point[]).map(encoded)))
    return hash('hm-bind', contextOf(session, generation.kids, missing), present, ...perSigner)
  }

  function answer(session: Session, lists: PointLists): readonly Answer[] {
    const { signers, items } = session
    const own = missing.checks?.includes('C2') ? lists : new Map(lists).set(id, open(session))
    const mask = masks(session, bindOf(session, own))
    return nonces(session).map(({ k, a }, b) => {
      const item = items[b] as Instance
      const r = nonce(signers, new Map(signers.map((j) => [j, (own.get(j) as readonly Point[])[b] as Point])))
      const z = fault(mod(intOf(item.digest)))
      const l = lambda(id, signers)
      const x = shareOf(item) + intOf(item.tweak)
      const m = mask[b] as Answer
      return { mu: mod(l * k * a + m.mu), nu: mod(l * a * (z + r * x) + m.nu) }
    })
  }

  function third(session: Session, lists: PointLists, w: bigint): bigint {
    const [item] = session.items as [Instance]
    const a = nonces(session)[0]?.a as bigint
    const r = nonce(session.signers, new Map([...lists].map(([j, [P]]) => [j, P as Point])))
    const l = lambda(id, session.signers)
    const bind = hash('hm-bind2', bindOf(session, lists), Fq.toBytes(w))
    const { nu } = masks(session, bind)[0] as Answer
    return mod(l * a * Fq.inv(w) * (mod(intOf(item.digest)) + r * shareOf(item)) + nu)
  }

  const openMasks = (session: Session, lists: PointLists): readonly Answer[] => masks(session, bindOf(session, lists))

  return { id, open, answer, nonces, parts, openMasks, third }
}
