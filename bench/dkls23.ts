import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { decodeEnvelope } from '../src/protocol/channel/envelope.ts'
import { withoutEphemeral } from '../src/protocol/channel/full-channel.ts'
import type { Progress } from '../src/protocol/channel/session.ts'
import { SUITES, sessionId } from '../src/protocol/channel/setup.ts'
import { assemble } from '../src/protocol/dkls23/assemble.ts'
import { setUpPair } from '../src/protocol/dkls23/pair-setup.ts'
import { RvoleReceiver, RvoleSender } from '../src/protocol/dkls23/rvole.ts'
import { sign } from '../src/protocol/dkls23/sign.ts'
import type { Rng } from '../src/protocol/engine/bytes.ts'
import type { PartyId } from '../src/protocol/engine/party.ts'
import type { Env, Exchange, Inbox } from '../src/protocol/engine/round.ts'
import type { Answered, SigningCommit } from '../src/protocol/signing/batch.ts'
import { type DklsCase, dklsParams, dklsPlan, dklsSetup, makeDklsCase, pairOf } from '../test/protocol/dkls23/dkls-run.ts'
import { openSession } from '../test/simulator/run-session.ts'
import { makeWorld, setupOf } from '../test/simulator/world.ts'
import type { BenchOptions } from './arguments.ts'
import type { Part, Row } from './report.ts'

const BATCHES = [1, 8, 64]
const SCHEME = 'ecdsa-secp256k1'
const PAIR = makeWorld({ ids: 2, seed: 'bench pair' })
const rng: Rng = (length) => Uint8Array.from(randomBytes(length))

/** DKLs23 alone: two real signers in this process, native curves, no network, no threads, no host around them. */
export async function dkls23(options: BenchOptions): Promise<Part> {
  const seconds = options.quick ? 0.4 : 4
  const cases = BATCHES.map((count) => {
    const digests = Array.from({ length: count }, () => rng(32))
    return { count, c: makeDklsCase({ seed: `bench ${count}`, scheme: SCHEME, digests }) }
  })
  const table = (title: string, run: (c: DklsCase, count: number, spent: Spent) => void) => ({
    title,
    rows: cases.map(({ count, c }) =>
      rowOf(
        count,
        measured(seconds, count, (spent) => run(c, count, spent)),
      ),
    ),
  })
  const { steps, bytes } = measured(seconds, 1, pairSetup)
  return {
    tables: [
      table('DKLs23, multiplication with one counterparty, both roles: processor us per signature and party', multiplication),
      table('DKLs23, the signing script: processor us per signature and party', script),
      table(
        'DKLs23, a session of two signers over their channel, and the assembler: processor us per signature and party',
        session,
      ),
      {
        title: 'DKLs23, set-up of a pair, rehearsal included, for each of the two',
        rows: [...steps].map(([what, us]) => ({ what, 'processor ms': us / 1000, 'bytes sent': bytes })),
      },
    ],
    gates: [],
  }
}

/** What one run used, by step: microseconds, or bytes. */
interface Spent {
  /** Runs a step and counts its processor time, all threads of it. */
  readonly time: <T>(step: string, work: () => T) => T
  readonly bytes: (count: number) => void
}

/** Means per signature and party: microseconds by step, and bytes. */
interface Measured {
  readonly steps: ReadonlyMap<string, number>
  readonly bytes: number
}

/** As many runs as fit into the time, after some that do not count. Two parties did each step; the assembler's share of a party is half. */
function measured(seconds: number, count: number, run: (spent: Spent) => void): Measured {
  const totals = new Map<string, number>()
  let bytes = 0
  const spent: Spent = {
    time: (step, work) => {
      const before = process.cpuUsage()
      const result = work()
      const { user, system } = process.cpuUsage(before)
      totals.set(step, (totals.get(step) ?? 0) + user + system)
      return result
    },
    bytes: (more) => {
      bytes += more
    },
  }
  const repeat = (milliseconds: number): number => {
    const end = performance.now() + milliseconds
    let runs = 0
    do {
      run(spent)
      runs += 1
    } while (performance.now() < end)
    return runs
  }
  repeat(seconds * 500)
  totals.clear()
  bytes = 0
  const signatures = repeat(seconds * 1000) * count
  return { steps: new Map([...totals].map(([step, total]) => [step, total / signatures / 2])), bytes: bytes / signatures / 2 }
}

function rowOf(batch: number, { steps, bytes }: Measured): Row {
  const sum = [...steps.values()].reduce((all, each) => all + each, 0)
  return { batch, ...Object.fromEntries(steps), sum, 'signatures/s of a core': 1e6 / (2 * sum), 'bytes sent': bytes }
}

function multiplication(c: DklsCase, count: number, { time, bytes }: Spent): void {
  const group = c.world.curves.secp256k1
  const present = Array.from({ length: count }, (_, b) => b)
  const inputs = present.map(() => group.randomScalar(rng))
  for (const [alice, bob] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const context = { group, suite: SUITES[SCHEME], ctx: rng(32), sender: alice, receiver: bob, count }
    const receiver = time('extend', () => new RvoleReceiver(context, pairOf(c, bob, alice).receiver, rng))
    const sender = time('check', () => RvoleSender.accept(context, pairOf(c, alice, bob).sender, receiver.message))
    const { message } = time('transfer', () => sender.answer(present, inputs, inputs, rng))
    time('receive', () => receiver.finish(message, present))
    time('wipe', () => {
      receiver.wipe()
      sender.wipe()
    })
    bytes(receiver.message.length + message.length)
  }
}

