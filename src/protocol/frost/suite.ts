import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Curves } from '../curve/curves.ts'
import type { Group } from '../curve/group.ts'
import { concat } from '../engine/bytes.ts'

/**
 * A FROST ciphersuite (RFC 9591 section 6): the group and H1..H5. `evenY` marks FROST-secp256k1-SHA256-TR-v1, whose output is a
 * BIP-340 signature: key and R enter with even y (protocols.md 8.3, way A).
 */
export interface FrostSuite {
  readonly name: 'FROST-ED25519-SHA512-v1' | 'FROST-secp256k1-SHA256-TR-v1'
  readonly group: (curves: Curves) => Group
  readonly evenY: boolean
  /** Wide integer for {@link Group.reduceWide}: binding factors. */
  readonly h1: (input: Uint8Array) => Uint8Array
  /** Wide integer: the challenge over (R, key, message), encoded as the signature's verifier expects. */
  readonly challenge: (R: Uint8Array, publicKey: Uint8Array, message: Uint8Array) => Uint8Array
  /** Wide integer: nonces, from 32 random bytes and the share. */
  readonly h3: (input: Uint8Array) => Uint8Array
  readonly h4: (message: Uint8Array) => Uint8Array
  readonly h5: (commitments: Uint8Array) => Uint8Array
  readonly verify: (curves: Curves, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean
}

const ED = utf8ToBytes('FROST-ED25519-SHA512-v1')
// Streamed: h3 takes the share, and a concatenation would be a copy of it that nobody wipes.
const ed = (name: string) => (input: Uint8Array) => sha512.create().update(ED).update(utf8ToBytes(name)).update(input).digest()

/** RFC 9591 6.1. */
export const FROST_ED25519: FrostSuite = {
  name: 'FROST-ED25519-SHA512-v1',
  group: (curves) => curves.ed25519,
  evenY: false,
  h1: ed('rho'),
  challenge: (R, publicKey, message) => sha512(concat(R, publicKey, message)),
  h3: ed('nonce'),
  h4: ed('msg'),
  h5: ed('com'),
  verify: (curves, signature, message, publicKey) => curves.ed25519Verify(signature, message, publicKey),
}

const TR = utf8ToBytes('FROST-secp256k1-SHA256-TR-v1')
const WIDE = 48
const field = (name: string) => (input: Uint8Array) => expand_message_xmd(input, concat(TR, utf8ToBytes(name)), WIDE, sha256)
const tr = (name: string) => (input: Uint8Array) => sha256(concat(TR, utf8ToBytes(name), input))
const BIP340 = sha256(utf8ToBytes('BIP0340/challenge'))

/** RFC 9591 6.5 with the challenge and even-y rules of BIP-340. */
export const FROST_BIP340: FrostSuite = {
  name: 'FROST-secp256k1-SHA256-TR-v1',
  group: (curves) => curves.secp256k1,
  evenY: true,
  h1: field('rho'),
  challenge: (R, publicKey, message) =>
    concat(new Uint8Array(WIDE - 32), sha256(concat(BIP340, BIP340, R.subarray(1), publicKey.subarray(1), message))),
  h3: field('nonce'),
  h4: tr('msg'),
  h5: tr('com'),
  verify: (curves, signature, message, publicKey) => curves.schnorrVerify(signature, message, publicKey.slice(1)),
}
