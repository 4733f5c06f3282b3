import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { AssemblerActor } from '../../../src/actors/assembler-actor.ts'
import { CryptoActor } from '../../../src/actors/crypto-actor.ts'
import { ANSWER, COMMAND, COMMANDS } from '../../../src/actors/crypto-commands.ts'
import { PrssKeeper } from '../../../src/actors/prss-keeper.ts'
import type { SignerLink } from '../../../src/actors/round.ts'
import { SignerMonitor } from '../../../src/actors/signer-monitor.ts'
import { type SessionReport, SigningScheduler } from '../../../src/actors/signing-scheduler.ts'
import { TicketStock } from '../../../src/actors/ticket-stock.ts'
import { coordinatorService } from '../../../src/host/coordinator/coordinator-service.ts'
import { KeyDirectory } from '../../../src/host/coordinator/directory.ts'
import { KeyService } from '../../../src/host/coordinator/key-service.ts'
import { signerNames } from '../../../src/host/coordinator/signer-names.ts'
import { SigningService } from '../../../src/host/coordinator/signing-service.ts'
import { loadNativeCurves } from '../../../src/host/curve/native-curves.ts'
import { openRecord, sealRecord } from '../../../src/host/kms/sealing.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { signerMetrics } from '../../../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../../../src/host/signer/signer-service.ts'
import { openCoordinatorStore } from '../../../src/host/store/coordinator-store.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { openSignerStore, type SignerStore } from '../../../src/host/store/signer-store.ts'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { ROUTES, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { authorizationMessage, type Credential } from '../../../src/protocol/request/authorize.ts'
import { type Document, encodeDocument, type Payload, type Scheme } from '../../../src/protocol/request/document.ts'

/** What a test may do to one exchange between coordinator and signer. */
export type Tamper = (
  to: number,
  route: Route,
  frame: Uint8Array,
  deliver: (frame: Uint8Array) => Promise<Uint8Array>,
) => Promise<Uint8Array>

const rng = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

/**
 * A whole set in one process: real stores on disk, real crypto actors, real scheduling and services; only the thread and the
 * network between them are function calls, through which a test can reach (`tamper`, `kill`, `revive`).
 */
