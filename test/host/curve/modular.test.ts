import { p256 } from '@noble/curves/nist.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modular } from '../../../src/host/curve/modular.ts'
import { readInteger, writeInteger } from '../../../src/protocol/curve/operands.ts'
import { countReads } from '../../protocol/curve/count-reads.ts'
import { edgeIntegers } from './back-ends.ts'

const bytesOf = (value: bigint): Uint8Array => writeInteger(new Uint8Array(32), value, 'big')
const integerOf = (bytes: Uint8Array): bigint => readInteger(bytes, 'big')

describe.each([
  ['the order of P-256', p256.Point.Fn.ORDER],
  ['the field of P-256', p256.Point.Fp.ORDER],
  ['the least odd number of 256 bits', 2n ** 255n + 1n],
  ['the greatest', 2n ** 256n - 1n],
])('integers modulo %s', (_, modulus) => {
  const { addAssign, mulAssign, negAssign } = modular(modulus)
  const edges = [...new Set(edgeIntegers(modulus).map((value) => value % modulus))]
  const any = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: modulus - 1n }))

  function expectRight(a: bigint, b: bigint): void {
    expect(integerOf(addAssign(bytesOf(a), bytesOf(b)))).toBe((a + b) % modulus)
    expect(integerOf(mulAssign(bytesOf(a), bytesOf(b)))).toBe((a * b) % modulus)
    expect(integerOf(negAssign(bytesOf(a)))).toBe((modulus - a) % modulus)
  }

  it('add, multiply and negate like integers', () => {
    for (const a of edges) for (const b of edges) expectRight(a, b)
    fc.assert(fc.property(any, any, expectRight), { numRuns: 1_000 })
  })

  it('take one buffer as both operands', () => {
    const value = bytesOf(modulus - 5n)
    expect(integerOf(mulAssign(value, value))).toBe(25n)
    expect(integerOf(addAssign(value, value))).toBe(50n)
  })

  // C-01: no early exit, no index that depends on a digit.
  it('C-01 read every byte equally often, whatever it holds', () => {
    const other = bytesOf(3n)
    for (const operation of [addAssign, mulAssign, (acc: Uint8Array) => negAssign(acc)]) {
      const [first, ...others] = [0n, 1n, modulus - 1n, modulus >> 1n].map((value) =>
        countReads(bytesOf(value), (bytes) => operation(bytes, other)),
      )
      for (const reads of others) expect(reads).toEqual(first)
    }
  })
})
