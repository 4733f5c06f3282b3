import { describe, expect, it } from 'vitest'
import { batchOf, between, histogramOf, type Scrape, scrape, stageTable, threadRow } from '../../bench/stages.ts'
import { gatewayMetrics } from '../../src/host/gateway/gateway-metrics.ts'
import { createMetrics, type Metrics } from '../../src/host/metrics.ts'
import { signerMetrics } from '../../src/host/signer/signer-metrics.ts'

/** Hosts that measure as those of a set do. */
const NAMES = ['gateway', 'coordinator', 'signer-1', 'signer-2']
const someHosts = () => new Map(NAMES.map((name) => [name, createMetrics({ role: name, name })]))
const scraped = (hosts: ReadonlyMap<string, Metrics>): Promise<Scrape> =>
  scrape({
    hosts: [...hosts.keys()].map((name) => ({ name, pid: 0 })),
    metrics: async (name) => await hosts.get(name)?.text(),
  })

describe('where the time goes', () => {
  it('is what was measured between two looks, with the signers taken together', async () => {
    const hosts = someHosts()
    const gateway = gatewayMetrics(hosts.get('gateway') as Metrics)
    const signers = ['signer-1', 'signer-2'].map((name) => signerMetrics(hosts.get(name) as Metrics))
    const items = hosts.get('coordinator')?.histogram('session_items', 'Items', ['engine'])
    const before = (ms: number): void => {
      gateway.stage('book', ms)
      for (const signer of signers) signer.stage('round', 'work', ms)
      items?.observe({ engine: 'hm' }, 100)
    }
    before(9000)
    const first = await scraped(hosts)
    for (let i = 0; i < 100; i++) {
      gateway.stage('book', 3)
      signers[0]?.stage('round', 'work', 3)
      signers[1]?.stage('round', 'work', 30)
      items?.observe({ engine: 'hm' }, 4)
    }
    const window = between(first, await scraped(hosts))
    const { rows } = stageTable('a load', window)
    expect(rows.map(({ host, stage, count }) => [host, stage, count])).toEqual([
      ['gateway', 'book', 100],
      ['each signer', 'round work', 200],
    ])
    const [book, work] = rows
    expect(book?.['mean ms']).toBeCloseTo(3)
    expect(work?.['mean ms']).toBeCloseTo(16.5)
    // As exact as the bounds: 2 and 5, 20 and 50.
    expect([book?.['p50 ms'], book?.['p99 ms']].every((ms) => Number(ms) > 2 && Number(ms) <= 5)).toBe(true)
    expect([Number(work?.['p50 ms']) <= 5, Number(work?.['p99 ms']) > 20, Number(work?.['p99 ms']) <= 50]).toEqual([
      true,
      true,
      true,
    ])
    expect(batchOf(window)).toBe(4)
  })

  it('of a host that was started again counts from its start, and of one that does not answer nothing', async () => {
    const hosts = someHosts()
    const gateway = gatewayMetrics(hosts.get('gateway') as Metrics)
    for (let i = 0; i < 10; i++) gateway.stage('judge', 1)
    const first = await scraped(hosts)
    const anew = createMetrics({ role: 'gateway', name: 'gateway' })
    gatewayMetrics(anew).stage('judge', 1)
    hosts.set('gateway', anew)
    const second = await scrape({
      hosts: NAMES.map((name) => ({ name, pid: 0 })),
      metrics: async (name) => (name === 'signer-2' ? undefined : await hosts.get(name)?.text()),
    })
    expect([...second.hosts.keys()]).toEqual(['gateway', 'coordinator', 'signer-1'])
    expect(stageTable('a load', between(first, second)).rows).toMatchObject([{ stage: 'judge', count: 1 }])
  })

  it('takes quantiles from buckets as Prometheus does', () => {
    const bucket = (le: string, value: number) => ({ name: 'h_bucket', labels: { le }, value })
    const samples = [
      bucket('1', 0),
      bucket('2', 50),
      bucket('4', 100),
      bucket('+Inf', 101),
      { name: 'h_count', labels: {}, value: 101 },
    ]
    const { quantile } = histogramOf(samples, 'h', {})
    expect(quantile(0.25)).toBeCloseTo(1 + 25.25 / 50)
    expect(quantile(0.75)).toBeCloseTo(2 + (2 * 25.75) / 50)
    expect(quantile(1)).toBe(4)
  })

  it('knows a busy thread from an idle one, and its loop from one that is held up', async () => {
    const hosts = someHosts()
    let busyMs = 0
    hosts.get('signer-1')?.watchWorkers(() => [busyMs])
    const first = await scraped(hosts)
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    // The first period after a look is not counted.
    await pause(50)
    const held = performance.now() + 300
    while (performance.now() < held);
    await pause(50)
    busyMs = 250
    const window = between(first, await scraped(hosts))
    const row = threadRow(window)
    expect(Number(row['signer worker %'])).toBeCloseTo((100 * 0.25) / window.seconds)
    expect(Number(row['gateway main %'])).toBeGreaterThan((100 * 0.29) / window.seconds)
    expect(Number(row['gateway main %'])).toBeLessThanOrEqual(101)
    expect(Number(row['gateway delay p99 ms'])).toBeGreaterThan(250)
  })
})
