import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { chacha20 } from '@noble/ciphers/chacha.js'
import { destination } from 'pino'
import { AssemblerActor } from '../src/actors/assembler-actor.ts'
import { CryptoActor } from '../src/actors/crypto-actor.ts'
import { ANSWER, encodeCommand } from '../src/actors/crypto-commands.ts'
import type { SignerLink } from '../src/actors/round.ts'
import { selectCurves } from '../src/host/curve/select-curves.ts'
import { recordSeals } from '../src/host/kms/record-seals.ts'
import { createLogger } from '../src/host/log.ts'
import { createMetrics } from '../src/host/metrics.ts'
import type { CryptoClient } from '../src/host/signer/crypto-client.ts'
import { PairDesk } from '../src/host/signer/pair-desk.ts'
import { signerMetrics } from '../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../src/host/signer/signer-service.ts'
import { groupCommit } from '../src/host/store/group-commit.ts'
import { openSignerStore } from '../src/host/store/signer-store.ts'
import { makeRoster } from '../src/protocol/channel/roster.ts'
import { type Rng, toHex } from '../src/protocol/engine/bytes.ts'
import { REPLY, ROUTES } from '../src/protocol/frames/signer-frames.ts'
import { authorizationMessage } from '../src/protocol/request/authorize.ts'

/** One command that the recorded signer's crypto worker was given, and the reply it gave. */
export interface Recorded {
  readonly command: Uint8Array
  readonly reply: Uint8Array
  /** What the run was doing at the time. */
  readonly chapter: string
}

/** Milliseconds that a stretch of work took, by who did it, and bytes between coordinator and signers. */
export interface Spent {
  worker: number
  signerMain: number
  assembler: number
  total: number
  bytes: number
}

export const SIGNERS = [1, 2, 3] as const
const CREDENTIAL = 'cred_bench'
/** The signer whose commands are recorded. */
const RECORDED = 1

const random: Rng = (length) => Uint8Array.from(randomBytes(length))

/** The same bytes for the same seed: a second actor with it makes the choices of the first. Nothing of it is a secret. */
function replayable(seed: Uint8Array): Rng {
  let counter = 0
  return (length) => {
    const nonce = new Uint8Array(12)
    new DataView(nonce.buffer).setUint32(0, counter++)
    return chacha20(seed, nonce, new Uint8Array(length))
  }
}

/**
 * Three signers with real actors, handlers, stores and logs, one after the other on this thread, and all that a coordinator
 * needs to run sessions with them. Everything signer 1 computes is recorded from its birth, so that a twin of it can be given
 * the same life again and again: one real party against a recording (the idea is NEAR's, bench/README.md).
 */
