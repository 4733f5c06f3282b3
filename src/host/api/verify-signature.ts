import type { Curves } from '../../protocol/curve/curves.ts'
import { concat, equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'

/** A signature that came back from the coordinator and what it has to be a signature of. All of it is public. */
export interface Verification {
  readonly scheme: Scheme
  /** Of the verified certificate: 33 bytes (ECDSA) or 32 bytes. */
  readonly publicKey: Uint8Array
  /** What the gateway itself derived from the payload: digest, or message (Ed25519). */
  readonly input: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** ECDSA only: parity of the nonce point's ordinate. */
  readonly yParity: number
}

/**
 * The recovery value belongs to the signature: R = (r, parity) with s R = z G + r Q. A wrong one would make a valid signature that
 * every EVM chain attributes to somebody else. No inversion; z = 0 is refused long before (src/protocol/request/digest.ts).
 */
function isRecovery({ secp256k1: group }: Curves, { publicKey, input, signature, yParity }: Verification): boolean {
  const r = signature.subarray(0, 32)
  const nonce = concat(Uint8Array.of(2 + yParity), r)
  const z = group.scalar(BigInt(`0x${toHex(input)}`))
  if ((yParity !== 0 && yParity !== 1) || !group.isPoint(nonce) || group.isZero(z)) return false
  const left = group.mulPublic(nonce, signature.subarray(32))
  const keyPart = group.mulPublic(publicKey, r)
  const right = keyPart && group.sum([group.baseMul(z), keyPart])
  return left !== null && right !== null && equalBytes(left, right)
}

/**
 * Whether the signature is one, under the key whose certificate all signers signed (decisions.md 2). Pure and self-contained, so
 * that it can run in a worker. Never throws.
 */
export function verifySignature(curves: Curves, verification: Verification): boolean {
  const { scheme, publicKey, input, signature } = verification
  if (signature.length !== 64) return false
  switch (scheme) {
    case 'ecdsa-secp256k1':
      return curves.ecdsaVerify(signature, input, publicKey) && isRecovery(curves, verification)
    case 'schnorr-secp256k1':
      return curves.schnorrVerify(signature, input, publicKey)
    case 'eddsa-ed25519':
      return curves.ed25519Verify(signature, input, publicKey)
  }
}
