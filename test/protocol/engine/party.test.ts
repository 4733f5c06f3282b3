import { describe, expect, it } from 'vitest'
import { assertParties, assertThreshold } from '../../../src/protocol/engine/party.ts'

/** Values a caller without types could pass. */
const asId = (value: unknown): number => value as number

describe('assertParties', () => {
  it.each([[[1]], [[1, 2]], [[2, 7, 65534]], [Array.from({ length: 16 }, (_, i) => i + 1)]])('accepts %j', (ids) => {
    expect(() => assertParties(ids)).not.toThrow()
  })

  it.each([
    ['K-01: zero, whose share is the secret', [0, 1]],
    ['K-01: negative', [-1, 2]],
    ['K-01: 65535, the address of everyone', [1, 65535]],
    ['K-01: 65536 = 0 mod 2^16', [1, 65536]],
    ['K-01: 2^32', [1, 2 ** 32]],
    ['K-01: 2^53 + 1', [1, 2 ** 53 + 1]],
    ['K-01: text', [asId('1'), 2]],
    ['K-01: text after numbers', [1, asId('2')]],
    ['K-01: bigint, the order of the group', [1, asId(2n ** 252n + 27742317777372353535851937790883648493n)]],
    ['not an integer', [1, 1.5]],
    ['not a number', [1, Number.NaN]],
    ['null', [asId(null), 2]],
    ['K-02, K-03: repeated', [1, 2, 2]],
    ['K-03: unsorted', [2, 1]],
    ['nobody', []],
    ['more than 16', Array.from({ length: 17 }, (_, i) => i + 1)],
  ])('K-01, K-02, K-03, 14.2 x_i: refuses %s', (_, ids) => {
    expect(() => assertParties(ids)).toThrow(RangeError)
  })
})

describe('K-18 assertThreshold', () => {
  it.each([
    [2, 2],
    [2, 3],
    [3, 5],
    [16, 16],
  ])('accepts %i of %i', (t, n) => {
    expect(() => assertThreshold(t, n)).not.toThrow()
  })

  it.each([
    ['t = 0', 0, 3],
    ['t = 1: one signer would hold the key', 1, 3],
    ['n = 1', 1, 1],
    ['t = 2, n = 1', 2, 1],
    ['t > n', 4, 3],
    ['n > 16', 2, 17],
    ['t not an integer', 2.5, 3],
    ['t text', asId('2'), 3],
  ])('refuses %s', (_, t, n) => {
    expect(() => assertThreshold(t, n)).toThrow(RangeError)
  })
})
