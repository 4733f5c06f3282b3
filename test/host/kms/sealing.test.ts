import { describe, expect, it } from 'vitest'
import { openRecord, type SealedPlace, SealingError, sealRecord } from '../../../src/host/kms/sealing.ts'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i)
const PLACE: SealedPlace = { table: 'keys', keyId: new Uint8Array(32).fill(7), party: 2, epoch: 1 }
const SHARE = new TextEncoder().encode('a share of a key')

describe('a sealed record', () => {
  it('opens where it belongs, and only its length shows', () => {
    for (const length of [0, 1, 32, 64, 20_000]) {
      const plain = new Uint8Array(length).fill(9)
      const sealed = sealRecord(KEY, PLACE, plain)
      expect(sealed.length).toBe(length + 29)
      expect(openRecord(KEY, PLACE, sealed)).toEqual(plain)
    }
    expect(Buffer.from(sealRecord(KEY, PLACE, SHARE)).includes(Buffer.from(SHARE))).toBe(false)
  })

  it('never looks the same twice', () => {
    const nonces = Array.from({ length: 200 }, () => Buffer.from(sealRecord(KEY, PLACE, SHARE).subarray(1, 13)).toString('hex'))
    expect(new Set(nonces).size).toBe(200)
  })

  it('D-07, U-02 does not open with any bit changed, cut or added', () => {
    const sealed = sealRecord(KEY, PLACE, SHARE)
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const changed = Uint8Array.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => openRecord(KEY, PLACE, changed)).toThrow(SealingError)
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => openRecord(KEY, PLACE, sealed.subarray(0, length))).toThrow(SealingError)
    }
    expect(() => openRecord(KEY, PLACE, Uint8Array.of(...sealed, 0))).toThrow(SealingError)
  })

  it.each<[string, Partial<SealedPlace>]>([
    ['table', { table: 'key' }],
    ['key', { keyId: new Uint8Array(32).fill(8) }],
    ['party', { party: 3 }],
    ['epoch', { epoch: 2 }],
    // The parts are framed: what one field loses cannot come back in the next.
    ['table and key', { table: 'keys\u0007', keyId: new Uint8Array(31).fill(7) }],
  ])('does not open under another %s', (_, other) => {
    expect(() => openRecord(KEY, { ...PLACE, ...other }, sealRecord(KEY, PLACE, SHARE))).toThrow(SealingError)
  })

  it('does not open under another data key, and the error says nothing', () => {
    const sealed = sealRecord(KEY, PLACE, SHARE)
    const attempt = (): unknown => openRecord(new Uint8Array(32), PLACE, sealed)
    expect(attempt).toThrow(new SealingError())
    expect(attempt).toThrow('a sealed record does not open')
  })

  it('is in memory of its own, sealed and open', () => {
    const sealed = sealRecord(KEY, PLACE, SHARE)
    const plain = openRecord(KEY, PLACE, sealed)
    expect([sealed.buffer.byteLength, plain.buffer.byteLength]).toEqual([sealed.length, SHARE.length])
    expect(Buffer.isBuffer(plain)).toBe(false)
  })

  it('D-08 of the first release still opens', () => {
    const sealed = fromHex('01796c39dca21610ef234aff0ef3358647f6daab2bbb71fd9dadd0304e52006fb6005b47ec5ca1b249f64cbb6e')
    expect(openRecord(KEY, PLACE, sealed)).toEqual(SHARE)
  })
})
