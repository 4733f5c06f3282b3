import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import { addCommitments, commit, evaluateCommitments, verifyShare } from '../../../src/protocol/sharing/feldman.ts'
import { abscissa, evaluate, randomPolynomial, sumScalars } from '../../../src/protocol/sharing/polynomial.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'

const groups: readonly Group[] = [
  nativeCurves.secp256k1,
  nativeCurves.p256,
  nativeCurves.ed25519,
  nobleCurves.secp256k1,
  nobleCurves.ed25519,
]
const named = groups.map((group, i) => [`${group.name}, ${i < 2 ? 'native' : 'noble'}`, group] as const)

describe.each(named)('%s', (_, group) => {
  const polynomial = randomPolynomial(group, 3, seededRng('feldman'))
  const commitments = commit(group, polynomial)

  it('evaluates in the exponent as the polynomial does in the field', () => {
    for (const id of [1, 2, 3, 16, 65534]) {
      const x = abscissa(group, id)
      expect(evaluateCommitments(group, commitments, x)).toEqual(group.baseMul(evaluate(group, polynomial, x)))
    }
    expect(evaluateCommitments(group, commitments, group.scalar(0))).toEqual(commitments[0])
  })

  it('accepts the right share at the right place only', () => {
    const share = evaluate(group, polynomial, abscissa(group, 2))
    expect(verifyShare(group, commitments, abscissa(group, 2), share)).toBe(true)
    expect(verifyShare(group, commitments, abscissa(group, 3), share)).toBe(false)
    const off = group.addAssign(Uint8Array.from(share), group.scalar(1))
    expect(verifyShare(group, commitments, abscissa(group, 2), off)).toBe(false)
    expect(verifyShare(group, commitments, abscissa(group, 2), group.negAssign(Uint8Array.from(share)))).toBe(false)
    expect(verifyShare(group, commitments, abscissa(group, 2), group.scalar(0))).toBe(false)
  })

  it('P-05: a share of another length or beyond the order is no share, also when it is congruent to the right one', () => {
    const small = [group.scalar(5)]
    const beyond = new Uint8Array(32)
    let value = group.order + 5n
    for (let i = 0; i < 32; i++, value >>= 8n) beyond[group.name === 'ed25519' ? i : 31 - i] = Number(value & 0xffn)
    expect(verifyShare(group, commit(group, small), abscissa(group, 1), group.scalar(5))).toBe(true)
    expect(verifyShare(group, commit(group, small), abscissa(group, 1), beyond)).toBe(false)
    expect(verifyShare(group, commit(group, small), abscissa(group, 1), new Uint8Array(32).fill(0xff))).toBe(false)
    expect(verifyShare(group, commit(group, small), abscissa(group, 1), new Uint8Array(0))).toBe(false)
    expect(verifyShare(group, commit(group, small), abscissa(group, 1), new Uint8Array(33))).toBe(false)
  })

  it('a polynomial with a root at a party: the zero share fits there and nowhere else', () => {
    // f(Z) = Z - 2
    const rooted = commit(group, [group.scalar(-2), group.scalar(1)])
    expect(evaluateCommitments(group, rooted, abscissa(group, 2))).toBe(null)
    expect(verifyShare(group, rooted, abscissa(group, 2), group.scalar(0))).toBe(true)
    expect(verifyShare(group, rooted, abscissa(group, 2), group.scalar(1))).toBe(false)
    expect(verifyShare(group, rooted, abscissa(group, 3), group.scalar(0))).toBe(false)
    expect(verifyShare(group, rooted, abscissa(group, 3), group.scalar(1))).toBe(true)
  })

  it('sums of commitments commit to sums of polynomials; cancelling coefficients show as null', () => {
    const other = randomPolynomial(group, 3, seededRng('other'))
    const total = addCommitments(group, [commitments, commit(group, other)])
    const x = abscissa(group, 4)
    const share = sumScalars(group, [evaluate(group, polynomial, x), evaluate(group, other, x)])
    expect(verifyShare(group, total as Uint8Array[], x, share)).toBe(true)
    expect(addCommitments(group, [commitments, commitments.map((c) => group.negate(c))])).toEqual([null, null, null])
  })
})

// Zcash Foundation's FROST key generation vectors: coefficients, commitments and shares of three dealers.
interface Dealer {
  readonly signing_key: string
  readonly coefficient: string
  readonly vss_commitments: readonly string[]
  readonly signing_shares: Readonly<Record<string, string>>
  readonly signing_share: string
  readonly verifying_share: string
}
const FOLDER = new URL('../../../../shared/vectors/zf/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) console.info('shared vectors are absent: Feldman vectors skipped')

describe.skipIf(!present).each([
  ['frost-ed25519-vectors_dkg.json', nativeCurves.ed25519],
  ['frost-secp256k1-vectors_dkg.json', nativeCurves.secp256k1],
] as const)('%s', (file, group) => {
  it('gives the same commitments, shares, sums and key', () => {
    const { inputs } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as {
      inputs: Record<'1' | '2' | '3', Dealer> & { verifying_key: string }
    }
    const ids = [1, 2, 3] as const
    const polynomials = new Map<number, Uint8Array[]>(
      ids.map((i) => [i, [fromHex(inputs[`${i}`].signing_key), fromHex(inputs[`${i}`].coefficient)]]),
    )
    const all = ids.map((i) => commit(group, polynomials.get(i) as Uint8Array[]))
    const total = addCommitments(group, all) as Uint8Array[]
    expect(toHex(total[0] as Uint8Array)).toBe(inputs.verifying_key)
    for (const i of ids) {
      const dealer = inputs[`${i}`]
      expect(all[i - 1]?.map(toHex)).toEqual(dealer.vss_commitments)
      // In this format `signing_shares` of i are what i received, by sender.
      for (const [from, share] of Object.entries(dealer.signing_shares)) {
        const value = evaluate(group, polynomials.get(Number(from)) as Uint8Array[], abscissa(group, i))
        expect(toHex(value)).toBe(share)
        expect(verifyShare(group, all[Number(from) - 1] as Uint8Array[], abscissa(group, i), value)).toBe(true)
      }
      const sum = sumScalars(
        group,
        ids.map((from) => evaluate(group, polynomials.get(from) as Uint8Array[], abscissa(group, i))),
      )
      expect(toHex(sum)).toBe(dealer.signing_share)
      expect(toHex(evaluateCommitments(group, total, abscissa(group, i)) as Uint8Array)).toBe(dealer.verifying_share)
    }
  })
})
