import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { baseAlice, baseBob } from './base-ot.ts'
import { elementBytes, fromBits, product, toBits } from './bits.ts'
import { add, base, type Curve, decode, encode, inverse, mod, negative, P256, SECP256K1, times } from './curve.ts'
import { aliceRandom, bobRandom, dealtSeeds, dealtSession, drawn, drawnScalar } from './dealt.ts'
import { pack, unpack } from './framing.ts'
import { STREAM, TH, XOF } from './hashing.ts'
import { runSigning } from './run.ts'
import { alice, bob, type Context, Failure } from './rvole.ts'

const LIBRARY = { secp256k1, p256 }
const CURVES = [
  { curve: SECP256K1, suite: 1 },
  { curve: P256, suite: 2 },
] as const

const points = (curve: Curve): fc.Arbitrary<bigint> => fc.bigInt({ min: 1n, max: curve.q - 1n })

describe('the oracle by itself: arithmetic', () => {
  it.each(CURVES)('$curve.name agrees with noble', ({ curve }) => {
    const { Point } = LIBRARY[curve.name]
    fc.assert(
      fc.property(points(curve), points(curve), (a, b) => {
        const theirs = Point.BASE.multiply(a).multiply(b)
        const ours = times(curve, b, base(curve, a))
        expect(encode(ours)).toEqual(theirs.toBytes(true))
        expect(decode(curve, encode(ours))).toEqual(ours)
        expect(add(curve, ours, base(curve, a), base(curve, a))).toEqual(theirs.add(Point.BASE.multiply(a).double()).toAffine())
        expect(add(curve, ours, negative(curve, ours))).toBeNull()
        expect(mod(a * inverse(a, curve.q), curve.q)).toBe(1n)
      }),
      { numRuns: 15 },
    )
    expect(() => decode(curve, new Uint8Array(33).fill(255, 1).fill(2, 0, 1))).toThrow(RangeError)
  })

  it('GF(2^128): x^127 times x is x^7 + x^2 + x + 1, products commute and distribute, and bits are in their places', () => {
    expect(product(1n << 127n, 2n)).toBe(0x87n)
    const field = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })
    fc.assert(
      fc.property(field, field, field, (a, b, c) => {
        expect(product(a, b)).toBe(product(b, a))
        expect(product(a, b ^ c)).toBe(product(a, b) ^ product(a, c))
        expect(product(product(a, b), c)).toBe(product(a, product(b, c)))
        expect(product(a, 1n)).toBe(a)
      }),
      { numRuns: 30 },
    )
    expect(elementBytes(1n << 9n)).toEqual(new Uint8Array(16).fill(2, 1, 2))
    expect(toBits(Uint8Array.of(0b0000_0101, 0x80)).flatMap((bit, j) => (bit ? [j] : []))).toEqual([0, 2, 15])
    expect(fromBits(toBits(Uint8Array.of(1, 2, 254)))).toEqual(Uint8Array.of(1, 2, 254))
  })

  it('hashes by hand: a stream is counted, an expansion is chained, parts are framed', () => {
    expect(STREAM(new Uint8Array(32), 40)).toHaveLength(40)
    expect(STREAM(new Uint8Array(32), 64).slice(0, 40)).toEqual(STREAM(new Uint8Array(32), 40))
    expect(XOF(48, 'mu').slice(0, 32)).toEqual(XOF(32, 'mu'))
    expect(TH('mu', Uint8Array.of(1), Uint8Array.of())).not.toEqual(TH('mu', Uint8Array.of(), Uint8Array.of(1)))
  })

  it('a message has one framing', () => {
    const fields = [new Uint8Array(32), new Uint8Array(300), new Uint8Array(70_000), new Uint8Array(0)]
    const bytes = pack(...fields)
    expect(unpack(bytes, 4)).toEqual(fields)
    for (const wrong of [bytes.slice(1), bytes.slice(0, -1), Uint8Array.of(...bytes, 0), pack(...fields.slice(1))]) {
      expect(() => unpack(wrong, 4)).toThrow(RangeError)
    }
  })
})

