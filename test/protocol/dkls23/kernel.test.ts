import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { inKernel, Kernel } from '../../../src/protocol/dkls23/kernel/kernel.ts'
import { gadgetOf } from '../../../src/protocol/dkls23/multiplication.ts'
import { BLOCK, challenges, columnBytes, LAMBDA, XI } from '../../../src/protocol/dkls23/parameters.ts'
import { RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, equalBytes, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH } from '../../../src/protocol/engine/transcript.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { lin, stream } from './cheating-receiver.ts'
import { bitOf } from './dealt-pair.ts'
import { sceneOf } from './rvole-run.ts'

const rng = seededRng('kernel')

describe('hashing', () => {
  it('of every length around the block, in pieces of any size, is SHA-256', () => {
    for (let length = 0; length < 200; length++) {
      const message = rng(length)
      const digest = inKernel(0, (kernel) => {
        kernel.exports.hashBegin()
        for (let done = 0; done < length; ) {
          const piece = message.subarray(done, done + 1 + pick(rng, 90))
          kernel.put(kernel.exports.VALUES, piece)
          kernel.hash(kernel.exports.VALUES, piece.length)
          done += piece.length
        }
        return kernel.endHash()
      })
      expect(digest).toEqual(sha256(message))
    }
  })

  it('of a tagged list whose last part comes in pieces is TH', () => {
    const [part, last] = [rng(32), rng(1000)]
    const digest = inKernel(0, (kernel) => {
      kernel.beginHash(TAGS.mu, [part, u16(7)], last.length)
      kernel.put(kernel.exports.VALUES, last)
      kernel.hash(kernel.exports.VALUES, 600)
      kernel.put(kernel.exports.VALUES, last.subarray(600))
      kernel.hash(kernel.exports.VALUES, 400)
      return kernel.endHash()
    })
    expect(digest).toEqual(TH(TAGS.mu, part, u16(7), last))
  })

  it.each([0, 1, 4, 31, 32, 68, 127, 128, 129, 1000])('four at a time: a stream of %i bytes', (length) => {
    const key = rng(32)
    const out = inKernel(0, (kernel) => {
      kernel.put(kernel.exports.KEYS, key)
      kernel.exports.stream(kernel.exports.KEYS.value, kernel.exports.CHI.value, length)
      return kernel.take(kernel.exports.CHI, length)
    })
    expect(out).toEqual(stream(key, length))
  })
})

describe('the matrix', () => {
  it.each([1, 2, 3, 4, 64])('of %i multiplications: lin of columns is what its definition says', (count) => {
    const length = columnBytes(count)
    const ones = (n: number): Uint8Array => new Uint8Array(n).fill(255)
    const chis = [rng(BLOCK * challenges(count)), ones(BLOCK * challenges(count)), new Uint8Array(BLOCK * challenges(count))]
    for (const chi of chis) {
      for (const column of [rng(length), ones(length), new Uint8Array(length)]) {
        const sum = inKernel(length, (kernel) => {
          kernel.put(kernel.exports.CHI, chi)
          kernel.put(kernel.exports.CHOICES, column)
          kernel.exports.combine(kernel.exports.CHOICES.value, length, kernel.exports.SUMS.value)
          return kernel.take(kernel.exports.SUMS, BLOCK)
        })
        expect(sum).toEqual(lin(chi, column))
      }
    }
  })

  it('is turned from columns into rows', () => {
    const length = columnBytes(2)
    const columns = rng(LAMBDA * length)
    const rows = inKernel(length, (kernel) => {
      kernel.put(kernel.exports.MATRIX, columns)
      kernel.exports.transpose(length)
      return kernel.take(kernel.exports.MASKED, 2 * XI * BLOCK)
    })
    for (let J = 0; J < 2 * XI; J++) {
      for (let i = 0; i < LAMBDA; i++) {
        const bit = bitOf(columns.subarray(length * i, length * (i + 1)), J)
        if (bitOf(rows.subarray(BLOCK * J, BLOCK * (J + 1)), i) !== bit) throw new Error(`row ${J}, column ${i}`)
      }
    }
  })
})

const toBytes = (n: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, k) => Number((n >> BigInt(8 * (31 - k))) & 255n))
const toInteger = (bytes: Uint8Array): bigint => bytes.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n)
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

