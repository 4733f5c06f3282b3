import { describe, expect, it } from 'vitest'
import { assertKeySum, nonceSum, productsFit } from '../../../src/protocol/dkls23/public-checks.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { faultOf } from '../signing/fault-of.ts'
import { SCHEMES } from './dkls-run.ts'

describe.each(SCHEMES)('%s', (scheme) => {
  const group = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
  const times = (n: number): Uint8Array => group.baseMul(group.scalar(n))

  it('S7: the sum must be the key; the identity is none', () => {
    expect(() => assertKeySum(group, [times(2), times(3)], times(5))).not.toThrow()
    for (const points of [[times(2), times(4)], [times(5)].concat(times(1)), [times(7), times(-7)]]) {
      expect(faultOf(() => assertKeySum(group, points, times(5)))).toEqual({ code: 'PK_SUM', culprits: [] })
    }
  })

  it('S-10 S8: neither R nor r may be zero', () => {
    expect(nonceSum(group, [times(2), times(3)]).point).toEqual(times(5))
    expect(faultOf(() => nonceSum(group, [times(2), times(-2)]))).toEqual({ code: 'R_ZERO', culprits: [] })
    const zero = concat(Uint8Array.of(2), new Uint8Array(32))
    if (scheme === 'ecdsa-secp256k1') expect(group.isPoint(zero)).toBe(false)
    else expect(faultOf(() => nonceSum(group, [zero]))).toEqual({ code: 'R_ZERO', culprits: [] })
  })

  it('14.5 x-only S4, S5: chi P - Gamma = d G in every item; a product of the other sign, which has the same x, does not fit', () => {
    const scalar = (n: number) => group.scalar(n)
    // P = 3 G, chi = 7: the product 21 is c + d = 20 + 1.
    const fits = (c: number, d: number): boolean =>
      productsFit(group, [scalar(7), scalar(7)], [times(3), times(3)], [times(20), times(c)], [scalar(1), scalar(d)])
    expect(fits(20, 1)).toBe(true)
    expect(fits(4, 17)).toBe(true)
    expect(fits(20, 2)).toBe(false)
    expect(fits(-22, 1)).toBe(false)
    expect(fits(-1, 1)).toBe(false) // the identity on the right
  })
})
