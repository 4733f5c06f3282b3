import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Group } from '../../protocol/curve/group.ts'
import { readInteger } from '../../protocol/curve/operands.ts'
import { type EcdsaScheme, isEcdsa, type Scheme } from '../../protocol/request/document.ts'

const ECDSA_OF: Readonly<Record<EcdsaScheme, ECDSA>> = { 'ecdsa-secp256k1': secp256k1, 'ecdsa-p256': p256 }

/** X.690, of 64-byte r || s. */
export const derOf = (scheme: EcdsaScheme, compact: Uint8Array): Uint8Array =>
  ECDSA_OF[scheme].Signature.fromBytes(compact, 'compact').toBytes('der')

/** A signature as it came, taken apart; not yet verified. */
export interface SignatureForm {
  /** 64 bytes. */
  readonly compact: Uint8Array
  /** Only where the form says it: ECDSA in 65 bytes. */
  readonly yParity: number | undefined
}

const COMPACT = 64
const WITH_RECOVERY = 65

/**
 * Every form in which signatures leave this API: 64 bytes; ECDSA also in 65 with v = 27 or 28 at the end, and in DER (X.690: one encoding per
 * signature). The length tells them apart; a DER signature of 64 or 65 bytes needs an r and s of 2^-40, and is taken for the other form.
 * @returns null for bytes of no form
 */
export function readSignature(scheme: Scheme, bytes: Uint8Array): SignatureForm | null {
  if (bytes.length === COMPACT) return { compact: bytes, yParity: undefined }
  if (!isEcdsa(scheme)) return null
  if (bytes.length === WITH_RECOVERY) {
    const yParity = (bytes[COMPACT] as number) - 27
    return yParity === 0 || yParity === 1 ? { compact: bytes.subarray(0, COMPACT), yParity } : null
  }
  try {
    return { compact: ECDSA_OF[scheme].Signature.fromBytes(bytes, 'der').toBytes('compact'), yParity: undefined }
  } catch {
    return null
  }
}

/** Whether s lies in the upper half of the order: the other of two signatures that verify, which anybody can make from the one. */
export const isHighS = ({ order }: Group, compact: Uint8Array): boolean => readInteger(compact.subarray(32), 'big') > order >> 1n
