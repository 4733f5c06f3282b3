import { createCipheriv, createHmac, hash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chacha20 } from '@noble/ciphers/chacha.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { ASSEMBLE } from '../src/actors/assembler-commands.ts'
import { WorkerPool } from '../src/actors/worker-pool.ts'
import { selectCurves } from '../src/host/curve/select-curves.ts'
import { openSignerStore } from '../src/host/store/signer-store.ts'
import { decodeEnvelope, encodeEnvelope } from '../src/protocol/channel/envelope.ts'
import { FullChannel } from '../src/protocol/channel/full-channel.ts'
import { LightChannel } from '../src/protocol/channel/light-channel.ts'
import { makeRoster } from '../src/protocol/channel/roster.ts'
import { PROTOCOLS, SUITES } from '../src/protocol/channel/setup.ts'
import type { Curves } from '../src/protocol/curve/curves.ts'
import type { Group } from '../src/protocol/curve/group.ts'
import { TAGS } from '../src/protocol/engine/tags.ts'
import { TH } from '../src/protocol/engine/transcript.ts'
import { OPEN_SIGNING } from '../src/protocol/frames/signer-frames.ts'
import type { BenchOptions } from './arguments.ts'
import type { Part, Table } from './report.ts'
import { type Operation, stopwatch } from './stopwatch.ts'

const BATCH = 64
const rng = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

export async function primitives(options: BenchOptions): Promise<Part> {
  return {
    tables: [
      await curveTable(options),
      await hashTable(options),
      await messageTable(options),
      await ledgerTable(options),
      await workerTable(options),
    ],
    gates: [],
  }
}

function groupOperations(group: Group): readonly Operation[] {
  const [a, b] = [group.randomScalar(rng), group.randomScalar(rng)]
  const [p, q] = [group.baseMul(a), group.baseMul(b)]
  return [
    { name: `${group.name} scalar multiply`, run: () => group.mulAssign(a, b), times: 100 },
    { name: `${group.name} baseMul`, run: () => group.baseMul(a) },
    { name: `${group.name} mulPublic`, run: () => group.mulPublic(p, b) },
    { name: `${group.name} sum of two`, run: () => group.sum([p, q]) },
  ]
}

function curveOperations(curves: Curves): readonly Operation[] {
  const [seed, secret, digest] = [rng(32), rng(32), rng(32)]
  const signKey = curves.ed25519PublicKey(seed)
  const signature = curves.ed25519Sign(digest, seed)
  const peer = curves.x25519PublicKey(rng(32))
  // Whether a signature holds makes no difference to the work of verifying as long as it is well-formed.
  const { secp256k1, p256 } = curves
  const key = secp256k1.baseMul(secp256k1.scalar(7))
  const formed = Uint8Array.from([...key.subarray(1), ...secp256k1.scalar(2n ** 254n + 987_654_321n)])
  return [
    ...groupOperations(secp256k1),
    { name: 'ECDSA verify', run: () => curves.ecdsaVerify(formed, digest, key) },
    { name: 'BIP-340 verify', run: () => curves.schnorrVerify(formed, digest, key.subarray(1)) },
    { name: 'secp256k1 mulSecret', run: () => secp256k1.mulSecret(key, secret) },
    ...groupOperations(p256),
    { name: 'p256 mulSecret', run: () => p256.mulSecret(p256.generator, secret) },
    { name: 'ECDSA verify, P-256', run: () => curves.ecdsaP256Verify(formed, digest, p256.generator) },
    ...groupOperations(curves.ed25519),
    { name: 'Ed25519 sign', run: () => curves.ed25519Sign(digest, seed) },
    { name: 'Ed25519 verify', run: () => curves.ed25519Verify(signature, digest, signKey) },
    { name: 'X25519', run: () => curves.x25519(secret, peer) },
  ]
}

async function curveTable(options: BenchOptions): Promise<Table> {
  const native = curveOperations(selectCurves('native'))
  const noble = curveOperations(selectCurves('noble'))
  const named = (backEnd: string, operations: readonly Operation[]) =>
    operations.map((one) => ({ ...one, name: `${one.name} ${backEnd}` }))
  const measured = await stopwatch([...named('native', native), ...named('noble', noble)], options)
  const rows = native.map(({ name }) => {
    const [fast, portable] = [measured.get(`${name} native`) ?? Number.NaN, measured.get(`${name} noble`) ?? Number.NaN]
    return { operation: name, 'native us': fast, 'noble us': portable, ratio: portable / fast }
  })
  return { title: 'curve operations', rows }
}

