import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { addressesOf, checksumAddress } from '../../../src/host/api/address.ts'

const G = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'

describe('EIP-55', () => {
  it.each([
    // All caps.
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0x8617E340B3D01FA5F11F306F4090FD50E238070D',
    // All lower.
    '0xde709f2102306220921060314715629080e2fb77',
    '0x27b1fdb04752bbc536007a920d24acb045561c26',
    // Normal.
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ])('%s', (address) => {
    expect(checksumAddress(hexToBytes(address.slice(2).toLowerCase()))).toBe(address)
  })

  it('refuses an account of another length', () => {
    expect(() => checksumAddress(new Uint8Array(21))).toThrow(RangeError)
  })
})

describe('addresses', () => {
  it('of the generator of secp256k1: the EVM address of private key 1 and the example of BIP-173', () => {
    expect(addressesOf('ecdsa-secp256k1', hexToBytes(G))).toEqual({
      evm: '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf',
      bitcoin_p2wpkh: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    })
  })

  it.each([
    [
      'm/84h/0h/0h/0/0',
      '0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c',
      'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
    ],
    [
      'm/84h/0h/0h/0/1',
      '03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77',
      'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g',
    ],
    [
      'm/84h/0h/0h/1/0',
      '03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6',
      'bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el',
    ],
  ])('of the test vector of BIP-84 at %s', (_path, publicKey, address) => {
    expect(addressesOf('ecdsa-secp256k1', hexToBytes(publicKey)).bitcoin_p2wpkh).toBe(address)
  })

  it('of an EVM development key', () => {
    // The first account of the well-known mnemonic "test test … junk".
    const publicKey = secp256k1.getPublicKey(hexToBytes('ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'))
    expect(addressesOf('ecdsa-secp256k1', publicKey).evm).toBe('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
  })

  it('of Ed25519: base58 of the key, as of the token program of Solana', () => {
    const token = hexToBytes('06ddf6e1d765a193d9cbe146ceeb79ac1cb485ed5f5b37913a8cf5857eff00a9')
    expect(addressesOf('eddsa-ed25519', token)).toEqual({ solana: 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' })
  })

  it('of P-256: none, as no chain we know spends by such a key', () => {
    expect(addressesOf('ecdsa-p256', p256.Point.BASE.toBytes(true))).toEqual({})
    for (const bad of [p256.Point.BASE.toBytes(false), hexToBytes(`02${'00'.repeat(31)}01`), new Uint8Array(33)]) {
      expect(() => addressesOf('ecdsa-p256', bad)).toThrow(RangeError)
    }
  })

  it('of BIP-340: none, as nothing we sign could spend from one', () => {
    expect(addressesOf('schnorr-secp256k1', hexToBytes(G.slice(2)))).toEqual({})
  })

  it.each([
    ['P-02 off the curve', `02${'00'.repeat(31)}05`],
    ['P-02 x beyond p', `02${'ff'.repeat(32)}`],
    ['P-02 hybrid prefix', `06${G.slice(2)}`],
    ['P-02 without prefix', G.slice(2)],
    ['P-02 uncompressed', Buffer.from(secp256k1.Point.BASE.toBytes(false)).toString('hex')],
    ['P-01 zeros', '00'.repeat(33)],
    ['P-01 the identity', '00'],
    ['empty', ''],
  ])('refuses a secp256k1 key: %s', (_name, hex) => {
    expect(() => addressesOf('ecdsa-secp256k1', hexToBytes(hex))).toThrow(RangeError)
  })

  it.each([
    ['31 bytes', ed25519.getPublicKey(new Uint8Array(32).fill(1)).subarray(1)],
    ['33 bytes', hexToBytes(G)],
    ['P-02 no point', hexToBytes(`02${'00'.repeat(31)}`)],
    ['P-04 y beyond p', hexToBytes(`${'ff'.repeat(31)}7f`)],
  ])('refuses an Ed25519 key: %s', (_name, publicKey) => {
    expect(() => addressesOf('eddsa-ed25519', publicKey)).toThrow(RangeError)
  })
})
