import { utf8ToBytes } from '@noble/hashes/utils.js'
import { concat, toHex, u32 } from '../engine/bytes.ts'
import { SetupError } from '../engine/fault.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { MAX_BATCH } from '../signing/batch.ts'
import type { Scheme } from './document.ts'

/** Everything that one signature is about. Each signer fills it from the signed request and its own key record. */
export interface Instance {
  /** 32 bytes. */
  readonly keyId: Uint8Array
  /** 32 bytes; see keygen. */
  readonly epochId: Uint8Array
  readonly path: string
  /** 32-byte scalar that derivation along `path` adds to the key; zero for `m`. */
  readonly tweak: Uint8Array
  /** The key that the signature must verify under: 33 bytes (ECDSA) or 32 bytes (BIP-340, Ed25519). */
  readonly publicKey: Uint8Array
  /** {@link messageDigest}, 32 bytes. */
  readonly digest: Uint8Array
  /** Of the document's bytes, 32 bytes: two requests for one digest stay two instances. */
  readonly requestHash: Uint8Array
}

const lp = (bytes: Uint8Array): Uint8Array => concat(u32(bytes.length), bytes)

/**
 * `key_id || epoch_id || lp(path) || tweak || lp(public key) || digest || request_hash`, `lp(b) = u32(len b) || b`
 * (honest-majority-ecdsa.md 1.4, decisions.md 18). All other fields have one width, so no two instances share bytes.
 * @throws RangeError on a field of another length.
 */
export function instanceBytes(instance: Instance): Uint8Array {
  const { keyId, epochId, path, tweak, publicKey, digest, requestHash } = instance
  for (const field of [keyId, epochId, tweak, digest, requestHash]) {
    if (field.length !== 32) throw new RangeError('a field of the instance does not have 32 bytes')
  }
  if (publicKey.length !== 32 && publicKey.length !== 33) throw new RangeError('a public key has 32 or 33 bytes')
  return concat(keyId, epochId, lp(utf8ToBytes(path)), tweak, lp(publicKey), digest, requestHash)
}

/** The digest inside the bytes of an instance, 32 bytes: engines check that this is what they sign. */
export const instanceDigest = (instance: Uint8Array): Uint8Array => instance.slice(-64, -32)

/**
 * The 32 bytes that stand for what is signed: the signing input itself for ECDSA and BIP-340, TH(inst, message) for Ed25519.
 * @throws RangeError when the input of ECDSA or BIP-340 does not have 32 bytes.
 */
export function messageDigest(scheme: Scheme, input: Uint8Array): Uint8Array {
  if (scheme === 'eddsa-ed25519') return TH(TAGS.instance, input)
  if (input.length !== 32) throw new RangeError('a digest has 32 bytes')
  return Uint8Array.from(input)
}

/**
 * `u32 count || lp(instance)...`: the purpose of a signing session's set-up, which every signer derives itself and which
 * fixes what is signed before any nonce exists.
 * @throws SetupError SETUP_REFUSED for none, more than {@link MAX_BATCH}, or one instance twice: that would be two
 * signatures for one approval (decisions.md 5).
 */
export function purposeOf(instances: readonly Uint8Array[]): Uint8Array {
  if (instances.length < 1 || instances.length > MAX_BATCH) {
    throw new SetupError('SETUP_REFUSED', `a session has 1..${MAX_BATCH} instances`)
  }
  if (new Set(instances.map(toHex)).size !== instances.length) throw new SetupError('SETUP_REFUSED', 'an instance stands twice')
  return concat(u32(instances.length), ...instances.map(lp))
}
