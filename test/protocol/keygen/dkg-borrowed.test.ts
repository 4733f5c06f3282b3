import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { type Reveal, revealCodec } from '../../../src/protocol/keygen/messages.ts'
import { possessionChallenge, prove, verify } from '../../../src/protocol/keygen/proof.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { assertDone, assertSafe, type KeygenRun, keygen, outcome, worldOf } from './keygen-fixture.ts'
import { revealsOf } from './read-traffic.ts'
import { type Deviation, rogueDealer } from './rogue-dealer.ts'

const ROGUE = 3

/** Signer 3 shows points whose logarithm it does not know: what is the proof that it may choose best? */
describe.each(['ecdsa-secp256k1', 'ecdsa-p256', 'eddsa-ed25519'] as const)(
  'with %s, points that are not the dealer’s own',
  (scheme) => {
    const group = groupOf(scheme, worldOf(3).curves)
    const blamed = (deviation: Deviation, expected: string): KeygenRun => {
      const run = keygen({ scheme, rogues: new Map([[ROGUE, rogueDealer(deviation)]]) })
      assertSafe(run, [ROGUE])
      expect([outcome(run, 1), outcome(run, 2)], run.seed).toEqual([`${expected}:3`, `${expected}:3`])
      return run
    }
    // A run with this seed is the same every time, so what signer 1 will open is known beforehand: more than any relay can arrange.
    const victim = revealsOf(keygen({ scheme })).get(1) as Reveal
    const [first, second] = victim.commitments as readonly [Uint8Array, Uint8Array]
    const double = group.sum([first, first]) as Uint8Array

    it.each([
      ['the generator', group.generator],
      ['minus the generator', group.negate(group.generator)],
      ['the victim’s constant term', first],
      ['minus the victim’s constant term', group.negate(first)],
      ['twice the victim’s constant term', double],
      ['the victim’s other coefficient', second],
    ])('P-09, 14.2 C_j rogue: %s as constant term, with shares and proofs of every kind', (_, point) => {
      const own = (env: Parameters<NonNullable<Deviation['commitTo']>>[1]) => {
        const secret = group.randomScalar(env.rng)
        return { secret, image: group.baseMul(secret) }
      }
      // Its own honest proof; the victim's; one for a polynomial that it knows, bound to the borrowed point.
      blamed({ commitTo: (reveal) => ({ ...reveal, commitments: reveal.commitments.with(0, point) }) }, 'DKG_POP')
      blamed({ commitTo: (reveal) => ({ ...victim, ...reveal, commitments: [point, second] }) }, 'DKG_POP')
      blamed(
        {
          commitTo: (reveal, env) => {
            const { secret, image } = own(env)
            const commitments = [point, image]
            const challenge = possessionChallenge(group, env.sessionId, env.self, commitments)
            return { ...reveal, commitments, possession: prove(group, [secret, secret], challenge, env.rng) }
          },
        },
        'DKG_POP',
      )
      // Shown only after the others have opened: the commitment of round 1 does not open to it.
      blamed({ reveal: (reveal) => ({ ...reveal, commitments: reveal.commitments.with(0, point) }) }, 'DKG_COMMIT')
    })

    it('P-09 one’s own points are nothing special: the generator with its proof deals like any other', () => {
      // Logarithm 1 is known to everybody; the dealer proves it and is caught for its empty confirmation only.
      blamed({ polynomial: (honest) => [group.scalar(1), honest[1] as Uint8Array] }, 'DKG_CONF')
    })

    it('Z-09 a point is known to be one before it enters a hash or a proof', () => {
      const none = `02${'00'.repeat(31)}${{ 'eddsa-ed25519': '', 'ecdsa-p256': '01', 'ecdsa-secp256k1': '05' }[scheme]}`
      const junk = Uint8Array.from(Buffer.from(none, 'hex'))
      expect(group.isPoint(junk)).toBe(false)
      // The opening of round 1 is right for these bytes, yet what is said is that they are no points.
      blamed({ commitTo: (reveal) => ({ ...reveal, commitments: reveal.commitments.with(1, junk) }) }, 'DKG_MALFORMED')
      let hashed = 0
      const challenge = () => {
        hashed += 1
        return group.scalar(3)
      }
      const polynomial = [group.randomScalar(seededRng('z-09'))]
      const commitments = polynomial.map((a) => group.baseMul(Uint8Array.from(a)))
      const proof = prove(group, polynomial, challenge, seededRng('z-09'))
      hashed = 0
      expect(verify(group, commitments, { ...proof, commitment: junk }, challenge)).toBe(false)
      expect(hashed).toBe(0)
      expect(verify(group, commitments, proof, challenge)).toBe(true)
      expect(hashed).toBe(1)
    })

    it('Z-06 a proof is one commitment, one challenge of full width and one response: fewer or more are no message', () => {
      const packr = new Packr({ useRecords: false })
      const { commitment, response } = victim.possession
      const bodyOf = (possession: unknown): Uint8Array =>
        Uint8Array.from(packr.pack([new Uint8Array(32), [first, second], possession, new Uint8Array(32)]))
      expect(revealCodec(group).decode(bodyOf([commitment, response])).possession).toEqual({ commitment, response })
      for (const possession of [
        [],
        [commitment],
        [response],
        [commitment, response, response],
        [commitment, response, commitment, response],
        [[commitment, response]],
        [
          [commitment, response],
          [commitment, response],
        ],
        null,
      ]) {
        blamed({ revealBytes: () => bodyOf(possession) }, 'DKG_MALFORMED')
      }
      expect(widthOf(group)).toBeGreaterThan(245)
    })

    it('leave nothing behind: the same signers make a key afterwards', () => {
      assertDone(keygen({ scheme, name: 'afterwards', seed: 'afterwards' }))
    })
  },
)

/** Bits that vary in 200 challenges which differ in the last byte of the statement only. */
function widthOf(group: Group): number {
  let [ones, zeros] = [0n, 0n]
  for (let i = 0; i < 200; i++) {
    const challenge = possessionChallenge(group, new Uint8Array(32).fill(i, 31), 1, [group.generator])(group.generator)
    const value = group.toBigInt(challenge)
    ones |= value
    zeros |= ~value & ((1n << 256n) - 1n)
  }
  return (ones & zeros).toString(2).replaceAll('0', '').length
}
