import type { EngineChoice } from '../../actors/engine-choice.ts'
import type { PairKeeper } from '../../actors/pair-keeper.ts'
import type { SignerMonitor } from '../../actors/signer-monitor.ts'
import { toHex } from '../../protocol/engine/bytes.ts'
import { requestHash } from '../../protocol/request/authorize.ts'
import { type Document, type KeyUpdateDocument, parseDocument, SCHEMES, type Usage } from '../../protocol/request/document.ts'
import { formatKeyId, parseKeyId } from '../../protocol/request/ids.ts'
import { formatTime } from '../../protocol/request/time.ts'
import type { Client, CoordinatorService, KeyAction, SetView, SignatureView, SignedRequest } from '../api/coordinator-service.ts'
import { ApiProblem } from '../api/problem.ts'

import { signatureIdOf } from '../api/signature-id.ts'
import type { CoordinatorConfig } from '../config/config.ts'
import type { CoordinatorStore, StoredDirectoryKey } from '../store/coordinator-store.ts'
import { keyView } from './directory.ts'
import type { KeyService } from './key-service.ts'
import type { KeyUpdates } from './key-updates.ts'
import type { SessionLog } from './session-log.ts'
import { signerNames } from './signer-names.ts'
import type { SigningService } from './signing-service.ts'

export interface CoordinatorServiceOptions {
  readonly config: Pick<CoordinatorConfig, 'roster' | 'signers' | 'defaultThreshold' | 'ecdsaEngines'>
  readonly keys: KeyService
  readonly updates: KeyUpdates
  readonly signing: SigningService
  readonly engines: Pick<EngineChoice, 'inUse' | 'breakerLeft'>
  readonly pairs: Pick<PairKeeper, 'views'>
  readonly sessions: SessionLog
  readonly monitor: SignerMonitor
  readonly store: CoordinatorStore
  readonly now: () => number
}

/** The coordinator behind its API: form, limits and who may see what; everything else is the signers' decision. */
export function coordinatorService(o: CoordinatorServiceOptions): CoordinatorService {
  const { audience, roster } = o.config.roster
  return {
    sign: async (request, client, waitMs) => {
      const document = admitted(request, client, audience)
      if (document.type !== 'sign.v1') throw new ApiProblem('malformed_request', 'a document of type sign.v1 is expected')
      try {
        return inSession(o, await named(document, () => o.signing.sign(request, document, waitMs)), ownersOf(request))
      } catch (error) {
        const id = o.sessions.idOf(signatureIdOf(requestHash(request.document)), ownersOf(request))
        throw error instanceof ApiProblem && id !== undefined ? error.withSession(id) : error
      }
    },
    createKey: async (request, client) => {
      const document = admitted(request, client, audience)
      if (document.type !== 'keygen.v1') throw new ApiProblem('malformed_request', 'a document of type keygen.v1 is expected')
      if (document.parties !== roster.members.length) {
        throw new ApiProblem('malformed_request', `parties is ${roster.members.length}: all signers of the set`)
      }
      return await named(document, async () => keyView(await o.keys.create(request, document)))
    },
    updateKey: async (id, action, request, client) => {
      const document = admitted(request, client, audience)
      if (document.type !== 'key-update.v1')
        throw new ApiProblem('malformed_request', 'a document of type key-update.v1 is expected')
      return await named(document, async () => {
        const row = o.store.getKey(document.keyId)
        if (row === undefined || row.state !== 'active' || row.owner !== request.authorizations[0]?.credentialId)
          throw new ApiProblem('key_not_found', 'there is no such key')
        assertAction(action, id, document, row)
        const updated = await o.updates.apply(request, document, row)
        return { ...keyView(updated.row), receipts: updated.receipts }
      })
    },
    getKey: (id, client) => {
      const keyId = parseKeyId(id)
      const row = keyId === undefined ? undefined : o.store.getKey(keyId)
      if (row === undefined || !client.credentials.includes(row.owner))
        throw new ApiProblem('key_not_found', 'there is no such key')
      return keyView(row)
    },
    listKeys: ({ limit, cursor, scheme, label, state }, client) => {
      const after = cursor === undefined ? undefined : readCursor(cursor)
      const rows = o.store.listKeys({
        owners: client.credentials,
        limit: limit + 1,
        ...(after !== undefined && { after }),
        ...(scheme !== undefined && { scheme }),
        ...(label !== undefined && { label }),
        ...(state !== undefined && { usage: state }),
      })
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      return { keys: page.map(keyView), nextCursor: rows.length > limit && last !== undefined ? writeCursor(last) : null }
    },
    getSignature: async (id, client, waitMs) =>
      inSession(o, await o.signing.read(id, (owner) => client.credentials.includes(owner), waitMs), client.credentials),
    getSession: (id, client) => {
      const found = o.sessions.find(id, client.credentials)
      if (found === undefined) throw new ApiProblem('not_found', 'no recent session with a request of yours has this id')
      return found
    },
    set: () => setView(o),
    ready: () => SCHEMES.some((scheme) => o.engines.inUse(scheme, o.config.defaultThreshold) !== null),
  }
}
const ownersOf = (request: SignedRequest): readonly string[] => request.authorizations.map((a) => a.credentialId)

