import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { writeInteger } from '../../../src/protocol/curve/operands.ts'
import { edgeIntegers, groups, outcome, seededRng } from './back-ends.ts'

const endianOf = (group: Group): 'big' | 'little' => (group.name === 'ed25519' ? 'little' : 'big')
const bytesOf = (group: Group, value: bigint): Uint8Array => writeInteger(new Uint8Array(32), value, endianOf(group))

const anyScalar = (order: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.constantFrom(...edgeIntegers(order)), fc.bigInt({ min: 0n, max: order - 1n }))

describe.each(groups)('scalars of $name', ({ noble, native }) => {
  const both = [noble, native]
  const { order } = noble
  const mod = (value: bigint): bigint => ((value % order) + order) % order

  it('agrees on names, order, lengths and the generator', () => {
    expect([native.name, native.order, native.pointLength]).toEqual([noble.name, noble.order, noble.pointLength])
    expect(native.generator).toEqual(noble.generator)
    for (const group of both) expect(group.generator).toEqual(group.baseMul(group.scalar(1)))
  })

  it('adds, multiplies and negates all pairs of edge values like integers', () => {
    for (const group of both) {
      for (const a of edgeIntegers(order)) {
        const negated = group.negAssign(group.scalar(a))
        expect(group.toBigInt(negated), `-${a}`).toBe(mod(-a))
        for (const b of edgeIntegers(order)) {
          expect(group.toBigInt(group.addAssign(group.scalar(a), group.scalar(b))), `${a}+${b}`).toBe(mod(a + b))
          expect(group.toBigInt(group.mulAssign(group.scalar(a), group.scalar(b))), `${a}*${b}`).toBe(mod(a * b))
        }
        // a + (-a): the zero that libsecp256k1 refuses to return.
        expect(group.addAssign(negated, group.scalar(a))).toEqual(new Uint8Array(32))
      }
    }
  })

  it('adds and multiplies random values like integers', () => {
    fc.assert(
      fc.property(anyScalar(order), anyScalar(order), (a, b) => {
        for (const group of both) {
          expect(group.toBigInt(group.addAssign(group.scalar(a), group.scalar(b)))).toBe(mod(a + b))
          expect(group.toBigInt(group.mulAssign(group.scalar(a), group.scalar(b)))).toBe(mod(a * b))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('writes into the first operand, returns it, and leaves the second alone', () => {
    for (const group of both) {
      for (const operation of [group.addAssign, group.mulAssign]) {
        for (const value of [0, 5]) {
          const acc = group.scalar(value)
          const b = group.scalar(-3)
          expect(operation(acc, b)).toBe(acc)
          expect(b).toEqual(group.scalar(-3))
        }
      }
      const acc = group.scalar(5)
      expect(group.negAssign(acc)).toBe(acc)
    }
  })

  it('C-07 gives the same when both operands are one buffer', () => {
    for (const value of edgeIntegers(order)) {
      for (const group of both) {
        const sum = group.scalar(value)
        const product = group.scalar(value)
        expect(group.toBigInt(group.addAssign(sum, sum))).toBe(mod(2n * value))
        expect(group.toBigInt(group.mulAssign(product, product))).toBe(mod(value * value))
      }
    }
  })

  it('reduces wide integers like integers', () => {
    const wideLength = noble.name === 'ed25519' ? 64 : 48
    const most = 2n ** BigInt(8 * wideLength) - 1n
    const edges = [...edgeIntegers(order), order, order + 1n, 2n ** 192n - 1n, order * order, order << 128n, most, most - 1n]
    const wide = fc.oneof(fc.constantFrom(...edges.map((edge) => edge % (most + 1n))), fc.bigInt({ min: 0n, max: most }))
    fc.assert(
      fc.property(wide, (value) => {
        for (const group of both) {
          const bytes = writeInteger(new Uint8Array(wideLength), value, endianOf(group))
          const before = Uint8Array.from(bytes)
          expect(group.toBigInt(group.reduceWide(bytes))).toBe(value % order)
          expect(bytes).toEqual(before)
        }
      }),
      { numRuns: 1_000 },
    )
    for (const group of both) {
      for (const length of [0, 32, 47, 49, 63, 65]) {
        expect(() => group.reduceWide(new Uint8Array(length)), `${length}`).toThrow(RangeError)
      }
    }
  })

  it('C-09 draws the same random scalar from the same source, never zero, and notices a dead source', () => {
    const [fromNoble, fromNative] = both.map((group) => {
      const rng = seededRng('scalars')
      return Array.from({ length: 20 }, () => group.randomScalar(rng))
    })
    expect(fromNative).toEqual(fromNoble)
    expect(new Set(fromNoble?.map((scalar) => noble.toBigInt(scalar))).size).toBe(20)
    for (const group of both) {
      expect(() => group.randomScalar((length) => new Uint8Array(length))).toThrow(RangeError)
      expect(() => group.randomScalar((length) => new Uint8Array(length - 1).fill(1))).toThrow(RangeError)
    }
  })

  // P-05 for the group: zero is a scalar (protocols refuse it where they must); order and above is not.
  it('knows canonical scalars', () => {
    for (const group of both) {
      for (const value of edgeIntegers(order)) expect(group.isScalar(bytesOf(group, value))).toBe(true)
      for (const value of [order, order + 1n, 2n ** 256n - 1n]) expect(group.isScalar(bytesOf(group, value))).toBe(false)
      for (const length of [0, 31, 33, 64]) expect(group.isScalar(new Uint8Array(length))).toBe(false)
      expect(group.isZero(group.scalar(0))).toBe(true)
      expect(group.isZero(group.scalar(order - 1n))).toBe(false)
      expect(group.isZero(bytesOf(group, 1n << 255n))).toBe(false)
    }
  })

  it('P-05 refuses non-canonical and wrong-length scalars in every operation, and changes nothing', () => {
    const bad = [
      ...[order, order + 1n, 2n ** 256n - 1n].map((value) => bytesOf(noble, value)),
      new Uint8Array(31),
      new Uint8Array(33),
      new Uint8Array(0),
    ]
    for (const group of both) {
      for (const scalar of bad) {
        const before = Uint8Array.from(scalar)
        const good = group.scalar(5)
        expect(() => group.addAssign(scalar, good)).toThrow(RangeError)
        expect(() => group.addAssign(good, scalar)).toThrow(RangeError)
        expect(() => group.mulAssign(scalar, good)).toThrow(RangeError)
        expect(() => group.mulAssign(good, scalar)).toThrow(RangeError)
        expect(() => group.negAssign(scalar)).toThrow(RangeError)
        expect(() => group.baseMul(scalar)).toThrow(RangeError)
        expect(() => group.mulPublic(group.generator, scalar)).toThrow(RangeError)
        expect(() => group.toBigInt(scalar)).toThrow(RangeError)
        expect(scalar).toEqual(before)
        expect(good).toEqual(group.scalar(5))
      }
      // Zero must not hide a bad operand either.
      const zero = group.scalar(0)
      expect(() => group.addAssign(zero, bytesOf(group, order))).toThrow(RangeError)
      expect(() => group.mulAssign(zero, bytesOf(group, order))).toThrow(RangeError)
    }
  })

  it('baseMul agrees, and refuses zero', () => {
    const rng = seededRng('base')
    const values = [
      ...edgeIntegers(order).map((value) => noble.scalar(value)),
      ...Array.from({ length: 20 }, () => noble.randomScalar(rng)),
    ]
    for (const scalar of values) {
      const expected = outcome(() => noble.baseMul(scalar))
      expect(outcome(() => native.baseMul(scalar))).toEqual(expected)
    }
    for (const group of both) expect(() => group.baseMul(group.scalar(0))).toThrow(RangeError)
  })
})
