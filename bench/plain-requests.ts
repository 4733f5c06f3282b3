import { closedLoop } from './load.ts'
import type { RunningSet } from './running-set.ts'

const CALLERS = 64
const PATH = '/health'

/**
 * Requests a second that the coordinator answers without signing anything, over connections that stay open, from this process: what HTTPS,
 * routing, metrics and log cost at least. @throws Error when one is not answered
 */
export async function plainRequests(set: RunningSet, warmSeconds: number, seconds: number): Promise<number> {
  const target = { pool: set.connect('coordinator', CALLERS), headers: {} }
  try {
    await closedLoop(target, gets(), CALLERS, warmSeconds)
    const run = await closedLoop(target, gets(), CALLERS, seconds)
    const bad = run.answers.find(({ status }) => status !== 200)
    if (bad !== undefined) throw new Error(`GET ${PATH} was answered with ${bad.status}: ${bad.body.toString()}`)
    return run.answers.length / run.seconds
  } finally {
    await target.pool.destroy()
  }
}

function* gets() {
  const shot = { path: PATH }
  for (;;) yield shot
}