function script(c: DklsCase, _count: number, { time, bytes }: Spent): void {
  const { world, signers, threshold } = c
  const base = { parties: signers, threshold, sessionId: rng(32), roster: world.roster, rng, curves: world.curves }
  const unused = (): never => {
    throw new Error('the signing script asks its channel for nothing')
  }
  const running = signers.map((self) => ({
    self,
    script: sign({ ...base, self, transcript: unused, evidence: unused }, dklsParams(c, self)),
  }))
  let inboxes = new Map<PartyId, Inbox>()
  for (const step of ['round 1', 'round 2', 'answer']) {
    const sent = new Map(
      running.map(({ self, script: generator }) => {
        const { value, done } = time(step, () => generator.next(inboxes.get(self) ?? new Map()))
        if (done) throw new Error('a script ended early')
        return [self, value] as const
      }),
    )
    for (const { broadcast, direct, assembler } of sent.values()) {
      for (const body of [broadcast, assembler, ...(direct?.values() ?? [])]) bytes(body?.length ?? 0)
    }
    inboxes = new Map(signers.map((self) => [self, inboxOf(self, sent)]))
  }
  for (const { script: generator } of running) {
    if (time('answer', () => generator.next(new Map())).done !== true) throw new Error('a script did not end')
  }
}

/** What a channel that only carries would give to `self`. */
const inboxOf = (self: PartyId, sent: ReadonlyMap<PartyId, Exchange<SigningCommit>>): Inbox =>
  new Map(
    [...sent]
      .filter(([from]) => from !== self)
      .map(([from, { broadcast, direct }]) => {
        const mine = direct?.get(self)
        return [from, { ...(broadcast && { broadcast }), ...(mine && { direct: mine }) }]
      }),
  )

let runs = 0

function session(c: DklsCase, count: number, { time, bytes }: Spent): void {
  const name = `run ${runs++}`
  const setup = dklsSetup(c, name)
  const id = sessionId(setup)
  const plan = dklsPlan(c, { name, rngFor: () => rng })
  const sessions = c.signers.map((self) => time('round 1', () => openSession(plan, id, self)))
  let progress: readonly Progress<Answered, SigningCommit>[] = sessions.map((s) => time('round 1', () => s.start()))
  const openings = progress.map(({ outgoing }) => outgoing[0] as Uint8Array)
  for (const step of ['round 2', 'answer']) {
    const arriving = progress.map(({ outgoing }) => outgoing)
    for (const envelope of arriving.flat()) bytes(envelope.length)
    progress = sessions.map((s, i) => time(step, () => s.receive(arriving[1 - i] as readonly Uint8Array[])))
  }
  const answers = progress.map(({ outgoing, end }) => {
    if (end?.type !== 'done') throw new Error('a session failed')
    bytes((outgoing[0] as Uint8Array).length)
    return outgoing[0] as Uint8Array
  })
  const outcomes = time('assembler', () =>
    assemble({
      sessionId: id,
      suite: SUITES[SCHEME],
      signers: c.signers,
      threshold: c.threshold,
      items: c.items,
      openings: new Map(c.signers.map((self, i) => [self, openingIn(openings[i] as Uint8Array)])),
      answers: new Map(c.signers.map((self, i) => [self, bodyIn(answers[i] as Uint8Array)])),
      curves: c.world.curves,
    }),
  )
  if (outcomes.filter(({ type }) => type === 'signed').length !== count) throw new Error('not every item was signed')
}

/** Two signers over their channel until both are done. */
function pairSetup({ time, bytes }: Spent): void {
  const setup = setupOf(PAIR, { protocol: 'pair', suite: 'none', threshold: 2, name: `run ${runs++}` })
  const plan = { world: PAIR, setup, seed: 'bench', scriptFor: (env: Env) => setUpPair({ ...env, rng }) }
  const id = sessionId(setup)
  const sessions = setup.signers.map((self) => time('set-up', () => openSession(plan, id, self)))
  let progress = sessions.map((s) => time('set-up', () => s.start()))
  while (progress.some(({ end }) => end?.type !== 'done')) {
    const arriving = progress.map(({ outgoing }) => outgoing)
    if (arriving.flat().length === 0) throw new Error('a set-up failed')
    for (const envelope of arriving.flat()) bytes(envelope.length)
    progress = sessions.map((s, i) => time('set-up', () => s.receive(arriving[1 - i] as readonly Uint8Array[])))
  }
}

function bodyIn(bytes: Uint8Array): Uint8Array {
  const envelope = decodeEnvelope(bytes)
  if (envelope === null) throw new Error('no envelope')
  return envelope.body
}

const openingIn = (bytes: Uint8Array): Uint8Array => withoutEphemeral(bodyIn(bytes))
