import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Scheme } from '../../protocol/request/document.ts'

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
  if (scheme !== 'ecdsa-secp256k1') return null
  if (bytes.length === WITH_RECOVERY) {
    const yParity = (bytes[COMPACT] as number) - 27
    return yParity === 0 || yParity === 1 ? { compact: bytes.subarray(0, COMPACT), yParity } : null
  }
  try {
    return { compact: secp256k1.Signature.fromBytes(bytes, 'der').toBytes('compact'), yParity: undefined }
  } catch {
    return null
  }
}

const HALF_ORDER = secp256k1.Point.Fn.ORDER >> 1n

/** Whether s lies in the upper half of the order: the other of two signatures that verify, which anybody can make from the one. */
export const isHighS = (compact: Uint8Array): boolean =>
  BigInt(`0x${Buffer.from(compact.subarray(32)).toString('hex')}`) > HALF_ORDER
