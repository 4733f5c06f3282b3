import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { loadNativeCurves } from '../../src/host/curve/native-curves.ts'
import { BURNT } from '../../src/host/store/pair-store.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import { PAIR_STATES } from '../../src/protocol/frames/signer-frames.ts'
import { Chance } from './chance.ts'
import { CoordinatorHost } from './coordinator-host.ts'
import { EventLoop, type Life } from './event-loop.ts'
import { FreezeWitness } from './freeze-witness.ts'
import { judgeRest } from './judge-rest.ts'
import { Liar } from './liar.ts'
import type { Mistake } from './mistakes.ts'
import { Network } from './network.ts'
import { OutcomeWitness } from './outcome-witness.ts'
import { type Plan, planOf } from './plan.ts'
import { setFacts } from './set-facts.ts'
import { SignerHost } from './signer-host.ts'
import { Faults, Storm } from './storm.ts'
import { Users } from './users.ts'
import { WireWitness } from './wire-witness.ts'
import { type Absence, Workload } from './workload.ts'

export interface SimulationOptions {
  /** Planted, to see whether it is found. */
  readonly mistake?: Mistake
  /** Instead of what the seed has planned. */
  readonly plan?: Partial<Plan>
  /** Every line of what happens. */
  readonly trace?: (line: string) => void
}

export interface Simulation {
  readonly seed: number
  readonly plan: Plan
  /** What must not have happened, empty for a good run. */
  readonly violations: readonly string[]
  /** Of everything that happened; the same seed has the same. */
  readonly hash: string
  readonly counts: Readonly<Record<'events' | 'signatures' | 'keys' | 'updates' | 'points' | 'virtualMs' | 'faults', number>>
}

/** Virtual time zero. */
const EPOCH = 1_800_000_000_000
const SETTLE_MS = 1_500
/** Long enough for everything after healing, with a margin; reaching it is a violation. */
const LIMIT_MS = 300_000
/** Four exchanges of a key generation and the delivery of its certificate, all without an answer. */
const LONGEST_CALL_MS = 40_000
/** After which every session is past its deadline, clock skew included. */
const REST_MS = 75_000
/** Two heartbeats of each signer. */
const REST_BEATS_MS = 3_000

const curves = loadNativeCurves()

/** A folder in memory where there is one: what is lost in a crash is simulated, so nothing need be forced to a real disk. */
const scratch = (): string => mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'quorate-simulation-'))

