import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import type { EcdsaGroup, Group } from '../../../src/protocol/curve/group.ts'
import { readInteger, writeInteger } from '../../../src/protocol/curve/operands.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { backEnds, groups, native, seededRng } from './back-ends.ts'

/** No operation may take these bytes for a point: alone, and hidden between good points. */
function expectRefused(group: Group, bytes: Uint8Array, why: string): void {
  expect(group.isPoint(bytes), why).toBe(false)
  const attempts = [
    () => group.mulPublic(bytes, group.scalar(7)),
    () => group.mulPublic(bytes, group.scalar(0)),
    () => group.mulPublic(bytes, group.scalar(1)),
    () => group.sum([bytes]),
    () => group.sum([group.generator, bytes]),
    () => group.sum([bytes, bytes, group.generator]),
    () => group.negate(bytes),
  ]
  if (group.name !== 'ed25519') {
    const { mulSecret } = group as EcdsaGroup
    attempts.push(() => mulSecret(bytes, group.scalar(7)))
    attempts.push(() => mulSecret(bytes, group.scalar(1)))
  }
  for (const attempt of attempts) expect(attempt, why).toThrow(RangeError)
}

const tagged = (tag: number, x: bigint): Uint8Array => concat(Uint8Array.of(tag), writeInteger(new Uint8Array(32), x, 'big'))
const onCurve = ({ Point }: ECDSA, x: bigint): boolean => {
  const { a, b, p: P } = Point.CURVE()
  const right = (x ** 3n + a * x + b) % P
  // Euler's criterion, so that the oracle is not the code under test.
  let result = 1n
  for (let base = right, e = (P - 1n) / 2n; e > 0n; e >>= 1n, base = (base * base) % P) if (e & 1n) result = (result * base) % P
  return result === 1n
}

const CASES = backEnds.flatMap((curves) => [
  { id: curves.id, name: 'secp256k1', group: curves.secp256k1, curve: secp256k1, other: p256 },
  { id: curves.id, name: 'P-256', group: curves.p256, curve: p256, other: secp256k1 },
])

describe.each(CASES)('$id refuses on $name', ({ group, curve, other }) => {
  const uncompressed = curve.Point.BASE.toBytes(false)
  const P = curve.Point.Fp.ORDER

  it('P-01 the identity in every encoding', () => {
    const encodings = [
      new Uint8Array(0),
      new Uint8Array(1),
      new Uint8Array(32),
      new Uint8Array(33),
      new Uint8Array(65),
      tagged(0, 1n),
      concat(Uint8Array.of(0), uncompressed.subarray(1)),
      // On P-256, x = 0 is a point like others.
      ...(onCurve(curve, 0n) ? [] : [tagged(2, 0n), tagged(3, 0n)]),
    ]
    for (const bytes of encodings) expectRefused(group, bytes, `${bytes.length} bytes, tag ${bytes[0]}`)
  })

  it('P-02 x off the curve and x >= p', () => {
    const offCurve = Array.from({ length: 20 }, (_, i) => BigInt(i)).filter((x) => !onCurve(curve, x))
    expect(offCurve.length).toBeGreaterThan(4)
    for (const x of offCurve) for (const tag of [2, 3]) expectRefused(group, tagged(tag, x), `x = ${x}`)
    // One of them is on the curve, so p plus it would be a second encoding of the same point.
    const small = [0n, 1n].find((x) => onCurve(curve, x)) as bigint
    expect(group.isPoint(tagged(2, small))).toBe(true)
    for (const x of [P, P + 1n, P + 2n, 2n ** 256n - 1n]) expectRefused(group, tagged(2, x), `x = p + ${x - P}`)
  })

  it('P-02 every encoding but the compressed one', () => {
    const hybrid = (tag: number): Uint8Array => concat(Uint8Array.of(tag), uncompressed.subarray(1))
    const x = readInteger(uncompressed.subarray(1, 33), 'big')
    const wrongY = Uint8Array.from(uncompressed)
    wrongY[64] = (wrongY[64] as number) ^ 1
    for (const bytes of [uncompressed, hybrid(6), hybrid(7), wrongY, uncompressed.subarray(1), uncompressed.subarray(1, 33)]) {
      expectRefused(group, bytes, `${bytes.length} bytes, tag ${bytes[0]}`)
    }
    for (const tag of [0, 1, 4, 5, 6, 7, 0x12, 0x82, 0xff]) expectRefused(group, tagged(tag, x), `tag ${tag}`)
    expectRefused(group, concat(tagged(2, x), new Uint8Array(1)), 'a byte too many')
    expect(group.isPoint(tagged(2, x))).toBe(true)
  })

  it('P-03 a point of the other curve, unless its x lies on both, which no decoder can see', () => {
    let seen = 0
    for (let k = 1n; k <= 12n; k++) {
      const foreign = other.Point.BASE.multiply(k).toBytes(true)
      if (onCurve(curve, readInteger(foreign.subarray(1), 'big'))) continue
      seen++
      expectRefused(group, foreign, `point ${k}`)
    }
    expect(seen).toBeGreaterThan(2)
    expectRefused(group, native.ed25519.generator, 'Ed25519 generator')
  })
})