export function recordedSet() {
  const curves = selectCurves('native')
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'))
  const log = createLogger({
    level: 'info',
    role: 'signer',
    name: 'bench',
    destination: destination({ dest: devNull, sync: true }),
  })
  const identities = SIGNERS.map((id) => ({ id, signSeed: random(32), exchangeSecret: random(32) }))
  const roster = makeRoster(
    1,
    identities.map(({ id, signSeed, exchangeSecret }) => ({
      id,
      signKey: curves.ed25519PublicKey(signSeed),
      exchangeKey: curves.x25519PublicKey(exchangeSecret),
      tlsFingerprint: random(32),
    })),
  )
  const audience = `set_${toHex(roster.hash)}`
  const seed = random(32)
  const credential = {
    id: CREDENTIAL,
    tenant: 'bench',
    alg: 'ed25519' as const,
    publicKey: curves.ed25519PublicKey(seed),
    digest: true,
  }
  const rosterFile = {
    roster,
    audience,
    signers: SIGNERS.map((index) => ({
      index,
      name: `signer-${index}`,
      url: `https://signer-${index}`,
      tlsFingerprint: 'ab'.repeat(32),
    })),
  }
  const dataKeys = SIGNERS.map(() => random(32))
  const choices = SIGNERS.map(() => random(32))
  const born = (id: number): CryptoActor => {
    const identity = identities[id - 1] as (typeof identities)[number]
    const dataKey = dataKeys[id - 1] as Uint8Array
    return new CryptoActor({
      // Copies: an actor wipes its identity at its end.
      identity: { id, signSeed: Uint8Array.from(identity.signSeed), exchangeSecret: Uint8Array.from(identity.exchangeSecret) },
      roster,
      rng: replayable(choices[id - 1] as Uint8Array),
      boot: 1,
      capacity: 1000,
      hm: true,
      authority: { audience, curves, credentials: new Map([[credential.id, credential]]) },
      dkls23: true,
      ...recordSeals(dataKey, id),
    })
  }

  const recording: Recorded[] = []
  const spent: Spent = { worker: 0, signerMain: 0, assembler: 0, total: 0, bytes: 0 }
  let chapter = ''
  const stores = SIGNERS.map((id) => openSignerStore(join(folder, `signer-${id}.sqlite`)))
  const actors = SIGNERS.map(born)
  const handlers = SIGNERS.map((id, i) => {
    const actor = actors[i] as CryptoActor
    const ask: CryptoClient['ask'] = async (kind, fields = {}) => {
      const command = encodeCommand(kind, Date.now(), fields)
      const started = performance.now()
      const answer = actor.call(command)
      spent.worker += performance.now() - started
      const decoded = ANSWER.decode(answer)
      if (id === RECORDED) recording.push({ command, reply: REPLY.encode(decoded.reply), chapter })
      return decoded
    }
    const store = stores[i] as (typeof stores)[number]
    const counts = signerMetrics(createMetrics({ role: 'signer', name: `signer-${id}` }))
    const shared = { crypto: { ask }, now: Date.now, log, metrics: counts }
    const commits = groupCommit(store.database)
    return signerHandlers({
      ...shared,
      pairs: new PairDesk({ ...shared, self: id, roster, offered: true, pairs: store.pairs, commits }),
      config: { index: id, roster: rosterFile, credentials: [credential], curve: 'native' },
      store,
      curves,
      version: '0',
      ready: () => true,
    })
  })

  // One signer at a time, or each would be charged for the time in which it waits for the thread.
  let turn: Promise<unknown> = Promise.resolve()
  const links: readonly SignerLink[] = SIGNERS.map((id, i) => ({
    id,
    send: (route, frame) => {
      const mine = turn.then(async () => {
        const handler = handlers[i]?.[ROUTES[route]]
        if (handler === undefined) throw new Error(`no handler for ${route}`)
        const before = spent.worker
        const started = performance.now()
        const reply = await handler(Uint8Array.from(frame))
        spent.signerMain += performance.now() - started - (spent.worker - before)
        spent.bytes += frame.length + reply.length
        return reply
      })
      turn = mine.catch(() => undefined)
      return mine
    },
  }))

  const assembler = new AssemblerActor(curves)
  return {
    roster,
    curves,
    audience,
    rng: random,
    boots: (signers: readonly number[]) => signers.map((id) => (actors[id - 1] as CryptoActor).bootNonce),
    links,
    recording: recording as readonly Recorded[],
    /** Signs a request document as the set's one credential. */
    request: (document: Uint8Array) => ({
      document,
      credentialId: CREDENTIAL,
      alg: credential.alg,
      signature: curves.ed25519Sign(authorizationMessage(document), seed),
    }),
    assemble: async (command: Uint8Array): Promise<Uint8Array> => {
      const started = performance.now()
      const answer = assembler.call(command)
      spent.assembler += performance.now() - started
      return answer
    },
    /** Runs `work` under a name in the recording. @returns its result and what it cost everybody. */
    run: async <T>(name: string, work: () => Promise<T>): Promise<{ readonly result: T; readonly spent: Spent }> => {
      chapter = name
      Object.assign(spent, { worker: 0, signerMain: 0, assembler: 0, bytes: 0 })
      const started = performance.now()
      const result = await work()
      return { result, spent: { ...spent, total: performance.now() - started } }
    },
    /** A newborn signer 1, which knows nothing of what the recorded one was told. */
    twin: () => born(RECORDED),
    close: () => {
      for (const store of stores) store.database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type RecordedSet = ReturnType<typeof recordedSet>