describe('the oracle by itself: base OT', () => {
  it('Alice ends with one key of each pair, the one she chose, and Delta names the other', () => {
    const psid = drawn('base', 32)
    const rows = Array.from({ length: 128 }, (_, i) => i)
    const choices = toBits(drawn('choices', 16))
    const a = drawnScalar(SECP256K1, 'a')
    const out = baseAlice(psid, base(SECP256K1, a), {
      choices,
      exponents: rows.map((i) => drawnScalar(SECP256K1, `exponent ${i}`)),
      others: rows.map((i) => base(SECP256K1, drawnScalar(SECP256K1, `other ${i}`))),
    })
    const keys = baseBob(psid, a, out.phi)
    const known = keys.map((pair, i) => pair[out.delta[i] ? 0 : 1])
    expect(out.seeds).toEqual(known)
    expect(new Set(keys.flat().map((key) => Buffer.from(key).toString('hex'))).size).toBe(256)
  })
})

const contextFor = ({ curve, suite }: { curve: Curve; suite: number }, count: number): Context => ({
  curve,
  suite,
  ctx: drawn('ctx', 32),
  alice: 7,
  bob: 3,
  count,
})

describe('the oracle by itself: RVOLE', () => {
  it.each(CURVES)('$curve.name: c + d = a b for both inputs, all and some instances', (which) => {
    const { curve } = which
    const c = contextFor(which, 3)
    const seeds = dealtSeeds('rvole')
    for (const present of [[0, 1, 2], [0, 2], [1], []]) {
      const B = bob(c, seeds.bob, bobRandom('bob', 3))
      const A = alice(c, seeds.alice, B.message)
      const inputs = (name: string): readonly bigint[] => present.map((b) => drawnScalar(curve, `${name} ${b}`))
      const [au, av] = [inputs('u'), inputs('v')]
      const out = A.answer(present, au, av, aliceRandom(curve, 'alice', present))
      const { du, dv } = B.finish(out.message, present)
      present.forEach((b, k) => {
        const [a0, a1, x, c0, c1, d0, d1] = [
          au[k],
          av[k],
          B.b[b],
          out.cu[k],
          out.cv[k],
          du[k],
          dv[k],
        ] as unknown as readonly bigint[]
        expect(mod((c0 as bigint) + (d0 as bigint), curve.q)).toBe(mod((a0 as bigint) * (x as bigint), curve.q))
        expect(mod((c1 as bigint) + (d1 as bigint), curve.q)).toBe(mod((a1 as bigint) * (x as bigint), curve.q))
      })
    }
  })

  it('a row of U that Bob flips passes exactly where Delta has a zero', () => {
    const c = contextFor(CURVES[0], 1)
    const seeds = dealtSeeds('flipped')
    const accepted = (row: number): boolean => {
      // X and t are made over the altered U, as a cheating Bob would.
      const { message } = bob(c, seeds.bob, bobRandom('bob', 1), (x, r) => x.map((bit, j) => bit !== (r === row && j === 5)))
      try {
        alice(c, seeds.alice, message)
        return true
      } catch (error) {
        expect(error).toEqual(new Failure('OTE_CHECK', 3))
        return false
      }
    }
    for (const r of [0, 1, 2, 3, 64, 65, 126, 127]) expect(accepted(r)).toBe(!seeds.alice.delta[r])
  })
})

describe('the oracle by itself: signing', () => {
  const sets = [
    { threshold: 2, parties: [1, 2], signers: [1, 2] },
    { threshold: 2, parties: [1, 2, 3], signers: [1, 3] },
    { threshold: 3, parties: [1, 2, 3, 4, 5], signers: [1, 3, 5] },
  ]
  for (const { curve, suite } of CURVES) {
    it.each(sets)(`${curve.name}: $threshold of $parties by $signers, one of two items refused`, (set) => {
      const refuses = new Map([[set.signers[1] as number, [0]]])
      const { session, inputs } = dealtSession({ curve, suite, ...set, count: 2, refuses, name: `signing ${set.signers}` })
      const { present, signatures } = runSigning(session, inputs)
      expect(present).toEqual([1])
      const { digest, publicKey } = session.items[1] as (typeof session.items)[0]
      const { bytes, recovery } = signatures[0] as (typeof signatures)[0]
      const library = LIBRARY[curve.name]
      expect(library.verify(bytes, digest, publicKey, { prehash: false, lowS: true })).toBe(true)
      const recovered = library.Signature.fromBytes(bytes, 'compact').addRecoveryBit(recovery).recoverPublicKey(digest)
      expect(recovered.toBytes(true)).toEqual(publicKey)
    })
  }
})
