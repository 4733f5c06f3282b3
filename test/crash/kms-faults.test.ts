import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Piscina } from 'piscina'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { SignerLink } from '../../src/actors/round.ts'
import { ensureDevKeys } from '../../src/host/cli/dev-keys.ts'
import { freePorts } from '../../src/host/cli/dev-ports.ts'
import { writeDevSet } from '../../src/host/cli/dev-set.ts'
import type { SignerConfig } from '../../src/host/config/config.ts'
import { loadConfig } from '../../src/host/config/load-config.ts'
import { readSources } from '../../src/host/config/sources.ts'
import { signerLink } from '../../src/host/coordinator/signer-link.ts'
import { startSigner } from '../../src/host/roles/signer.ts'
import { openSignerStore } from '../../src/host/store/signer-store.ts'
import { readTls } from '../../src/host/tls/tls-files.ts'
import { equalBytes } from '../../src/protocol/engine/bytes.ts'
import { STATUS, STATUS_REQUEST } from '../../src/protocol/frames/signer-frames.ts'
import { createPeerClient, type PeerClient } from '../../src/transport/peer-client.ts'
import { logSink } from '../host/api/requests.ts'
import { hash, NOW } from '../host/store/drivers.ts'
import { sharedDirectory } from '../host/temporary.ts'

/** A signer as its operator starts it, with a worker thread that unwraps the data key; the test is its coordinator. */
const directory = join(sharedDirectory(), 'set')
let config: SignerConfig
let peer: PeerClient
let link: SignerLink
const sink = logSink()
const key = (): string => config.kms.file
const away = (): string => `${key()}.away`

beforeAll(async () => {
  const rosterHash = await ensureDevKeys(directory, 2, 3)
  const [gateway, coordinator, ...signers] = (await freePorts(5)) as [number, number, ...number[]]
  const ports = { gateway, coordinator, signers }
  const set = await writeDevSet({
    dataDir: directory,
    threshold: 2,
    parties: 3,
    rosterHash,
    ports,
    logLevel: 'info',
    curve: 'native',
  })
  const [first] = set.signers
  config = loadConfig('signer', readSources({}, first?.envFile))
  const own = loadConfig('coordinator', readSources({}, set.coordinator.envFile))
  const [address] = own.signers
  peer = createPeerClient({ url: first?.url ?? '', name: 'signer-1', tls: readTls(own.tls), pin: address?.tlsFingerprint ?? '' })
  link = signerLink(1, peer)
})
afterAll(() => peer?.close())
afterEach(() => vi.restoreAllMocks())

const start = () => startSigner(config, sink.log)
const heartbeat = async () => STATUS.decode(await link.send('status', STATUS_REQUEST.encode({ tickets: 1 }), 5000))
const store = <T>(work: (open: ReturnType<typeof openSignerStore>) => T): T => {
  const open = openSignerStore(config.storeFile)
  try {
    return work(open)
  } finally {
    open.database.close()
  }
}
const boots = (): number =>
  store(
    ({ database }) =>
      database.statement<{ readonly value: number }>(`SELECT value FROM counters WHERE name = 'boot'`).get()?.value ?? 0,
  )

