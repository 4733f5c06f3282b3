import { describe, expect, it } from 'vitest'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { type Rng, toHex } from '../../../src/protocol/engine/bytes.ts'
import {
  type Commitment,
  type Context,
  commitmentOf,
  context,
  drawNonces,
  type Nonces,
  signShare,
} from '../../../src/protocol/frost/signature-share.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { dealKey, numbered } from '../signing/dealt-key.ts'
import { FROST_SCHEMES, suiteOf } from './frost-run.ts'

const VICTIM = 1
const ANSWERS = 64
/** Steps between two nonces that the attacker tries; whoever makes nonces from fixed values by public steps takes some such step. */
const STEPS = 3

/** One answer of the victim, and what its other signer and the coordinator know about it. */
interface Answered {
  readonly own: Commitment
  readonly z: Uint8Array
  readonly c: Context
}

/**
 * F-02: z = d + rho e + lambda c s is one equation in three unknowns, two of which are new in every answer, as long as no two answers' nonces
 * are related by something public. The attacker looks for such a relation in the commitments: equal, a public step apart, or
 * multiples; and solves for the share where there is one.
 */
describe.each(FROST_SCHEMES)('F-02 answers of one signer to chosen messages and commitment lists, %s', (scheme) => {
  const suite = suiteOf(scheme)
  const group = suite.group(nativeCurves)
  const key = dealKey({ curves: nativeCurves, scheme, ids: [1, 2, 3], threshold: 2, seed: 'solve' })
  const share = key.shares.get(VICTIM) as Uint8Array
  const chosen = drawNonces(suite, group, key.shares.get(2) as Uint8Array, seededRng('attacker'))
  const theirs = commitmentOf(group, chosen)

  /** Answers of a victim with these nonces. The attacker repeats its commitment and message every second time. */
  const ask = (noncesFor: (i: number) => Nonces): readonly Answered[] =>
    numbered('message', ANSWERS).map((name, i) => {
      const nonces = noncesFor(i)
      const own = commitmentOf(group, nonces)
      const message = seededRng(i % 2 === 0 ? 'the same' : name)(32)
      const list = new Map([
        [VICTIM, own],
        [2, i % 3 === 0 ? { hiding: theirs.binding, binding: theirs.hiding } : theirs],
      ])
      const c = context(suite, group, key.publicKey, list, message) as Context
      return { own, z: signShare(group, VICTIM, nonces, share, c), c }
    })

  const rng: Rng = seededRng('victim')
  it('64 answers of the real one: no two nonces are related, nothing is found', () => {
    const answers = ask(() => drawNonces(suite, group, share, rng))
    expect(new Set(answers.flatMap(({ own }) => [toHex(own.hiding), toHex(own.binding)])).size).toBe(2 * ANSWERS)
    expect(solve(group, answers)).toBeNull()
  })

  it('of one whose nonces repeat, grow by a step, or double: the share (so the attacker would notice)', () => {
    const first = drawNonces(suite, group, share, rng)
    const [hiding, binding] = [Uint8Array.from(first.hiding), Uint8Array.from(first.binding)]
    const copy = (): Nonces => ({ hiding: Uint8Array.from(hiding), binding: Uint8Array.from(binding) })
    const weak: readonly ((i: number) => Nonces)[] = [
      copy,
      (i) => {
        const nonces = copy()
        group.addAssign(nonces.hiding, group.scalar(i))
        group.addAssign(nonces.binding, group.scalar(i))
        return nonces
      },
      (i) => {
        const nonces = copy()
        const factor = group.scalar(2n ** BigInt(i))
        group.mulAssign(nonces.hiding, factor)
        group.mulAssign(nonces.binding, factor)
        return nonces
      },
    ]
    for (const noncesFor of weak) expect(solve(group, ask(noncesFor))).toEqual(share)
  })
})

/** One of d' = a d + b for public a and b, known from D' = a D + b G. */
interface Relation {
  readonly factor: bigint
  readonly step: bigint
}

function relation(group: Group, from: Uint8Array, to: Uint8Array): Relation | null {
  for (const factor of [1n, 2n, 4n]) {
    for (let step = -STEPS; step <= STEPS; step++) {
      const scaled = group.mulPublic(from, group.scalar(factor)) as Uint8Array
      const shifted = step === 0 ? scaled : group.sum([scaled, group.baseMul(group.scalar(step))])
      if (shifted !== null && toHex(shifted) === toHex(to)) return { factor, step: BigInt(step) }
    }
  }
  return null
}

/** Three answers whose nonces are related are three equations in d, e and s: Cramer's rule. */
function solve(group: Group, answers: readonly Answered[]): Uint8Array | null {
  const q = group.order
  const mod = (x: bigint): bigint => ((x % q) + q) % q
  for (let i = 0; i + 2 < answers.length; i++) {
    const three = answers.slice(i, i + 3) as readonly Answered[]
    const base = three[0] as Answered
    const rows = three.map(({ own, z, c }) => {
      const d = relation(group, base.own.hiding, own.hiding)
      const e = d === null ? null : relation(group, base.own.binding, own.binding)
      if (d === null || e === null) return null
      const sign = c.negateNonces ? -1n : 1n
      const rho = group.toBigInt(c.bindingFactors.get(VICTIM) as Uint8Array)
      const s = group.toBigInt(c.shareFactors.get(VICTIM) as Uint8Array)
      return {
        row: [sign * d.factor, sign * rho * e.factor, s].map(mod),
        value: mod(group.toBigInt(z) - sign * (d.step + rho * e.step)),
      }
    })
    const known = rows.filter((row) => row !== null)
    if (known.length < 3) continue
    const matrix = known.map(({ row }) => row)
    const denominator = mod(determinant(matrix))
    if (denominator === 0n) continue
    const numerator = mod(determinant(known.map(({ row, value }) => [row[0] as bigint, row[1] as bigint, value])))
    return group.scalar(mod(numerator * power(denominator, q - 2n, q)))
  }
  return null
}

function determinant(m: readonly (readonly bigint[])[]): bigint {
  const at = (i: number, j: number): bigint => m[i]?.[j] as bigint
  const minor = (i: number, j: number): bigint => at(1, i) * at(2, j) - at(1, j) * at(2, i)
  return at(0, 0) * minor(1, 2) - at(0, 1) * minor(0, 2) + at(0, 2) * minor(0, 1)
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}
