import { describe, expect, it } from 'vitest'
import { SCHEMES } from '../dkls23/dkls-run.ts'
import { FROST_SCHEMES } from '../frost/frost-run.ts'
import { ECDSA_SCHEMES } from '../hm/hm-run.ts'
import { dklsLoop, ecdsaLoop, frostLoop } from './signature-loop.ts'

/** A hundredth of what test/long does. */
describe('signatures in a row, each verified by libraries that did not make it', () => {
  it.each(ECDSA_SCHEMES)('S-11, S-17 hundred by hm, %s: no r twice, every s low, every recovery id right', (scheme) => {
    const { count, nonces, recoveries } = ecdsaLoop(scheme, `short ${scheme}`, 4, 25)
    expect(nonces.size).toBe(count)
    expect([...recoveries].sort()).toEqual([0, 1])
  })

  it.each(SCHEMES)('S-11, S-17 thirty by DKLs23, %s: no r twice, every s low, every recovery id right', (scheme) => {
    const { count, nonces, recoveries } = dklsLoop(scheme, `short ${scheme}`, 2, 15)
    expect(nonces.size).toBe(count)
    expect([...recoveries].sort()).toEqual([0, 1])
  })

  it.each(FROST_SCHEMES)('S-17, F-12 hundred by FROST, %s: no R twice', (scheme) => {
    const { count, nonces } = frostLoop(scheme, `short ${scheme}`, 4, 25)
    expect(nonces.size).toBe(count)
  })
})