describe.each([
  ['secp256k1', nativeCurves.secp256k1.order],
  ['P-256', P256_ORDER],
  ['the smallest', (1n << 255n) + 95n],
  ['the largest', (1n << 256n) - 189n],
])('arithmetic modulo the order: %s', (_, q) => {
  const group = { order: q } as Group
  /** What carries and borrows depend on: ends of the range, of limbs and of words. */
  const edges = [
    0n,
    1n,
    2n,
    q - 1n,
    q - 2n,
    q >> 1n,
    (1n << 26n) - 1n,
    1n << 26n,
    (1n << 234n) - 1n,
    1n << 234n,
    (1n << 255n) - 1n,
  ]
  const random = (): bigint => toInteger(rng(32)) % q
  const some = (): bigint => (pick(rng, 2) === 0 ? random() : (edges[pick(rng, edges.length)] as bigint))

  it('third + theta_0 first + theta_1 second', () => {
    for (let round = 0; round < 200; round++) {
      const theta = [some(), some()]
      const inputs = Array.from({ length: 4 }, () => [some(), some(), some()] as const)
      const got = inKernel(0, (kernel) => {
        kernel.setModulus(group)
        kernel.put(kernel.exports.SCALARS, concat(...theta.map(toBytes)))
        kernel.exports.setTheta()
        kernel.put(kernel.exports.SCALARS, concat(...inputs.flat().map(toBytes)))
        kernel.exports.checkInputs()
        return [0, 1, 2, 3].map((lane) => toInteger(kernel.take(kernel.exports.SCALARS, 32, 96 * lane)))
      })
      const [a, b] = theta as [bigint, bigint]
      expect(got).toEqual(inputs.map(([u, v, hat]) => (hat + a * u + b * v) % q))
    }
  })

  it.each(['edges', 'largest', 'random'])('sums of chosen gadget scalars: %s', (kind) => {
    const gadget = Array.from({ length: XI }, () => (kind === 'edges' ? some() : kind === 'largest' ? q - 1n : random()))
    for (const beta of [rng(52), new Uint8Array(52).fill(255), new Uint8Array(52), new Uint8Array(52).fill(0x0f)]) {
      const sum = inKernel(0, (kernel) => {
        kernel.setModulus(group)
        kernel.put(kernel.exports.VALUES, concat(...gadget.map(toBytes)))
        kernel.exports.makeGadget()
        kernel.put(kernel.exports.BETA, beta)
        kernel.exports.chooseSum()
        return toInteger(kernel.take(kernel.exports.SCALARS, 32))
      })
      expect(sum).toBe(gadget.reduce((total, g, j) => total + BigInt(bitOf(beta, j)) * g, 0n) % q)
    }
  })

  it.each([0, 1])('a whole instance with gadget and inputs at the ends of the range, wide pads: %i', (wide) => {
    const J = 63 * XI
    const [key, rows, delta] = [rng(32), rng(XI * BLOCK), rng(BLOCK)]
    const pads = (mask: Uint8Array): readonly bigint[] =>
      Array.from({ length: XI }, (_, j) => {
        const row = rows.subarray(BLOCK * j, BLOCK * (j + 1)).map((byte, k) => byte ^ (mask[k] as number))
        const bytes = concat(...[0, 1, 2, 3, 4].map((c) => sha256(concat(key, u32(J + j), Uint8Array.of(c), row))))
        const width = wide === 1 ? 48 : 32
        return [0, 1, 2].map((m) => toInteger(bytes.subarray(m * width, (m + 1) * width)) % q)
      }).flat()
    const [alpha0, alpha1] = [pads(new Uint8Array(BLOCK)), pads(delta)]
    const mod = (n: bigint): bigint => ((n % q) + q) % q
    for (const inputs of [
      [0n, 0n, 0n],
      [q - 1n, q - 1n, q - 1n],
      [1n, q - 1n, random()],
    ]) {
      const gadget = Array.from({ length: XI }, () => (inputs[0] === 1n ? some() : q - 1n))
      const [theta, beta] = [[some(), q - 1n] as const, rng(52)]
      const at = alpha0.map((a, n) => mod(a - (alpha1[n] as bigint) + (inputs[n % 3] as bigint)))
      const eta = q - 1n
      const begin = (kernel: Kernel): void => {
        kernel.setModulus(group)
        kernel.put(kernel.exports.VALUES, concat(...gadget.map(toBytes)))
        kernel.exports.makeGadget()
        kernel.put(kernel.exports.SCALARS, concat(...theta.map(toBytes)))
        kernel.exports.setTheta()
        kernel.put(kernel.exports.PAD_KEY, key)
        kernel.exports.startPads()
        kernel.put(kernel.exports.ROWS, rows)
      }
      const scalars = (kernel: Kernel, place: 'TRANSFERS' | 'VALUES' | 'SCALARS', n: number): readonly bigint[] =>
        Array.from({ length: n }, (_, k) => toInteger(kernel.take(kernel.exports[place], 32, 32 * k)))
      const check = (y: readonly bigint[], j: number): bigint =>
        (y[3 * j + 2] as bigint) + theta[0] * (y[3 * j] as bigint) + theta[1] * (y[3 * j + 1] as bigint)
      const sum = (y: readonly bigint[], m: number): bigint =>
        gadget.reduce((total, g, j) => total + g * (y[3 * j + m] as bigint), 0n)

      inKernel(0, (kernel) => {
        begin(kernel)
        kernel.put(kernel.exports.DELTA, delta)
        kernel.put(kernel.exports.SCALARS, concat(...inputs.map(toBytes)))
        kernel.exports.send(J, wide)
        expect(scalars(kernel, 'TRANSFERS', 3 * XI)).toEqual(at)
        expect(scalars(kernel, 'SCALARS', 2)).toEqual([mod(-sum(alpha0, 0)), mod(-sum(alpha0, 1))])
        kernel.exports.senderValues()
        expect(scalars(kernel, 'VALUES', XI)).toEqual(gadget.map((_, j) => mod(check(alpha0, j))))
      })
      inKernel(0, (kernel) => {
        begin(kernel)
        kernel.put(kernel.exports.BETA, beta)
        kernel.put(kernel.exports.TRANSFERS, concat(...at.map(toBytes)))
        kernel.put(kernel.exports.SCALARS, toBytes(eta))
        expect(kernel.exports.areCanonical()).toBe(1)
        kernel.exports.receive(J, wide)
        const bit = (j: number): bigint => BigInt(bitOf(beta, j))
        const y = alpha0.map((a, n) => mod(a + bit(Math.floor(n / 3)) * (at[n] as bigint)))
        expect(scalars(kernel, 'SCALARS', 2)).toEqual([mod(sum(y, 0)), mod(sum(y, 1))])
        expect(scalars(kernel, 'VALUES', XI)).toEqual(gadget.map((_, j) => mod(check(y, j) - bit(j) * eta)))
      })
    }
  })
})