export async function inProcessSet(options: { readonly n?: number; readonly threshold?: number } = {}) {
  const n = options.n ?? 3
  const threshold = options.threshold ?? 2
  const curves = loadNativeCurves()
  const log = pino({ level: 'silent' })
  const dir = mkdtempSync(join(tmpdir(), 'quorate-set-'))
  const identities = Array.from({ length: n }, (_, i) => ({ id: i + 1, signSeed: rng(32), exchangeSecret: rng(32) }))
  const roster = makeRoster(
    1,
    identities.map((i) => ({
      id: i.id,
      signKey: curves.ed25519PublicKey(i.signSeed),
      exchangeKey: curves.x25519PublicKey(i.exchangeSecret),
      tlsFingerprint: rng(32),
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
  const seeds = new Map([
    ['cred_alice', rng(32)],
    ['cred_bob', rng(32)],
  ])
  const credentials: Credential[] = [...seeds].map(([id, seed]) => ({
    id,
    tenant: id.slice(5),
    alg: 'ed25519',
    publicKey: curves.ed25519PublicKey(seed),
    digest: id === 'cred_alice',
  }))

  const dataKeys = identities.map(() => rng(32))
  const signers = identities.map((identity, i) => startSigner(identity, dataKeys[i] as Uint8Array))
  function startSigner(identity: (typeof identities)[number], dataKey: Uint8Array) {
    const store: SignerStore = openSignerStore(join(dir, `signer-${identity.id}.db`))
    const place = (keyId: Uint8Array, epoch: number) => ({ table: 'keys', keyId, party: identity.id, epoch })
    const actor = new CryptoActor({
      identity: {
        ...identity,
        signSeed: Uint8Array.from(identity.signSeed),
        exchangeSecret: Uint8Array.from(identity.exchangeSecret),
      },
      roster,
      rng,
      boot: store.nextBoot(),
      capacity: 100,
      hm: true,
      authority: { audience, curves, credentials: new Map(credentials.map((c) => [c.id, c])) },
      seal: (plain, keyId, epoch) => sealRecord(dataKey, place(keyId, epoch), plain),
      unseal: (sealed, keyId, epoch) => openRecord(dataKey, place(keyId, epoch), sealed),
    })
    const handlers = signerHandlers({
      config: { index: identity.id, roster: rosterFile, credentials, curve: 'native' },
      store,
      crypto: {
        ask: async (kind, fields = {}) => {
          const command = {
            kind: COMMANDS[kind],
            now: Date.now(),
            frame: new Uint8Array(0),
            known: [],
            keys: [],
            tickets: 0,
            ...fields,
          }
          return ANSWER.decode(actor.call(COMMAND.encode(command)))
        },
      },
      curves,
      version: '0',
      now: Date.now,
      ready: () => true,
      log,
      metrics: signerMetrics(createMetrics({ role: 'signer', name: `s${identity.id}` })),
    })
    return { identity, store, actor, handlers, alive: true }
  }

  const hooks: { tamper: Tamper } = { tamper: (_to, _route, frame, deliver) => deliver(frame) }
  const links = new Map<number, SignerLink>(
    identities.map((identity, i) => [
      identity.id,
      {
        id: identity.id,
        send: async (route, frame) =>
          await hooks.tamper(identity.id, route, frame, async (bytes) => {
            const signer = signers[i]
            if (signer === undefined || !signer.alive) throw new Error('unreachable')
            const handler = signer.handlers[ROUTES[route]]
            if (handler === undefined) throw new Error('no route')
            return await handler(Uint8Array.from(bytes))
          }),
      },
    ]),
  )
  const reports: SessionReport[] = []
  const store = openCoordinatorStore(join(dir, 'coordinator.db'))
  const commits = groupCommit(store.database)
  const stock = new TicketStock()
  const monitor = new SignerMonitor({
    links: [...links.values()],
    rosterHash: roster.hash,
    stock,
    now: Date.now,
    intervalMs: 20,
    timeoutMs: 500,
    onChange: () => {},
  })
  const failures: string[] = []
  const prss = new PrssKeeper({
    links,
    monitor,
    stock,
    rosterHash: roster.hash,
    rng,
    now: Date.now,
    timeoutMs: 2000,
    onEstablished: () => {},
    onFailed: (_t, _s, why) => failures.push(why),
  })
  const assembler = new AssemblerActor(curves)
  const scheduler = new SigningScheduler({
    links,
    monitor,
    prss,
    parties: identities.map((i) => i.id),
    rosterHash: roster.hash,
    rng,
    now: Date.now,
    hm: true,
    exchangeTimeoutMs: 2000,
    capacity: 1000,
    maxBatch: 64,
    maxInFlight: 2,
    assemble: async (c) => assembler.call(c),
    onSession: (r) => reports.push(r),
  })
  const names = signerNames(addresses)
  const directory = new KeyDirectory(store, roster, curves)
  const keys = new KeyService({
    links,
    monitor,
    directory,
    store,
    roster: rosterFile,
    names,
    curves,
    rng,
    now: Date.now,
    timeoutMs: 5000,
    log,
  })
  const signing = new SigningService({ scheduler, directory, store, commits, names, now: Date.now, timeoutMs: 5000, log })
  const service = coordinatorService({
    config: { roster: rosterFile, signers: addresses, defaultThreshold: threshold },
    keys,
    signing,
    scheduler,
    monitor,
    store,
  })
  await monitor.start()

  let requests = 0
  const clock = () => Date.now()
  const signature = (who: string, message: Uint8Array) => curves.ed25519Sign(message, seeds.get(who) as Uint8Array)
  /** Any bytes as a request of `who`. */
  const authorized = (who: string, document: Uint8Array) => ({
    document,
    authorizations: [
      { credentialId: who, alg: 'ed25519' as const, signature: signature(who, authorizationMessage(document)) },
    ],
  })
  return {
    curves,
    roster,
    audience,
    signers,
    store,
    scheduler,
    monitor,
    prss,
    keys,
    service,
    reports,
    failures,
    hooks,
    names,
    client: { name: 'test', credentials: ['cred_alice', 'cred_bob'] },
    /** A request document of `who`, signed. */
    request: (who: string, fields: Partial<Document> & Pick<Document, 'type' | 'scheme'>, requestId = `req_${++requests}`) => {
      const issuedAt = clock()
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
    kill: (id: number) => {
      const signer = signers[id - 1]
      if (signer !== undefined) signer.alive = false
    },
    /** A new process over the same store. */
    restart: (id: number) => {
      const old = signers[id - 1] as (typeof signers)[number]
      old.actor.close()
      old.store.database.close()
      signers[id - 1] = startSigner(identities[id - 1] as (typeof identities)[number], dataKeys[id - 1] as Uint8Array)
    },
    close: () => {
      monitor.stop()
      for (const s of signers) s.store.database.close()
      store.database.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
