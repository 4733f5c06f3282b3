import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wideProduct } from '../../../src/host/curve/wide-product.ts'
import { readInteger, writeInteger } from '../../../src/protocol/curve/operands.ts'
import { countReads } from '../../protocol/curve/count-reads.ts'

const MAX = 2n ** 256n - 1n
const bytesOf = (value: bigint): Uint8Array => writeInteger(new Uint8Array(32), value, 'little')
const operand = fc.oneof(fc.constantFrom(0n, 1n, 255n, 256n, 1n << 255n, MAX), fc.bigInt({ min: 0n, max: MAX }))

it('is the product of integers, over the whole range', () => {
  fc.assert(
    fc.property(operand, operand, (a, b) => {
      // Left-over bytes in `out` must not matter: the caller keeps one buffer.
      const out = new Uint8Array(64).fill(0xee)
      wideProduct(out, bytesOf(a), bytesOf(b))
      expect(readInteger(out, 'little')).toBe(a * b)
    }),
    { numRuns: 1_000, examples: [[MAX, MAX]] },
  )
})

it('C-01 reads every byte of both operands 32 times, whatever they are', () => {
  const out = new Uint8Array(64)
  for (const value of [0n, 1n, MAX, 1n << 255n]) {
    const other = bytesOf(MAX - value)
    expect(countReads(bytesOf(value), (a) => wideProduct(out, a, other))).toEqual(new Array(32).fill(32))
    expect(countReads(bytesOf(value), (b) => wideProduct(out, other, b))).toEqual(new Array(32).fill(32))
  }
})
