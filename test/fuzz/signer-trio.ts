import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { CryptoActor } from '../../src/actors/crypto-actor.ts'
import { ANSWER, type Answer, type COMMANDS, type CommandMessage, encodeCommand } from '../../src/actors/crypto-commands.ts'
import { generationDigest } from '../../src/actors/generation-ring.ts'
import { type RelayEnd, relay } from '../../src/actors/relay-session.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import { type SessionItem, type SigningEnd, signingSession } from '../../src/actors/signing-session.ts'
import { recordSeals } from '../../src/host/kms/record-seals.ts'
import { openRecord } from '../../src/host/kms/sealing.ts'
import type { SignerKey } from '../../src/host/store/signer-keys.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { OPEN_KEYGEN, OPEN_PRSS, REPLY, type Route, UPDATE_KEY } from '../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE, type Certificate } from '../../src/protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { authorizationMessage, type Credential, ownedRequestHash, requestHash } from '../../src/protocol/request/authorize.ts'
import { signingInput } from '../../src/protocol/request/digest.ts'
import {
  type Document,
  encodeDocument,
  isEcdsa,
  type KeygenDocument,
  type KeyUpdateDocument,
  type Scheme,
  type SignDocument,
} from '../../src/protocol/request/document.ts'
import { instanceBytes, messageDigest } from '../../src/protocol/request/instance.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { identityOf, makeWorld, type World } from '../simulator/world.ts'

/** The clock of every fuzzed actor. */
export const NOW = 1_790_000_000_000

export type KeyRow = CommandMessage['keys'][number]

/** What a signer was asked and what it said: one exchange of honest traffic. */
export interface Exchanged {
  readonly to: PartyId
  readonly route: Route
  readonly frame: Uint8Array
  readonly reply: Uint8Array
}

export const TRIO: World = makeWorld({ ids: 3, seed: 'trio' })
export const AUDIENCE = `set_${toHex(TRIO.roster.hash)}`
const CREDENTIAL_SEED = seededRng('trio/credential')(32)
export const CREDENTIAL: Credential = {
  id: 'cred_alice',
  tenant: 'acme',
  alg: 'ed25519',
  publicKey: TRIO.curves.ed25519PublicKey(CREDENTIAL_SEED),
  digest: true,
}

/** A request of the one user there is. */
export function requested(document: Uint8Array) {
  const signature = TRIO.curves.ed25519Sign(authorizationMessage(document), CREDENTIAL_SEED)
  return { document, credentialId: CREDENTIAL.id, alg: 'ed25519', signature }
}

const times = { audience: AUDIENCE, issuedAt: NOW - 1000, expiresAt: NOW + 60_000 }

export const keygenDocument = (scheme: Scheme, changes: Partial<KeygenDocument> = {}): KeygenDocument => ({
  type: 'keygen.v1',
  requestId: `req_keygen-${scheme}`,
  scheme,
  threshold: 2,
  parties: 3,
  ...times,
  ...changes,
})

export const signDocument = (scheme: Scheme, keyId: Uint8Array, changes: Partial<SignDocument> = {}): SignDocument => ({
  type: 'sign.v1',
  requestId: `req_sign-${scheme}`,
  scheme,
  keyId,
  path: 'm',
  payload: isEcdsa(scheme)
    ? { kind: 'message', message: Uint8Array.of(1, 2, 3), hash: 'keccak256' }
    : scheme === 'schnorr-secp256k1'
      ? { kind: 'digest', digest: seededRng('digest')(32) }
      : { kind: 'message', message: Uint8Array.of(1, 2, 3) },
  ...times,
  ...changes,
})

export const updateDocument = (
  scheme: Scheme,
  keyId: Uint8Array,
  changes: Partial<KeyUpdateDocument> = {},
): KeyUpdateDocument => ({
  type: 'key-update.v1',
  requestId: `req_update-${scheme}`,
  scheme,
  keyId,
  revision: 1,
  state: 'frozen',
  label: null,
  ...times,
  ...changes,
})

/** A signed key update as the coordinator frames it. */
export function updateFrame(scheme: Scheme, keyId: Uint8Array, changes: Partial<KeyUpdateDocument> = {}): Uint8Array {
  const document = updateDocument(scheme, keyId, changes)
  return UPDATE_KEY.encode({ keyId, requestId: document.requestId, request: requested(encodeDocument(document)) })
}

