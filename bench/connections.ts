import type { Dispatcher } from 'undici'
import { openLoop, type Target } from './load.ts'
import type { RunningSet } from './running-set.ts'
import type { Form } from './signing-requests.ts'

/** Handshakes at a time: a thousand at once would time each other out. */
const WAVE = 100

/**
 * So many connections, all of them opened beforehand. In pools that take turns, since one pool of all would use the first ones again instead
 * of opening more.
 */
export async function openConnections(set: RunningSet, form: Form, count: number): Promise<Target> {
  const pools: Dispatcher[] = []
  for (let left = count; left > 0; left -= WAVE) {
    const size = Math.min(WAVE, left)
    const pool = set.connect(form, size)
    pools.push(pool)
    const gets = Array.from({ length: size }, () => ({ path: '/health' }))
    await openLoop(
      { pool, headers: {} },
      gets,
      gets.map(() => 0),
    )
  }
  let turn = 0
  return {
    pool: {
      dispatch: (options, handler) => (pools[turn++ % pools.length] as Dispatcher).dispatch(options, handler),
      destroy: async () => {
        await Promise.all(pools.map((pool) => pool.destroy()))
      },
    },
    headers: set.headers[form],
  }
}

const SPARE = 1.25

/** For callers with one call each: a few more, since pools take turns whether they are busy or not. */
export const connectionsFor = (callers: number): number => Math.ceil(callers * (callers > WAVE ? SPARE : 1))
