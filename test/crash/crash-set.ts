import { ApiProblem } from '../../src/host/api/problem.ts'
import { toProblem } from '../../src/host/api/to-problem.ts'
import { StoreError } from '../../src/host/store/store-error.ts'
import { inProcessSet, type SetOptions, type Tamper } from '../host/set/in-process-set.ts'
import { sleep, until } from '../host/set/until.ts'
import { armCrash, type CrashPoint, RESULTS } from './process-death.ts'
import { WireRecord } from './wire-record.ts'

/** How a call ended for its client: with an answer, or with a code. A client of a dead coordinator hears nothing. */
export type Ending<T> = { readonly value: T } | { readonly code: string }
const NOTHING_HEARD = 'connection lost'

export const COORDINATOR = 'coordinator.db'
export const STORES = ['signer-1.db', 'signer-2.db', 'signer-3.db', COORDINATOR] as const
const signerOf = (file: string): number => Number(/^signer-(\d)/.exec(file)?.[1] ?? 0)

/** A whole set with real stores, whose hosts die at a given write and are started again over what the disk then held. */
export async function crashSet(options: SetOptions = {}) {
  const set = await inProcessSet(options)
  const record = new WireRecord(set)
  const violations: unknown[] = []
  const plain: Tamper = (_to, _route, frame, deliver) => deliver(frame)
  let fault = plain
  /** Counts coordinator processes; what an earlier one still computes reaches nobody. */
  let life = 0
  let onTheWay = 0
  set.hooks.tamper = async (to, route, frame, deliver) => {
    const mine = life
    if (mine < 0) throw new Error('the coordinator is gone')
    onTheWay += 1
    try {
      const answer = await fault(to, route, frame, async (bytes) => {
        const answered = await deliver(bytes)
        try {
          record.observe(to, route, bytes, answered)
        } catch (error) {
          violations.push(error)
        }
        return answered
      })
      if (life !== mine) throw new Error('the coordinator that asked is gone')
      return answer
    } finally {
      onTheWay -= 1
    }
  }

  const allUp = () => until('all up', () => set.monitor.up().length === 3)
  const ended = async <T>(call: Promise<T>): Promise<Ending<T>> => {
    try {
      return { value: await call }
    } catch (error) {
      if (error instanceof ApiProblem || error instanceof StoreError) return { code: toProblem(error).code }
      throw error
    }
  }

  let lives = 0
  let starting: Promise<unknown> = Promise.resolve()
  const startCoordinator = async (): Promise<void> => {
    // What the dead one had under way finds every door shut; then it has ended for good.
    while (onTheWay > 0) await sleep(1)
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
    lives += 1
    life = lives
    await set.restartCoordinator()
  }
  /** One after the other: it may die while it starts. */
  const restartCoordinator = (): Promise<unknown> => {
    life = -1
    set.monitor.stop()
    starting = starting.then(startCoordinator, startCoordinator)
    return starting
  }

  return {
    set,
    record,
    allUp,
    ended,
    /** Changes what travels, until it is called without a fault. */
    meddle: (tamper: Tamper = plain) => {
      fault = tamper
    },
    /**
     * Makes calls that are to meet the crash point; the dead host is started again at once, and so is one whose disk has failed, when its
     * calls have ended. One whose disk was full goes on.
     * @returns whether they met it, and how each ended as far as its client could hear it
     */
    crash: async <T>(
      point: CrashPoint,
      calls: () => readonly Promise<T>[],
    ): Promise<{ readonly met: boolean; readonly endings: readonly Ending<T>[] }> => {
      const signer = signerOf(point.file)
      const dies = point.result === undefined
      const ends = point.result !== RESULTS.full
      let restarted: Promise<unknown> = Promise.resolve()
      const armed = armCrash(point, () => {
        if (signer === 0) {
          if (!dies) return
          life = -1
          set.monitor.stop()
          return
        }
        if (dies) set.kill(signer)
        if (ends) restarted = new Promise(setImmediate).then(() => set.restart(signer))
      })
      const unheard = dies && signer === 0
      const lost = armed.death.then(() => (unheard ? { code: NOTHING_HEARD } : new Promise<never>(() => undefined)))
      try {
        // The death comes first in the race: an answer that the dead one makes afterwards reaches nobody.
        const endings = await Promise.all(calls().map((call) => Promise.race([lost, ended(call)])))
        return { met: armed.dead(), endings }
      } finally {
        armed.stop()
        if (armed.dead() && ends && signer === 0) await restartCoordinator()
        await restarted
        await allUp()
      }
    },
    restartCoordinator,
    /** Asks until the answer is one for ever. */
    settled: async <T>(call: () => Promise<T>): Promise<Ending<T>> => {
      const end = performance.now() + 8000
      for (;;) {
        const ending = await ended(call())
        if (!('code' in ending) || ending.code !== 'quorum_unavailable' || performance.now() > end) return ending
        await sleep(20)
      }
    },
    /** Nothing that left a signer breaks a promise, and nothing that left is forgotten. */
    expectKept: () => {
      if (violations.length > 0) throw violations[0]
      record.expectAllClaimed()
    },
    close: () => set.close(),
  }
}

export type CrashSet = Awaited<ReturnType<typeof crashSet>>
