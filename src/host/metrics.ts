import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Seconds; from a health check on loopback to a long poll. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Seconds, for parts of a request: from a look-up to a request that waited as long as it may. */
export const STAGE_BUCKETS = [1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

/** Label names; their values must come from fixed lists (routes, codes, signer names), or a series never ends. */
type Labels = readonly string[]

export interface Metrics {
  readonly contentType: string
  /** Everything measured, in Prometheus' text format. */
  readonly text: () => Promise<string>
  /** One HTTP call, see src/host/api/http-app.ts. */
  readonly observeCall: (call: {
    readonly method: string
    readonly route: string
    readonly status: number
    readonly seconds: number
  }) => void
  /** Names get the prefix `quorate_`; a name is used once. */
  readonly counter: <L extends string>(name: string, help: string, labels?: readonly L[]) => Counter<L>
  /** `read` is asked at each scrape, for values that something else already keeps. */
  readonly gauge: <L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    read?: (gauge: Gauge<L>) => void,
  ) => Gauge<L>
  readonly histogram: <L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ) => Histogram<L>
  /** Threads beside the main one. @param busyMs as `WorkerPool.busyMs`, asked at each scrape. */
  readonly watchWorkers: (busyMs: () => readonly number[]) => void
}

/** Runs `work`, and tells how many milliseconds it took if it succeeds. */
export async function timed<T>(measured: (ms: number) => void, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const result = await work()
  measured(performance.now() - started)
  return result
}

/** A registry of its own per host, with Node's process, memory, garbage-collection and event-loop figures in it. */
export function createMetrics(labels: { readonly role: string; readonly name: string }): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  collectDefaultMetrics({ register: registry })
  const named = <L extends string>(name: string, help: string, labelNames: Labels) => ({
    name: `quorate_${name}`,
    help,
    labelNames: labelNames as L[],
    registers: [registry],
  })

  const histogram: Metrics['histogram'] = (name, help, labelNames = [], buckets = DURATION_BUCKETS) =>
    new Histogram({ ...named(name, help, labelNames), buckets: [...buckets] })
  let workers: () => readonly number[] = () => []
  new Counter({
    ...named('thread_busy_seconds_total', 'Time a thread did not wait for work; its rate is the utilization', ['thread']),
    // Read from what the threads count themselves. A worker that was started again begins anew, as counters may.
    collect() {
      this.reset()
      this.inc({ thread: 'main' }, performance.eventLoopUtilization().active / 1000)
      for (const [index, ms] of workers().entries()) this.inc({ thread: `worker-${index}` }, ms / 1000)
    },
  })
  const calls = histogram('http_call_seconds', 'Time to answer an HTTP call', ['method', 'route', 'status'])

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeCall: ({ method, route, status, seconds }) => calls.observe({ method, route, status }, seconds),
    counter: (name, help, labelNames = []) => new Counter(named(name, help, labelNames)),
    gauge: (name, help, labelNames = [], read = undefined) =>
      new Gauge({
        ...named(name, help, labelNames),
        ...(read === undefined
          ? {}
          : {
              collect() {
                read(this)
              },
            }),
      }),
    histogram,
    watchWorkers: (busyMs) => {
      workers = busyMs
    },
  }
}
