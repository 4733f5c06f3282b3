import { createCipheriv } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { backEnds, seededRng } from './back-ends.ts'

const rng = seededRng('sealing')

/** RFC 8439 by OpenSSL, with a nonce of zeros. */
function openssl(key: Uint8Array, header: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: 16 })
  cipher.setAAD(header, { plaintextLength: plaintext.length })
  return Uint8Array.from(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
}

describe.each(backEnds)('sealing, $id', (curves) => {
  it.each([0, 1, 15, 16, 17, 63, 64, 65, 255, 4096, 100_000])('%i bytes give what OpenSSL gives, and open again', (length) => {
    for (const headerLength of [0, 1, 16, 112]) {
      const [key, header, plaintext] = [rng(32), rng(headerLength), rng(length)]
      const sealed = curves.seal(key, header, plaintext)
      // Not toEqual, which takes seconds for long arrays.
      expect(equalBytes(sealed, openssl(key, header, plaintext))).toBe(true)
      expect(equalBytes(curves.open(key, header, sealed) ?? key, plaintext)).toBe(true)
    }
  })

  it('nothing else opens: bytes of message, tag, header and key changed one at a time; cut, lengthened, empty', () => {
    const [key, header, plaintext] = [rng(32), rng(20), rng(40)]
    const sealed = curves.seal(key, header, plaintext)
    const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes[at] as number) ^ 128)
    for (let at = 0; at < sealed.length; at++) expect(curves.open(key, header, changed(sealed, at))).toBe(null)
    for (let at = 0; at < header.length; at++) expect(curves.open(key, changed(header, at), sealed)).toBe(null)
    for (let at = 0; at < key.length; at++) expect(curves.open(changed(key, at), header, sealed)).toBe(null)
    for (const length of [0, 1, 15, 16, sealed.length - 1]) expect(curves.open(key, header, sealed.slice(0, length))).toBe(null)
    expect(curves.open(key, header, Uint8Array.from([...sealed, 0]))).toBe(null)
  })

  it('leaves its operands as they are, and takes keys of 32 bytes only', () => {
    const operands = [rng(32), rng(20), rng(40)] as const
    const copies = operands.map((bytes) => Uint8Array.from(bytes))
    const sealed = curves.seal(...operands)
    curves.open(operands[0], operands[1], sealed)
    expect(operands).toEqual(copies)
    for (const length of [0, 31, 33]) {
      expect(() => curves.seal(rng(length), operands[1], operands[2])).toThrow(RangeError)
      expect(() => curves.open(rng(length), operands[1], sealed)).toThrow(RangeError)
    }
  })
})
