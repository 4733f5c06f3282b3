import { ANSWER } from '../src/actors/crypto-commands.ts'
import { PrssKeeper } from '../src/actors/prss-keeper.ts'
import { relay } from '../src/actors/relay-session.ts'
import { type HmSupplies, type SessionItem, signingSession } from '../src/actors/signing-session.ts'
import { TicketStock } from '../src/actors/ticket-stock.ts'
import { sessionId as sessionIdOf } from '../src/protocol/channel/setup.ts'
import { equalBytes, toHex } from '../src/protocol/engine/bytes.ts'
import { OPEN_KEYGEN, REPLY } from '../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE } from '../src/protocol/keygen/certificate.ts'
import type { PublicPackage } from '../src/protocol/keygen/key-record.ts'
import { ownedRequestHash, requestHash } from '../src/protocol/request/authorize.ts'
import { signingInput } from '../src/protocol/request/digest.ts'
import { encodeDocument, isEcdsa, SCHEMES, type Scheme } from '../src/protocol/request/document.ts'
import { instanceBytes, messageDigest } from '../src/protocol/request/instance.ts'
import type { BenchOptions } from './arguments.ts'
import { type RecordedSet, recordedSet, SIGNERS, type Spent } from './recorded-set.ts'
import { median, type Part, type Row } from './report.ts'

const THRESHOLD = 2
const BATCHES = [1, 8, 64]
const EXCHANGE_MS = 10_000
const LIFE_MS = 600_000
/** Short so that a payload's hashing does not stand for the protocol. */
const MESSAGE_BYTES = 32
const HASH: Readonly<Record<Scheme, { readonly hash?: 'sha256' }>> = {
  'ecdsa-secp256k1': { hash: 'sha256' },
  'ecdsa-p256': { hash: 'sha256' },
  'schnorr-secp256k1': { hash: 'sha256' },
  'eddsa-ed25519': {},
}

/** Cost by party and step of key generation, PRSS and signing, without any network. */
export async function round(options: BenchOptions, batches: readonly number[] = BATCHES): Promise<Part> {
  const set = recordedSet()
  try {
    const setUp = await recordSetUp(set, options)
    const sessions = await recordSigning(set, setUp, options, batches)
    const worker = replay(set, options)
    const signing = sessions.map(({ scheme, batch, signers, spent }): Row => {
      const open = worker.get(nameOf(scheme, batch))?.first ?? Number.NaN
      const rest = worker.get(nameOf(scheme, batch))?.rest ?? Number.NaN
      const [main, coordinator, assembler] = [signerMain, coordinatorMain, (s: Spent) => s.assembler].map(
        (part) => (1000 * median(spent.map(part))) / batch,
      ) as [number, number, number]
      const [perOpen, perRest] = [open / batch, rest / batch]
      const perSigner = perOpen + perRest + main / signers
      const all = signers * perSigner + coordinator + assembler
      return {
        scheme,
        batch,
        signers,
        'signer open us': perOpen,
        'signer round us': perRest,
        'signer main us': main / signers,
        'coordinator us': coordinator,
        'assembler us': assembler,
        'all parties us': all,
        'limit of 2 cores /s': Math.round(2e6 / all),
        'bytes per signer': Math.round(median(spent.map((one) => one.bytes)) / batch / signers),
      }
    })
    const making = [...setUp.spent].map(([name, spent]) => ({
      protocol: name,
      'signer worker us': (worker.get(name)?.first ?? Number.NaN) + (worker.get(name)?.rest ?? Number.NaN),
      'signer main us': (1000 * median(spent.map(signerMain))) / SIGNERS.length,
    }))
    return {
      tables: [
        { title: 'signing, us per signature (signer columns: per signer)', rows: signing },
        { title: 'key generation and PRSS generation, us per run and signer', rows: making },
      ],
      gates: [],
    }
  } finally {
    set.close()
  }
}

const signerMain = (spent: Spent): number => spent.signerMain
const coordinatorMain = ({ total, worker, signerMain: main, assembler }: Spent): number => total - worker - main - assembler
const nameOf = (scheme: Scheme, batch: number): string => `${scheme}, batch of ${batch}`

interface SetUp {
  readonly prss: PrssKeeper
  readonly keys: ReadonlyMap<Scheme, PublicPackage>
  readonly spent: ReadonlyMap<string, readonly Spent[]>
}

