import { SUITES } from '../channel/setup.ts'
import { list as listBytes, u16, u32 } from '../engine/bytes.ts'
import { bytes, codec, list, message, type Shape, struct, uint } from '../engine/codec.ts'
import { assertParties, assertThreshold, EVERYONE, MAX_PARTIES, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import type { Scheme } from '../request/document.ts'
import type { Commitments } from '../sharing/feldman.ts'
import { pointLengthOf, schemeShape } from './scheme.ts'

/** Everything public about one epoch of a key: what the signers certify, fields in the order they are hashed. */
export interface PublicPackage {
  /** Of the key generation, 32 bytes. */
  readonly sessionId: Uint8Array
  /** T_2 of the key generation, 32 bytes: every broadcast that made the key. */
  readonly transcript: Uint8Array
  readonly scheme: Scheme
  /** X, a point: 33 or 32 bytes. */
  readonly publicKey: Uint8Array
  /** X_j = s_j G in the order of `parties`. */
  readonly verificationShares: readonly Uint8Array[]
  /** TH(key, scheme, X, chain code), 32 bytes: commits to the chain code, which never leaves the signers. */
  readonly keyId: Uint8Array
  /** TH(epoch, key_id, epoch, roster_hash, commitments), 32 bytes. */
  readonly epochId: Uint8Array
  /** From 1. */
  readonly epoch: number
  readonly threshold: number
  /** Ascending. */
  readonly parties: readonly PartyId[]
  readonly rosterHash: Uint8Array
  /** For which request of which credential the key was made: request/authorize.ts, `ownedRequestHash`, 32 bytes. */
  readonly requestHash: Uint8Array
}

/** Keys are born in epoch 1. */
const FIRST_EPOCH = 1

/**
 * The key that a key generation has made, from what all its signers know of it.
 * @param made `commitments` are those to the sum of all polynomials, constant term first; `chain` is *secret*: it enters as the opening
 * of key_id and nowhere else.
 */
export function describeKey(
  made: Omit<PublicPackage, 'publicKey' | 'keyId' | 'epochId' | 'epoch'> & {
    readonly commitments: Commitments
    readonly chain: Uint8Array
  },
): PublicPackage {
  const { commitments, chain, ...known } = made
  const publicKey = commitments[0] as Uint8Array
  const keyId = TH(TAGS.key, u16(SUITES[known.scheme]), publicKey, chain)
  const epochId = TH(TAGS.epoch, keyId, u32(FIRST_EPOCH), known.rosterHash, listBytes(commitments))
  return { ...known, publicKey, keyId, epochId, epoch: FIRST_EPOCH }
}

/** What only one signer holds of a key. Both are wiped by whoever was given them. */
export interface KeySecret {
  /** s_i, a 32-byte scalar. */
  readonly share: Uint8Array
  /** 32 bytes, the same at every signer: with it, one leaked child key gives its parent, so it is kept like a share. */
  readonly chain: Uint8Array
}

const FIELDS = struct({
  sessionId: bytes(32),
  transcript: bytes(32),
  scheme: schemeShape,
  publicKey: bytes({ max: 33 }),
  verificationShares: list(bytes({ max: 33 }), MAX_PARTIES),
  keyId: bytes(32),
  epochId: bytes(32),
  epoch: uint(2 ** 32 - 1),
  threshold: uint(MAX_PARTIES),
  parties: list(uint(EVERYONE - 1), MAX_PARTIES),
  rosterHash: bytes(32),
  requestHash: bytes(32),
})

function assertPackage(key: PublicPackage): PublicPackage {
  assertParties(key.parties)
  assertThreshold(key.threshold, key.parties.length)
  if (key.epoch < 1) throw new RangeError('epochs count from 1')
  if (key.verificationShares.length !== key.parties.length) throw new RangeError('one verification share per party')
  if ([key.publicKey, ...key.verificationShares].some((point) => point.length !== pointLengthOf(key.scheme))) {
    throw new RangeError('a point of another length')
  }
  return key
}

/** Lengths, order and counts are checked on the way in and out; whether points are points is for {@link verifyCertificate}. */
export const publicPackageShape: Shape<PublicPackage> = {
  form: FIELDS.form,
  parse: (value) => assertPackage(FIELDS.parse(value)),
  plain: (key) => FIELDS.plain(assertPackage(key)),
}

/** The stored and relayed form, at most 1 KiB. @throws RangeError on decoding anything else. */
export const PUBLIC_PACKAGE = codec(publicPackageShape, 1024)

/** The stored form of the secret part, to be sealed before it reaches a disk. The caller wipes both the bytes and the decoded fields. */
export const KEY_SECRET = message({ share: bytes(32), chain: bytes(32) }, 80)