/** What the protocols hash with (noble, everywhere the same) beside what this platform has built in. */
async function hashTable(options: BenchOptions): Promise<Table> {
  const [key, nonce, data, small] = [rng(32), rng(12), new Uint8Array(2 * 32 * BATCH), rng(200)]
  const rows = [
    {
      operation: 'SHA-256, 200 B (TH)',
      ours: () => TH(TAGS.envelope, small),
      builtIn: () => hash('sha256', small, 'buffer'),
    },
    {
      operation: 'SHA-256, 8 kB (TH)',
      ours: () => TH(TAGS.envelope, data, data),
      builtIn: () => hash('sha256', Buffer.concat([data, data]), 'buffer'),
    },
    {
      operation: 'HMAC-SHA-256, 96 B',
      ours: () => hmac(sha256, key, small.subarray(0, 96)),
      builtIn: () => createHmac('sha256', key).update(small.subarray(0, 96)).digest(),
    },
    {
      operation: `ChaCha20 stream of ${BATCH} items (4 kB)`,
      ours: () => chacha20(key, nonce, data),
      builtIn: () => createCipheriv('chacha20', key, Buffer.concat([new Uint8Array(4), nonce])).update(data),
    },
  ]
  const measured = await stopwatch(
    rows.flatMap(({ operation, ours, builtIn }) => [
      { name: `${operation} ours`, run: ours, times: 10 },
      { name: `${operation} built in`, run: builtIn, times: 10 },
    ]),
    options,
  )
  return {
    title: 'hashes and streams',
    rows: rows.map(({ operation }) => ({
      operation,
      'noble us': measured.get(`${operation} ours`) ?? Number.NaN,
      'OpenSSL us': measured.get(`${operation} built in`) ?? Number.NaN,
    })),
  }
}

/** A frame as large as the coordinator's for 64 signatures of an API user. */
function signingFrame() {
  return {
    setup: {
      protocol: 'hm' as const,
      suite: 'ecdsa-secp256k1' as const,
      keyId: new Uint8Array(32),
      epoch: 0,
      rosterHash: rng(32),
      threshold: 2,
      signers: [1, 2, 3],
      boots: [rng(32), rng(32), rng(32)],
      deadline: 1_800_000_000_000,
      coordinatorNonce: rng(32),
    },
    generation: rng(32),
    tickets: [rng(16), rng(16), rng(16)],
    pairs: [],
    items: Array.from({ length: BATCH }, () => ({
      instance: rng(202),
      requestId: `req_${'a'.repeat(32)}`,
      request: { document: rng(430), credentialId: 'cred_client', alg: 'ed25519', signature: rng(64) },
    })),
  }
}

function assembleCommand() {
  const { tickets } = signingFrame()
  return {
    engine: 'hm',
    scheme: 'ecdsa-secp256k1',
    sessionId: rng(32),
    threshold: 2,
    signers: [1, 2, 3],
    kids: [rng(32), rng(32), rng(32)],
    tickets,
    items: Array.from({ length: BATCH }, () => ({ instance: rng(202), input: rng(32), publicKey: rng(33), verifyingShares: [] })),
    openings: [rng(34 * BATCH), rng(34 * BATCH), rng(34 * BATCH)],
    answers: [rng(64 * BATCH), rng(64 * BATCH), rng(64 * BATCH)],
  }
}