async function recordSetUp(set: RecordedSet, { quick, scheme: only }: BenchOptions): Promise<SetUp> {
  const times = quick ? 4 : 12
  const spent = new Map<string, Spent[]>()
  const keep = (name: string, one: Spent): void => void spent.set(name, [...(spent.get(name) ?? []), one])
  const prss = new PrssKeeper({
    links: new Map(set.links.map((link) => [link.id, link])),
    monitor: { states: () => [], refresh: async () => {}, boots: set.boots },
    stock: new TicketStock(),
    rosterHash: set.roster.hash,
    rng: set.rng,
    now: Date.now,
    timeoutMs: EXCHANGE_MS,
    onEstablished: () => undefined,
    onFailed: (_threshold, _signers, why) => {
      throw new Error(`no PRSS generation: ${why}`)
    },
  })
  for (let i = 0; i < times; i++) {
    prss.forget(THRESHOLD, SIGNERS)
    keep('prss', (await set.run('prss', () => prss.ensure(THRESHOLD, SIGNERS))).spent)
  }
  const keys = new Map<Scheme, PublicPackage>()
  for (const scheme of SCHEMES.filter((s) => only === undefined || s === only)) {
    for (let i = 0; i < times; i++) {
      const made = await set.run(`dkg ${scheme}`, () => makeKey(set, scheme, `req_key_${scheme}_${i}`))
      keep(`dkg ${scheme}`, made.spent)
      keys.set(scheme, made.result)
    }
  }
  return { prss, keys, spent }
}

const times = () => ({ issuedAt: Date.now(), expiresAt: Date.now() + LIFE_MS })

async function makeKey(set: RecordedSet, scheme: Scheme, requestId: string): Promise<PublicPackage> {
  const parties = SIGNERS.length
  const document = encodeDocument({
    type: 'keygen.v1',
    requestId,
    audience: set.audience,
    ...times(),
    scheme,
    threshold: THRESHOLD,
    parties,
  })
  const setup = { ...emptySetup(set), protocol: 'dkg' as const, suite: scheme }
  const request = set.request(document)
  const frame = OPEN_KEYGEN.encode({ setup, requestId, request })
  const sessionId = sessionIdOf({ ...setup, purpose: ownedRequestHash(requestHash(document), request.credentialId) })
  const end = await relay(set.links, { route: 'openKeygen', frame }, sessionId, EXCHANGE_MS)
  const certificate = end.type === 'done' ? [...end.replies.values()].find((reply) => reply.result.length > 0)?.result : undefined
  if (certificate === undefined) throw new Error('the signers certified no key')
  return CERTIFICATE.decode(certificate).key
}

const emptySetup = (set: RecordedSet) => ({
  keyId: new Uint8Array(32),
  epoch: 0,
  rosterHash: set.roster.hash,
  threshold: THRESHOLD,
  signers: [...SIGNERS],
  boots: set.boots(SIGNERS),
  deadline: Date.now() + 60_000,
  coordinatorNonce: set.rng(32),
})

interface RecordedSigning {
  readonly scheme: Scheme
  readonly batch: number
  readonly signers: number
  readonly spent: readonly Spent[]
}

async function recordSigning(
  set: RecordedSet,
  { prss, keys }: SetUp,
  { quick, scheme: only }: BenchOptions,
  batches: readonly number[],
): Promise<readonly RecordedSigning[]> {
  const found: RecordedSigning[] = []
  for (const scheme of SCHEMES.filter((s) => only === undefined || s === only)) {
    const key = keys.get(scheme) as PublicPackage
    const isHm = isEcdsa(scheme)
    const links = isHm ? set.links : set.links.slice(0, THRESHOLD)
    for (const batch of batches) {
      const spent: Spent[] = []
      const sessions = Math.ceil((quick ? 24 : 120) / Math.sqrt(batch))
      for (let i = 0; i < sessions; i++) {
        const items = Array.from({ length: batch }, (_, b) => makeItem(set, key, `req_${scheme}_${batch}_${i}_${b}`))
        const supplies = isHm ? await suppliesOf(set, prss) : undefined
        const run = await set.run(nameOf(scheme, batch), () => sign(set, scheme, links, items, supplies, prss))
        spent.push(run.spent)
      }
      // The first third runs uncompiled.
      found.push({ scheme, batch, signers: links.length, spent: spent.slice(Math.floor(spent.length / 3)) })
    }
  }
  return found
}

