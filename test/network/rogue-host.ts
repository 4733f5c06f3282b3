import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { CryptoActor } from '../../src/actors/crypto-actor.ts'
import { ANSWER, encodeCommand } from '../../src/actors/crypto-commands.ts'
import { readIdentityFile } from '../../src/host/config/identity-file.ts'
import { loadConfig } from '../../src/host/config/load-config.ts'
import { readSources } from '../../src/host/config/sources.ts'
import { selectCurves } from '../../src/host/curve/select-curves.ts'
import { openDataKey } from '../../src/host/kms/data-key.ts'
import { fileKms } from '../../src/host/kms/file-kms.ts'
import { recordSeals } from '../../src/host/kms/record-seals.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import type { CryptoClient } from '../../src/host/signer/crypto-client.ts'
import { PairDesk } from '../../src/host/signer/pair-desk.ts'
import { signerMetrics } from '../../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../../src/host/signer/signer-service.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import { openSignerStore } from '../../src/host/store/signer-store.ts'
import { readTls } from '../../src/host/tls/tls-files.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { peerRoutes } from '../../src/transport/inbound.ts'
import { serveTls } from '../../src/transport/tls-server.ts'
import { RogueSigner } from '../attack/rogue-signer.ts'

/**
 * The host of a malicious signer in the data directory of one that ran before: its keys, store, port and certificate, and a program of its
 * own. Everything between it and the others is what it would be: mutual TLS, signed and encrypted envelopes.
 */
export async function startRogueHost(directory: string) {
  const config = loadConfig('signer', readSources({}, join(directory, 'host.env')))
  const { roster, audience } = config.roster
  const store = openSignerStore(config.storeFile)
  const dataKey = await openDataKey(store, fileKms(config.kms.file), { set: audience, signer: String(config.index) })
  const curves = selectCurves(config.curve)
  const rng = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))
  const seals = recordSeals(dataKey, config.index)
  const actor = new CryptoActor({
    identity: readIdentityFile(config.identityFile),
    roster,
    authority: { audience, credentials: new Map(config.credentials.map((c) => [c.id, c])), curves },
    rng,
    boot: store.nextBoot(),
    capacity: 300,
    hm: true,
    dkls23: true,
    ...seals,
  })
  const crypto: CryptoClient = {
    ask: async (kind, fields = {}) => ANSWER.decode(actor.call(encodeCommand(kind, Date.now(), fields))),
  }
  const log = pino({ level: 'silent' })
  const metrics = signerMetrics(createMetrics({ role: 'signer', name: config.name }))
  const shared = { crypto, now: Date.now, log, metrics }
  const commits = groupCommit(store.database)
  const pairs = new PairDesk({ ...shared, self: config.index, roster, offered: true, pairs: store.pairs, commits })
  const honest = signerHandlers({ ...shared, config, store, pairs, curves, version: '0', ready: () => true })
  const rogue = new RogueSigner({
    identity: readIdentityFile(config.identityFile),
    roster,
    curves,
    rng,
    now: Date.now,
    keyOf: (keyId) => {
      const row = store.getKey(keyId)
      if (row === undefined) throw new Error('no such key')
      const key = PUBLIC_PACKAGE.decode(row.publicPackage)
      return { key, share: KEY_SECRET.decode(seals.unseal(row.sealedShare, keyId, key.epoch)).share }
    },
  })
  const server = await serveTls({
    fetch: peerRoutes({ handlers: rogue.over(honest), maxBytes: 24 << 20, onError: () => {} }).fetch,
    host: config.listen.host,
    port: config.listen.port,
    tls: readTls(config.tls),
    clients: { mode: 'pinned', fingerprints: new Set(config.coordinators) },
    allowFrom: config.allowFrom,
    onRefused: () => {},
  })
  return {
    rogue,
    close: async () => {
      await server.close()
      actor.close()
      store.database.close()
    },
  }
}
