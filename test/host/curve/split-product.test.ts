import { describe, expect, it } from 'vitest'
import { loadBindings } from '../../../src/host/curve/bindings.ts'
import { nativeSecp256k1 } from '../../../src/host/curve/native-secp256k1.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'

// libsecp256k1's multiplication branches on its scalar in the binaries that are shipped: it never sees a secret, only two random parts of one.
describe('C-04 a secret multiple on secp256k1', () => {
  const lib = loadBindings().secp256k1
  const seen: Uint8Array[] = []
  const buffers = new Set<Uint8Array>()
  const group = nativeSecp256k1({
    ...lib,
    privateKeyNegate: (scalar) => lib.privateKeyNegate(scalar),
    privateKeyTweakAdd: (scalar, tweak) => lib.privateKeyTweakAdd(scalar, tweak),
    privateKeyTweakMul: (scalar, tweak) => lib.privateKeyTweakMul(scalar, tweak),
    publicKeyConvert: (point, compressed) => lib.publicKeyConvert(point, compressed),
    publicKeyCreate: (scalar) => lib.publicKeyCreate(scalar),
    publicKeyCombine: (points) => {
      for (const point of points) buffers.add(point)
      return lib.publicKeyCombine(points)
    },
    ecdh: (point, scalar, options, output) => {
      seen.push(Uint8Array.from(scalar))
      for (const buffer of [scalar, options.xbuf, options.ybuf]) buffers.add(buffer)
      return lib.ecdh(point, scalar, options, output)
    },
  })
  const rng = seededRng('split product')
  const point = group.baseMul(group.randomScalar(rng))

  it('is the sum of two, of parts that are drawn for each product and add up to the secret', () => {
    const secret = group.randomScalar(rng)
    const expected = group.mulPublic(point, secret)
    for (let n = 0; n < 4; n++) expect(group.mulSecret(point, secret)).toEqual(expected)
    expect(seen).toHaveLength(8)
    expect(new Set([...seen.map(toHex), toHex(secret)]).size).toBe(9)
    for (let n = 0; n < 8; n += 2) {
      const sum = group.addAssign(Uint8Array.from(seen[n] as Uint8Array), seen[n + 1] as Uint8Array)
      expect(sum).toEqual(secret)
    }
  })

  it('C-05 leaves nothing of the parts and their points', () => {
    group.mulSecret(point, group.randomScalar(rng))
    expect(buffers.size).toBeGreaterThan(6)
    expect([...buffers].filter((buffer) => buffer.some((byte) => byte !== 0))).toEqual([])
  })
})
