import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type {
  CoordinatorService,
  KeyView,
  SignatureView,
  SignedRequest,
  UpdatedKeyView,
} from '../../../src/host/api/coordinator-service.ts'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { signatureIdOf } from '../../../src/host/api/signature-id.ts'
import { toProblem } from '../../../src/host/api/to-problem.ts'
import { makeRoster, type Roster } from '../../../src/protocol/channel/roster.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { CERTIFICATE, certificateMessage, publicKeyOf } from '../../../src/protocol/keygen/certificate.ts'
import type { PublicPackage } from '../../../src/protocol/keygen/key-record.ts'
import { authorize, type Credential, ownedRequestHash, requestHash } from '../../../src/protocol/request/authorize.ts'
import { signingInput } from '../../../src/protocol/request/digest.ts'
import { type Document, isEcdsa, parseDocument, type Scheme } from '../../../src/protocol/request/document.ts'
import { formatKeyId } from '../../../src/protocol/request/ids.ts'
import { receiptMessage } from '../../../src/protocol/request/key-update.ts'

/**
 * What stands behind the coordinator's API in these tests: real documents, authorizations, certificates and signatures, by
 * somebody who simply holds whole keys. The protocols have tests of their own; here it is about what goes over HTTP.
 */
export interface WholeKeySet {
  readonly service: CoordinatorService
  readonly roster: Roster
  readonly audience: string
  /** Documents as they arrived, in order. */
  readonly received: Uint8Array[]
  /** Tests bend the answers with these. */
  readonly bend: {
    key: (view: KeyView) => KeyView
    signature: (view: SignatureView) => SignatureView
    updated: (view: UpdatedKeyView) => UpdatedKeyView
    certify: (key: PublicPackage) => PublicPackage
    refuse: (document: Document) => ApiProblem | undefined
    ready: boolean
  }
}

const CURVES = {
  'ecdsa-secp256k1': secp256k1,
  'ecdsa-p256': p256,
  'schnorr-secp256k1': secp256k1,
  'eddsa-ed25519': ed25519,
} as const

function publicPoint(scheme: Scheme, secret: Uint8Array): Uint8Array {
  return scheme === 'eddsa-ed25519' ? ed25519.getPublicKey(secret) : CURVES[scheme].getPublicKey(secret, true)
}

function signWhole(scheme: Scheme, input: Uint8Array, secret: Uint8Array): NonNullable<SignatureView['signature']> {
  if (isEcdsa(scheme)) {
    const signature = CURVES[scheme].sign(input, secret, { prehash: false, lowS: true, format: 'recovered' })
    return { scheme, compact: signature.slice(1), recovery: signature[0] as number }
  }
  return { scheme, compact: scheme === 'schnorr-secp256k1' ? schnorr.sign(input, secret) : ed25519.sign(input, secret) }
}

interface WholeKey {
  view: KeyView
  readonly secret: Uint8Array
  /** Hash of the newest update. */
  update?: string
}

