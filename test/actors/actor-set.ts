import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { ASSEMBLE, ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import { CryptoActor } from '../../src/actors/crypto-actor.ts'
import { ANSWER, type Answer, type Command, type CommandMessage, encodeCommand } from '../../src/actors/crypto-commands.ts'
import { generationDigest } from '../../src/actors/generation-ring.ts'
import type { KeyRow } from '../../src/actors/key-cache.ts'
import type { PairRecord } from '../../src/actors/pair-secrets.ts'
import type { FramedItem } from '../../src/actors/signing-intake.ts'
import type { HmSupplies } from '../../src/actors/signing-session.ts'
import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { PAIR_SECRET, type PairSecret } from '../../src/protocol/dkls23/pair-record.ts'
import { pairedPurpose, pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import { equalBytes } from '../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import {
  ABORT,
  OPEN_KEYGEN,
  OPEN_PAIR,
  OPEN_PRSS,
  OPEN_SIGNING,
  PAIR_STATES,
  ROUND,
  type Route,
} from '../../src/protocol/frames/signer-frames.ts'
import { KEY_SECRET, PUBLIC_PACKAGE, type PublicPackage } from '../../src/protocol/keygen/key-record.ts'
import { authorizationMessage, type Credential, ownedRequestHash, requestHash } from '../../src/protocol/request/authorize.ts'
import { signingInput } from '../../src/protocol/request/digest.ts'
import {
  type Document,
  encodeDocument,
  parseDocument,
  type Scheme,
  type SignDocument,
  type Usage,
} from '../../src/protocol/request/document.ts'
import { instanceBytes, messageDigest, purposeOf } from '../../src/protocol/request/instance.ts'
import { RogueSigner } from '../attack/rogue-signer.ts'
import { dealtPair } from '../protocol/dkls23/dealt-pair.ts'
import { dealKey } from '../protocol/signing/dealt-key.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { identityOf, makeWorld } from '../simulator/world.ts'

type Request = FramedItem['request']

/** A key from a dealer, with what each signer's store would hold of it. */
export interface StoredKey {
  readonly key: PublicPackage
  readonly rows: ReadonlyMap<PartyId, KeyRow>
  readonly shares: ReadonlyMap<PartyId, Uint8Array>
}

export interface ActorSetOptions {
  readonly seed: string
  readonly capacity?: number
  readonly withoutHm?: readonly PartyId[]
  readonly withoutDkls23?: readonly PartyId[]
}

const NO_KEY = new Uint8Array(32)

/**
 * Three crypto actors without stores, threads or a coordinator: commands in, answers out, on a clock of the test's. The test plays
 * the main thread and says what the ledger knows (`known`) and which keys are stored.
 */
export function actorSet({ seed, capacity = 20, withoutHm = [], withoutDkls23 = [] }: ActorSetOptions) {
  const world = makeWorld({ ids: 3, seed })
  const { curves, roster } = world
  const rng = seededRng(`${seed}/actors`)
  const audience = `set_${'0a'.repeat(32)}`
  const seeds = new Map(['cred_alice', 'cred_bob'].map((id) => [id, rng(32)]))
  const credentials: Credential[] = [...seeds].map(([id, s]) => ({
    id,
    tenant: id.slice(5),
    alg: 'ed25519',
    publicKey: curves.ed25519PublicKey(s),
    digest: id === 'cred_alice',
  }))
  let now = 1_800_000_000_000
  let boots = 0
  const makeActor = (id: PartyId): CryptoActor => {
    const { signSeed, exchangeSecret } = identityOf(world, id)
    boots += 1
    return new CryptoActor({
      identity: { id, signSeed: Uint8Array.from(signSeed), exchangeSecret: Uint8Array.from(exchangeSecret) },
      roster,
      rng: seededRng(`${seed}/actor/${id}/${boots}`),
      boot: boots,
      capacity,
      hm: !withoutHm.includes(id),
      authority: { audience, curves, credentials: new Map(credentials.map((c) => [c.id, c])) },
      seal: (plain) => Uint8Array.from(plain),
      unseal: (sealed) => Uint8Array.from(sealed),
      dkls23: !withoutDkls23.includes(id),
      sealPair: (plain) => Uint8Array.from(plain),
      unsealPair: (sealed) => Uint8Array.from(sealed),
    })
  }
  const actors = new Map([1, 2, 3].map((id) => [id, makeActor(id)]))
  const actorOf = (id: PartyId): CryptoActor => actors.get(id) as CryptoActor

  const bootOf = (id: PartyId): Uint8Array => actors.get(id)?.bootNonce ?? new Uint8Array(32)

  /** Signers that run a program of their own in DKLs23 sessions. */
  const rogues = new Map<PartyId, RogueSigner>()
  const makeRogue = (id: PartyId, keys: readonly StoredKey[]): RogueSigner => {
    const rogue = new RogueSigner({
      identity: identityOf(world, id),
      roster,
      curves,
      rng: seededRng(`${seed}/rogue/${id}`),
      now: () => now,
      keyOf: (keyId) => {
        const found = keys.find(({ key }) => equalBytes(key.keyId, keyId)) as StoredKey
        return { key: found.key, share: found.shares.get(id) as Uint8Array }
      },
    })
    rogues.set(id, rogue)
    return rogue
  }

  const ask = (id: PartyId, kind: Command, fields: Partial<Omit<CommandMessage, 'kind'>> = {}): Answer => {
    const said = fields.frame && rogues.get(id)?.answer(kind as Route, fields.frame)
    if (said !== undefined) return said
    return ANSWER.decode(actorOf(id).call(encodeCommand(kind, now, fields)))
  }

  const storeKey = (scheme: Scheme, name: string, owner = 'cred_alice', threshold = 2): StoredKey => {
    const ids = [1, 2, 3]
    const dealt = dealKey({ curves, scheme, ids, threshold, seed: `${seed}/${name}` })
    const key: PublicPackage = {
      sessionId: rng(32),
      transcript: rng(32),
      scheme,
      publicKey: dealt.publicKey,
      verificationShares: ids.map((id) => dealt.verifyingShares.get(id) as Uint8Array),
      keyId: rng(32),
      epochId: rng(32),
      epoch: 1,
      threshold,
      parties: ids,
      rosterHash: roster.hash,
      requestHash: rng(32),
    }
    const row = (id: PartyId): KeyRow => ({
      keyId: key.keyId,
      credentialId: owner,
      tenant: owner.slice(5),
      publicPackage: PUBLIC_PACKAGE.encode(key),
      sealedShare: KEY_SECRET.encode({ share: dealt.shares.get(id) as Uint8Array, chain: rng(32) }),
    })
    return { key, rows: new Map(ids.map((id) => [id, row(id)])), shares: dealt.shares }
  }

  /** Any bytes, signed by `who`. */
  const authorized = (who: string, document: Uint8Array): Request => ({
    document,
    credentialId: who,
    alg: 'ed25519',
    signature: curves.ed25519Sign(authorizationMessage(document), seeds.get(who) as Uint8Array),
  })
  let requests = 0
  const common = () => ({ requestId: `req_${++requests}`, audience, issuedAt: now, expiresAt: now + 60_000 })
  const request = (who: string, fields: Pick<Document, 'type' | 'scheme'> & Partial<Document>): Request =>
    authorized(who, encodeDocument({ ...common(), ...fields } as Document))
  const signRequest = ({ key }: StoredKey, fields: Partial<SignDocument> = {}, who = 'cred_alice'): Request => {
    const message = rng(20)
    const payload =
      key.scheme === 'eddsa-ed25519'
        ? { kind: 'message' as const, message }
        : { kind: 'message' as const, message, hash: 'sha256' as const }
    return request(who, { type: 'sign.v1', scheme: key.scheme, keyId: key.keyId, path: 'm', payload, ...fields })
  }
  const documentOf = (r: Request): SignDocument => parseDocument(r.document) as SignDocument

  /** An item as an honest coordinator frames it. */
  const itemOf = ({ key }: StoredKey, r: Request): FramedItem => {
    const { requestId, scheme, payload } = documentOf(r)
    const instance = instanceBytes({
      keyId: key.keyId,
      epochId: key.epochId,
      path: 'm',
      tweak: new Uint8Array(32),
      publicKey: key.publicKey,
      digest: messageDigest(scheme, signingInput(scheme, payload)),
      requestHash: requestHash(r.document),
    })
    return { instance, requestId, request: r }
  }

  const setupOf = (changes: Partial<SetupFields> = {}): SetupFields => ({
    protocol: 'frost',
    suite: 'eddsa-ed25519',
    keyId: NO_KEY,
    epoch: 0,
    rosterHash: roster.hash,
    threshold: 2,
    signers: [1, 2],
    boots: (changes.signers ?? [1, 2]).map(bootOf),
    deadline: now + 5000,
    coordinatorNonce: rng(32),
    ...changes,
  })
  /** What each signer's store has of its set-ups, by signer and peer. */
  const records = new Map<PartyId, Map<PartyId, PairRecord>>([1, 2, 3].map((id) => [id, new Map()]))
  const recordsOf = (id: PartyId): Map<PartyId, PairRecord> => records.get(id) as Map<PartyId, PairRecord>
  const pairIds = (signers: readonly PartyId[]): readonly Uint8Array[] =>
    pairsOf(signers).map(([a, b]) => recordsOf(a).get(b)?.pairId ?? new Uint8Array(32))
  const signingId = (setup: SetupFields, items: readonly FramedItem[]): Uint8Array => {
    const instances = items.map((i) => i.instance)
    const purpose = setup.protocol === 'dkls23' ? pairedPurpose(instances, pairIds(setup.signers)) : purposeOf(instances)
    return sessionIdOf({ ...setup, purpose })
  }
  const openFrame = (setup: SetupFields, items: readonly FramedItem[], hm?: HmSupplies): Uint8Array =>
    OPEN_SIGNING.encode({
      setup,
      generation: hm?.digest ?? new Uint8Array(0),
      tickets: hm?.tickets ?? [],
      pairs: setup.protocol === 'dkls23' ? pairIds(setup.signers) : [],
      items,
    })
  const openSigning = (
    id: PartyId,
    setup: SetupFields,
    items: readonly FramedItem[],
    stored: readonly StoredKey[],
    more: { readonly hm?: HmSupplies; readonly known?: readonly (Uint8Array | null)[]; readonly usage?: Usage } = {},
  ): Answer =>
    ask(id, 'openSigning', {
      frame: openFrame(setup, items, more.hm),
      known: more.known ?? items.map(() => null),
      keys: stored.map((k) => ({ ...(k.rows.get(id) as KeyRow), usage: more.usage ?? 'active' })),
      pairs: [...recordsOf(id).values()],
    })
  const round = (id: PartyId, sessionId: Uint8Array, number: number, envelopes: readonly Uint8Array[]): Answer =>
    ask(id, 'round', { frame: ROUND.encode({ sessionId, round: number, envelopes }), marked: 1 })
  const unmarkedRound = (id: PartyId, sessionId: Uint8Array, number: number, envelopes: readonly Uint8Array[]): Answer =>
    ask(id, 'round', { frame: ROUND.encode({ sessionId, round: number, envelopes }) })
  const abort = (id: PartyId, sessionId: Uint8Array): Answer => ask(id, 'abort', { frame: ABORT.encode({ sessionId }) })

  /** Relays a protocol among the signers to its end. @returns the last answers, by signer. */
  const relayAll = (ids: readonly PartyId[], sessionId: Uint8Array, opened: readonly Answer[]): readonly Answer[] => {
    let answers = opened
    for (let number = 1; answers.some((a) => a.reply.type === 0); number++) {
      const mail = answers.flatMap((a) => a.reply.envelopes)
      answers = ids.map((id) => round(id, sessionId, number, mail))
      if (number > 10) throw new Error('no end')
    }
    return answers
  }
  /** A PRSS generation of all three, and one ticket of each. */
  const establish = (threshold = 2, signers: readonly PartyId[] = [1, 2, 3]): HmSupplies => {
    const setup = setupOf({ protocol: 'prss', suite: 'none', threshold, signers })
    const frame = OPEN_PRSS.encode({ setup })
    const opened = signers.map((id) => ask(id, 'openPrss', { frame }))
    const ended = relayAll(signers, sessionIdOf({ ...setup, purpose: new Uint8Array(0) }), opened)
    const result = (ended[0] as Answer).reply.result
    const kids = Array.from({ length: result.length / 32 }, (_, i) => result.slice(32 * i, 32 * i + 32))
    return { kids, digest: generationDigest(kids), tickets: ended.map((a) => a.reply.tickets[0] as Uint8Array) }
  }
  const pairFrame = (a: PartyId, b: PartyId) => {
    const setup = setupOf({ protocol: 'pair', suite: 'none', signers: [a, b], deadline: now + 20_000 })
    return { frame: OPEN_PAIR.encode({ setup }), id: sessionIdOf({ ...setup, purpose: new Uint8Array(0) }) }
  }
  /** A new set-up of two signers, stored as their main threads would. */
  const setUpPair = (a: PartyId, b: PartyId): void => {
    const { frame, id } = pairFrame(a, b)
    const opened = [a, b].map((signer) => ask(signer, 'openPair', { frame }))
    relayAll([a, b], id, opened).forEach(({ setup }, i) => {
      const [own, peer] = i === 0 ? [a, b] : [b, a]
      const { pairId, sealed } = setup ?? { pairId: rogues.get(own)?.pairs.get(peer)?.pairId, sealed: new Uint8Array(0) }
      if (pairId === undefined) throw new Error(`no set-up at signer ${own}`)
      recordsOf(own).set(peer, { peer, state: PAIR_STATES.ok, pairId, sealed })
    })
  }
  /** The same from a dealer, at once. */
  const dealPair = (a: PartyId, b: PartyId): void => {
    const dealt = dealtPair(rng)
    for (const [i, own] of [a, b].entries()) {
      const [peer, secret] = [i === 0 ? b : a, dealt[i] as PairSecret]
      recordsOf(own).set(peer, { peer, state: PAIR_STATES.ok, pairId: secret.pairId, sealed: PAIR_SECRET.encode(secret) })
      rogues.get(own)?.pairs.set(peer, secret)
    }
  }
  /** One fresh ticket of each signer. */
  const freshTickets = (): readonly Uint8Array[] =>
    [1, 2, 3].map((id) => ask(id, 'status', { tickets: 1 }).tickets[0] as Uint8Array)

  const keygenFrame = (r: Request, setup: SetupFields): Uint8Array =>
    OPEN_KEYGEN.encode({ setup, requestId: parseDocument(r.document).requestId, request: r })
  const keygenId = (r: Request, setup: SetupFields): Uint8Array =>
    sessionIdOf({ ...setup, purpose: ownedRequestHash(requestHash(r.document), r.credentialId) })

  const bodyOf = (a: Answer): Uint8Array => decodeEnvelope(a.reply.envelopes[0] ?? new Uint8Array(0))?.body ?? new Uint8Array(0)
  const assembler = new AssemblerActor(curves)
  const assemble = (
    setup: SetupFields,
    items: readonly FramedItem[],
    stored: readonly StoredKey[],
    openings: readonly Answer[],
    answers: readonly Answer[],
    hm?: HmSupplies,
  ) =>
    ASSEMBLED.decode(
      assembler.call(
        ASSEMBLE.encode({
          engine: setup.protocol,
          scheme: setup.suite,
          sessionId: signingId(setup, items),
          threshold: setup.threshold,
          signers: setup.signers,
          kids: hm?.kids ?? [],
          tickets: hm?.tickets ?? [],
          items: items.map(({ instance, request: r }, i) => {
            const { scheme, payload } = documentOf(r)
            const { publicKey, verificationShares } = (stored[i] as StoredKey).key
            const verifyingShares = setup.signers.map((id) => verificationShares[id - 1] as Uint8Array)
            return { instance, input: signingInput(scheme, payload), publicKey, verifyingShares }
          }),
          openings: openings.map(bodyOf),
          answers: answers.map(bodyOf),
        }),
      ),
    )

  return {
    world,
    curves,
    audience,
    actorOf,
    ask,
    storeKey,
    authorized,
    request,
    signRequest,
    itemOf,
    setupOf,
    signingId,
    openFrame,
    openSigning,
    round,
    unmarkedRound,
    abort,
    relayAll,
    establish,
    makeRogue,
    pairFrame,
    setUpPair,
    dealPair,
    recordsOf,
    freshTickets,
    keygenFrame,
    keygenId,
    assemble,
    common,
    now: () => now,
    pass: (ms: number) => {
      now += ms
    },
    /** A new worker, with nothing of what the old one knew. */
    restart: (id: PartyId) => {
      actorOf(id).close()
      actors.set(id, makeActor(id))
    },
  }
}

export type ActorSet = ReturnType<typeof actorSet>
