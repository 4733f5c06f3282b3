import { SUITES } from '../../protocol/channel/setup.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import type { Group } from '../../protocol/curve/group.ts'
import { readInteger, writeInteger } from '../../protocol/curve/operands.ts'
import { concat, equalBytes } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'
import { ecdsaCurve } from '../../protocol/signing/ecdsa.ts'

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
 * The recovery value belongs to the signature: R = (x, parity) with s R = z G + r Q. A wrong one would make a valid signature that
 * every EVM chain attributes to somebody else. No inversion; z = 0 is refused long before (src/protocol/request/digest.ts).
 */
function isRecovery(group: Group, { publicKey, input, signature, yParity }: Verification): boolean {
  const r = signature.subarray(0, 32)
  const z = group.scalar(readInteger(input, 'big'))
  if ((yParity !== 0 && yParity !== 1) || group.isZero(z)) return false
  const keyPart = group.mulPublic(publicKey, r)
  const right = keyPart && group.sum([group.baseMul(z), keyPart])
  return abscissas(group, r).some((x) => {
    const nonce = concat(Uint8Array.of(2 + yParity), x)
    if (right === null || !group.isPoint(nonce)) return false
    const left = group.mulPublic(nonce, signature.subarray(32))
    return left !== null && equalBytes(left, right)
  })
}

/** What x(R) may be when r = x(R) mod q: on P-256 one nonce in 2^32 has an x of q or more, and the parity is said of that one. */
function abscissas(group: Group, r: Uint8Array): readonly Uint8Array[] {
  const larger = readInteger(r, 'big') + group.order
  return larger >> 256n === 0n ? [r, writeInteger(new Uint8Array(32), larger, 'big')] : [r]
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
    case 'ecdsa-p256': {
      const curve = ecdsaCurve(SUITES[scheme], curves)
      return curve?.verify(signature, input, publicKey) === true && isRecovery(curve.group, verification)
    }
    case 'schnorr-secp256k1':
      return curves.schnorrVerify(signature, input, publicKey)
    case 'eddsa-ed25519':
      return curves.ed25519Verify(signature, input, publicKey)
  }
}
