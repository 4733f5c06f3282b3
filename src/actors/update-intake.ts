import { equalBytes } from '../protocol/engine/bytes.ts'
import { PUBLIC_PACKAGE } from '../protocol/keygen/key-record.ts'
import { authorize, requestHash } from '../protocol/request/authorize.ts'
import { parseDocument, type Usage } from '../protocol/request/document.ts'
import type { KeyRow } from './key-cache.ts'
import { type Authority, type Claim, type FramedItem, Refused } from './signing-intake.ts'

/** What a key shall be from now on, and the request id that it uses up. */
export interface KeyUpdate extends Claim {
  readonly revision: number
  readonly usage: Usage
  readonly label: string | null
}

/**
 * Decides, for this signer alone, whether the key's owner asked for this update: the same checks as for a signature. Whether its
 * revision still counts is for the transaction that stores it.
 * @param row the ACTIVE key that the frame names, if this signer has it.
 * @throws RequestError, Refused
 */
export function judgeUpdate(
  { requestId, request }: Pick<FramedItem, 'requestId' | 'request'>,
  row: KeyRow | undefined,
  { audience, credentials, curves }: Authority,
  now: number,
): KeyUpdate {
  const document = parseDocument(request.document)
  const credential = authorize({
    bytes: request.document,
    document,
    authorizations: [request],
    credentials,
    audience,
    now,
    curves,
  })
  if (document.type !== 'key-update.v1' || document.requestId !== requestId) throw new Refused('malformed_request')
  const owned = row !== undefined && row.credentialId === credential.id && row.tenant === credential.tenant
  // Another key of the same owner too: the frame claims which row to look at, the document says which key is meant.
  if (!owned || !equalBytes(row.keyId, document.keyId)) throw new Refused('key_not_found')
  if (PUBLIC_PACKAGE.decode(row.publicPackage).scheme !== document.scheme) throw new Refused('payload_invalid')
  return {
    keyId: document.keyId,
    credentialId: credential.id,
    tenant: credential.tenant,
    requestId,
    requestHash: requestHash(request.document),
    expiresAt: document.expiresAt,
    revision: document.revision,
    usage: document.state,
    label: document.label,
  }
}
