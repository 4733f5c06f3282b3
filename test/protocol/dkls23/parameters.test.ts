import { describe, expect, it } from 'vitest'
import {
  assertCount,
  challenges,
  choiceBytes,
  columnBytes,
  LAMBDA,
  MAX_MULTIPLICATIONS,
  maxBatch,
  XI,
} from '../../../src/protocol/dkls23/parameters.ts'

describe('sizes', () => {
  it('a batch is as large as 64 multiplications of one signer allow', () => {
    expect([2, 3, 4, 5, 16].map(maxBatch)).toEqual([64, 32, 21, 16, 4])
    for (const count of [0, -1, 1.5, 65, Number.NaN]) expect(() => assertCount(count)).toThrow(RangeError)
    for (const count of [1, 64]) expect(() => assertCount(count)).not.toThrow()
  })

  it('the largest messages stay below 2.7 MB', () => {
    expect(LAMBDA * columnBytes(MAX_MULTIPLICATIONS) + LAMBDA * 16 + 48).toBeLessThan(2.7e6)
    expect(MAX_MULTIPLICATIONS * (XI * 96 + 32 + 4 * 33 + 32) + 96).toBeLessThan(2.7e6)
  })

  it('choices fill whole bytes, and every bit of them has a coefficient', () => {
    for (const count of [1, 2, 3, 4, 63, 64]) {
      expect(choiceBytes(count) * 8).toBe(count * XI)
      expect(challenges(count) * 128).toBeGreaterThanOrEqual(count * XI)
      expect((challenges(count) - 1) * 128).toBeLessThan(count * XI)
    }
  })
})
