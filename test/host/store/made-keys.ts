import { randomFillSync } from 'node:crypto'
import type { SignerKey } from '../../../src/host/store/signer-keys.ts'
import { CERTIFICATE } from '../../../src/protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE, type PublicPackage } from '../../../src/protocol/keygen/key-record.ts'
import { pointLengthOf } from '../../../src/protocol/keygen/scheme.ts'
import { ownedRequestHash } from '../../../src/protocol/request/authorize.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import { NOW } from './drivers.ts'

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))
const ROSTER = random(32)

/** A key and its certificate as long as real ones and in their form. Nothing of it adds up: a store does not look inside. */
export function madeKey(
  i: number,
  { scheme = 'ecdsa-secp256k1', parties = 3, label = null }: { scheme?: Scheme; parties?: number; label?: string | null } = {},
): { readonly key: SignerKey; readonly certificate: Uint8Array } {
  const owner = 'cred_gateway'
  const requestHash = random(32)
  const all = Array.from({ length: parties }, (_, j) => j + 1)
  const point = (): Uint8Array => random(pointLengthOf(scheme))
  const made: PublicPackage = {
    sessionId: random(32),
    transcript: random(32),
    scheme,
    publicKey: point(),
    verificationShares: all.map(point),
    keyId: random(32),
    epochId: random(32),
    epoch: 1,
    threshold: 2,
    parties: all,
    rosterHash: ROSTER,
    requestHash: ownedRequestHash(requestHash, owner),
  }
  const signatures = all.map(() => random(64))
  return {
    key: {
      keyId: made.keyId,
      credentialId: owner,
      tenant: 'gateway',
      requestId: `req_${Buffer.from(random(32)).toString('hex')}`,
      requestHash,
      label,
      publicPackage: PUBLIC_PACKAGE.encode(made),
      sealedShare: random(98),
      ownSignature: signatures[1] as Uint8Array,
      createdAt: NOW + i,
    },
    certificate: CERTIFICATE.encode({ key: made, signatures }),
  }
}
