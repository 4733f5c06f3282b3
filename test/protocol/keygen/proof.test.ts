import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import {
  type Challenge,
  confirmationChallenge,
  type Proof,
  possessionChallenge,
  prove,
  verify,
} from '../../../src/protocol/keygen/proof.ts'
import { commit } from '../../../src/protocol/sharing/feldman.ts'
import { randomPolynomial } from '../../../src/protocol/sharing/polynomial.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'

const session = seededRng('session')(32)

describe.each([nativeCurves.secp256k1, nativeCurves.p256, nativeCurves.ed25519].map((g) => [g.name, g] as const))(
  '%s',
  (_, group) => {
    const other = group.name === 'ed25519' ? nativeCurves.secp256k1 : nativeCurves.ed25519
    const rng = seededRng(`proof ${group.name}`)

    it.each([1, 2, 3, 16])('proves knowledge of %i coefficients at once', (t) => {
      const polynomial = randomPolynomial(group, t, rng)
      const commitments = commit(group, polynomial)
      const challenge = possessionChallenge(group, session, 1, commitments)
      const proof = prove(group, polynomial, challenge, rng)
      expect(verify(group, commitments, proof, challenge)).toBe(true)
      for (let m = 0; m < t; m++) {
        const swapped = commitments.with(m, group.generator)
        expect(verify(group, swapped, proof, possessionChallenge(group, session, 1, swapped))).toBe(false)
        expect(verify(group, swapped, proof, challenge)).toBe(false)
      }
    })

    it('the response is a + sum of c^{m+1} a_m, in numbers', () => {
      const polynomial = randomPolynomial(group, 3, rng)
      const numbers = polynomial.map((a) => group.toBigInt(a))
      let nonce = 0n
      const c = 12345n
      const watched = {
        ...group,
        randomScalar: (r: typeof rng) => {
          const scalar = group.randomScalar(r)
          nonce = group.toBigInt(scalar)
          return scalar
        },
      }
      const proof = prove(watched, polynomial, () => group.scalar(c), rng)
      const expected = numbers.reduce((sum, a, m) => (sum + a * c ** BigInt(m + 1)) % group.order, nonce)
      expect(group.toBigInt(proof.response)).toBe(expected % group.order)
      expect(proof.commitment).toEqual(group.baseMul(group.scalar(nonce)))
    })

    const polynomial = randomPolynomial(group, 2, rng)
    const commitments = commit(group, polynomial)
    const challenge = possessionChallenge(group, session, 1, commitments)
    const proof = prove(group, polynomial, challenge, rng)

    it('Z-04: the challenge moves with session, party, every commitment and A', () => {
      const A = proof.commitment
      const flipped = session.map((b, i) => (i === 31 ? b ^ 1 : b))
      const values = [
        possessionChallenge(group, session, 1, commitments)(A),
        possessionChallenge(group, flipped, 1, commitments)(A),
        possessionChallenge(group, session, 2, commitments)(A),
        possessionChallenge(group, session, 257, commitments)(A),
        possessionChallenge(group, session, 1, commitments.toReversed())(A),
        possessionChallenge(group, session, 1, commitments.slice(1))(A),
        possessionChallenge(group, session, 1, [...commitments, group.generator])(A),
        possessionChallenge(group, session, 1, commitments)(group.generator),
        confirmationChallenge(group, session, 1, commitments[0] as Uint8Array)(A),
        confirmationChallenge(group, flipped, 1, commitments[0] as Uint8Array)(A),
        confirmationChallenge(group, session, 2, commitments[0] as Uint8Array)(A),
        confirmationChallenge(group, session, 1, commitments[1] as Uint8Array)(A),
        confirmationChallenge(group, session, 1, commitments[0] as Uint8Array)(group.generator),
      ]
      expect(new Set(values.map(toHex)).size).toBe(values.length)
      for (const value of values) expect(group.isScalar(value) && !group.isZero(value)).toBe(true)
    })

    it('Z-01: holds for its own session, party, step, statement and curve only', () => {
      const refused = (c: Challenge, statement = commitments, p: Proof = proof): void =>
        expect(verify(group, statement, p, c)).toBe(false)
      refused(possessionChallenge(group, new Uint8Array(32), 1, commitments))
      for (const party of [0, 2, 3, 65535] as PartyId[]) refused(possessionChallenge(group, session, party, commitments))
      refused(confirmationChallenge(group, session, 1, commitments[0] as Uint8Array), [commitments[0] as Uint8Array])
      refused(challenge, commitments.slice(0, 1))
      refused(challenge, [...commitments, group.generator])
      refused(challenge, commitments.toReversed())
      const foreign = randomPolynomial(other, 2, rng)
      const foreignCommitments = commit(other, foreign)
      const theirs = prove(other, foreign, possessionChallenge(other, session, 1, foreignCommitments), rng)
      refused(challenge, commitments, theirs)
    })

    it('Z-02, Z-10: no bit of the proof is free, and no zero passes', () => {
      for (const field of ['commitment', 'response'] as const) {
        for (let bit = 0; bit < proof[field].length * 8; bit++) {
          const altered = proof[field].map((b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b))
          expect(verify(group, commitments, { ...proof, [field]: altered }, challenge)).toBe(false)
        }
        expect(verify(group, commitments, { ...proof, [field]: new Uint8Array(proof[field].length) }, challenge)).toBe(false)
        expect(verify(group, commitments, { ...proof, [field]: new Uint8Array(0) }, challenge)).toBe(false)
      }
    })

    it('Z-10 A = -c F(c), z = 0 would satisfy the equation without knowledge if zero were allowed', () => {
      // With a challenge that the prover knows beforehand: what a forger needs, and what isZero refuses on its own.
      const c = group.scalar(5)
      const value = group.sum([
        commitments[0] as Uint8Array,
        group.mulPublic(commitments[1] as Uint8Array, c) as Uint8Array,
      ]) as Uint8Array
      const forged = { commitment: group.negate(group.mulPublic(value, c) as Uint8Array), response: group.scalar(0) }
      expect(verify(group, commitments, forged, () => c)).toBe(false)
      // No other response fits it, and the identity on the right is an answer, not a crash.
      expect(verify(group, commitments, { ...forged, response: group.scalar(1) }, () => c)).toBe(false)
    })

    it('Z-10 F(c) the identity is sound arithmetic: z G = A', () => {
      // f(Z) = 5 - Z at c = 5. Which c it will be, a hash decides.
      const root = [group.scalar(5), group.scalar(-1)]
      const c = group.scalar(5)
      const atRoot = prove(group, root, () => c, rng)
      expect(verify(group, commit(group, root), atRoot, () => c)).toBe(true)
      expect(verify(group, commit(group, root), { ...atRoot, response: group.scalar(1) }, () => c)).toBe(false)
    })

    it('Z-10 a challenge of zero is sound arithmetic', () => {
      const zero = prove(group, polynomial, () => group.scalar(0), rng)
      expect(verify(group, commitments, zero, () => group.scalar(0))).toBe(true)
    })

    it('K-19: with a generator that is stuck, nonces still differ for another session, party, step and secret, and repeat for the same', () => {
      const stuck = (length: number): Uint8Array => new Uint8Array(length).fill(7)
      const nonceFor = (secret: typeof polynomial, c: Challenge): string => toHex(prove(group, secret, c, stuck).commitment)
      const single = commitments[0] as Uint8Array
      const nonces = [
        nonceFor(polynomial, challenge),
        nonceFor(polynomial, possessionChallenge(group, new Uint8Array(32), 1, commitments)),
        nonceFor(polynomial, possessionChallenge(group, session, 2, commitments)),
        nonceFor(polynomial, confirmationChallenge(group, session, 1, single)),
        nonceFor(polynomial.toReversed(), challenge),
        nonceFor(polynomial.slice(1), challenge),
      ]
      expect(new Set(nonces).size).toBe(nonces.length)
      expect(nonceFor(polynomial, challenge)).toBe(nonces[0])
    })

    it('K-19 every proof has a fresh nonce', () => {
      const seen = Array.from({ length: 50 }, () => toHex(prove(group, polynomial, challenge, rng).commitment))
      expect(new Set(seen).size).toBe(50)
    })
  },
)