const dataKeyOf = (id: PartyId): Uint8Array => seededRng(`trio/data-key/${id}`)(32)

const placeOf = (id: PartyId, keyId: Uint8Array, epoch: number) => ({ table: 'keys', keyId, party: id, epoch })

/** What stands in a signer's sealed record. */
export const unsealedBy = (id: PartyId, sealed: Uint8Array, keyId: Uint8Array, epoch: number): Uint8Array =>
  openRecord(dataKeyOf(id), placeOf(id, keyId, epoch), sealed)

/** A crypto actor as its host starts it; the same randomness every time. */
export function startActor(id: PartyId, name = 'actor'): CryptoActor {
  const { signSeed, exchangeSecret } = identityOf(TRIO, id)
  return new CryptoActor({
    identity: { id, signSeed: Uint8Array.from(signSeed), exchangeSecret: Uint8Array.from(exchangeSecret) },
    roster: TRIO.roster,
    rng: seededRng(`trio/${name}/${id}`),
    boot: 1,
    capacity: 256,
    hm: true,
    authority: { audience: AUDIENCE, curves: TRIO.curves, credentials: new Map([[CREDENTIAL.id, CREDENTIAL]]) },
    dkls23: true,
    ...recordSeals(dataKeyOf(id), id),
  })
}

const KINDS: Readonly<Partial<Record<Route, keyof typeof COMMANDS>>> = {
  openSigning: 'openSigning',
  openKeygen: 'openKeygen',
  openPrss: 'openPrss',
  openPair: 'openPair',
  round: 'round',
  abort: 'abort',
  updateKey: 'updateKey',
}

/**
 * Three real crypto actors before a coordinator's real session actors, without threads, stores and network: where honest frames come from.
 * Everything but the sealed shares is the same on every start.
 */
export class SignerTrio {
  readonly actors: ReadonlyMap<PartyId, CryptoActor>
  readonly rows = new Map<PartyId, Map<string, KeyRow>>()
  readonly traffic: Exchanged[] = []
  readonly #rng = seededRng('trio/coordinator')

  constructor(name = 'actor') {
    this.actors = new Map([1, 2, 3].map((id) => [id, startActor(id, name)]))
    for (const id of this.actors.keys()) this.rows.set(id, new Map())
  }

  /** The signer's store has this key. */
  hold(id: PartyId, row: KeyRow): void {
    this.rows.get(id)?.set(toHex(row.keyId), row)
  }

  ask(to: PartyId, route: Route, frame: Uint8Array): Answer {
    const kind = KINDS[route]
    if (kind === undefined) throw new Error(`no command for ${route}`)
    const rows = this.rows.get(to) as Map<string, KeyRow>
    const command = encodeCommand(kind, NOW, { frame, keys: [...rows.values()] })
    const answer = ANSWER.decode((this.actors.get(to) as CryptoActor).call(command))
    const { pending } = answer
    if (pending !== null) {
      const { keyId, credentialId, tenant, publicPackage, sealedShare } = pending
      this.hold(to, { keyId, credentialId, tenant, publicPackage, sealedShare, usage: 'active' })
    }
    return answer
  }

  /** Ways to the actors; what goes over them is recorded. */
  links(ids: readonly PartyId[] = [1, 2, 3]): readonly SignerLink[] {
    return ids.map((id) => ({
      id,
      send: async (route, frame) => {
        const reply = REPLY.encode(this.ask(id, route, frame).reply)
        this.traffic.push({ to: id, route, frame, reply })
        return reply
      },
    }))
  }

  /** A key generation as a coordinator relays it. */
  async relayKeygen(links: readonly SignerLink[], scheme: Scheme = 'eddsa-ed25519'): Promise<RelayEnd> {
    const document = keygenDocument(scheme)
    const bytes = encodeDocument(document)
    const setup = this.#setup('dkg', scheme, [1, 2, 3])
    const sessionId = sessionIdOf({ ...setup, purpose: ownedRequestHash(requestHash(bytes), CREDENTIAL.id) })
    const frame = OPEN_KEYGEN.encode({ setup, requestId: document.requestId, request: requested(bytes) })
    return await relay(links, { route: 'openKeygen', frame }, sessionId, 1000)
  }

