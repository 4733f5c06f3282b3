import { describe, expect, it } from 'vitest'
import { SCHEMES } from '../protocol/dkls23/dkls-run.ts'
import { FROST_SCHEMES } from '../protocol/frost/frost-run.ts'
import { ECDSA_SCHEMES } from '../protocol/hm/hm-run.ts'
import { dklsLoop, ecdsaLoop, frostLoop } from '../protocol/signing/signature-loop.ts'

const BATCHES = 40
const SIZE = 256

describe('ten thousand signatures per engine, each verified by libraries that did not make it', () => {
  it.each(ECDSA_SCHEMES)('S-11, S-17 by hm, %s: no r twice, every s low, every recovery id right', (scheme) => {
    const { count, nonces, recoveries } = ecdsaLoop(scheme, `ten thousand ${scheme}`, BATCHES, SIZE)
    expect(count).toBeGreaterThanOrEqual(10_000)
    expect(nonces.size).toBe(count)
    expect([...recoveries].sort()).toEqual([0, 1])
  })

  it.each(SCHEMES)('S-11, S-17 by DKLs23, %s: no r twice, every s low, every recovery id right', (scheme) => {
    const { count, nonces, recoveries } = dklsLoop(scheme, `ten thousand ${scheme}`, 157, 64)
    expect(count).toBeGreaterThanOrEqual(10_000)
    expect(nonces.size).toBe(count)
    expect([...recoveries].sort()).toEqual([0, 1])
  })

  it.each(FROST_SCHEMES)('S-17, F-12 by FROST, %s: no R twice', (scheme) => {
    const { count, nonces } = frostLoop(scheme, `ten thousand ${scheme}`, BATCHES, SIZE)
    expect(count).toBeGreaterThanOrEqual(10_000)
    expect(nonces.size).toBe(count)
  })
})