/** One whole set under one seed: a storm of faults, then calm, in which everything must work. */
export async function simulate(
  seed: number,
  { mistake = {}, plan: wanted = {}, trace }: SimulationOptions = {},
): Promise<Simulation> {
  const chance = new Chance(`simulation/${seed}`)
  const plan = { ...planOf(chance.fork('plan')), ...wanted }
  const loop = new EventLoop(chance.fork('ties'))
  const folder = scratch()
  const violations: string[] = []
  const hash = createHash('sha256')
  let noted = 0
  let over = false
  /** The signer that stays down for the time being. */
  let away = 0
  const note = (text: string): void => {
    if (over) return
    const line = `${loop.now.toFixed(3).padStart(11)} ${text}`
    noted += 1
    hash.update(`${line}\n`)
    trace?.(line)
  }
  const violated = (what: string): void => {
    violations.push(what)
    note(`VIOLATED: ${what}`)
  }
  const log = (host: string) => (life: Life) =>
    pino(
      { level: trace === undefined ? 'error' : 'info', base: { host }, timestamp: false },
      { write: (line: string) => judgeLog(life, line) },
    )
  const judgeLog = (life: Life, line: string): void => {
    if (!life.alive) return
    trace?.(`              ${line.trim()}`)
    const { level, msg, err } = JSON.parse(line) as { level: number; msg: string; err?: { type: string; message: string } }
    // A store that fails is a fault of the simulation, and is to be logged; nothing else may be wrong enough.
    const changedBytes = plan.corrupt > 0 || plan.saboteur > 0
    const excused =
      err?.type === 'StoreError' ||
      msg === 'a key without a stored share is not certified' ||
      // Bans are looked at in the end. That hm fails again and again while signers are up is what faults of the network do; that a host
      // ends during a check, what crashes do.
      /banned|^hm keeps failing|^ended during a check/.test(msg) ||
      (changedBytes && msg === 'signer speaks another version of the protocol')
    if (level >= 50 && !excused) violated(`logged as an error: ${msg}: ${err?.message ?? ''}`)
  }
  /** What a witness cannot read would look like a signer that does not answer. */
  const witnessed = (look: () => void): void => {
    try {
      look()
    } catch (error) {
      violated(`a witness broke: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  const onUnhandled = (error: unknown): void => violated(`unhandled rejection: ${String(error)}`)
  process.on('unhandledRejection', onUnhandled)

  const faults = new Faults(plan)
  const facts = setFacts(`simulation/${seed}`, folder, plan.n, curves)
  const clock = (host: number) => (): number => Math.floor(EPOCH + loop.now + (faults.clocks.get(host) ?? 0))
  const signers: SignerHost[] = []
  const freezes = new FreezeWitness(facts, signers, violated)
  const wire = new WireWitness(facts, () => loop.now, freezes, violated)
  const liar = new Liar(facts, chance.fork('liar'), note)
  const hosts = facts.identities.map(
    (identity): SignerHost =>
      new SignerHost({
        facts,
        identity,
        loop,
        chance: chance.fork(`signer ${identity.id}`),
        disk: faults.disk,
        now: clock(identity.id),
        log: log(`signer-${identity.id}`),
        note,
        tamper: mistake.signerStore ?? ((store) => store),
        onDown: () => {
          if (!over && away !== identity.id) storm.signerDown(signers[identity.id - 1] as SignerHost)
        },
      }),
  )
  signers.push(...hosts)
  const network = new Network({
    loop,
    chance: chance.fork('network'),
    faults: faults.network,
    serve: (id) => {
      const signer = signers[id - 1] as SignerHost
      const up = signer.reachable
      if (up === undefined) return undefined
      return {
        life: up.life,
        serve: async (route, frame) => {
          const truth = await up.serve(route, frame)
          const answer = mistake.answered?.(route, truth) ?? truth
          if (up.life.alive) {
            note(`signer ${id} answers ${route} ${digest(frame)} ${digest(answer)}`)
            witnessed(() => wire.answered(signer, signers, route, frame, answer))
          }
          return answer
        },
      }
    },
    lies: (id) => (id === plan.saboteur ? faults.lies : 0),
    lie: (id, route, answer) => (id === plan.saboteur && faults.lies > 0 ? liar.lie(id, route, answer) : undefined),
    note,
  })
  const coordinator: CoordinatorHost = new CoordinatorHost({
    facts,
    threshold: plan.threshold,
    dkls23: plan.dkls23,
    loop,
    chance: chance.fork('coordinator'),
    disk: faults.disk,
    now: clock(0),
    link: (id, life) => {
      const link = network.link(id, life)
      return {
        id,
        send: async (route, frame, timeoutMs) => {
          if (life.alive) wire.sent(route, frame)
          return await link.send(route, frame, timeoutMs)
        },
      }
    },
    log: log('coordinator'),
    note,
    tamper: mistake.coordinatorStore ?? ((store) => store),
    assembled: mistake.assembled ?? ((outcome) => outcome),
    curves: { ...curves, ...mistake.curves },
    onDown: () => {
      if (!over) storm.coordinatorDown()
    },
  })
  const storm = new Storm({ plan, faults, loop, chance: chance.fork('storm'), network, signers, coordinator, note })
  const outcomes = new OutcomeWitness(facts, wire, signers, violated)
  outcomes.culprits = plan.corrupt > 0 ? 'anybody' : plan.saboteur > 0 ? [`signer-${plan.saboteur}`] : []
  const users = new Users({
    facts,
    threshold: plan.threshold,
    loop,
    chance: chance.fork('users'),
    coordinator,
    witness: outcomes,
    freezes,
    now: () => Math.floor(EPOCH + loop.now),
    faults: faults.users,
    note,
  })
  const absent = chance.fork('absence')
  const absence: Absence = {
    ready: async (patienceMs) => {
      const until = loop.now + patienceMs
      const isReady = (): boolean => {
        const { running } = coordinator
        if (running === undefined || running.monitor.up().length < signers.length) return false
        return running.pairs.views().every(({ condition }) => condition === 'ok')
      }
      while (!isReady() && loop.now < until) await loop.sleep(500)
      return isReady()
    },
    begin: () => {
      const host = absent.pick(signers)
      away = host.id
      note(`signer ${away} stays away`)
      host.crash()
    },
    end: () => {
      const host = signers[away - 1] as SignerHost
      away = 0
      host.start()
    },
  }
  const workload = new Workload(users, loop, chance.fork('workload'), violated, absence)
  try {
    note(`plan ${JSON.stringify(plan)}`)
    storm.start()
    for (const signer of signers) signer.start()
    coordinator.start(false)
    workload.start(plan)
    await loop.runUntil(() => false, plan.storm)
    storm.heal()
    await loop.runUntil(() => false, plan.storm + SETTLE_MS)
    liftBans(signers, plan.saboteur, violated)
    let finished = false
    void workload.finish(plan).then(
      () => {
        finished = true
      },
      (error: unknown) => violated(`the workload broke: ${String(error)}`),
    )
    if (!(await loop.runUntil(() => finished, LIMIT_MS))) violated('users still wait')
    // Calls from the storm too: each has its deadlines.
    await loop.runUntil(() => users.waiting === 0, loop.now + LONGEST_CALL_MS)
    // Deadlines are by the wall clock: put forward, it saves a minute of heartbeats.
    faults.forward(REST_MS)
    await loop.runUntil(() => false, loop.now + REST_BEATS_MS)
    outcomes.judgeNone()
    freezes.judgeRest()
    judgeRest({ facts, signers, coordinator, keys: outcomes.keys, violated })
    const { events, now } = loop
    if (users.waiting > 0) violated(`${users.waiting} calls were never answered`)
    note(`end after ${events} events`)
    over = true
    const counts = {
      events,
      signatures: outcomes.signatures,
      keys: workload.keys.length,
      updates: freezes.updates,
      points: wire.pointsSeen,
      virtualMs: now,
      faults: noted,
    }
    return { seed, plan, violations, hash: hash.digest('hex'), counts }
  } finally {
    faults.end()
    process.off('unhandledRejection', onUnhandled)
    over = true
    for (const signer of signers) signer.crash()
    coordinator.crash()
    await new Promise((resolve) => setImmediate(resolve))
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What an operator does in the end. A signer that ended during checks three times counts its peer as banned, which nobody could know to be
 * innocent; other bans have a reason, which an honest signer never gives.
 */
function liftBans(signers: readonly SignerHost[], saboteur: PartyId, violated: (what: string) => void): void {
  for (const { id, pairs } of signers) {
    for (const { peer, state, code } of pairs?.states() ?? []) {
      if (state !== PAIR_STATES.banned) continue
      if (code !== BURNT && peer !== saboteur) violated(`signer ${id} has banned signer ${peer}: ${code}`)
      void pairs?.lift(peer)
    }
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12)
