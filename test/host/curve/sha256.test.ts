import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { backEnds, native, seededRng } from './back-ends.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe.each(backEnds)('SHA-256, $id', ({ sha256 }) => {
  // FIPS 180-4 examples, and the million times "a" of its predecessor.
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ])('gives the published digests', (text, digest) => {
    expect(toHex(sha256(utf8(text)))).toBe(digest)
  })

  it('gives memory of its own, and leaves the message as it is', () => {
    const message = seededRng('sha256')(100)
    const before = Uint8Array.from(message)
    const digest = sha256(message)
    expect(digest.constructor).toBe(Uint8Array)
    expect(digest.buffer.byteLength).toBe(32)
    expect(message).toEqual(before)
  })
})

it('both back ends agree on every length around the blocks, also on views', () => {
  const bytes = seededRng('sha256 lengths')(400)
  for (let length = 0; length <= 300; length++) {
    const view = Buffer.from(bytes.buffer, 7, length)
    expect(native.sha256(view)).toEqual(nobleCurves.sha256(view))
  }
})
