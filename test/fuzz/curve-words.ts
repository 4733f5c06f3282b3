import type { Group } from '../../src/protocol/curve/group.ts'
import { nativeCurves } from '../simulator/world.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

const wordsOf = (group: Group): readonly Uint8Array[] => [
  group.generator,
  group.negate(group.generator),
  group.baseMul(group.scalar(7)),
  ...[0n, 1n, 7n, group.order - 1n].map((value) => group.scalar(value)),
]

/** Points, scalars and values next to the orders and primes: with them a mutant gets past the checks of form, or just not. */
export const CURVE_WORDS: readonly Uint8Array[] = [
  ...wordsOf(nativeCurves.secp256k1),
  ...wordsOf(nativeCurves.ed25519),
  ...wordsOf(nativeCurves.p256),
  hex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'),
  hex('fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'),
  hex('02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'),
  hex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010'),
  hex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
  hex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  hex('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'),
  hex('02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'),
  // Identity and a point of order 8 (Ed25519), a point of order 4.
  hex('0100000000000000000000000000000000000000000000000000000000000000'),
  hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  hex('0000000000000000000000000000000000000000000000000000000000000000'),
]