describe('what stays in the kernel', () => {
  /** All of its memory but what is public: constants, the gadget, transfers, coefficients. */
  const leftovers = (): number =>
    inKernel(0, ({ exports }) => {
      const memory = new Uint8Array(exports.memory.buffer).slice()
      const { GADGET, TRANSFERS, CHI, MODULUS } = exports
      memory.fill(0, 1024, 1024 + 288)
      for (const [place, length] of [
        [GADGET, XI * 40],
        [TRANSFERS, XI * 96],
        [CHI, 64 * 52 + 256],
        [MODULUS, 244],
      ] as const) {
        memory.fill(0, place.value, place.value + length)
      }
      return memory.reduce((n, byte) => n + (byte === 0 ? 0 : 1), 0)
    })

  it('C-05 after a whole session, and after a failed one, is nothing secret', () => {
    const scene = sceneOf('leftovers', 2)
    const bob = scene.bob()
    const alice = RvoleSender.accept(scene.context, scene.pair.sender, bob.message)
    const inputs = [0, 1].map(() => scene.group.randomScalar(scene.rng))
    const { message } = alice.answer([0, 1], inputs, inputs, scene.rng)
    bob.finish(message, [0, 1])
    expect(leftovers()).toBe(0)
    const broken = bob.message.with(5000, (bob.message[5000] as number) ^ 1)
    expect(() => RvoleSender.accept(scene.context, scene.pair.sender, broken)).toThrow('OTE_CHECK')
    expect(leftovers()).toBe(0)
  })

  it('C-07 of a session that failed, or of work that threw, changes nothing for the next one', () => {
    const scene = sceneOf('after a failure')
    const run = (): Uint8Array => scene.bob().message
    const before = run()
    expect(() => RvoleSender.accept(scene.context, scene.pair.sender, before.with(99, (before[99] as number) ^ 1))).toThrow(
      'OTE_CHECK',
    )
    expect(() =>
      inKernel(columnBytes(1), (kernel) => {
        kernel.put(kernel.exports.KEYS, rng(32))
        kernel.exports.hashBegin()
        kernel.exports.stream(kernel.exports.KEYS.value, kernel.exports.MATRIX.value, 400)
        throw new Error('in the middle')
      }),
    ).toThrow('in the middle')
    expect(leftovers()).toBe(0)
    expect(run()).toEqual(before)
  })

  it('C-07 of one curve does not enter the other: the modulus is set for every use', () => {
    const psid = rng(32)
    const { secp256k1 } = nativeCurves
    const first = gadgetOf(secp256k1, 1, psid)
    inKernel(0, (kernel) => kernel.setModulus({ order: P256_ORDER } as Group))
    expect(gadgetOf(secp256k1, 1, Uint8Array.from(psid))).toBe(first)
    const fresh = gadgetOf(secp256k1, 9, psid)
    expect(equalBytes(fresh, first)).toBe(false)
    expect(fresh.length).toBe(XI * 40)
  })

  it('C-08 of two instances is separate, also when one of them trapped', () => {
    const [a, b] = [new Kernel(), new Kernel()]
    a.put(a.exports.KEYS, rng(32))
    expect(b.take(b.exports.KEYS, 32)).toEqual(new Uint8Array(32))
    expect(() => a.exports.hashUpdate(2 ** 31, 2 ** 20)).toThrow()
    a.exports.wipe(0)
    for (const kernel of [a, b]) {
      kernel.put(kernel.exports.INPUT, Uint8Array.of(97, 98, 99))
      kernel.exports.hashBegin()
      kernel.hash(kernel.exports.INPUT, 3)
      expect(kernel.endHash()).toEqual(sha256(Uint8Array.of(97, 98, 99)))
    }
  })
})
