import type { Group } from './group.ts'
import { type Endian, readInteger, requireLength, scalarEncoding, uniformScalar, writeInteger } from './operands.ts'

type Scalars = Pick<
  Group,
  | 'order'
  | 'isScalar'
  | 'isZero'
  | 'randomScalar'
  | 'reduceWide'
  | 'scalar'
  | 'toBigInt'
  | 'addAssign'
  | 'mulAssign'
  | 'negAssign'
>

/**
 * The scalar half of a noble group. Sums and products are BigInt arithmetic: variable time and beyond wiping. This is the price of
 * running everywhere; servers use the native back end (protocols.md 13).
 */
export function bigintScalars(order: bigint, endian: Endian, wideLength: 48 | 64): Scalars {
  const { requireScalar: _, ...encoding } = scalarEncoding(order, endian)
  const read = encoding.toBigInt

  const reduceWide = (wide: Uint8Array): Uint8Array => {
    requireLength(wide, wideLength, 'a wide integer')
    return writeInteger(new Uint8Array(32), readInteger(wide, endian) % order, endian)
  }

  return {
    ...encoding,
    randomScalar: (rng) => uniformScalar(rng, wideLength, reduceWide),
    reduceWide,
    addAssign: (acc, b) => writeInteger(acc, (read(acc) + read(b)) % order, endian),
    mulAssign: (acc, b) => writeInteger(acc, (read(acc) * read(b)) % order, endian),
    negAssign: (acc) => writeInteger(acc, (order - read(acc)) % order, endian),
  }
}
