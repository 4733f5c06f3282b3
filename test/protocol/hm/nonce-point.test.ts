import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { assemble } from '../../../src/protocol/hm/assemble.ts'
import { setConstants } from '../../../src/protocol/hm/constants.ts'
import { bindOf, contextOf } from '../../../src/protocol/hm/context.ts'
import { noncePoint } from '../../../src/protocol/hm/nonce-point.ts'
import { ANSWER, openingOf } from '../../../src/protocol/hm/sign.ts'
import type { Outcome } from '../../../src/protocol/signing/batch.ts'
import { noncePointOf } from '../../../src/protocol/signing/ecdsa.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { assemblyOf, ECDSA_SCHEMES, groupOf, makeHmCase, runHm, signerItems } from './hm-run.ts'
import { expectEcdsa, signed } from './verify-signature.ts'

describe.each(ECDSA_SCHEMES)('%s', (scheme) => {
  const { Point } = scheme === 'ecdsa-p256' ? p256 : secp256k1
  const c = makeHmCase({ scheme, digests: [bytes32('crafted')], seed: 'nonce point' })
  const group = groupOf(c)
  const q = group.order
  const a = assemblyOf(c, runHm(c))
  const digest = bytes32('crafted')
  const z = BigInt(`0x${toHex(digest)}`) % q
  const D = Point.BASE.multiply(77n)
  const inverse = (value: bigint): bigint => Point.Fn.inv(value)

  /** A point with the given x, if the curve has one. */
  function withX(x: bigint, odd: boolean): InstanceType<typeof Point> | null {
    try {
      return Point.fromBytes(concat(Uint8Array.of(odd ? 3 : 2), Buffer.from(x.toString(16).padStart(64, '0'), 'hex')))
    } catch {
      return null
    }
  }

  /**
   * Assembles openings on the line R + jD with answers that sum to mu = 1, nu = s. Nobody knows the nonce of R: the key is chosen
   * last, Q = (s R - z G) / r, so that (r, s) is a signature on the digest.
   */
  function assembleCrafted(
    R: InstanceType<typeof Point> | null,
    s: bigint,
  ): { readonly outcome: Outcome; readonly publicKey: Uint8Array } {
    const list = new Map<PartyId, readonly Uint8Array[]>(
      c.signers.map((j) => [j, [(R ?? Point.ZERO).add(D.multiply(BigInt(j))).toBytes(true)]]),
    )
    const r = R === null ? 0n : R.toAffine().x % q
    const sR = R === null || s === 0n ? Point.ZERO : R.multiply(s)
    const publicKey = r === 0n ? group.generator : sR.subtract(Point.BASE.multiply(z)).multiply(inverse(r)).toBytes(true)
    const items = a.items.map((item) => ({ ...item, publicKey }))
    const ctx = contextOf({ ...a, instances: items.map((i) => i.instance) })
    const bind = bindOf(ctx, 1, [0], c.signers, list)
    const zero = new Uint8Array(32)
    const answer = (mu: Uint8Array, nu: Uint8Array): Uint8Array => ANSWER.encode({ bind, shares: concat(mu, nu) })
    const [outcome] = assemble({
      ...a,
      items,
      openings: new Map([...list].map(([j, points]) => [j, openingOf(group).encode(signerItems(c, j), points)])),
      answers: new Map(c.signers.map((j) => [j, j === 1 ? answer(group.scalar(1), group.scalar(s)) : answer(zero, zero)])),
    })
    return { outcome: outcome as Outcome, publicKey }
  }

  const low = 12345678901234567890n
  const high = q - low

  describe('hm 7.3 x(R) >= q, P-08: recovery id and low s for every shape of R', () => {
    // Points with x in q..p exist, but no honest run meets one soon (2^-128; 2^-32 on P-256): they are looked up, not waited for.
    let x = q
    while (withX(x, false) === null || x === q) x++
    const shapes: readonly (readonly [string, InstanceType<typeof Point>, number])[] = [
      [
        'y even',
        [1n, 2n, 3n, 4n, 5n, 6n].map((k) => Point.BASE.multiply(k)).find((p) => p.toAffine().y % 2n === 0n) as typeof D,
        0,
      ],
      [
        'y odd',
        [1n, 2n, 3n, 4n, 5n, 6n].map((k) => Point.BASE.multiply(k)).find((p) => p.toAffine().y % 2n === 1n) as typeof D,
        1,
      ],
      ['x >= q, y even', withX(x, false) as typeof D, 2],
      ['x >= q, y odd', withX(x, true) as typeof D, 3],
    ]
    for (const [name, R, recovery] of shapes) {
      it(`${name}: recovery ${recovery}, and ${recovery ^ 1} when s was high`, () => {
        expect(noncePointOf(group, R.toBytes(true))).toMatchObject({ recovery, r: group.scalar(R.toAffine().x) })
        for (const [s, expected] of [
          [low, recovery],
          [high, recovery ^ 1],
        ] as const) {
          const { outcome, publicKey } = assembleCrafted(R, s)
          expectEcdsa(outcome, publicKey, digest, scheme)
          expect(signed(outcome).recovery).toBe(expected)
          expect(signed(outcome).signature).toEqual(concat(group.scalar(R.toAffine().x), group.scalar(low)))
        }
      })
    }

    it('the largest low s stays, the next one flips', () => {
      const R = Point.BASE.multiply(5n)
      const half = q / 2n
      expect(signed(assembleCrafted(R, half).outcome).signature.slice(32)).toEqual(group.scalar(half))
      expect(signed(assembleCrafted(R, half + 1n).outcome).signature.slice(32)).toEqual(group.scalar(half))
    })

    it('high s is refused by every verifier of ours', () => {
      const { outcome, publicKey } = assembleCrafted(Point.BASE.multiply(5n), low)
      const { signature } = signed(outcome)
      const flipped = concat(signature.slice(0, 32), group.negAssign(signature.slice(32)))
      const verify = scheme === 'ecdsa-p256' ? c.world.curves.ecdsaP256Verify : c.world.curves.ecdsaVerify
      expect(verify(signature, digest, publicKey)).toBe(true)
      expect(verify(flipped, digest, publicKey)).toBe(false)
    })

    it('S-10: R the identity: HM_R_ZERO; s = 0: HM_SIG_INVALID', () => {
      expect(assembleCrafted(null, low).outcome).toEqual({ type: 'failed', code: 'HM_R_ZERO', culprits: [] })
      expect(assembleCrafted(Point.BASE.multiply(5n), 0n).outcome).toEqual({
        type: 'failed',
        code: 'HM_SIG_INVALID',
        culprits: [],
      })
    })

    it('R the identity, also where R(0) takes a division', () => {
      const ids = [2, 5, 9]
      const constants = setConstants(group, ids)
      expect(constants.atZero.denominator).not.toBe(1n)
      const throughZero = new Map(ids.map((id) => [id, group.baseMul(group.scalar(id))]))
      expect(noncePoint(group, constants, throughZero)).toBe(null)
    })

    it('r = 0: no nonce point', () => {
      const R = Uint8Array.from([2, ...Buffer.from(q.toString(16), 'hex')])
      // Whether x = q lies on the curve does not matter here: r is computed from the encoding.
      expect(noncePointOf(group, R)).toBe(null)
    })
  })
})
