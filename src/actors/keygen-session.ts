import { wipe } from '../protocol/engine/bytes.ts'
import { CERTIFICATE } from '../protocol/keygen/certificate.ts'
import type { KeyGenResult, PendingKey } from '../protocol/keygen/dkg.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../protocol/keygen/key-record.ts'
import type { KeygenOwner } from './keygen-intake.ts'
import type { SessionHooks } from './live-session.ts'

type Seal = (plain: Uint8Array, keyId: Uint8Array, epoch: number) => Uint8Array

/** What a key generation has the main thread store: the key as PENDING before this signer certifies it, then as ACTIVE (decisions.md 3). */
export function keygenHooks(owner: KeygenOwner, requestId: string, seal: Seal): SessionHooks<KeyGenResult, PendingKey> {
  const { document, credentialId, tenant, requestHash } = owner
  return {
    onCommit: ({ key, secret, signature }) => {
      const plain = KEY_SECRET.encode(secret)
      try {
        return {
          pending: {
            keyId: key.keyId,
            credentialId,
            tenant,
            requestId,
            requestHash,
            label: document.label ?? null,
            publicPackage: PUBLIC_PACKAGE.encode(key),
            sealedShare: seal(plain, key.keyId, key.epoch),
            ownSignature: signature,
          },
        }
      } finally {
        wipe(plain, secret.share, secret.chain)
      }
    },
    onDone: ({ certificate }) => {
      const encoded = CERTIFICATE.encode(certificate)
      return { activate: { keyId: certificate.key.keyId, certificate: encoded }, reply: { result: encoded } }
    },
    onEnd: () => {},
  }
}