const torsion = ED25519_TORSION_SUBGROUP.map((hex) => ed25519.Point.fromHex(hex))
const FIELD = ed25519.Point.Fp.ORDER
const compressed = (y: bigint, sign: 0 | 1): Uint8Array => writeInteger(new Uint8Array(32), y | (BigInt(sign) << 255n), 'little')

describe.each(backEnds)('$id refuses on Ed25519', ({ ed25519: group }) => {
  it('P-01, P-04 all eight torsion points, the identity among them', () => {
    expect(torsion.length).toBe(8)
    for (const point of torsion) expectRefused(group, point.toBytes(), point.toHex())
    expectRefused(group, compressed(FIELD - 1n, 0), '(0, -1)')
  })

  it('P-04 points of mixed order', () => {
    for (const point of torsion.filter((T) => !T.is0())) {
      const mixed = ed25519.Point.BASE.multiply(5n).add(point).toBytes()
      expectRefused(group, mixed, 'prime order + torsion')
    }
    expect(group.isPoint(ed25519.Point.BASE.multiply(5n).toBytes())).toBe(true)
  })

  it('P-04 mixed-order points whose torsion cancels in the sum', () => {
    const T = torsion.find((point) => !point.is0() && !point.double().is0()) as (typeof torsion)[number]
    const one = ed25519.Point.BASE.add(T).toBytes()
    const other = ed25519.Point.BASE.subtract(T).toBytes()
    expect(() => group.sum([one, other])).toThrow(RangeError)
  })

  it('P-04 y >= p, and x = 0 with a sign', () => {
    for (let y = FIELD; y < 2n ** 255n; y++) {
      for (const sign of [0, 1] as const) expectRefused(group, compressed(y, sign), `y = p + ${y - FIELD}, sign ${sign}`)
    }
    expectRefused(group, compressed(1n, 1), 'negative zero, y = 1')
    expectRefused(group, compressed(FIELD - 1n, 1), 'negative zero, y = -1')
    expectRefused(group, new Uint8Array(32).fill(0xff), 'all ones')
  })

  it('P-02, P-03 other lengths and another curve', () => {
    const G = group.generator
    for (const bytes of [
      new Uint8Array(0),
      G.subarray(0, 31),
      concat(G, new Uint8Array(1)),
      concat(G, G),
      native.secp256k1.generator,
    ]) {
      expectRefused(group, bytes, `${bytes.length} bytes`)
    }
    // (x, y) with y off the curve.
    expectRefused(group, compressed(2n, 0), 'y = 2')
  })
})

describe.each(groups)('$name', ({ name, noble, native }) => {
  it('both back ends judge random strings alike', () => {
    const rng = seededRng(`junk/${name}`)
    let valid = 0
    for (let i = 0; i < 200; i++) {
      const bytes = rng(noble.pointLength)
      if (name !== 'ed25519') bytes[0] = 2 + (i & 1)
      const verdict = noble.isPoint(bytes)
      expect(native.isPoint(bytes), `string ${i}`).toBe(verdict)
      if (verdict) valid++
    }
    // About half the x are on secp256k1 or P-256; half the y on Ed25519 and an eighth of those in the prime-order group.
    expect(valid).toBeGreaterThan(2)
    expect(valid).toBeLessThan(140)
  })

  // Also in the native cache of good points: a near miss of a known point is not known.
  it('both back ends judge a good point with one bit flipped alike', () => {
    const good = noble.generator
    for (const group of [noble, native]) expect(group.isPoint(good)).toBe(true)
    for (let bit = 0; bit < 8 * good.length; bit += 5) {
      const flipped = Uint8Array.from(good)
      flipped[bit >> 3] = (good[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(native.isPoint(flipped), `bit ${bit}`).toBe(noble.isPoint(flipped))
    }
  })
})
