import { memberOf, type Roster } from '../channel/roster.ts'
import { SUITES } from '../channel/setup.ts'
import type { Curves } from '../curve/curves.ts'
import { equalBytes, idList, list as listBytes, u16, u32 } from '../engine/bytes.ts'
import { bytes, list, message } from '../engine/codec.ts'
import { MAX_PARTIES, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { type PublicPackage, publicPackageShape } from './key-record.ts'
import { groupOf } from './scheme.ts'

/** A key with the word of all its signers for it (decisions.md 2). It proves itself to whoever pins the roster; it holds no secret. */
export interface Certificate {
  readonly key: PublicPackage
  /** Ed25519 signatures over {@link certificateMessage} by the roster keys, 64 bytes each, in the order of `key.parties`. */
  readonly signatures: readonly Uint8Array[]
}

/** At most 2,560 bytes. `decode` checks the form only: see {@link verifyCertificate}. @throws RangeError */
export const CERTIFICATE = message({ key: publicPackageShape, signatures: list(bytes(64), MAX_PARTIES) }, 2560)

/**
 * The 32 bytes that each signer signs. protocols.md 3 hashes the chain code here; it stands behind `key_id` instead, so
 * that gateways and clients can verify without it.
 */
export const certificateMessage = (key: PublicPackage): Uint8Array =>
  TH(
    TAGS.certificate,
    key.sessionId,
    key.transcript,
    u16(SUITES[key.scheme]),
    key.publicKey,
    listBytes(key.verificationShares),
    key.keyId,
    key.epochId,
    u32(key.epoch),
    u16(key.threshold),
    idList(key.parties),
    key.rosterHash,
    key.requestHash,
  )

/** One signer's signature under its roster key. */
export const verifyCertificateSignature = (
  key: PublicPackage,
  party: PartyId,
  signature: Uint8Array,
  roster: Roster,
  curves: Curves,
): boolean => curves.ed25519Verify(signature, certificateMessage(key), memberOf(roster, party).signKey)

/**
 * Is this a key that all signers of the pinned roster stand for? To be asked before a key or an address is shown to anyone.
 * One missing or wrong signature makes it false: with n - 1 of them, an honest signer may hold no share.
 */
export function verifyCertificate(certificate: Certificate, roster: Roster, curves: Curves): boolean {
  const { key, signatures } = certificate
  if (!equalBytes(key.rosterHash, roster.hash)) return false
  if (key.parties.join() !== roster.members.map((m) => m.id).join() || signatures.length !== key.parties.length) return false
  const group = groupOf(key.scheme, curves)
  if (![key.publicKey, ...key.verificationShares].every((point) => group.isPoint(point))) return false
  return key.parties.every((party, i) => verifyCertificateSignature(key, party, signatures[i] as Uint8Array, roster, curves))
}

/**
 * Rebuilds the certificate from the signatures that each signer stored with its pending share (decisions.md 3): how a coordinator
 * finishes a key generation whose last message was lost. null unless all n signatures are there and valid.
 */
export function assembleCertificate(
  key: PublicPackage,
  signatures: ReadonlyMap<PartyId, Uint8Array>,
  roster: Roster,
  curves: Curves,
): Certificate | null {
  const ordered = key.parties.flatMap((party) => signatures.get(party) ?? [])
  const certificate = { key, signatures: ordered }
  return ordered.length === key.parties.length && verifyCertificate(certificate, roster, curves) ? certificate : null
}

/** The key as signatures verify under it: 33 bytes for ECDSA, x-only 32 bytes for BIP-340, 32 bytes for Ed25519. */
export const publicKeyOf = ({ key }: Certificate): Uint8Array =>
  key.scheme === 'schnorr-secp256k1' ? key.publicKey.slice(1) : Uint8Array.from(key.publicKey)
