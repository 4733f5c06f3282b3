import type { Route } from '../../../src/protocol/frames/signer-frames.ts'
import type { Tamper, TestSet } from './in-process-set.ts'

/** One exchange of a run: the `nth` frame on a route to a signer. */
export interface Place {
  readonly to: number
  readonly route: Route
  readonly nth: number
}

export const FAULTS = [
  'drop the frame',
  'drop the answer',
  'deliver twice, answer the first',
  'deliver twice, answer the second',
  'corrupt the frame',
  'corrupt the answer',
  'answer of another session',
  'frame of another session',
  'cut the frame off',
] as const
export type FaultKind = (typeof FAULTS)[number]

/** What went over one route to one signer in an earlier, whole run. */
export interface Recorded extends Place {
  readonly frame: Uint8Array
  readonly answer: Uint8Array
}

const same = (a: Place, b: Place): boolean => a.to === b.to && a.route === b.route && a.nth === b.nth

const flipped = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes, (b, i) => (i === at ? b ^ 0x10 : b))

/** Counts frames per signer and route from now on, heartbeats left out, and lets `act` do what it wants at each. */
function at(
  set: TestSet,
  act: (place: Place, frame: Uint8Array, deliver: (frame: Uint8Array) => Promise<Uint8Array>) => Promise<Uint8Array>,
): () => void {
  const counts = new Map<string, number>()
  const tamper: Tamper = async (to, route, frame, deliver) => {
    if (route === 'status') return await deliver(frame)
    const name = `${to} ${route}`
    const nth = counts.get(name) ?? 0
    counts.set(name, nth + 1)
    return await act({ to, route, nth }, frame, deliver)
  }
  set.hooks.tamper = tamper
  return () => {
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  }
}

/** Everything of one run without a fault, in order. */
export async function record(set: TestSet, run: () => Promise<unknown>): Promise<readonly Recorded[]> {
  const all: Recorded[] = []
  const stop = at(set, async (place, frame, deliver) => {
    const answer = await deliver(frame)
    all.push({ ...place, frame: Uint8Array.from(frame), answer: Uint8Array.from(answer) })
    return answer
  })
  try {
    await run()
  } finally {
    stop()
  }
  return all
}

export interface Fault {
  readonly place: Place
  readonly kind: FaultKind
}

/**
 * Runs with a fault at each of some places. `earlier` are whole runs of the same kind, whose frames and answers stand for another session's.
 * @param where fraction of the bytes at which a corruption hits.
 * @returns what the run returned, and at how many of the places it came by.
 */
export async function withFaults<T>(
  set: TestSet,
  faults: readonly Fault[],
  earlier: readonly Recorded[],
  where: number,
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly hits: number }> {
  let hits = 0
  const stop = at(set, async (here, frame, deliver) => {
    const fault = faults.find((f) => same(f.place, here))
    if (fault === undefined) return await deliver(frame)
    hits += 1
    const other = earlier.find((r) => same(r, here))
    switch (fault.kind) {
      case 'drop the frame':
        throw new Error('lost')
      case 'drop the answer':
        await deliver(frame)
        throw new Error('lost')
      case 'deliver twice, answer the first': {
        const first = await deliver(frame)
        await deliver(frame)
        return first
      }
      case 'deliver twice, answer the second':
        await deliver(frame)
        return await deliver(frame)
      case 'corrupt the frame':
        return await deliver(flipped(frame, Math.floor(where * frame.length)))
      case 'corrupt the answer': {
        const answer = await deliver(frame)
        return flipped(answer, Math.floor(where * answer.length))
      }
      case 'answer of another session':
        await deliver(frame)
        return other?.answer ?? new Uint8Array(0)
      case 'frame of another session':
        return await deliver(other?.frame ?? new Uint8Array(0))
      case 'cut the frame off':
        return await deliver(frame.slice(0, Math.floor(where * frame.length)))
    }
  })
  try {
    const result = await run()
    return { result, hits }
  } finally {
    stop()
  }
}
