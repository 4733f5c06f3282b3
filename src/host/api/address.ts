import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { base58, bech32 } from '@scure/base'
import { toHex } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'

/** Where funds for a key can be sent. Only addresses that the key as used can spend from (decisions.md 14). */
export interface Addresses {
  readonly evm?: string
  readonly bitcoin_p2wpkh?: string
  readonly solana?: string
}

/** EIP-55: hex whose letters' case is a checksum, taken over the lower-case text. `account`: 20 bytes. */
export function checksumAddress(account: Uint8Array): string {
  if (account.length !== 20) throw new RangeError('an account has 20 bytes')
  const hex = toHex(account)
  const hash = toHex(keccak_256(utf8ToBytes(hex)))
  return `0x${hex.replace(/[a-f]/g, (letter, i: number) => (hash.charAt(i) >= '8' ? letter.toUpperCase() : letter))}`
}

/** Last 20 bytes of keccak256(x || y). */
function evmAddress(publicKey: Uint8Array): string {
  const uncompressed = secp256k1.Point.fromBytes(publicKey).toBytes(false)
  return checksumAddress(keccak_256(uncompressed.subarray(1)).subarray(12))
}

/** BIP-173, witness version 0, main network: hash160 of the compressed key. */
const p2wpkhAddress = (publicKey: Uint8Array): string => bech32.encode('bc', [0, ...bech32.toWords(ripemd160(sha256(publicKey)))])

/**
 * The addresses of a key: EVM and Bitcoin P2WPKH for ECDSA, Solana for Ed25519, none for BIP-340 and P-256.
 * @param publicKey 33 bytes compressed (ECDSA), 32 bytes otherwise.
 * @throws RangeError when the key is not a point: nobody could ever spend from its address.
 */
export function addressesOf(scheme: Scheme, publicKey: Uint8Array): Addresses {
  try {
    switch (scheme) {
      case 'ecdsa-secp256k1':
        if (publicKey.length !== 33) throw new RangeError('not compressed')
        return { evm: evmAddress(publicKey), bitcoin_p2wpkh: p2wpkhAddress(publicKey) }
      case 'eddsa-ed25519':
        ed25519.Point.fromBytes(publicKey)
        return { solana: base58.encode(publicKey) }
      case 'ecdsa-p256':
        if (publicKey.length !== 33) throw new RangeError('not compressed')
        p256.Point.fromBytes(publicKey)
        return {}
      case 'schnorr-secp256k1':
        return {}
    }
  } catch {
    throw new RangeError('not a public key of this scheme')
  }
}
