import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  packPackage,
  packRequestId,
  packSignatures,
  unpackPackage,
  unpackRequestId,
  unpackSignatures,
} from '../../../src/host/store/packed-key.ts'
import { ownedRequestHash } from '../../../src/protocol/request/authorize.ts'
import { SCHEMES } from '../../../src/protocol/request/document.ts'
import { hash } from './drivers.ts'
import { madeKey } from './made-keys.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const owned = hash(7)

describe('a packed key', () => {
  it.each(SCHEMES.flatMap((scheme) => [2, 3, 5, 15, 16].map((parties) => [scheme, parties] as const)))(
    '%s of %i signers unpacks to the same bytes',
    (scheme, parties) => {
      const { key, certificate } = madeKey(1, { scheme, parties })
      const own = ownedRequestHash(key.requestHash, key.credentialId)
      const packed = packPackage(key.publicPackage, key.keyId, own)
      expect(packed.bytes.length).toBe(key.publicPackage.length - 3 * 34 + 2)
      expect(unpackPackage(packed, key.keyId, () => own)).toEqual(key.publicPackage)
      const signatures = packSignatures(certificate, key.publicPackage, key.ownSignature)
      // Sixteen make another form, which is kept as it is.
      if (parties < 16) expect(signatures.length).toBe(1 + parties * 64)
      expect(unpackSignatures(signatures, key.publicPackage)).toEqual({ certificate, own: key.ownSignature })
    },
  )

  it('whatever it is, unpacks to the same bytes', () => {
    fc.assert(
      fc.property(
        bytes(200),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        bytes(300),
        bytes(70),
        (pkg, keyId, certificate, own) => {
          const packed = packPackage(pkg, keyId, owned)
          expect(unpackPackage(packed, keyId, () => owned)).toEqual(pkg)
          expect(unpackSignatures(packSignatures(certificate, pkg, own), pkg)).toEqual({ certificate, own })
        },
      ),
    )
  })

  it('that names another request, or no signature of this signer, is kept whole', () => {
    const { key, certificate } = madeKey(1)
    expect(packPackage(key.publicPackage, key.keyId, owned).rosterHash).toBeNull()
    const signatures = packSignatures(certificate, key.publicPackage, new Uint8Array(64))
    expect(signatures.length).toBeGreaterThan(certificate.length)
    expect(unpackSignatures(signatures, key.publicPackage).own).toEqual(new Uint8Array(64))
  })

  it('that is damaged unpacks to something, and never throws', () => {
    const { key, certificate } = madeKey(1)
    const own = ownedRequestHash(key.requestHash, key.credentialId)
    const { rosterHash, bytes: packed } = packPackage(key.publicPackage, key.keyId, own)
    const signatures = packSignatures(certificate, key.publicPackage, key.ownSignature)
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (at, flip, length) => {
        for (const whole of [packed, signatures]) {
          const damaged = Uint8Array.from(whole).slice(0, length % (whole.length + 1))
          if (damaged.length > 0) damaged[at % damaged.length] = (damaged[at % damaged.length] as number) ^ flip
          expect(unpackPackage({ rosterHash, bytes: damaged }, key.keyId, () => own)).toBeInstanceOf(Uint8Array)
          expect(unpackSignatures(damaged, key.publicPackage).certificate).not.toEqual(certificate)
        }
      }),
    )
  })
})

describe('request ids', () => {
  it('that are a hash are kept as its bytes; all come back as they were', () => {
    const derived = `req_${'0a'.repeat(32)}`
    expect(packRequestId(derived)).toEqual(new Uint8Array(32).fill(10))
    const others = ['req_1', `req_${'0A'.repeat(32)}`, `req_${'0a'.repeat(31)}`, `req_${'0a'.repeat(33)}`, `${derived}\n`, '']
    for (const id of [derived, ...others]) expect(unpackRequestId(packRequestId(id))).toBe(id)
    for (const id of others) expect(packRequestId(id)).toBe(id)
  })
})
