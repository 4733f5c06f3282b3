import type { Curves } from '../protocol/curve/curves.ts'
import { SetupError } from '../protocol/engine/fault.ts'
import type { SetupFields } from '../protocol/frames/setup-frame.ts'
import { authorize, ownedRequestHash, requestHash } from '../protocol/request/authorize.ts'
import { type KeygenDocument, parseDocument } from '../protocol/request/document.ts'
import type { Authority, FramedItem } from './signing-intake.ts'

/** For whom a key is made, and with which request: a request makes one key, ever (decisions.md 3). */
export interface KeygenOwner {
  readonly credentialId: string
  readonly tenant: string
  readonly requestHash: Uint8Array
  /** What the session is about and the certificate names. */
  readonly ownedRequestHash: Uint8Array
  readonly document: KeygenDocument
}

/**
 * Decides whether this signer takes part in making a key: the initiator's own signed request, and a set-up that says the same.
 * @throws RequestError, SetupError before any message exists.
 */
export function judgeKeygen(
  requestId: string,
  request: FramedItem['request'],
  setup: SetupFields,
  rosterSize: number,
  { audience, credentials, curves }: Authority & { readonly curves: Curves },
  now: number,
): KeygenOwner {
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
  if (document.type !== 'keygen.v1' || document.requestId !== requestId) throw new SetupError('SETUP_REFUSED', 'another document')
  // parties = n for now (decisions.md 4): a key is shared by the whole roster or not made.
  if (document.parties !== rosterSize || setup.signers.length !== rosterSize) {
    throw new SetupError('SETUP_REFUSED', 'a key is shared by all signers of the roster')
  }
  if (document.scheme !== setup.suite || document.threshold !== setup.threshold || setup.epoch !== 0) {
    throw new SetupError('SETUP_REFUSED', 'the set-up is not what the request asks for')
  }
  const hash = requestHash(request.document)
  return {
    credentialId: credential.id,
    tenant: credential.tenant,
    requestHash: hash,
    ownedRequestHash: ownedRequestHash(hash, credential.id),
    document,
  }
}
