import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readInteger, writeInteger } from '../../../src/protocol/curve/operands.ts'
import { concat, fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import { backEnds } from './back-ends.ts'

// The public vector sets: BIP-340 and Wycheproof. Folder beside the project; hard-coded answers are in known-answers.test.ts.
const FOLDER = '../shared/vectors'
const absent = !existsSync(FOLDER)
if (absent) console.warn(`vectors.test.ts: ${FOLDER} is absent, its vectors are skipped`)

interface Case {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly msg: string
  readonly sig: string
  readonly public: string
  readonly private: string
  readonly shared: string
}
interface TestGroup {
  readonly publicKey: { readonly pk: string; readonly uncompressed: string }
  readonly tests: readonly Case[]
}
const wycheproof = (name: string): readonly TestGroup[] =>
  (JSON.parse(readFileSync(`${FOLDER}/wycheproof-${name}_test.json`, 'utf8')) as { testGroups: TestGroup[] }).testGroups

const compress = (uncompressed: string): Uint8Array => {
  const bytes = fromHex(uncompressed)
  return concat(Uint8Array.of(2 + ((bytes[64] as number) & 1)), bytes.subarray(1, 33))
}

const derInteger = (value: bigint): Uint8Array => {
  const hex = value.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  const body = fromHex(Number.parseInt(even.slice(0, 2), 16) < 128 ? even : `00${even}`)
  return concat(Uint8Array.of(2, body.length), body)
}

/** r || s of a strict DER signature; null where our 64-byte format cannot express what the vector says. */
function compactOf(der: Uint8Array): Uint8Array | null {
  const [, , , lengthR = 0] = der
  const lengthS = der[5 + lengthR] ?? 0
  const integer = (at: number, length: number): bigint => BigInt(`0x${toHex(der.subarray(at, at + length)) || '0'}`)
  const r = integer(4, lengthR)
  const s = integer(6 + lengthR, lengthS)
  const body = concat(derInteger(r), derInteger(s))
  if (r >> 256n || s >> 256n || toHex(concat(Uint8Array.of(0x30, body.length), body)) !== toHex(der)) return null
  return concat(writeInteger(new Uint8Array(32), r, 'big'), writeInteger(new Uint8Array(32), s, 'big'))
}

describe.skipIf(absent).each(backEnds)('$id', (curves) => {
  it('F-10 BIP-340', () => {
    const [, ...rows] = readFileSync(`${FOLDER}/bip340.csv`, 'utf8').trim().split(/\r?\n/)
    for (const row of rows) {
      const [index, , key = '', , message = '', signature = '', expected, ...comment] = row.split(',')
      const verdict = curves.schnorrVerify(fromHex(signature), fromHex(message), fromHex(key))
      expect(verdict, `${index} ${comment}`).toBe(expected === 'TRUE')
    }
    expect(rows.length).toBeGreaterThanOrEqual(19)
  })

  it('Wycheproof ECDSA secp256k1, low s required', () => {
    const seen = { valid: 0, invalid: 0 }
    for (const group of wycheproof('ecdsa_secp256k1_sha256_bitcoin')) {
      const key = compress(group.publicKey.uncompressed)
      for (const test of group.tests) {
        const signature = compactOf(fromHex(test.sig))
        expect(signature === null && test.result === 'valid').toBe(false)
        if (signature === null) continue
        const digest = Uint8Array.from(createHash('sha256').update(fromHex(test.msg)).digest())
        expect(curves.ecdsaVerify(signature, digest, key), `${test.tcId} ${test.comment}`).toBe(test.result === 'valid')
        seen[test.result === 'valid' ? 'valid' : 'invalid']++
      }
    }
    expect(seen.valid).toBeGreaterThan(100)
    expect(seen.invalid).toBeGreaterThan(50)
  })

  it('Wycheproof Ed25519', () => {
    let seen = 0
    for (const group of wycheproof('ed25519')) {
      for (const test of group.tests) {
        const verdict = curves.ed25519Verify(fromHex(test.sig), fromHex(test.msg), fromHex(group.publicKey.pk))
        expect(verdict, `${test.tcId} ${test.comment}`).toBe(test.result === 'valid')
        seen++
      }
    }
    expect(seen).toBeGreaterThan(140)
  })

  it('Wycheproof ECDSA P-256, r || s, as a credential', () => {
    let seen = 0
    for (const group of wycheproof('ecdsa_secp256r1_sha256_p1363')) {
      const key = compress(group.publicKey.uncompressed)
      for (const test of group.tests) {
        const verdict = curves.p256Verify(fromHex(test.sig), fromHex(test.msg), key)
        expect(verdict, `${test.tcId} ${test.comment}`).toBe(test.result === 'valid')
        seen++
      }
    }
    expect(seen).toBeGreaterThan(250)
  })

  it('Wycheproof ECDSA P-256 by digest, low s required', () => {
    const seen = { low: 0, high: 0, invalid: 0 }
    for (const group of wycheproof('ecdsa_secp256r1_sha256_p1363')) {
      const key = compress(group.publicKey.uncompressed)
      for (const test of group.tests) {
        const signature = fromHex(test.sig)
        const high = signature.length === 64 && readInteger(signature.subarray(32), 'big') > curves.p256.order / 2n
        const digest = Uint8Array.from(createHash('sha256').update(fromHex(test.msg)).digest())
        const verdict = curves.ecdsaP256Verify(signature, digest, key)
        expect(verdict, `${test.tcId} ${test.comment}`).toBe(test.result === 'valid' && !high)
        seen[test.result !== 'valid' ? 'invalid' : high ? 'high' : 'low']++
      }
    }
    expect(Math.min(seen.low, seen.high, seen.invalid)).toBeGreaterThan(30)
  })

  it('Wycheproof X25519; a zero shared value is refused', () => {
    let refused = 0
    for (const group of wycheproof('x25519')) {
      for (const test of group.tests) {
        const exchange = (): string => toHex(curves.x25519(fromHex(test.private), fromHex(test.public)))
        if (/^0+$/.test(test.shared)) {
          refused++
          expect(exchange, `${test.tcId} ${test.comment}`).toThrow(RangeError)
        } else {
          expect(exchange(), `${test.tcId} ${test.comment}`).toBe(test.shared)
        }
      }
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('Wycheproof ECDH secp256k1, as a multiplication by a public scalar', () => {
    const { secp256k1: group } = curves
    const header = '3056301006072a8648ce3d020106052b8104000a03420004'
    let seen = 0
    for (const { tests } of wycheproof('ecdh_secp256k1')) {
      for (const test of tests) {
        if (test.result !== 'valid' || !test.public.startsWith(header)) continue
        const scalar = group.scalar(readInteger(fromHex(test.private.padStart(80, '0')), 'big'))
        const point = compress(`04${test.public.slice(header.length)}`)
        const product = group.mulPublic(point, scalar)
        expect(product && toHex(product.subarray(1)), `${test.tcId} ${test.comment}`).toBe(test.shared)
        seen++
      }
    }
    expect(seen).toBeGreaterThan(400)
  })
})
