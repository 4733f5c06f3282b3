import { Packr, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { SUITES } from '../../../src/protocol/channel/setup.ts'
import { fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import {
  assembleCertificate,
  CERTIFICATE,
  type Certificate,
  certificateMessage,
  publicKeyOf,
  verifyCertificate,
  verifyCertificateSignature,
} from '../../../src/protocol/keygen/certificate.ts'
import { KEY_SECRET, PUBLIC_PACKAGE, type PublicPackage } from '../../../src/protocol/keygen/key-record.ts'
import { keygen, paramsFor, pendingOf, SCHEMES_UNDER_TEST, worldOf } from './keygen-fixture.ts'

const made = (scheme: (typeof SCHEMES_UNDER_TEST)[number]): Certificate => {
  const end = keygen({ scheme }).ends.get(1)
  if (end?.type !== 'done') throw new Error('no key')
  return end.result.certificate
}
const { roster, curves } = worldOf(3)
const certificate = made('ecdsa-secp256k1')
const { key, signatures } = certificate
const other = new Uint8Array(32).fill(7)

const signedBy = (k: PublicPackage, ids: readonly number[]): Certificate => ({
  key: k,
  signatures: ids.map((id) => paramsFor(worldOf(3), id, k.scheme).sign(certificateMessage(k))),
})

/** Another value for every field of the public package. */
const CHANGES: readonly (readonly [keyof PublicPackage, Partial<PublicPackage>])[] = [
  ['sessionId', { sessionId: other }],
  ['transcript', { transcript: other }],
  ['scheme', { scheme: 'schnorr-secp256k1' }],
  ['publicKey', { publicKey: curves.secp256k1.generator }],
  ['verificationShares', { verificationShares: key.verificationShares.with(2, curves.secp256k1.generator) }],
  ['keyId', { keyId: other }],
  ['epochId', { epochId: other }],
  ['epoch', { epoch: 2 }],
  ['threshold', { threshold: 3 }],
  ['parties', { parties: [1, 2, 4] }],
  ['rosterHash', { rosterHash: other }],
  ['requestHash', { requestHash: other }],
]

describe('verifyCertificate', () => {
  it.each(SCHEMES_UNDER_TEST)('holds for a generated %s key, also after a trip over the wire', (scheme) => {
    const c = made(scheme)
    expect(verifyCertificate(c, roster, curves)).toBe(true)
    expect(verifyCertificate(CERTIFICATE.decode(CERTIFICATE.encode(c)), roster, curves)).toBe(true)
  })

  it('the list of changes names every field', () => {
    expect(CHANGES.map(([field]) => field).sort()).toEqual(Object.keys(key).sort())
  })

  it.each(CHANGES)('K-14: %s altered: false, and other bytes are signed', (_, change) => {
    const altered = { ...key, ...change }
    expect(verifyCertificate({ key: altered, signatures }, roster, curves)).toBe(false)
    expect(toHex(certificateMessage(altered))).not.toBe(toHex(certificateMessage(key)))
  })

  it('every bit of every signature counts', () => {
    for (const [i, signature] of signatures.entries()) {
      for (let byte = 0; byte < 64; byte++) {
        const altered = signature.map((b, k) => (k === byte ? b ^ (1 << (byte % 8)) : b))
        expect(verifyCertificate({ key, signatures: signatures.with(i, altered) }, roster, curves)).toBe(false)
      }
    }
  })

  it('14.2 certificate: one signature missing, one too many, in another order, one signer twice', () => {
    const [a, b, c] = signatures as [Uint8Array, Uint8Array, Uint8Array]
    for (const list of [[], [a], [a, b], [a, b, c, c], [b, a, c], [a, a, a], [a, b, b]]) {
      expect(verifyCertificate({ key, signatures: list }, roster, curves)).toBe(false)
    }
  })

  it('K-14 another roster: other keys, other version, one signer more, one less', () => {
    const [one, two, three] = roster.members
    if (one === undefined || two === undefined || three === undefined) throw new Error('three members')
    for (const members of [
      [one, two],
      [one, two, { ...three, signKey: other }],
      [one, two, three, { ...three, id: 4, signKey: other, exchangeKey: new Uint8Array(32) }],
    ]) {
      const changed = makeRoster(1, members)
      expect(verifyCertificate(certificate, changed, curves)).toBe(false)
      // Also when the certificate claims that roster's hash.
      expect(verifyCertificate({ key: { ...key, rosterHash: changed.hash }, signatures }, changed, curves)).toBe(false)
    }
    expect(verifyCertificate(certificate, makeRoster(2, roster.members), curves)).toBe(false)
  })

  it('K-12, 14.2 certificate, decisions.md 3: never n - 1: what two of three signed for themselves is no certificate', () => {
    const pair = { ...key, parties: [1, 2], verificationShares: key.verificationShares.slice(0, 2) }
    const alone = signedBy(pair, [1, 2])
    expect(alone.signatures.every((s, i) => verifyCertificateSignature(pair, i + 1, s, roster, curves))).toBe(true)
    expect(verifyCertificate(alone, roster, curves)).toBe(false)
    expect(verifyCertificate(signedBy(key, [1, 2, 3]), roster, curves)).toBe(true)
  })

  it('P-01, P-02 points that are no points, also when all signed them', () => {
    const bad = fromHex(`02${'ff'.repeat(32)}`)
    for (const change of [{ publicKey: bad }, { verificationShares: key.verificationShares.with(2, bad) }]) {
      expect(verifyCertificate(signedBy({ ...key, ...change }, [1, 2, 3]), roster, curves)).toBe(false)
    }
    expect(verifyCertificate({ key: { ...key, publicKey: bad }, signatures }, roster, curves)).toBe(false)
    expect(
      verifyCertificate({ key: { ...key, verificationShares: key.verificationShares.with(1, bad) }, signatures }, roster, curves),
    ).toBe(false)
  })

  it('D-09: a certificate over a subset of the parties is none, either way round', () => {
    const subset = { ...key, parties: [1, 2], verificationShares: key.verificationShares.slice(0, 2) }
    expect(verifyCertificate({ key: subset, signatures: signatures.slice(0, 2) }, roster, curves)).toBe(false)
    expect(verifyCertificate({ key: subset, signatures }, roster, curves)).toBe(false)
  })
})

describe('assembleCertificate', () => {
  const stored = new Map([1, 2, 3].map((id, i) => [id, signatures[i] as Uint8Array]))

  it('gives the certificate of the run from what the signers stored, in any order', () => {
    expect(assembleCertificate(key, stored, roster, curves)).toEqual(certificate)
    expect(assembleCertificate(key, new Map([...stored].toReversed()), roster, curves)).toEqual(certificate)
  })

  it('gives nothing without all n, with a wrong one, or for other data', () => {
    for (const id of [1, 2, 3]) {
      expect(assembleCertificate(key, new Map([...stored].filter(([i]) => i !== id)), roster, curves)).toBe(null)
      expect(assembleCertificate(key, new Map([...stored, [id, new Uint8Array(64)]]), roster, curves)).toBe(null)
    }
    expect(assembleCertificate({ ...key, epoch: 2 }, stored, roster, curves)).toBe(null)
    expect(assembleCertificate(key, new Map(), roster, curves)).toBe(null)
  })

  it('each stored signature is checked alone, too', () => {
    for (const [id, signature] of stored) {
      expect(verifyCertificateSignature(key, id, signature, roster, curves)).toBe(true)
      expect(verifyCertificateSignature(key, (id % 3) + 1, signature, roster, curves)).toBe(false)
    }
  })
})

describe('publicKeyOf', () => {
  it('is the key that signatures verify under', () => {
    expect(publicKeyOf(certificate)).toEqual(key.publicKey)
    expect(publicKeyOf(certificate)).toHaveLength(33)
    const bip340 = made('schnorr-secp256k1')
    expect(bip340.key.publicKey).toHaveLength(33)
    expect(publicKeyOf(bip340)).toEqual(bip340.key.publicKey.slice(1))
    expect(publicKeyOf(made('eddsa-ed25519'))).toHaveLength(32)
  })
})

describe('stored forms', () => {
  it.each(SCHEMES_UNDER_TEST)('a public package and a secret part of %s come back as they were', (scheme) => {
    const pending = pendingOf(keygen({ scheme }), 2)
    if (pending === undefined) throw new Error('nothing stored')
    expect(PUBLIC_PACKAGE.decode(PUBLIC_PACKAGE.encode(pending.key))).toEqual(pending.key)
    expect(KEY_SECRET.decode(KEY_SECRET.encode(pending.secret))).toEqual(pending.secret)
  })

  it('the largest certificate fits its bound', () => {
    const parties = Array.from({ length: 16 }, (_, i) => 65519 + i)
    const largest: Certificate = {
      key: { ...key, parties, verificationShares: parties.map(() => key.publicKey), epoch: 2 ** 32 - 1, threshold: 16 },
      signatures: parties.map(() => new Uint8Array(64)),
    }
    expect(CERTIFICATE.decode(CERTIFICATE.encode(largest))).toEqual(largest)
  })

  const packr = new Packr({ useRecords: false })
  it.each([
    ['parties unsorted', { parties: [2, 1, 3] }],
    ['parties repeated', { parties: [1, 1, 3] }],
    ['party 0', { parties: [0, 1, 2] }],
    ['threshold 1', { threshold: 1 }],
    ['threshold beyond n', { threshold: 4 }],
    ['epoch 0', { epoch: 0 }],
    ['a verification share less', { verificationShares: key.verificationShares.slice(1) }],
    ['a point of the other length', { publicKey: other }],
    ['a share of the other length', { verificationShares: key.verificationShares.with(0, other) }],
    ['a scheme whose points have another length', { scheme: 'eddsa-ed25519' }],
    ['a short key id', { keyId: new Uint8Array(31) }],
  ] as const)('D-04, D-07: %s is refused on the way out and on the way in', (_, change) => {
    expect(() => PUBLIC_PACKAGE.encode({ ...key, ...change })).toThrow(RangeError)
    const fields = unpack(PUBLIC_PACKAGE.encode(key)) as unknown[]
    for (const [name, value] of Object.entries(change))
      fields[Object.keys(key).indexOf(name)] = name === 'scheme' ? SUITES['eddsa-ed25519'] : value
    expect(() => PUBLIC_PACKAGE.decode(Uint8Array.from(packr.pack(fields)))).toThrow(RangeError)
  })

  it('an unknown scheme number is refused, known ones that fit are not', () => {
    const withScheme = (number: number): Uint8Array => {
      const fields = unpack(PUBLIC_PACKAGE.encode(key)) as unknown[]
      fields[Object.keys(key).indexOf('scheme')] = number
      return Uint8Array.from(packr.pack(fields))
    }
    expect(PUBLIC_PACKAGE.decode(withScheme(1)).scheme).toBe('ecdsa-secp256k1')
    expect(PUBLIC_PACKAGE.decode(withScheme(2)).scheme).toBe('ecdsa-p256')
    expect(PUBLIC_PACKAGE.decode(withScheme(3)).scheme).toBe('schnorr-secp256k1')
    for (const number of [0, 5, 65535]) expect(() => PUBLIC_PACKAGE.decode(withScheme(number))).toThrow(RangeError)
  })

  it('D-01, D-07: damaged bytes and bytes of another kind are refused', () => {
    const bytes = PUBLIC_PACKAGE.encode(key)
    for (let length = 0; length < bytes.length; length++)
      expect(() => PUBLIC_PACKAGE.decode(bytes.slice(0, length))).toThrow(RangeError)
    expect(() => PUBLIC_PACKAGE.decode(CERTIFICATE.encode(certificate))).toThrow(RangeError)
    expect(() => CERTIFICATE.decode(bytes)).toThrow(RangeError)
    expect(() => KEY_SECRET.decode(bytes)).toThrow(RangeError)
    expect(() => PUBLIC_PACKAGE.decode(KEY_SECRET.encode({ share: other, chain: other }))).toThrow(RangeError)
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const flipped = bytes.map((b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b))
      try {
        expect(PUBLIC_PACKAGE.encode(PUBLIC_PACKAGE.decode(flipped))).toEqual(flipped)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
  })

  it('D-08 the stored form of one fixed package is this: records of earlier releases must still load', () => {
    const scalar = (n: number): Uint8Array => curves.secp256k1.baseMul(curves.secp256k1.scalar(n))
    const fixed: PublicPackage = {
      sessionId: new Uint8Array(32).fill(1),
      transcript: new Uint8Array(32).fill(2),
      scheme: 'ecdsa-secp256k1',
      publicKey: scalar(1),
      verificationShares: [scalar(2), scalar(3)],
      keyId: new Uint8Array(32).fill(3),
      epochId: new Uint8Array(32).fill(4),
      epoch: 1,
      threshold: 2,
      parties: [1, 300],
      rosterHash: new Uint8Array(32).fill(5),
      requestHash: new Uint8Array(32).fill(6),
    }
    expect(toHex(PUBLIC_PACKAGE.encode(fixed))).toMatchInlineSnapshot(
      `"9cc4200101010101010101010101010101010101010101010101010101010101010101c420020202020202020202020202020202020202020202020202020202020202020201c4210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179892c42102c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5c42102f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9c4200303030303030303030303030303030303030303030303030303030303030303c420040404040404040404040404040404040404040404040404040404040404040401029201cd012cc4200505050505050505050505050505050505050505050505050505050505050505c4200606060606060606060606060606060606060606060606060606060606060606"`,
    )
    expect(toHex(certificateMessage(fixed))).toMatchInlineSnapshot(
      `"5f6be0adee4c691d2632999447ca051c4c60130bf5a5cf1b37ee1147edd120b4"`,
    )
  })
})
