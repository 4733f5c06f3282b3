import type { Suite } from '../protocol/channel/setup.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import { equalBytes } from '../protocol/engine/bytes.ts'
import { authorize, type Credential, requestHash } from '../protocol/request/authorize.ts'
import { signingInput } from '../protocol/request/digest.ts'
import { parseDocument, type Usage } from '../protocol/request/document.ts'
import { instanceBytes, messageDigest } from '../protocol/request/instance.ts'
import { RequestError } from '../protocol/request/request-error.ts'
import type { SignerItem } from '../protocol/signing/batch.ts'
import type { Refusal } from '../protocol/signing/refusal.ts'
import type { KeyCache, LoadedKey } from './key-cache.ts'

/** Who may ask this signer, and under which name the set goes. From the signer's own configuration, never from a frame. */
export interface Authority {
  readonly audience: string
  readonly credentials: ReadonlyMap<string, Credential>
  readonly curves: Curves
}

/** One item as the coordinator framed it; everything in it is a claim. */
export interface FramedItem {
  readonly instance: Uint8Array
  readonly requestId: string
  readonly request: {
    readonly document: Uint8Array
    readonly credentialId: string
    readonly alg: string
    readonly signature: Uint8Array
  }
}

/** A request id to be used up when this signer answers (decisions.md 9). */
export interface Claim {
  /** The key it is about: it has to be active still when the answer leaves. */
  readonly keyId: Uint8Array
  readonly credentialId: string
  readonly tenant: string
  readonly requestId: string
  readonly requestHash: Uint8Array
  readonly expiresAt: number
}

export interface Judged {
  readonly item: SignerItem
  /** null when the item is refused. */
  readonly claim: Claim | null
}

export class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal)
    this.refusal = refusal
  }
}

/** What holds for all items of a frame. */
interface Batch {
  readonly suite: Suite
  readonly threshold: number
  readonly now: number
  /** As the store said when this frame came; undefined for keys that it has not, or not yet. */
  readonly usageOf: (keyId: Uint8Array) => string | undefined
}

/** What a key has to be to be signed with. */
const USABLE: Usage = 'active'

/**
 * Decides, for this signer alone, whether it takes part in one signature: the initiator's signature over the exact bytes,
 * audience, time, replay, ownership, then the digest from the payload and the instance from the signer's own key record. Runs
 * before any nonce exists. A refusal costs the other items of the batch nothing (decisions.md 13).
 * @param known the request hash that the ledger holds for the claimed request id, or null.
 * @param elsewhere whether another open session answers for the same request id with other bytes.
 */
export function judge(
  framed: FramedItem,
  session: Batch,
  authority: Authority,
  keys: KeyCache,
  known: Uint8Array | null,
  elsewhere: (claim: Claim) => boolean,
): Judged {
  try {
    return accept(framed, session, authority, keys, known, elsewhere)
  } catch (error) {
    if (error instanceof Refused) return { item: { instance: framed.instance, refusal: error.refusal }, claim: null }
    if (error instanceof RequestError) return { item: { instance: framed.instance, refusal: error.code }, claim: null }
    throw error
  }
}

function accept(
  { instance, requestId, request }: FramedItem,
  { suite, threshold, now, usageOf }: Batch,
  { audience, credentials, curves }: Authority,
  keys: KeyCache,
  known: Uint8Array | null,
  elsewhere: (claim: Claim) => boolean,
): Judged {
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
  if (document.type !== 'sign.v1' || document.requestId !== requestId) throw new Refused('malformed_request')
  const hash = requestHash(request.document)
  const claim = {
    keyId: document.keyId,
    credentialId: credential.id,
    tenant: credential.tenant,
    requestId,
    requestHash: hash,
    expiresAt: document.expiresAt,
  }
  if ((known !== null && !equalBytes(known, hash)) || elsewhere(claim)) throw new Refused('request_replayed')

  const key = keys.get(document.keyId)
  const usage = usageOf(document.keyId)
  // Unknown, unfinished and somebody else's look the same (decisions.md 8, attacks.md T-21).
  if (key === undefined || usage === undefined || !ownedBy(key, credential)) throw new Refused('key_not_found')
  // From the row of this frame and never from the cache, which knows nothing of freezes.
  if (usage !== USABLE) throw new Refused('key_frozen')
  if (document.scheme !== key.scheme) throw new Refused('payload_invalid')
  if (key.scheme !== suite || key.threshold !== threshold) throw new Refused('instance_mismatch')
  const input = signingInput(document.scheme, document.payload)
  const derived = instanceBytes({
    keyId: document.keyId,
    epochId: key.epochId,
    path: document.path,
    tweak: NO_TWEAK,
    publicKey: key.publicKey,
    digest: messageDigest(document.scheme, input),
    requestHash: hash,
  })
  if (!equalBytes(derived, instance)) throw new Refused('instance_mismatch')
  // A copy: the cache may evict and wipe the key while the session runs. The session wipes this one.
  const share = Uint8Array.from(key.share)
  const { publicKey, verifyingShares } = key
  return { item: { item: { instance: derived, input, publicKey }, share, verifyingShares }, claim }
}

/** Path `m`: the key itself. */
const NO_TWEAK = new Uint8Array(32)

const ownedBy = (key: LoadedKey, credential: Credential): boolean =>
  key.credentialId === credential.id && key.tenant === credential.tenant
