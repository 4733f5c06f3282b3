import type { Chance } from './chance.ts'

/** What a seed lets go wrong, and how often. Each seed has its own subset: faults that are always on hide those that need quiet. */
export interface Plan {
  readonly n: number
  readonly threshold: number
  /** Virtual milliseconds of faults; then everything heals. */
  readonly storm: number
  readonly requests: number
  /** Probabilities per exchange and direction. */
  readonly drop: number
  readonly duplicate: number
  readonly slow: number
  readonly corrupt: number
  /** Mean milliseconds between faults of a kind; 0: never. */
  readonly partitionEvery: number
  readonly signerCrashEvery: number
  readonly coordinatorCrashEvery: number
  readonly workerLossEvery: number
  readonly clockJumpEvery: number
  /** Probabilities per durable write. */
  readonly diskFull: number
  readonly crashAtWrite: number
  /** The coordinator's key directory may be lost with a crash. */
  readonly directoryLoss: number
  /** A signer that lies in some of its answers; 0: none. */
  readonly saboteur: number
  /** Milliseconds by which hosts' clocks differ at most. */
  readonly skew: number
  /** Freezes, unfreezes and labels during the storm, over all keys. */
  readonly updates: number
  /** DKLs23 is switched on, with its pair set-ups: seconds of arithmetic for a seed, so only now and then. */
  readonly dkls23: boolean
}

export function planOf(chance: Chance): Plan {
  const maybe = (probability: number, low: number, high: number): number =>
    chance.happens(probability) ? chance.between(low, high) : 0
  const [n, threshold] = chance.pick([
    [3, 2],
    [3, 2],
    [3, 2],
    [3, 2],
    [4, 2],
    [5, 3],
  ] as const)
  const calm = chance.happens(0.05)
  const plan: Plan = {
    n,
    threshold,
    storm: chance.between(5_000, 20_000),
    requests: 3 + chance.below(8),
    drop: maybe(0.5, 0.005, 0.15),
    duplicate: maybe(0.3, 0.01, 0.2),
    slow: maybe(0.4, 0.01, 0.2),
    corrupt: maybe(0.15, 0.005, 0.05),
    partitionEvery: maybe(0.4, 1_500, 8_000),
    signerCrashEvery: maybe(0.4, 1_500, 8_000),
    coordinatorCrashEvery: maybe(0.35, 2_000, 10_000),
    workerLossEvery: maybe(0.3, 1_500, 8_000),
    clockJumpEvery: maybe(0.3, 2_000, 8_000),
    diskFull: maybe(0.25, 0.01, 0.15),
    crashAtWrite: maybe(0.4, 0.01, 0.15),
    directoryLoss: maybe(0.2, 0.2, 1),
    saboteur: chance.happens(0.15) ? 1 + chance.below(n) : 0,
    skew: maybe(0.5, 100, 12_000),
    updates: Math.floor(maybe(0.6, 1, 7)),
    dkls23: chance.happens(0.05),
  }
  if (!calm) return plan
  const none = { drop: 0, duplicate: 0, slow: 0, corrupt: 0, diskFull: 0, crashAtWrite: 0, saboteur: 0, partitionEvery: 0 }
  return { ...plan, ...none, signerCrashEvery: 0, coordinatorCrashEvery: 0, workerLossEvery: 0, clockJumpEvery: 0 }
}
