import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { AssemblerActor } from '../../../src/actors/assembler-actor.ts'
import { CryptoActor } from '../../../src/actors/crypto-actor.ts'
import { ANSWER, encodeCommand } from '../../../src/actors/crypto-commands.ts'
import type { SignerLink } from '../../../src/actors/round.ts'
import type { SessionReport } from '../../../src/actors/signing-scheduler.ts'
import type { CoordinatorConfig } from '../../../src/host/config/config.ts'
import { type CoordinatorTimes, createCoordinator } from '../../../src/host/coordinator/coordinator.ts'
import type { RequestTimes } from '../../../src/host/coordinator/signing-service.ts'
import { loadNativeCurves } from '../../../src/host/curve/native-curves.ts'
import { recordSeals } from '../../../src/host/kms/record-seals.ts'
import { openRecord } from '../../../src/host/kms/sealing.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import type { CryptoClient } from '../../../src/host/signer/crypto-client.ts'
import { PairDesk } from '../../../src/host/signer/pair-desk.ts'
import { signerMetrics } from '../../../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../../../src/host/signer/signer-service.ts'
import { openCoordinatorStore } from '../../../src/host/store/coordinator-store.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { openSignerStore } from '../../../src/host/store/signer-store.ts'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { ROUTES, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../../src/protocol/keygen/key-record.ts'
import { authorizationMessage, type Credential } from '../../../src/protocol/request/authorize.ts'
import { type Document, encodeDocument, type Payload, type Scheme } from '../../../src/protocol/request/document.ts'

/** What a test may do to one exchange between coordinator and signer: call `deliver` never, once, twice, with other bytes, later. */
export type Tamper = (
  to: number,
  route: Route,
  frame: Uint8Array,
  deliver: (frame: Uint8Array) => Promise<Uint8Array>,
) => Promise<Uint8Array>

export interface SetOptions {
  readonly n?: number
  readonly threshold?: number
  readonly times?: CoordinatorTimes
  readonly config?: Partial<
    Pick<CoordinatorConfig, 'maxQueue' | 'maxBatch' | 'batchesInFlight' | 'signTimeoutMs' | 'ecdsaEngines'>
  >
  /** Signers that their operator does not let take part in hm. */
  readonly withoutHm?: readonly PartyId[]
  /** Signers that their operator does not let take part in DKLs23. */
  readonly withoutDkls23?: readonly PartyId[]
  readonly log?: Logger
  /** Whom the signers know beside alice and bob. */
  readonly credentials?: readonly Credential[]
  /** A set that exists: its stores, and the secrets that they and its users need. */
  readonly founded?: { readonly dir: string; readonly secrets: SetSecrets }
}

/** What a set cannot be started again without, beside its stores. */
export interface SetSecrets {
  readonly hosts: readonly {
    readonly signSeed: Uint8Array
    readonly exchangeSecret: Uint8Array
    readonly tlsFingerprint: Uint8Array
    readonly dataKey: Uint8Array
  }[]
  /** By credential id. */
  readonly seeds: ReadonlyMap<string, Uint8Array>
}

export const newSecrets = (n: number): SetSecrets => ({
  hosts: Array.from({ length: n }, () => ({
    signSeed: rng(32),
    exchangeSecret: rng(32),
    tlsFingerprint: rng(32),
    dataKey: rng(32),
  })),
  seeds: new Map([
    ['cred_alice', rng(32)],
    ['cred_bob', rng(32)],
  ]),
})

/** Short enough that silence costs a test little, long enough for a busy machine. */
const TIMES: CoordinatorTimes = { heartbeat: 20, heartbeatTimeout: 500, exchange: 2000, keygenExchange: 5000 }

/** One for all lives of all signers: each registry watches the event loop and the collector for as long as the process lives. */
/** Of all signers of all sets of the process. */
export const SIGNER_METRICS = createMetrics({ role: 'signer', name: 'test' })
const METRICS = signerMetrics(SIGNER_METRICS)

const rng = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

/** The answer, or a rejection after the link's own deadline: what the transport promises (SignerLink). */
async function within(ms: number, answer: Promise<Uint8Array>): Promise<Uint8Array> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('timeout')), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * A whole set in one process: real stores on disk, real crypto actors, the coordinator as its role puts it together; only the
 * threads and the network between them are function calls, through which a test can reach (`hooks.tamper`, `kill`, `silence`,
 * `revive`, `restart`, `loseWorker`, `restartCoordinator`, `clocks`).
 */
