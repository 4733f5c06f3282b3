import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { wideProduct } from '../../src/host/curve/wide-product.ts'
import type { Group } from '../../src/protocol/curve/group.ts'
import { nobleCurves } from '../../src/protocol/curve/noble-curves.ts'
import { concat, equalBytes } from '../../src/protocol/engine/bytes.ts'
import { bytes, message } from '../../src/protocol/engine/codec.ts'
import { evaluate } from '../../src/protocol/sharing/polynomial.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { nativeCurves } from '../simulator/world.ts'
import type { Subject } from './measure.ts'

const rng = seededRng('timing')
const copy = (source: Uint8Array) => (): Uint8Array => Uint8Array.from(source)

/** One small scalar against random ones: what a loop that skips leading zeros, or a multiplication by windows, would show. */
const smallOrRandom = (group: Group): Subject['classes'] => [copy(group.scalar(1)), () => group.randomScalar(rng)]

const SECRET = rng(32)
/** A guess that is wrong from the first byte on, and one that is wrong in the last byte only. */
const guesses: Subject['classes'] = [
  copy(SECRET.with(0, (SECRET[0] as number) ^ 1)),
  copy(SECRET.with(31, (SECRET[31] as number) ^ 1)),
]

const SHARE = message({ share: bytes(32) }, 40)

function ofGroup(group: Group): readonly Subject[] {
  const classes = smallOrRandom(group)
  const operand = group.randomScalar(rng)
  const acc = new Uint8Array(32)
  const other = group.randomScalar(rng)
  const about = (what: string): string => `${group.name}, native: ${what}`
  return [
    { name: about('secret times the generator'), classes, use: (s) => group.baseMul(s), repeat: 1 },
    {
      name: about('product of secret scalars'),
      classes,
      use: (s) => {
        acc.set(s)
        return group.mulAssign(acc, operand)
      },
      repeat: 8,
    },
    {
      name: about('sum of secret scalars'),
      classes,
      use: (s) => {
        acc.set(s)
        return group.addAssign(acc, operand)
      },
      repeat: 16,
    },
    { name: about('a share from a polynomial'), classes, use: (s) => evaluate(group, [s, other], operand), repeat: 4 },
    {
      name: about('decoding of a secret scalar: is it canonical'),
      classes: [copy(group.scalar(1)), copy(group.scalar(-1))],
      use: (s) => group.isScalar(s),
      repeat: 64,
    },
  ]
}

/** What runs on secrets in production. */
export const SUBJECTS: readonly Subject[] = [
  ...ofGroup(nativeCurves.secp256k1),
  ...ofGroup(nativeCurves.p256),
  ...ofGroup(nativeCurves.ed25519),
  {
    name: 'multiplication of secret integers in JavaScript',
    classes: [copy(new Uint8Array(32)), () => rng(32)],
    use: (s) => {
      wideProduct(WIDE, s, SECRET)
      return WIDE
    },
    repeat: 4,
  },
  { name: 'comparison of digests, tags and commitments', classes: guesses, use: (s) => equalBytes(s, SECRET), repeat: 64 },
  {
    name: 'a MAC and its comparison',
    classes: guesses,
    use: (s) => equalBytes(hmac(sha256, SECRET, concat(s, SECRET)), SECRET),
    repeat: 1,
  },
  {
    name: 'decoding of a message that holds a share',
    classes: [copy(new Uint8Array(32)), () => rng(32)],
    use: (s) => SHARE.decode(SHARE.encode({ share: s })),
    repeat: 2,
  },
]

const WIDE = new Uint8Array(64)

/** Code that is known to depend on its input: if these are not caught, the others passing means nothing. */
export const KNOWN_BAD: readonly Subject[] = [
  { name: 'a comparison that stops early', classes: guesses, use: (s) => s.every((byte, i) => byte === SECRET[i]), repeat: 16 },
  {
    name: 'a power by square and multiply, with BigInt',
    classes: smallOrRandom(nobleCurves.secp256k1),
    use: (s) => power(nobleCurves.secp256k1.toBigInt(s) & ((1n << 64n) - 1n)),
    repeat: 1,
  },
]

/** Square and multiply, with a step only for bits that are set. */
function power(exponent: bigint): bigint {
  const p = 2n ** 255n - 19n
  let [result, square] = [1n, 9n]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}
