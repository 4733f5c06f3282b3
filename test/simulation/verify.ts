import { createPublicKey, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { SignatureView } from '../../src/host/api/coordinator-service.ts'
import { equalBytes } from '../../src/protocol/engine/bytes.ts'

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** Whether a signature is one of `input` (the message for Ed25519, else the digest) under the key, by code that the set does not run: noble, OpenSSL. */
export function isSignature(
  signature: NonNullable<SignatureView['signature']>,
  input: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  switch (signature.scheme) {
    case 'eddsa-ed25519': {
      const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI, publicKey]), format: 'der', type: 'spki' })
      return verify(null, input, key, signature.compact)
    }
    case 'schnorr-secp256k1':
      return schnorr.verify(signature.compact, input, publicKey.subarray(-32))
    case 'ecdsa-secp256k1':
    case 'ecdsa-p256': {
      // Recovering is verifying: the key comes out of signature and digest alone.
      const curve = signature.scheme === 'ecdsa-p256' ? p256 : secp256k1
      const parsed = curve.Signature.fromBytes(signature.compact, 'compact')
      const recovered = parsed.addRecoveryBit(signature.recovery).recoverPublicKey(input)
      return !parsed.hasHighS() && equalBytes(recovered.toBytes(true), publicKey)
    }
  }
}
