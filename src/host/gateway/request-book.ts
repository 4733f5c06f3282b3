import { utf8ToBytes } from '@noble/hashes/utils.js'
import { equalBytes, toHex } from '../../protocol/engine/bytes.ts'
import { TAGS } from '../../protocol/engine/tags.ts'
import { TH } from '../../protocol/engine/transcript.ts'
import { authorizationMessage, ownedRequestHash, requestHash } from '../../protocol/request/authorize.ts'
import {
  type Document,
  encodeDocument,
  type KeygenDocument,
  type KeyUpdateDocument,
  type SignDocument,
} from '../../protocol/request/document.ts'
import { ApiProblem } from '../api/problem.ts'
import { signatureIdOf } from '../api/signature-id.ts'
import { toProblem } from '../api/to-problem.ts'
import type { GatewayRequest, GatewayStore } from '../store/gateway-store.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import type { Principal } from './principal.ts'

/** What signs request documents. The seed stays inside. */
export interface RequestSigner {
  /** `cred_…` */
  readonly id: string
  /** Ed25519 signature, 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

type Described<D extends Document> = Omit<D, 'requestId' | 'audience' | 'issuedAt' | 'expiresAt' | 'reference' | 'metadata'>
/** What a user asked for, without the parts that the gateway fills in. */
export type Wish = Described<SignDocument> | Described<KeygenDocument> | Described<KeyUpdateDocument>

/** A request on the disk, ready to be sent as often as it takes. */
export interface BookedRequest {
  /** As the user named it, or as we did for the user. */
  readonly requestId: string
  readonly row: GatewayRequest
  /** Of the document and our credential, 32 bytes: what the certificate of a key made for it names. */
  readonly ownedRequestHash: Uint8Array
  /** The coordinator form of the call, JSON. */
  readonly body: string
}

export interface RequestBook {
  /**
   * Makes and signs the document for a wish and stores it, durably; or finds the one that this principal's request id stands
   * for already, whose very bytes are then to be sent again (decisions.md 10).
   * @param more further members of the document's metadata, signed and part of what is asked for
   * @throws ApiProblem request_replayed; what became of a write that failed, outcome `none`. RequestError, StoreError
   */
  readonly book: (
    principal: Principal,
    requestId: string | undefined,
    wish: Wish,
    more?: Readonly<Record<string, string>>,
  ) => Promise<BookedRequest>
  /** What this principal's request id stands for, if it was used. @throws ApiProblem request_replayed when it stands for a batch */
  readonly find: (principal: Principal, requestId: string) => BookedRequest | undefined
  /** The request behind a signature that this principal asked for. */
  readonly bySignature: (principal: Principal, signatureId: string) => GatewayRequest | undefined
}

export interface RequestBookOptions {
  readonly store: GatewayStore
  readonly commits: GroupCommit
  readonly signer: RequestSigner
  /** `set_…` */
  readonly audience: string
  readonly lifeMs: number
  readonly now: () => number
  readonly randomBytes: (length: number) => Uint8Array
}

/** The row may be there or not after a failed write: either way nothing has left, and the same call is as good as new. */
function unsent(error: unknown, requestId: string | undefined): ApiProblem {
  const problem = toProblem(error)
  return new ApiProblem(problem.code, problem.detail, { ...problem, cause: problem.cause, requestId, outcome: 'none' })
}

/**
 * The document's own request id. All users share one credential, and signers count ids per credential: without the principal in
 * it, one user could use up another one's ids.
 */
const documentRequestId = (principal: Principal, requestId: string): string =>
  `req_${toHex(TH(TAGS.gatewayRequestId, utf8ToBytes(principal.id), utf8ToBytes(requestId)))}`

export function createRequestBook(options: RequestBookOptions): RequestBook {
  const { store, commits, signer, audience, lifeMs, now, randomBytes } = options

  const booked = (requestId: string, row: GatewayRequest): BookedRequest => ({
    requestId,
    row,
    ownedRequestHash: ownedRequestHash(requestHash(row.document), signer.id),
    body: JSON.stringify({
      request: Buffer.from(row.document).toString('base64url'),
      authorizations: [
        { credential_id: signer.id, alg: 'ed25519', signature: Buffer.from(row.authorization).toString('base64url') },
      ],
    }),
  })

  const sameOrConflict = (requestId: string, row: GatewayRequest, bodyHash: Uint8Array): BookedRequest => {
    if (equalBytes(row.bodyHash, bodyHash)) return booked(requestId, row)
    throw new ApiProblem('request_replayed', 'this request id stands for another request', { requestId })
  }

  return {
    book: async (principal, wanted, wish, more = {}) => {
      const requestId = wanted ?? `req_${toHex(randomBytes(16))}`
      const document = (issuedAt: number, expiresAt: number): Uint8Array =>
        encodeDocument({
          ...wish,
          requestId: documentRequestId(principal, requestId),
          audience,
          issuedAt,
          expiresAt,
          // For the signers' logs and policies: who stands behind the gateway's credential.
          reference: requestId,
          metadata: { tenant: principal.tenant, user: principal.name, ...more },
        })
      // The wish alone, without the time at which it was made: what a repetition has to have in common with the first.
      const bodyHash = TH(TAGS.gatewayBody, document(0, 1))
      const known = wanted === undefined ? undefined : store.getRequest(principal.id, requestId)
      if (known !== undefined) return sameOrConflict(requestId, known, bodyHash)

      const createdAt = now()
      const bytes = document(createdAt, createdAt + lifeMs)
      const row: GatewayRequest = {
        principal: principal.id,
        requestId,
        bodyHash,
        document: bytes,
        authorization: signer.sign(authorizationMessage(bytes)),
        signatureId: wish.type === 'sign.v1' ? signatureIdOf(requestHash(bytes)) : null,
        createdAt,
        expiresAt: createdAt + lifeMs,
      }
      const [remembered] = await commits
        .commit(() => store.remember([row]))
        .catch((error) => {
          throw unsent(error, wanted)
        })
      // Of two calls at the same moment one made the row; the other one sends it too.
      if (remembered?.type === 'same') return booked(requestId, remembered.request)
      if (remembered?.type === 'conflict') {
        throw new ApiProblem('request_replayed', 'this request id stands for another request', { requestId })
      }
      return booked(requestId, row)
    },
    find: (principal, requestId) => {
      const row = store.getRequest(principal.id, requestId)
      if (row?.document.length === 0) {
        throw new ApiProblem('request_replayed', 'this request id stands for another request', { requestId })
      }
      return row === undefined ? undefined : booked(requestId, row)
    },
    bySignature: (principal, signatureId) => {
      const row = store.requestBySignature(signatureId)
      return row?.principal === principal.id ? row : undefined
    },
  }
}
