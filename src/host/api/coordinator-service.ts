import type { PairCondition } from '../../actors/pair-keeper.ts'
import type { Engine } from '../../actors/signing-job.ts'
import type { EcdsaScheme, Scheme, Usage } from '../../protocol/request/document.ts'

/** Who is connected over mTLS: a configured client of the coordinator, named by its certificate fingerprint. */
export interface Client {
  readonly name: string
  /** The credentials whose requests this client may submit and whose keys it may see. */
  readonly credentials: readonly string[]
}

/** A request document as it came in (api.md "Signed requests"); bytes are passed on untouched. */
export interface SignedRequest {
  readonly document: Uint8Array
  readonly authorizations: readonly {
    readonly credentialId: string
    readonly alg: 'ed25519' | 'p256'
    readonly signature: Uint8Array
  }[]
}

export interface KeyView {
  readonly id: string
  readonly scheme: Scheme
  readonly label: string | null
  /** `pending` until all signers have finished making the key. */
  readonly state: 'pending' | Usage
  /** Of the newest update; 0 before the first. */
  readonly revision: number
  /** Whether every signer has acknowledged that revision. */
  readonly settled: boolean
  readonly threshold: number
  readonly parties: number
  readonly epoch: number
  /** Hex with 0x: 33 bytes compressed (ECDSA), 32 bytes x-only (BIP-340), 32 bytes (Ed25519). */
  readonly publicKey: string
  /** base64url of the key certificate; see src/protocol/keygen/certificate.ts. */
  readonly certificate: string
  readonly createdAt: string
  /** Credential that created it. */
  readonly owner: string
}

export interface SignatureView {
  readonly id: string
  readonly requestId: string
  readonly state: 'signed' | 'pending_signing' | 'failed'
  readonly keyId: string
  readonly keyEpoch: number
  readonly path: string
  readonly publicKey: string
  /** Hex with 0x of the 32-byte digest; null for Ed25519, which signs the message itself. */
  readonly digest: string | null
  readonly signature:
    | { readonly scheme: EcdsaScheme; readonly compact: Uint8Array; readonly recovery: number }
    | { readonly scheme: Exclude<Scheme, EcdsaScheme>; readonly compact: Uint8Array }
    | null
  /** Which signed, and who, once it is signed; before that the engine it would be signed with now. */
  readonly engine: Engine
  readonly signers: readonly number[]
  /** The last session it was tried in, while the coordinator remembers it. */
  readonly sessionId?: string
  readonly timingMs: { readonly queue: number; readonly sign: number; readonly total: number }
}

export interface SessionItemView {
  readonly requestId: string
  readonly signatureId: string
  readonly outcome: 'signed' | 'refused' | 'failed'
  /** Why not, for `refused` and `failed`: a refusal or a fault code. */
  readonly code: string | null
}

/** One signing session and what became of the caller's requests in it. */
export interface SessionView {
  /** `ses_` and 64 hex digits. */
  readonly id: string
  readonly engine: Engine
  readonly scheme: Scheme
  readonly state: 'done' | 'failed'
  readonly code: string | null
  readonly signers: readonly string[]
  readonly missing: readonly string[]
  readonly culprits: readonly string[]
  readonly startedAt: string
  readonly endedAt: string
  readonly items: readonly SessionItemView[]
}

export interface SignerView {
  readonly index: number
  readonly name: string
  readonly state: 'up' | 'down' | 'starting' | 'incompatible'
  readonly version: string | null
  readonly rttMs: number | null
  readonly heardAt: string | null
  readonly curve: string | null
  readonly since: string
}

export interface PairView {
  readonly signers: readonly string[]
  readonly state: PairCondition
  readonly bannedBy: readonly string[]
}

export interface SetView {
  readonly id: string
  readonly rosterHash: string
  readonly epoch: number
  readonly threshold: number
  readonly parties: number
  readonly signers: readonly SignerView[]
  readonly engines: Readonly<Record<string, Engine | null>>
  /** hm kept failing: until then DKLs23 signs what it can. */
  readonly hmOffUntil: string | null
  /** What DKLs23 needs between every two signers. */
  readonly pairs: {
    readonly ready: number
    readonly total: number
    readonly list: readonly PairView[]
  }
  readonly quorum: 'full' | 'degraded' | 'lost'
}

/** What a call wants changed about a key; the document has to say the same. */
export type KeyAction = 'freeze' | 'unfreeze' | 'archive' | 'label'

/** A key with the receipts of all signers for its newest update, in the order of the roster. */
export interface UpdatedKeyView extends KeyView {
  readonly receipts: readonly Uint8Array[]
}

/** What the coordinator's HTTP application calls. Every method rejects with ApiProblem and with nothing else. */
export interface CoordinatorService {
  sign(request: SignedRequest, client: Client, waitMs: number): Promise<SignatureView>
  createKey(request: SignedRequest, client: Client): Promise<KeyView>
  updateKey(id: string, action: KeyAction, request: SignedRequest, client: Client): Promise<UpdatedKeyView>
  getKey(id: string, client: Client): KeyView
  listKeys(
    query: {
      readonly limit: number
      readonly cursor?: string
      readonly scheme?: Scheme
      readonly label?: string
      readonly state?: Usage
    },
    client: Client,
  ): { readonly keys: readonly KeyView[]; readonly nextCursor: string | null }
  getSignature(id: string, client: Client, waitMs: number): Promise<SignatureView>
  getSession(id: string, client: Client): SessionView
  set(): SetView
  /** Whether a quorum of signers is reachable for at least one scheme. */
  ready(): boolean
}
