import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatKeyId, parseKeyId } from '../../../src/protocol/request/ids.ts'

it('D-05 a key id has one spelling: what is read is written the same, and the other way round', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      expect(parseKeyId(formatKeyId(bytes))).toEqual(bytes)
    }),
  )
  for (const length of [0, 31, 33]) expect(() => formatKeyId(new Uint8Array(length))).toThrow(RangeError)
  const near = fc.oneof(fc.string(), fc.stringMatching(/^key_[0-9a-fA-F]{63,65}\n?$/), fc.stringMatching(/^key_[0-9a-f]{64}$/))
  fc.assert(
    fc.property(near, (text) => {
      const bytes = parseKeyId(text)
      if (bytes !== undefined) expect(formatKeyId(bytes)).toBe(text)
    }),
    { numRuns: 1000 },
  )
})