  /** The certificate of a new key that all three hold. */
  async keygen(scheme: Scheme, links: readonly SignerLink[]): Promise<Certificate> {
    const end = await this.relayKeygen(links, scheme)
    if (end.type !== 'done')
      throw new Error(`the honest key generation failed: ${[...end.failures.values()].map((r) => r.code).join()}`)
    return CERTIFICATE.decode(end.replies.get(1)?.result as Uint8Array)
  }

  async relayPrss(links: readonly SignerLink[]): Promise<RelayEnd> {
    const setup = this.#setup('prss', 'none', [1, 2, 3])
    const frame = OPEN_PRSS.encode({ setup })
    return await relay(links, { route: 'openPrss', frame }, sessionIdOf({ ...setup, purpose: new Uint8Array(0) }), 1000)
  }

  /** The kids and a ticket of each, from a new PRSS generation. */
  async prss(links: readonly SignerLink[]) {
    const end = await this.relayPrss(links)
    if (end.type !== 'done') throw new Error('the honest PRSS generation failed')
    const result = end.replies.get(1)?.result as Uint8Array
    const kids = Array.from({ length: result.length / 32 }, (_, i) => result.slice(32 * i, 32 * i + 32))
    const tickets = [...end.replies].sort(([a], [b]) => a - b).map(([, reply]) => reply.tickets[0] as Uint8Array)
    return { kids, digest: generationDigest(kids), tickets }
  }

  async sign(
    items: readonly SessionItem[],
    scheme: Scheme,
    links: readonly SignerLink[],
    supplies?: Awaited<ReturnType<SignerTrio['prss']>>,
  ): Promise<SigningEnd> {
    const assembler = new AssemblerActor(TRIO.curves)
    return await signingSession({
      scheme,
      threshold: 2,
      links,
      items,
      with: supplies === undefined ? { engine: 'frost' } : { engine: 'hm', supplies },
      boots: this.#boots(links.map(({ id }) => id)),
      roster: TRIO.roster,
      curves: TRIO.curves,
      now: NOW,
      timeoutMs: 5000,
      rng: this.#rng,
      assemble: async (command) => assembler.call(command),
      onTickets: () => {},
    })
  }

  #boots(ids: readonly PartyId[]): readonly Uint8Array[] {
    return ids.map((id) => (this.actors.get(id) as CryptoActor).bootNonce)
  }

  #setup<P extends 'dkg' | 'prss', S extends Scheme | 'none'>(protocol: P, suite: S, signers: readonly PartyId[]) {
    return {
      protocol,
      suite,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash: TRIO.roster.hash,
      threshold: 2,
      signers,
      boots: this.#boots(signers),
      deadline: NOW + 20_000,
      coordinatorNonce: this.#rng(32),
    }
  }
}

/** A signing request as the coordinator frames it. */
export function itemOf({ key }: Certificate, document: SignDocument): SessionItem {
  const bytes = encodeDocument(document satisfies Document)
  const input = signingInput(document.scheme, document.payload)
  return {
    instance: instanceFor(key.epochId, key.publicKey, document, bytes),
    requestId: document.requestId,
    request: requested(bytes),
    input,
    publicKey: key.publicKey,
    verifyingShares: new Map(key.parties.map((id, i) => [id, key.verificationShares[i] as Uint8Array])),
  }
}

export const instanceFor = (epochId: Uint8Array, publicKey: Uint8Array, document: SignDocument, bytes: Uint8Array): Uint8Array =>
  instanceBytes({
    keyId: document.keyId,
    epochId,
    path: 'm',
    tweak: new Uint8Array(32),
    publicKey,
    digest: messageDigest(document.scheme, signingInput(document.scheme, document.payload)),
    requestHash: requestHash(bytes),
  })

/** The stored key that a document names. */
export function rowOf(rows: Iterable<KeyRow>, keyId: Uint8Array) {
  for (const row of rows) if (equalBytes(row.keyId, keyId)) return PUBLIC_PACKAGE.decode(row.publicPackage)
  return undefined
}

/** A key of a signer as its store takes it. */
export function storedKey(self: PartyId, { usage: _, ...row }: KeyRow, { key, signatures }: Certificate): SignerKey {
  return {
    ...row,
    requestId: `req_keygen-${key.scheme}`,
    requestHash: requestHash(encodeDocument(keygenDocument(key.scheme))),
    label: null,
    ownSignature: signatures[key.parties.indexOf(self)] as Uint8Array,
    createdAt: NOW,
  }
}