describe('a signer whose data key cannot be had', () => {
  it('does not start, counts no start, changes nothing and listens nowhere; with the right key it is what it was', async () => {
    const before = await start()
    const { bootNonce } = await heartbeat()
    await before.close()
    store((open) =>
      open.insertPending({
        keyId: hash(1),
        credentialId: 'cred_a',
        tenant: '',
        requestId: 'req_1',
        requestHash: hash(2),
        label: null,
        publicPackage: new Uint8Array(1),
        sealedShare: new Uint8Array(93),
        ownSignature: new Uint8Array(64),
        createdAt: NOW,
      }),
    )
    const wrapped = store((open) => open.wrappedDataKey() as Uint8Array)
    const slot = (bytes: Uint8Array): void =>
      store(({ database }) => {
        database.statement('DELETE FROM data_key').run()
        if (bytes.length > 0) database.statement('INSERT INTO data_key VALUES (1, :bytes)').run({ bytes })
      })
    const right = readFileSync(key())
    const put = (bytes: Uint8Array): void => writeFileSync(key(), bytes, { mode: 0o600 })
    const FAULTS: readonly (readonly [string, string, () => void, () => void])[] = [
      ['no master key', 'MASTER_KEY_MISSING', () => renameSync(key(), away()), () => renameSync(away(), key())],
      ['another master key', 'UNWRAP_FAILED', () => put(new Uint8Array(32).fill(7)), () => put(right)],
      ['a part of it', 'MASTER_KEY_MALFORMED', () => put(right.subarray(1)), () => put(right)],
      ['one that others can read', 'MASTER_KEY_UNSAFE', () => chmodSync(key(), 0o644), () => chmodSync(key(), 0o600)],
      [
        'a pipe that nobody writes to',
        'MASTER_KEY_MALFORMED',
        () => {
          rmSync(key())
          execFileSync('mkfifo', ['-m', '600', key()])
        },
        () => {
          rmSync(key())
          put(right)
        },
      ],
      [
        'a wrapped key that decayed',
        'UNWRAP_FAILED',
        () => slot(wrapped.map((b, i) => (i === 20 ? b ^ 1 : b))),
        () => slot(wrapped),
      ],
      ['none, and shares that were sealed under one', 'DATA_KEY_MISSING', () => slot(new Uint8Array(0)), () => slot(wrapped)],
    ]
    const count = boots()
    for (const [what, code, damage, mend] of FAULTS) {
      damage()
      const disk = readFileSync(config.storeFile)
      await expect(start(), what).rejects.toMatchObject({ code })
      expect(readFileSync(config.storeFile).equals(disk), what).toBe(true)
      await expect(heartbeat(), what).rejects.toThrow()
      mend()
    }
    expect(boots()).toBe(count)
    const again = await start()
    const status = await heartbeat()
    expect([status.index, status.ready, status.pending]).toEqual([1, 1, [hash(1)]])
    expect(status.bootNonce).not.toEqual(bootNonce)
    await again.close()
    expect([boots(), store((open) => open.wrappedDataKey())]).toEqual([count + 1, wrapped])
  })

  it('goes on while it runs; when its worker needs the key anew it serves again or the host ends, and hangs in neither case', async () => {
    const runs = vi.spyOn(Piscina.prototype, 'run')
    const ended = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never)
    const host = await start()
    const threads = (): Piscina['threads'] => (runs.mock.contexts[0] as Piscina).threads
    const first = await heartbeat()
    renameSync(key(), away())
    expect((await heartbeat()).bootNonce).toEqual(first.bootNonce)

    // The key is there again before the worker is lost: it is another start of it, and nobody takes it for the first.
    renameSync(away(), key())
    await threads()[0]?.terminate()
    await vi.waitUntil(() => sink.text().includes('crypto worker serves again'), { timeout: 10_000 })
    // A heartbeat tells what the worker said last while it has no answer.
    const isAnother = async (): Promise<boolean> => !equalBytes((await heartbeat()).bootNonce, first.bootNonce)
    await vi.waitUntil(isAnother, { timeout: 10_000 })
    expect(ended).not.toHaveBeenCalled()

    // It is away: three starts fail, and a host that cannot have a worker ends, so that whoever supervises it sees it.
    renameSync(key(), away())
    await threads()[0]?.terminate()
    await vi.waitUntil(() => ended.mock.calls.length > 0, { timeout: 10_000 })
    expect(ended).toHaveBeenCalledWith(1)
    for (const word of ['MASTER_KEY_MISSING', 'crypto workers keep dying']) expect(sink.text()).toContain(word)
    await expect(heartbeat()).rejects.toThrow()
    renameSync(away(), key())
    await host.close()
    // Not a byte of it in what was logged.
    expect(sink.text()).not.toContain(readFileSync(key()).toString('hex'))
  })
})