async function suppliesOf(set: RecordedSet, prss: PrssKeeper): Promise<HmSupplies> {
  const supplies = prss.supplies(THRESHOLD, SIGNERS)
  if (supplies !== null) return supplies
  prss.forget(THRESHOLD, SIGNERS)
  await set.run('tickets', () => prss.ensure(THRESHOLD, SIGNERS))
  return prss.supplies(THRESHOLD, SIGNERS) as HmSupplies
}

function makeItem(set: RecordedSet, key: PublicPackage, requestId: string): SessionItem {
  const { scheme, keyId, epochId, publicKey, parties, verificationShares } = key
  const payload = { kind: 'message' as const, message: set.rng(MESSAGE_BYTES), ...HASH[scheme] }
  const document = encodeDocument({
    type: 'sign.v1',
    requestId,
    audience: set.audience,
    ...times(),
    keyId,
    path: 'm',
    scheme,
    payload,
  })
  const input = signingInput(scheme, payload)
  const instance = instanceBytes({
    keyId,
    epochId,
    path: 'm',
    tweak: new Uint8Array(32),
    publicKey,
    digest: messageDigest(scheme, input),
    requestHash: requestHash(document),
  })
  const verifyingShares = new Map(parties.map((id, i) => [id, verificationShares[i] as Uint8Array]))
  return { instance, requestId, request: set.request(document), input, publicKey, verifyingShares }
}

async function sign(
  set: RecordedSet,
  scheme: Scheme,
  links: RecordedSet['links'],
  items: readonly SessionItem[],
  supplies: HmSupplies | undefined,
  prss: PrssKeeper,
): Promise<void> {
  const end = await signingSession({
    scheme,
    threshold: THRESHOLD,
    links,
    items,
    with: supplies === undefined ? { engine: 'frost' } : { engine: 'hm', supplies },
    boots: set.boots(links.map((l) => l.id)),
    roster: set.roster,
    curves: set.curves,
    now: Date.now(),
    timeoutMs: EXCHANGE_MS,
    rng: set.rng,
    assemble: set.assemble,
    onTickets: (from, tickets) => prss.restock(from, tickets),
  })
  // Whoever combines has verified every signature already: anything but `signed` is a failure of the benchmark.
  if (end.type !== 'done' || end.items.some((item) => item.type !== 'signed')) {
    throw new Error(`a recorded ${scheme} session ended as ${end.type === 'done' ? 'not signed' : end.code}`)
  }
}

interface Steps {
  /** Medians in microseconds: of the command that opens a session, and of all later ones of a session together. */
  readonly first: number
  readonly rest: number
}

/**
 * Gives newborn twins of signer 1 the recorded life and times each command. A twin that answers anything else than the
 * recorded signer did would be measured doing something else.
 */
function replay(set: RecordedSet, { quick }: BenchOptions): ReadonlyMap<string, Steps> {
  const lives = quick ? 3 : 6
  const found = new Map<string, { readonly first: number[]; readonly rest: number[] }>()
  for (let life = 0; life < lives; life++) {
    const twin = set.twin()
    let sessionOf = ''
    for (const { command, reply, chapter } of set.recording) {
      const started = performance.now()
      const answer = twin.call(command)
      const us = 1000 * (performance.now() - started)
      if (!equalBytes(REPLY.encode(ANSWER.decode(answer).reply), reply)) {
        throw new Error(`a twin answers differently in "${chapter}": ${toHex(answer.subarray(0, 16))}`)
      }
      // The first life is there to have everything compiled.
      if (life === 0) continue
      const samples = found.get(chapter) ?? { first: [], rest: [] }
      found.set(chapter, samples)
      const isFirst = isOpening(command) || sessionOf !== chapter
      sessionOf = chapter
      if (isFirst) {
        samples.first.push(us)
        samples.rest.push(0)
      } else samples.rest.push((samples.rest.pop() ?? 0) + us)
    }
    twin.close()
  }
  return new Map([...found].map(([chapter, { first, rest }]) => [chapter, { first: median(first), rest: median(rest) }]))
}

/** Commands are positional arrays that begin with their kind, and the kinds that open a session come first. */
const isOpening = (command: Uint8Array): boolean => (command[1] ?? 0) <= 2