/** The message of an hm signer's first round for 64 signatures, in both kinds of envelope. */
function envelopes(curves: Curves) {
  const identities = [1, 2, 3].map((id) => ({ id, signSeed: rng(32), exchangeSecret: rng(32) }))
  const members = identities.map(({ id, signSeed, exchangeSecret }) => ({
    id,
    signKey: curves.ed25519PublicKey(signSeed),
    exchangeKey: curves.x25519PublicKey(exchangeSecret),
    tlsFingerprint: rng(32),
  }))
  const macKey = rng(32)
  const shared = {
    roster: makeRoster(1, members),
    signers: [1, 2, 3],
    sessionId: rng(32),
    suite: SUITES['ecdsa-secp256k1'],
    protocol: PROTOCOLS.hm,
    curves,
    rng,
  }
  const [sender, receiver] = identities as [(typeof identities)[0], (typeof identities)[0]]
  const light = (identity: typeof sender) =>
    new LightChannel({
      ...shared,
      identity,
      macKeys: new Map([1, 2, 3].filter((id) => id !== identity.id).map((id) => [id, macKey])),
    })
  const full = (identity: typeof sender) => new FullChannel({ ...shared, identity, signedOnly: true })
  const exchange = { name: 'bench', broadcast: rng(34 * BATCH), from: [2, 3] }
  return [
    { kind: 'light', from: light(sender), to: light(receiver) },
    { kind: 'full', from: full(sender), to: full(receiver) },
  ].map(({ kind, from, to }) => {
    const seal = (): Uint8Array => {
      const [sealed] = from.seal(1, exchange)
      if (sealed === undefined) throw new Error('nothing was sealed')
      return encodeEnvelope(sealed.envelope)
    }
    const bytes = seal()
    const open = () => {
      const envelope = decodeEnvelope(bytes)
      const accepted = envelope === null ? null : to.authenticate(envelope)
      if (accepted === null) throw new Error('an envelope of our own is refused')
      return accepted
    }
    return { kind, seal, open }
  })
}

async function messageTable(options: BenchOptions): Promise<Table> {
  const open = signingFrame()
  const openBytes = OPEN_SIGNING.encode(open)
  const assemble = assembleCommand()
  const assembleBytes = ASSEMBLE.encode(assemble)
  const sealed = envelopes(selectCurves('native'))
  const measured = await stopwatch(
    [
      { name: `encode frame of ${BATCH} items, ${openBytes.length} B`, run: () => OPEN_SIGNING.encode(open) },
      { name: `decode frame of ${BATCH} items, ${openBytes.length} B`, run: () => OPEN_SIGNING.decode(openBytes) },
      { name: `encode assembly of ${BATCH} items, ${assembleBytes.length} B`, run: () => ASSEMBLE.encode(assemble) },
      { name: `decode assembly of ${BATCH} items, ${assembleBytes.length} B`, run: () => ASSEMBLE.decode(assembleBytes) },
      ...sealed.flatMap(({ kind, seal, open: read }) => [
        { name: `seal and encode ${kind} envelope, ${34 * BATCH} B`, run: seal },
        { name: `decode and authenticate ${kind} envelope`, run: read },
      ]),
    ],
    options,
  )
  return {
    title: 'frames and envelopes',
    rows: [...measured].map(([operation, us]) => ({ operation, us, 'us per item': us / BATCH })),
  }
}

/** With an fsync each: what a signer pays before its share leaves. */
async function ledgerTable(options: BenchOptions): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'))
  const store = openSignerStore(join(folder, 'signer.sqlite'))
  try {
    let next = 0
    const now = Date.now()
    const rows = (count: number) =>
      Array.from({ length: count }, () => ({
        credentialId: 'cred_bench',
        tenant: 'bench',
        requestId: `req_${next++}`,
        requestHash: rng(32),
        expiresAt: now + 60_000,
        firstSentAt: now,
      }))
    const measured = await stopwatch(
      [1, BATCH].map((count) => ({ name: String(count), run: () => store.claim(rows(count)) })),
      options,
    )
    return {
      title: 'ledger of a signer, one fsync per batch',
      rows: [...measured].map(([count, us]) => ({ operation: `claim ${count}`, us, 'us per item': us / Number(count) })),
    }
  } finally {
    store.database.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function workerTable(options: BenchOptions): Promise<Table> {
  const pool = await WorkerPool.start({
    entry: new URL('./echo-worker.ts', import.meta.url),
    count: 1,
    data: () => ({ value: null }),
    onLost: (_, error) => {
      throw error
    },
    onUnhealthy: () => undefined,
  })
  try {
    const messages = [200, 4096, 65_536].map((size) => ({ size, bytes: rng(size) }))
    const measured = await stopwatch(
      messages.map(({ size, bytes }) => ({ name: `${size} B there and back`, run: () => pool.call(0, bytes) })),
      options,
    )
    return { title: 'worker round trip', rows: [...measured].map(([operation, us]) => ({ operation, us })) }
  } finally {
    await pool.close()
  }
}