/** Which session made it, while that is remembered. */
function inSession(o: CoordinatorServiceOptions, view: SignatureView, owners: readonly string[]): SignatureView {
  const sessionId = o.sessions.idOf(view.id, owners)
  return sessionId === undefined ? view : { ...view, sessionId }
}

const STATES: Readonly<Record<Exclude<KeyAction, 'label'>, Usage>> = { freeze: 'frozen', unfreeze: 'active', archive: 'archived' }

/** A client's mistake is found here; what the document says is done by the signers, whatever the path was. */
function assertAction(action: KeyAction, id: string, document: KeyUpdateDocument, row: StoredDirectoryKey): void {
  const wrong = (pointer: string, reason: string): never => {
    throw new ApiProblem('malformed_request', 'the document is not of this path', { errors: [{ pointer, reason }] })
  }
  if (formatKeyId(document.keyId) !== id) wrong('/key_id', 'is not the key of the path')
  if (action !== 'label') {
    if (document.state !== STATES[action]) wrong('/state', `must be ${STATES[action]}`)
  } else if (document.revision > row.revision && document.state !== row.usage) {
    // Written from another state than the one known here: one of the two is old, which is no fault of the document's form.
    throw new ApiProblem('revision_conflict', 'the key is in another state than the document says')
  }
}

/** Problems of a request say which one they belong to. */
async function named<T>(document: Document, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof ApiProblem ? error.withRequest(document.requestId) : error
  }
}

/** A client submits requests of its own credentials only; which of them hold is for the signers to say. */
function admitted(request: SignedRequest, client: Client, audience: string): Document {
  const [authorization] = request.authorizations
  if (authorization === undefined || request.authorizations.length !== 1) {
    throw new ApiProblem('malformed_request', 'exactly one authorization is expected')
  }
  if (!client.credentials.includes(authorization.credentialId)) {
    throw new ApiProblem('authorization_invalid', 'this client does not submit requests of that credential')
  }
  const document = parseDocument(request.document)
  if (document.audience !== audience) throw new ApiProblem('authorization_invalid', 'the request is meant for another set')
  return document
}

function setView(o: CoordinatorServiceOptions): SetView {
  const { roster, audience } = o.config.roster
  const { defaultThreshold } = o.config
  const states = new Map(o.monitor.states().map((s) => [s.id, s]))
  const up = o.monitor.up().length
  const hmOff = o.engines.breakerLeft()
  const engines = SCHEMES.map((scheme) => [scheme, o.engines.inUse(scheme, defaultThreshold)])
  return {
    id: audience,
    rosterHash: `0x${toHex(roster.hash)}`,
    epoch: roster.version,
    threshold: defaultThreshold,
    parties: roster.members.length,
    signers: o.config.signers.map(({ index, name }) => {
      const s = states.get(index)
      return {
        index,
        name,
        state: s?.foreign === true ? 'incompatible' : s?.up === true ? 'up' : s?.status == null ? 'starting' : 'down',
        version: s?.status?.version ?? null,
        rttMs: s?.rttMs ?? null,
        heardAt: s?.heardAt == null ? null : formatTime(Math.floor(s.heardAt)),
        curve: s?.status?.curve ?? null,
        since: formatTime(s?.since ?? 0),
      }
    }),
    engines: Object.fromEntries(engines),
    hmOffUntil: hmOff > 0 ? formatTime(Math.floor(o.now() + hmOff)) : null,
    pairs: pairsView(o),
    quorum: up === roster.members.length ? 'full' : up >= defaultThreshold ? 'degraded' : 'lost',
  }
}

/** How far the signers are with what DKLs23 needs between every two of them; nothing where it is not used. */
function pairsView({ config, pairs }: CoordinatorServiceOptions): SetView['pairs'] {
  const names = signerNames(config.signers)
  const views = config.ecdsaEngines.includes('dkls23') ? pairs.views() : []
  return {
    ready: views.filter(({ condition }) => condition === 'ok').length,
    total: views.length,
    list: views.map(({ parties, condition, bannedBy }) => ({
      signers: names.of(parties),
      state: condition,
      bannedBy: names.of(bannedBy),
    })),
  }
}

const writeCursor = (row: { readonly createdAt: number; readonly keyId: Uint8Array }): string =>
  Buffer.from(`${row.createdAt}.${formatKeyId(row.keyId)}`).toString('base64url')

function readCursor(cursor: string): { createdAt: number; keyId: Uint8Array } {
  const [time = '', id = ''] = Buffer.from(cursor, 'base64url').toString('latin1').split('.')
  const keyId = parseKeyId(id)
  if (!/^\d{1,15}$/.test(time) || keyId === undefined) throw new ApiProblem('malformed_request', 'the cursor is not one of ours')
  return { createdAt: Number(time), keyId }
}
