import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import {
  CERTIFICATE_REPLY,
  CERTIFICATE_REQUEST,
  KEY_STATES,
  KEYS_REPLY,
  KEYS_REQUEST,
} from '../../protocol/frames/signer-frames.ts'
import { CERTIFICATE, verifyCertificate } from '../../protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../protocol/keygen/key-record.ts'
import type { StoredSignerKey } from '../store/signer-keys.ts'
import { decoded, readable } from './read-frame.ts'
import type { SignerServiceOptions } from './signer-service.ts'

type Reports = Pick<SignerServiceOptions, 'store' | 'log' | 'config'> & { readonly curves: Curves }
const NOTHING = new Uint8Array(0)

/** Decision 3: a signer that missed the certificate gets it later, from whoever has it; it believes the n signatures only. */
export async function certificate(o: Reports, body: Uint8Array): Promise<Uint8Array> {
  const request = readable(CERTIFICATE_REQUEST, body)
  const stored = o.store.getKey(request.keyId)
  if (stored?.state === 'pending' && request.certificate.length > 0 && fits(o, stored, request.certificate)) {
    o.store.activate(stored.keyId, request.certificate)
    o.log.info({ keyId: toHex(stored.keyId) }, 'key active, certificate delivered late')
  }
  const key = o.store.getKey(request.keyId)
  return CERTIFICATE_REPLY.encode({
    state: key === undefined ? KEY_STATES.unknown : KEY_STATES[key.state],
    publicPackage: key?.publicPackage ?? NOTHING,
    ownSignature: key?.ownSignature ?? NOTHING,
    certificate: key?.certificate ?? NOTHING,
    credentialId: key?.credentialId ?? '',
    requestId: key?.requestId ?? '',
    requestHash: key?.requestHash ?? NOTHING,
    label: key?.label ?? null,
    usage: key?.usage ?? '',
    revision: key?.revision ?? 0,
    createdAt: key?.createdAt ?? 0,
  })
}

function fits(o: Reports, stored: StoredSignerKey, bytes: Uint8Array): boolean {
  const found = decoded(CERTIFICATE, bytes)
  return (
    found !== null &&
    equalBytes(PUBLIC_PACKAGE.encode(found.key), stored.publicPackage) &&
    verifyCertificate(found, o.config.roster.roster, o.curves)
  )
}

/** Active keys, page by page: from which a coordinator rebuilds its directory. */
export async function keys(o: Reports, body: Uint8Array): Promise<Uint8Array> {
  const { after, limit } = readable(KEYS_REQUEST, body)
  return KEYS_REPLY.encode({ keyIds: o.store.activeKeyIds(limit, after) })
}
