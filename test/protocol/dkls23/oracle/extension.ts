import { element, elementBytes, fromBits, lin, toBits, xor } from './bits.ts'
import { integer, STREAM, TH } from './hashing.ts'

/** OT extension, k = 1 (protocols.md 5.1, 5.2). Rows are numbered r < 128, columns J < N. */

export const ROWS = 128

/** Bob knows both seeds of each base OT. */
export interface BobSeeds {
  readonly psid: Uint8Array
  readonly seeds: readonly (readonly [Uint8Array, Uint8Array])[]
}

/** Alice knows Delta and of each pair the seed with index 1 - Delta_i. */
export interface AliceSeeds {
  readonly psid: Uint8Array
  readonly delta: readonly boolean[]
  readonly seeds: readonly Uint8Array[]
}

const row = (sid: Uint8Array, i: number, y: number, seed: Uint8Array, bits: number): boolean[] =>
  toBits(STREAM(TH('prg', sid, integer(i, 2), integer(y, 1), seed), bits / 8))

function challenges(sid: Uint8Array, u: Uint8Array, n: number): readonly bigint[] {
  const count = Math.ceil(n / 128)
  const stream = STREAM(TH('ote-chi', TH('ote-u', sid, u)), 16 * count)
  return Array.from({ length: count }, (_, m) => element(toBits(stream.slice(16 * m, 16 * m + 16))))
}

/** Column J of the matrix: bit r comes from row r. */
const column = (rows: readonly (readonly boolean[])[], j: number): Uint8Array => fromBits(rows.map((bits) => bits[j] as boolean))

const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))

export interface Extension {
  readonly u: Uint8Array
  readonly x: Uint8Array
  readonly t: Uint8Array
  /** T_J, 16 bytes each. */
  readonly columns: readonly Uint8Array[]
}

/** What a cheating Bob masks in row r instead of x. */
export type Lie = (x: readonly boolean[], r: number) => readonly boolean[]

/** Bob. `beta` has N bits, `tail` 128. */
export function extend(
  { seeds }: BobSeeds,
  sid: Uint8Array,
  beta: readonly boolean[],
  tail: readonly boolean[],
  lie: Lie = (x) => x,
): Extension {
  const x = [...beta, ...tail]
  const r0 = seeds.map(([seed], i) => row(sid, i, 0, seed, x.length))
  const v = seeds.map(([, seed], i) => row(sid, i, 1, seed, x.length))
  const u = joined(r0.map((bits, i) => fromBits(xor(lie(x, i), xor(bits, v[i] as boolean[])))))
  const chi = challenges(sid, u, beta.length)
  return {
    u,
    x: elementBytes(lin(x, chi)),
    t: joined(v.map((bits) => elementBytes(lin(bits, chi)))),
    columns: beta.map((_, j) => column(v, j)),
  }
}

/** Alice: Q_J for J < N, 16 bytes each; null when the check fails. All fields have their exact lengths. */
export function check(
  { delta, seeds }: AliceSeeds,
  sid: Uint8Array,
  n: number,
  { u, x, t }: Pick<Extension, 'u' | 'x' | 't'>,
): readonly Uint8Array[] | null {
  const width = (n + 128) / 8
  const w = seeds.map((seed, i) => {
    const known = row(sid, i, delta[i] ? 0 : 1, seed, n + 128)
    return delta[i] ? xor(known, toBits(u.slice(i * width, (i + 1) * width))) : known
  })
  const chi = challenges(sid, u, n)
  const right = w.every((bits, r) => {
    const expected = element(toBits(t.slice(16 * r, 16 * r + 16))) ^ (delta[r] ? element(toBits(x)) : 0n)
    return lin(bits, chi) === expected
  })
  return right ? Array.from({ length: n }, (_, j) => column(w, j)) : null
}
