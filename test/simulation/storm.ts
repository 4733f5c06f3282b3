import type { Chance } from './chance.ts'
import type { CoordinatorHost } from './coordinator-host.ts'
import type { DiskFaults } from './disk.ts'
import type { EventLoop } from './event-loop.ts'
import type { Network, NetworkFaults } from './network.ts'
import type { Plan } from './plan.ts'
import type { SignerHost } from './signer-host.ts'

/** Every fault that is on, in one place, so that healing is turning this off. */
export class Faults {
  readonly network: NetworkFaults
  readonly disk: DiskFaults
  readonly users: { drop: number }
  lies: number
  raging = true
  /** Milliseconds by which each host's clock is ahead; 0 is the coordinator. */
  readonly clocks = new Map<number, number>()

  constructor({ drop, duplicate, slow, corrupt, diskFull, crashAtWrite, saboteur }: Plan) {
    this.network = { drop, duplicate, slow, corrupt }
    this.disk = { full: diskFull, crash: crashAtWrite }
    this.users = { drop }
    this.lies = saboteur === 0 ? 0 : 0.3
  }

  forward(ms: number): void {
    for (const [host, ahead] of this.clocks) this.clocks.set(host, ahead + ms)
  }

  end(): void {
    this.raging = false
    this.lies = 0
    this.users.drop = 0
    Object.assign(this.network, { drop: 0, duplicate: 0, slow: 0, corrupt: 0 })
    Object.assign(this.disk, { full: 0, crash: 0 })
  }
}

export interface StormOptions {
  readonly plan: Plan
  readonly faults: Faults
  readonly loop: EventLoop
  readonly chance: Chance
  readonly network: Network
  readonly signers: readonly SignerHost[]
  readonly coordinator: CoordinatorHost
  readonly note: (text: string) => void
}

/** Clocks may be further apart than the 30 s that are forgiven, for a while. */
const JUMP = [-70_000, 70_000] as const
/** Of healed hosts. */
const SMALL_SKEW_MS = 2_000

/** Faults at random times until the plan's storm is over; then everything mends. */
export class Storm {
  readonly #o: StormOptions

  constructor(options: StormOptions) {
    this.#o = options
  }

  start(): void {
    const { plan, faults, chance, network, signers, coordinator, loop, note } = this.#o
    for (let host = 0; host <= signers.length; host++) faults.clocks.set(host, Math.round(chance.between(-plan.skew, plan.skew)))
    const signer = (): SignerHost => chance.pick(signers)
    this.#repeat(plan.partitionEvery, () => {
      const { id } = signer()
      const which = chance.pick(['both', 'answers'] as const)
      note(`cut off: signer ${id} (${which})`)
      network.cut(id, which)
      loop.after(chance.between(200, 5_000), () => network.mend(id))
    })
    this.#repeat(plan.signerCrashEvery, () => signer().crash())
    this.#repeat(plan.coordinatorCrashEvery, () => coordinator.crash())
    this.#repeat(plan.workerLossEvery, () => {
      const host = signer()
      note(`signer ${host.id} loses its worker`)
      host.loseWorker()
    })
    this.#repeat(plan.clockJumpEvery, () => {
      const host = chance.below(signers.length + 1)
      const jump = Math.round(chance.between(...JUMP))
      const before = faults.clocks.get(host) ?? 0
      note(`clock of host ${host} jumps ${jump} ms`)
      faults.clocks.set(host, before + jump)
      loop.after(chance.between(100, 6_000), () => {
        if (faults.raging) faults.clocks.set(host, before)
      })
    })
  }

  signerDown(host: SignerHost): void {
    const { loop, chance, note } = this.#o
    note(`signer ${host.id} is down`)
    loop.after(chance.between(50, 4_000), () => {
      host.start()
      note(`signer ${host.id} starts`)
    })
  }

  coordinatorDown(): void {
    const { loop, chance, note, plan, coordinator } = this.#o
    note('the coordinator is down')
    loop.after(chance.between(50, 3_000), () => {
      const lost = chance.happens(plan.directoryLoss)
      coordinator.start(lost)
      note(`the coordinator starts${lost ? ', its directory lost' : ''}`)
    })
  }

  /** From now on nothing fails. Whoever set a clock right has the hosts restarted, as a host that saw it step back asks for. */
  heal(): void {
    const { faults, network, signers, chance, coordinator, plan, note } = this.#o
    note('all heals')
    faults.end()
    for (const { id } of signers) {
      network.mend(id)
      faults.clocks.set(id, Math.round(chance.between(-SMALL_SKEW_MS, SMALL_SKEW_MS)))
    }
    faults.clocks.set(0, 0)
    for (const host of signers) {
      if (plan.clockJumpEvery > 0 || plan.skew > 0) host.crash()
      host.start()
    }
    coordinator.start(false)
  }

  #repeat(every: number, work: () => void): void {
    if (every === 0) return
    const { loop, chance, faults } = this.#o
    const next = (): void => {
      loop.after(-Math.log(1 - chance.fraction()) * every, () => {
        if (!faults.raging) return
        work()
        next()
      })
    }
    next()
  }
}
