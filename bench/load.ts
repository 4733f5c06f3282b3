import type { Dispatcher } from 'undici'

/** One call, made before its time comes: whoever offers load must not be busy with anything else. */
export interface Shot {
  readonly path: string
  /** Sent with POST; a GET if absent. */
  readonly body?: string
}

export interface Answer<S extends Shot = Shot> {
  readonly shot: S
  /** HTTP status, 0 when there was none. */
  readonly status: number
  readonly body: Buffer
  /** From the moment at which the call was due, not from when it was sent: a queue in front of the set counts. */
  readonly latencyMs: number
  /** When it was due, milliseconds after the start of the run. */
  readonly dueMs: number
  /** How late this process was in sending it. */
  readonly lagMs: number
}

export interface Run<S extends Shot = Shot> {
  readonly answers: readonly Answer<S>[]
  /** Until the last answer. */
  readonly seconds: number
}

export interface Target {
  readonly pool: Pick<Dispatcher, 'dispatch'> & { readonly destroy: () => Promise<void> }
  readonly headers: Readonly<Record<string, string>>
}

const NO_BODY = Buffer.alloc(0)

/** undici's lowest level: half the processor time of `request`, which matters where set and load share the cores. */
function fire<S extends Shot>(
  { pool, headers }: Target,
  shot: S,
  start: number,
  dueMs: number,
  done: (answer: Answer<S>) => void,
): void {
  const due = start + dueMs
  const lagMs = performance.now() - due
  let status = 0
  const chunks: Buffer[] = []
  const end = (body: Buffer): void => done({ shot, status, body, latencyMs: performance.now() - due, dueMs, lagMs })
  pool.dispatch(
    shot.body === undefined
      ? { method: 'GET', path: shot.path, headers }
      : { method: 'POST', path: shot.path, headers, body: shot.body },
    {
      // undici tells the present form of a handler from the old one by this member.
      onRequestStart: () => undefined,
      onResponseStart: (_control, statusCode) => {
        status = statusCode
      },
      onResponseData: (_control, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () => end(chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks)),
      onResponseError: (_control, error) => {
        status = 0
        end(Buffer.from('code' in error ? String(error.code) : error.name))
      },
    },
  )
}

/**
 * Arrival times in milliseconds of `count` independent callers together: exponential gaps (a Poisson process), as many users make
 * them. From a seed, so that two runs offer the same load.
 */
export function arrivals(count: number, perSecond: number, seed: number): readonly number[] {
  let state = seed >>> 0
  // mulberry32: any even generator would do, as long as it is the same one every time.
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  let at = 0
  return Array.from({ length: count }, () => {
    at += (-1000 * Math.log(1 - uniform())) / perSecond
    return at
  })
}

/**
 * Open loop: every call leaves when it is due, whatever became of those before. A set that stalls gets the calls of that time all
 * the same, and each of them has waited (no coordinated omission). Resolves when all are answered or have failed.
 */
export async function openLoop<S extends Shot>(target: Target, shots: readonly S[], times: readonly number[]): Promise<Run<S>> {
  const answers: Answer<S>[] = []
  const seconds = await offer(
    target,
    times.slice(0, shots.length),
    (i) => shots[i] as S,
    (answer) => answers.push(answer),
  )
  return { answers, seconds }
}

/**
 * {@link openLoop} for a load that is too long to be held in memory: a call is made when it is due, and its answer given away.
 * @returns seconds until the last answer
 */
export function offer<S extends Shot>(
  target: Target,
  times: readonly number[],
  shotAt: (i: number) => S,
  onAnswer: (answer: Answer<S>) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    let next = 0
    let answered = 0
    const done = (answer: Answer<S>): void => {
      try {
        onAnswer(answer)
      } catch (error) {
        reject(error)
      }
      answered += 1
      if (answered === times.length) resolve((performance.now() - start) / 1000)
    }
    const pump = (): void => {
      for (; next < times.length; next++) {
        const dueMs = times[next] as number
        const wait = start + dueMs - performance.now()
        if (wait > 0) {
          setTimeout(pump, wait)
          return
        }
        fire(target, shotAt(next), start, dueMs, done)
      }
    }
    if (times.length === 0) resolve(0)
    else pump()
  })
}

/** Closed loop: so many callers, each with one call after the other, until the time or the shots are over. Finds the capacity. */
export async function closedLoop<S extends Shot>(
  target: Target,
  shots: Iterator<S>,
  callers: number,
  seconds: number,
): Promise<Run<S>> {
  const answers: Answer<S>[] = []
  const start = performance.now()
  const caller = async (): Promise<void> => {
    while (performance.now() - start < 1000 * seconds) {
      const { value, done } = shots.next()
      if (done === true) return
      answers.push(await new Promise<Answer<S>>((resolve) => fire(target, value, start, performance.now() - start, resolve)))
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return { answers, seconds: (performance.now() - start) / 1000 }
}