export async function inProcessSet(options: SetOptions = {}) {
  const { n = 3, threshold = 2, times = TIMES, withoutHm = [], withoutDkls23 = [], log = pino({ level: 'silent' }) } = options
  const curves = loadNativeCurves()
  const { dir, secrets } = options.founded ?? { dir: mkdtempSync(join(tmpdir(), 'quorate-set-')), secrets: newSecrets(n) }
  const { hosts, seeds } = secrets
  const identities = hosts.map(({ signSeed, exchangeSecret }, i) => ({ id: i + 1, signSeed, exchangeSecret }))
  const roster = makeRoster(
    1,
    hosts.map(({ signSeed, exchangeSecret, tlsFingerprint }, i) => ({
      id: i + 1,
      signKey: curves.ed25519PublicKey(signSeed),
      exchangeKey: curves.x25519PublicKey(exchangeSecret),
      tlsFingerprint,
    })),
  )
  const audience = `set_${toHex(roster.hash)}`
  const addresses = identities.map((i) => ({
    index: i.id,
    name: `signer-${i.id}`,
    url: `https://signer-${i.id}`,
    tlsFingerprint: 'ab'.repeat(32),
  }))
  const rosterFile = { roster, audience, signers: addresses }
  const own = [...seeds].map(
    ([id, seed]): Credential => ({
      id,
      tenant: id.slice(5),
      alg: 'ed25519',
      publicKey: curves.ed25519PublicKey(seed),
      digest: id === 'cred_alice',
    }),
  )
  const credentials = [...own, ...(options.credentials ?? [])]
  /** Milliseconds by which each host's clock is ahead; 0 is the coordinator. */
  const clocks = new Map<number, number>()
  const clock = (host: number) => (): number => Date.now() + (clocks.get(host) ?? 0)

  const dataKeys = hosts.map(({ dataKey }) => dataKey)
  const placeOf = (party: number) => (keyId: Uint8Array, epoch: number) => ({ table: 'keys', keyId, party, epoch })
  const startSigner = (index: number) => {
    const identity = identities[index] as (typeof identities)[number]
    const dataKey = dataKeys[index] as Uint8Array
    const store = openSignerStore(join(dir, `signer-${identity.id}.db`))
    const makeActor = () =>
      new CryptoActor({
        // Copies: an actor wipes its identity at its end.
        identity: {
          ...identity,
          signSeed: Uint8Array.from(identity.signSeed),
          exchangeSecret: Uint8Array.from(identity.exchangeSecret),
        },
        roster,
        rng,
        boot: store.nextBoot(),
        capacity: 300,
        hm: !withoutHm.includes(identity.id),
        authority: { audience, curves, credentials: new Map(credentials.map((c) => [c.id, c])) },
        dkls23: !withoutDkls23.includes(identity.id),
        ...recordSeals(dataKey, identity.id),
      })
    const now = clock(identity.id)
    const signer = {
      identity,
      store,
      actor: makeActor(),
      alive: true,
      /** Answers nothing, until it is revived. */
      silent: false,
      ready: true,
      handlers: {} as ReturnType<typeof signerHandlers>,
      pairs: undefined as unknown as PairDesk,
      makeActor,
    }
    const crypto: CryptoClient = {
      ask: async (kind, fields = {}) => ANSWER.decode(signer.actor.call(encodeCommand(kind, now(), fields))),
    }
    const shared = { crypto, now, log, metrics: METRICS }
    signer.pairs = new PairDesk({
      ...shared,
      self: identity.id,
      roster,
      offered: !withoutDkls23.includes(identity.id),
      pairs: store.pairs,
      commits: groupCommit(store.database),
    })
    signer.handlers = signerHandlers({
      ...shared,
      pairs: signer.pairs,
      config: { index: identity.id, roster: rosterFile, credentials, curve: 'native' },
      store,
      curves,
      version: '0',
      ready: () => signer.ready,
    })
    return signer
  }
  const signers = identities.map((_, i) => startSigner(i))
  const signerOf = (id: PartyId): (typeof signers)[number] => {
    const signer = signers[id - 1]
    if (signer === undefined) throw new RangeError(`no signer ${id}`)
    return signer
  }

  const assembler = new AssemblerActor(curves)
  const hooks: { tamper: Tamper; assemble: (command: Uint8Array) => Uint8Array } = {
    tamper: (_to, _route, frame, deliver) => deliver(frame),
    assemble: (command) => assembler.call(command),
  }
  const links = new Map<number, SignerLink>(
    identities.map(({ id }) => [
      id,
      {
        id,
        send: async (route, frame, timeoutMs) => {
          const deliver = async (bytes: Uint8Array): Promise<Uint8Array> => {
            const signer = signerOf(id)
            if (signer.silent) await new Promise(() => undefined)
            const handler = signer.handlers[ROUTES[route]]
            if (!signer.alive || handler === undefined) throw new Error('unreachable')
            return await handler(Uint8Array.from(bytes))
          }
          return await within(timeoutMs, hooks.tamper(id, route, frame, deliver))
        },
      },
    ]),
  )

  const reports: SessionReport[] = []
  const signed: RequestTimes[] = []
  const startCoordinator = async () => {
    const store = openCoordinatorStore(join(dir, 'coordinator.db'))
    const coordinator = createCoordinator({
      config: {
        roster: rosterFile,
        signers: addresses,
        defaultThreshold: threshold,
        ecdsaEngines: ['hm'],
        maxQueue: 1000,
        maxBatch: 64,
        batchesInFlight: 2,
        signTimeoutMs: 5000,
        ...options.config,
      },
      links,
      store,
      commits: groupCommit(store.database),
      curves,
      rng,
      now: clock(0),
      assemble: async (command) => hooks.assemble(command),
      onSession: (report) => reports.push(report),
      onSigned: (times) => signed.push(times),
      onPair: () => {},
      log,
      times,
    })
    await coordinator.monitor.start()
    return { ...coordinator, store }
  }
  const coordinator = await startCoordinator()

  // Ids that a set which exists used are used.
  let requests = options.founded === undefined ? 0 : 1000
  const signature = (who: string, message: Uint8Array) => curves.ed25519Sign(message, seeds.get(who) as Uint8Array)
  /** Any bytes as a request of `who`. */
  const authorized = (who: string, document: Uint8Array) => ({
    document,
    authorizations: [{ credentialId: who, alg: 'ed25519' as const, signature: signature(who, authorizationMessage(document)) }],
  })
  const set = {
    /** service, monitor, scheduler, prss, delivery, signing, names and store: the coordinator's of the moment. */
    ...coordinator,
    /** Where the stores are: signer-1.db and so on, coordinator.db. */
    dir,
    curves,
    roster,
    audience,
    signers,
    signerOf,
    reports,
    signed,
    hooks,
    links,
    clocks,
    client: { name: 'test', credentials: ['cred_alice', 'cred_bob'] },
    /** A request document of `who`, signed. */
    request: (who: string, fields: Partial<Document> & Pick<Document, 'type' | 'scheme'>, requestId = `req_${++requests}`) => {
      const issuedAt = Date.now()
      return authorized(
        who,
        encodeDocument({ requestId, audience, issuedAt, expiresAt: issuedAt + 60_000, ...fields } as Document),
      )
    },
    authorized,
    signature,
    keygen: (scheme: Scheme) => ({ type: 'keygen.v1' as const, scheme, threshold, parties: n }),
    sign: (scheme: Scheme, keyId: Uint8Array, payload: Payload) => ({
      type: 'sign.v1' as const,
      scheme,
      keyId,
      path: 'm' as const,
      payload,
    }),
    /** What a signer holds of a key, unsealed. */
    secretOf: (id: PartyId, keyId: Uint8Array) => {
      const row = signerOf(id).store.getKey(keyId)
      if (row === undefined) throw new Error(`signer ${id} has no such key`)
      const { epoch } = PUBLIC_PACKAGE.decode(row.publicPackage)
      return KEY_SECRET.decode(openRecord(dataKeys[id - 1] as Uint8Array, placeOf(id)(keyId, epoch), row.sealedShare))
    },
    identities,
    /** What a signer's data key seals and opens. */
    sealsOf: (id: PartyId) => recordSeals(dataKeys[id - 1] as Uint8Array, id),
    /** The coordinator's key directory is lost. */
    forgetKeys: () => {
      for (const table of ['deliveries', 'keys']) set.store.database.statement(`DELETE FROM ${table}`).run()
    },
    /** From now on unreachable. */
    kill: (id: PartyId) => {
      signerOf(id).alive = false
    },
    /** From now on it takes connections and answers nothing, as a stopped process does. */
    silence: (id: PartyId) => {
      signerOf(id).silent = true
    },
    /** The end of `kill` and `silence`, with everything it knew. */
    revive: (id: PartyId) => {
      Object.assign(signerOf(id), { alive: true, silent: false })
    },
    /** A new process over the same store; `meanwhile` may do to its file what an operator or a thief could. */
    restart: (id: PartyId, meanwhile: (file: string) => void = () => {}) => {
      const old = signerOf(id)
      old.actor.close()
      old.store.database.close()
      meanwhile(join(dir, `signer-${id}.db`))
      signers[id - 1] = startSigner(id - 1)
    },
    /** A new crypto worker in the same process. */
    loseWorker: (id: PartyId) => {
      const signer = signerOf(id)
      signer.actor.close()
      signer.actor = signer.makeActor()
    },
    /** A new coordinator process over the same store; `set.service` and the like are the new one's. `meanwhile` as in `restart`. */
    restartCoordinator: async (meanwhile: (file: string) => void = () => {}) => {
      set.monitor.stop()
      set.store.database.close()
      meanwhile(join(dir, 'coordinator.db'))
      Object.assign(set, await startCoordinator())
    },
    close: () => {
      set.monitor.stop()
      for (const s of signers) s.store.database.close()
      set.store.database.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return set
}

export type TestSet = Awaited<ReturnType<typeof inProcessSet>>