export function wholeKeySet(credentials: readonly Credential[], now: () => number = Date.now): WholeKeySet {
  const seeds = [1, 2, 3].map(() => randomBytes(32))
  const roster = makeRoster(
    1,
    seeds.map((seed, i) => ({
      id: i + 1,
      signKey: ed25519.getPublicKey(seed),
      exchangeKey: new Uint8Array(randomBytes(32)),
      tlsFingerprint: new Uint8Array(randomBytes(32)),
    })),
  )
  const audience = `set_${toHex(roster.hash)}`
  const keys = new Map<string, WholeKey>()
  const byRequest = new Map<string, { hash: string; outcome: KeyView | SignatureView }>()
  const signatures = new Map<string, SignatureView>()
  const owners = new Map<string, string>()
  const received: Uint8Array[] = []
  const bend: WholeKeySet['bend'] = {
    key: (view) => view,
    signature: (view) => view,
    updated: (view) => view,
    certify: (key) => key,
    refuse: () => undefined,
    ready: true,
  }

  const judge = (request: SignedRequest): { document: Document; credential: Credential; hash: Uint8Array } => {
    received.push(request.document)
    try {
      const document = parseDocument(request.document)
      const credential = authorize({
        bytes: request.document,
        document,
        authorizations: request.authorizations,
        credentials: new Map(credentials.map((c) => [c.id, c])),
        audience,
        now: now(),
        curves: nobleCurves,
      })
      const problem = bend.refuse(document)
      if (problem !== undefined) throw problem
      return { document, credential, hash: requestHash(request.document) }
    } catch (error) {
      throw toProblem(error)
    }
  }

  const once = <T extends KeyView | SignatureView>(
    document: Document,
    credential: Credential,
    hash: Uint8Array,
    make: () => T,
  ): T => {
    const name = `${credential.id} ${document.requestId}`
    const known = byRequest.get(name)
    if (known === undefined) {
      const outcome = make()
      byRequest.set(name, { hash: toHex(hash), outcome })
      return outcome
    }
    if (known.hash !== toHex(hash)) throw new ApiProblem('request_replayed', 'other bytes', { requestId: document.requestId })
    return known.outcome as T
  }

  const createKey: CoordinatorService['createKey'] = async (request) => {
    const { document, credential, hash } = judge(request)
    if (document.type !== 'keygen.v1') throw new ApiProblem('malformed_request', 'no keygen.v1')
    return bend.key(
      once(document, credential, hash, () => {
        const { scheme } = document
        const secret = CURVES[scheme].utils.randomSecretKey()
        const key = bend.certify({
          sessionId: new Uint8Array(randomBytes(32)),
          transcript: new Uint8Array(randomBytes(32)),
          scheme,
          publicKey: publicPoint(scheme, secret),
          verificationShares: seeds.map(() => publicPoint(scheme, CURVES[scheme].utils.randomSecretKey())),
          keyId: new Uint8Array(randomBytes(32)),
          epochId: new Uint8Array(randomBytes(32)),
          epoch: 1,
          threshold: document.threshold,
          parties: [1, 2, 3],
          rosterHash: roster.hash,
          requestHash: ownedRequestHash(hash, credential.id),
        })
        const certificate = { key, signatures: seeds.map((seed) => ed25519.sign(certificateMessage(key), seed)) }
        const view: KeyView = {
          id: formatKeyId(key.keyId),
          scheme,
          label: document.label ?? null,
          state: 'active',
          revision: 0,
          settled: true,
          threshold: key.threshold,
          parties: 3,
          epoch: 1,
          publicKey: `0x${toHex(publicKeyOf(certificate))}`,
          certificate: Buffer.from(CERTIFICATE.encode(certificate)).toString('base64url'),
          createdAt: new Date(now()).toISOString(),
          owner: credential.id,
        }
        keys.set(view.id, { view, secret })
        return view
      }),
    )
  }

  const ownKey = (id: string, owners: readonly string[]): WholeKey => {
    const key = keys.get(id)
    if (key === undefined || !owners.includes(key.view.owner)) throw new ApiProblem('key_not_found', 'no such key')
    return key
  }

  /** As the signers would judge it, all of them alike; see test/attack/key-updates.test.ts for the real ones. */
  const updateKey: CoordinatorService['updateKey'] = async (_id, _action, request) => {
    const { document, credential, hash } = judge(request)
    if (document.type !== 'key-update.v1') throw new ApiProblem('malformed_request', 'no key-update.v1')
    const key = ownKey(formatKeyId(document.keyId), [credential.id])
    const { revision, label, state } = document
    if (toHex(hash) !== key.update) {
      if (key.view.state === 'archived') throw new ApiProblem('key_frozen', 'archived')
      if (revision <= key.view.revision) throw new ApiProblem('revision_conflict', 'stale')
    }
    key.view = { ...key.view, revision, label, state }
    key.update = toHex(hash)
    return bend.updated({ ...key.view, receipts: seeds.map((seed) => ed25519.sign(receiptMessage(hash), seed)) })
  }

  const sign: CoordinatorService['sign'] = async (request) => {
    const { document, credential, hash } = judge(request)
    if (document.type !== 'sign.v1') throw new ApiProblem('malformed_request', 'no sign.v1')
    const { view, secret } = ownKey(formatKeyId(document.keyId), [credential.id])
    if (view.state !== 'active') throw new ApiProblem('key_frozen', `the key is ${view.state}`)
    const signature = once(document, credential, hash, (): SignatureView => {
      const input = signingInput(document.scheme, document.payload)
      return {
        id: signatureIdOf(hash),
        requestId: document.requestId,
        state: 'signed',
        keyId: view.id,
        keyEpoch: 1,
        path: 'm',
        publicKey: view.publicKey,
        digest: document.scheme === 'eddsa-ed25519' ? null : `0x${toHex(input)}`,
        signature: signWhole(document.scheme, input, secret),
        engine: isEcdsa(document.scheme) ? 'hm' : 'frost',
        signers: [1, 2, 3],
        sessionId: `ses_${toHex(hash)}`,
        timingMs: { queue: 0.2, sign: 6.1, total: 6.9 },
      }
    })
    signatures.set(signature.id, signature)
    owners.set(signature.id, credential.id)
    return bend.signature(signature)
  }

  return {
    roster,
    audience,
    received,
    bend,
    service: {
      sign,
      createKey,
      updateKey,
      getKey: (id, client) => ownKey(id, client.credentials).view,
      listKeys: ({ limit, cursor, scheme, label }, client) => {
        const all = [...keys.values()]
          .map(({ view }) => view)
          .filter((view) => client.credentials.includes(view.owner))
          .filter((view) => (scheme ?? view.scheme) === view.scheme && (label ?? view.label) === view.label)
        const from = cursor === undefined ? 0 : Number(cursor)
        return { keys: all.slice(from, from + limit), nextCursor: from + limit < all.length ? String(from + limit) : null }
      },
      getSignature: async (id) => {
        const view = signatures.get(id)
        if (view === undefined) throw new ApiProblem('not_found', 'no such signature')
        return bend.signature(view)
      },
      // Each signature in a session of its own.
      getSession: (id, client) => {
        const found = [...signatures.values()].find(
          (s) => s.sessionId === id && client.credentials.includes(owners.get(s.id) ?? ''),
        )
        if (found === undefined) throw new ApiProblem('not_found', 'no such session')
        return {
          id,
          engine: found.engine,
          scheme: found.signature?.scheme ?? 'eddsa-ed25519',
          state: 'done',
          code: null,
          signers: ['signer-1', 'signer-2'],
          missing: [],
          culprits: [],
          startedAt: '2026-01-31T12:00:00.000Z',
          endedAt: '2026-01-31T12:00:00.020Z',
          items: [{ requestId: found.requestId, signatureId: found.id, outcome: 'signed', code: null }],
        }
      },
      set: () => ({
        id: audience,
        rosterHash: `0x${toHex(roster.hash)}`,
        epoch: 1,
        threshold: 2,
        parties: 3,
        signers: [1, 2, 3].map((index) => ({
          index,
          name: `signer-${index}`,
          state: index === 3 ? 'down' : 'up',
          version: index === 3 ? null : '0.1.0',
          rttMs: index === 3 ? null : 0.4,
          heardAt: index === 3 ? null : '2026-01-31T12:00:01.000Z',
          curve: 'native',
          since: '2026-01-31T12:00:00.000Z',
        })),
        engines: { 'ecdsa-secp256k1': null, 'eddsa-ed25519': 'frost' },
        hmOffUntil: null,
        pairs: {
          ready: 1,
          total: 3,
          list: [
            { signers: ['signer-1', 'signer-2'], state: 'ok', bannedBy: [] },
            { signers: ['signer-1', 'signer-3'], state: 'banned', bannedBy: ['signer-1'] },
            { signers: ['signer-2', 'signer-3'], state: 'missing', bannedBy: [] },
          ],
        },
        quorum: 'degraded',
      }),
      ready: () => bend.ready,
    },
  }
}
