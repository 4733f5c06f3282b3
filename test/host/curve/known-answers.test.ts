import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import { backEnds } from './back-ends.ts'

// Published answers, here so that they run without the vector files; vectors.test.ts has the full sets.
const sha256 = (data: Uint8Array | string): Uint8Array => Uint8Array.from(createHash('sha256').update(data).digest())
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

describe.each(
  backEnds.flatMap((curves) => [
    {
      // RFC 6979 nonce over SHA-256, secret 1, as published by several wallets.
      id: `${curves.id}, secp256k1`,
      group: curves.secp256k1,
      verify: curves.ecdsaVerify,
      ecdsaKey: curves.secp256k1.generator,
      ecdsaDigest: sha256('Satoshi Nakamoto'),
      ecdsa: fromHex(
        '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
      ),
      y: '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
    },
    {
      // RFC 6979 A.2.5, P-256 with SHA-256, message "test", whose s is low.
      id: `${curves.id}, P-256`,
      group: curves.p256,
      verify: curves.ecdsaP256Verify,
      ecdsaKey: fromHex('0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6'),
      ecdsaDigest: sha256('test'),
      ecdsa: fromHex(
        'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
      ),
      y: '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    },
  ]),
)('$id', ({ group, verify, ecdsaKey, ecdsaDigest, ecdsa, y }) => {
  it('ECDSA: accepts the known signature and nothing near it', () => {
    expect(verify(ecdsa, ecdsaDigest, ecdsaKey)).toBe(true)
    for (const at of [0, 31, 32, 63]) expect(verify(flip(ecdsa, at), ecdsaDigest, ecdsaKey)).toBe(false)
    expect(verify(ecdsa, flip(ecdsaDigest, 0), ecdsaKey)).toBe(false)
    expect(verify(ecdsa, ecdsaDigest, group.negate(ecdsaKey))).toBe(false)
  })

  it('S-11 ECDSA: refuses high s, r and s of 0 and of n and above', () => {
    const r = ecdsa.subarray(0, 32)
    const s = ecdsa.subarray(32)
    const highS = group.negAssign(Uint8Array.from(s))
    expect(verify(concat(r, highS), ecdsaDigest, ecdsaKey)).toBe(false)
    const n = fromHex(group.order.toString(16))
    for (const bad of [new Uint8Array(32), n, flip(n, 31), new Uint8Array(32).fill(0xff)]) {
      expect(verify(concat(bad, s), ecdsaDigest, ecdsaKey)).toBe(false)
      expect(verify(concat(r, bad), ecdsaDigest, ecdsaKey)).toBe(false)
    }
  })

  it('P-02 ECDSA: refuses other lengths and other encodings of the right key, without throwing', () => {
    const x = toHex(ecdsaKey.subarray(1))
    for (const key of [`04${x}${y}`, `06${x}${y}`, `07${x}${y}`, x, `00${x}`, `04${x}`, '', '00'.repeat(33), '00']) {
      expect(verify(ecdsa, ecdsaDigest, fromHex(key)), key).toBe(false)
    }
    expect(verify(ecdsa.subarray(0, 63), ecdsaDigest, ecdsaKey)).toBe(false)
    expect(verify(concat(ecdsa, new Uint8Array(1)), ecdsaDigest, ecdsaKey)).toBe(false)
    for (const length of [0, 31, 33, 64]) expect(verify(ecdsa, new Uint8Array(length), ecdsaKey)).toBe(false)
    // FIPS 186-5 takes the leftmost bits of a longer digest, so that many inputs would have one signature.
    for (const tail of [Uint8Array.of(0), new Uint8Array(32).fill(7)])
      expect(verify(ecdsa, concat(ecdsaDigest, tail), ecdsaKey)).toBe(false)
  })
})

describe.each(backEnds)('$id', (curves) => {
  // BIP-340 test vector 0.
  it('BIP-340: accepts the known signature and nothing near it', () => {
    const key = fromHex('f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9')
    const message = new Uint8Array(32)
    const signature = fromHex(
      'e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0',
    )
    expect(curves.schnorrVerify(signature, message, key)).toBe(true)
    for (const at of [0, 31, 32, 63]) expect(curves.schnorrVerify(flip(signature, at), message, key)).toBe(false)
    expect(curves.schnorrVerify(signature, flip(message, 0), key)).toBe(false)
    expect(curves.schnorrVerify(signature, new Uint8Array(31), key)).toBe(false)
    expect(curves.schnorrVerify(signature, message, concat(Uint8Array.of(2), key))).toBe(false)
    expect(curves.schnorrVerify(signature.subarray(0, 63), message, key)).toBe(false)
    const r = signature.subarray(0, 32)
    expect(curves.schnorrVerify(concat(r, new Uint8Array(32)), message, key)).toBe(false)
    expect(curves.schnorrVerify(concat(new Uint8Array(32), signature.subarray(32)), message, key)).toBe(false)
    expect(curves.schnorrVerify(signature, message, new Uint8Array(32))).toBe(false)
    expect(curves.schnorrVerify(signature, message, new Uint8Array(32).fill(0xff))).toBe(false)
  })

  // RFC 8032 7.1, TEST 1 and TEST 3.
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('Ed25519: RFC 8032 (seed %s)', (seed, key, message, signature) => {
    expect(toHex(curves.ed25519PublicKey(fromHex(seed)))).toBe(key)
    expect(toHex(curves.ed25519Sign(fromHex(message), fromHex(seed)))).toBe(signature)
    expect(curves.ed25519Verify(fromHex(signature), fromHex(message), fromHex(key))).toBe(true)
    expect(curves.ed25519Verify(fromHex(signature), fromHex(`${message}00`), fromHex(key))).toBe(false)
  })

  // RFC 6979 A.2.5, P-256 with SHA-256, message "sample"; its s is high, which a credential's signature may be.
  it('P-256: accepts the known signature, low and high s, and nothing near it', () => {
    const key = fromHex('0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6')
    const message = new TextEncoder().encode('sample')
    const r = 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716'
    const s = 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8'
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const lowS = (n - BigInt(`0x${s}`)).toString(16).padStart(64, '0')
    expect(curves.p256Verify(fromHex(r + s), message, key)).toBe(true)
    expect(curves.p256Verify(fromHex(r + lowS), message, key)).toBe(true)
    for (const at of [0, 31, 32, 63]) expect(curves.p256Verify(flip(fromHex(r + s), at), message, key)).toBe(false)
    expect(curves.p256Verify(fromHex(r + s), flip(message, 0), key)).toBe(false)
    expect(curves.p256Verify(fromHex(r + s), message, flip(key, 0))).toBe(false)
    for (const bad of ['00'.repeat(32), n.toString(16), 'ff'.repeat(32)]) {
      expect(curves.p256Verify(fromHex(bad + s), message, key)).toBe(false)
      expect(curves.p256Verify(fromHex(r + bad), message, key)).toBe(false)
    }
    const y = '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299'
    const x = toHex(key.subarray(1))
    for (const bad of [`04${x}${y}`, `07${x}${y}`, x, `00${x}`, `04${x}`, `02${'ff'.repeat(32)}`, '00'.repeat(33), '']) {
      expect(curves.p256Verify(fromHex(r + s), message, fromHex(bad)), bad).toBe(false)
    }
    expect(curves.p256Verify(fromHex(r + s).subarray(0, 63), message, key)).toBe(false)
    expect(curves.p256Verify(fromHex(`${r}${s}00`), message, key)).toBe(false)
    // The key again, now that bad ones have passed the key cache.
    expect(curves.p256Verify(fromHex(r + s), message, key)).toBe(true)
  })

  // RFC 7748 6.1.
  it('X25519: RFC 7748', () => {
    const alice = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
    const bob = fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
    expect(toHex(curves.x25519PublicKey(alice))).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    expect(toHex(curves.x25519PublicKey(bob))).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    expect(toHex(curves.x25519(alice, curves.x25519PublicKey(bob)))).toBe(shared)
    expect(toHex(curves.x25519(bob, curves.x25519PublicKey(alice)))).toBe(shared)
  })

  it('X25519: refuses points of low order, which would make the shared value public', () => {
    const secret = new Uint8Array(32).fill(5)
    const low = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      `ec${'ff'.repeat(30)}7f`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
    ]
    for (const key of low) expect(() => curves.x25519(secret, fromHex(key)), key).toThrow(RangeError)
    for (const length of [0, 31, 33]) {
      expect(() => curves.x25519(new Uint8Array(length), new Uint8Array(32).fill(9))).toThrow(RangeError)
      expect(() => curves.x25519(secret, new Uint8Array(length))).toThrow(RangeError)
      expect(() => curves.x25519PublicKey(new Uint8Array(length))).toThrow(RangeError)
    }
  })
})
