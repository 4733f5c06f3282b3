import { afterAll, beforeAll, expect, it } from 'vitest'
import { coordinatorMetrics } from '../../../src/host/coordinator/coordinator-metrics.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { inProcessSet, type TestSet } from '../set/in-process-set.ts'
import { makeKey, sign, someMessage } from '../set/signing-keys.ts'

let set: TestSet
beforeAll(async () => {
  set = await inProcessSet()
})
afterAll(() => set.close())

/** `sum` or `count` of a stage. */
const figure = (text: string, kind: 'sum' | 'count', engine: string, stage: string): number => {
  const line = text.split('\n').find((l) => {
    return l.startsWith(`quorate_stage_seconds_${kind}{`) && l.includes(`engine="${engine}"`) && l.includes(`stage="${stage}"`)
  })
  return Number(line?.split(' ').at(-1))
}

it('measures where the time of requests and sessions goes, stage by stage', async () => {
  const metrics = createMetrics({ role: 'coordinator', name: 'test' })
  const counted = coordinatorMetrics(metrics, { ...set, load: () => set.scheduler.load(), pool: { utilization: () => [] } })
  const ECDSA = 20
  for (const [scheme, count] of [['ecdsa-secp256k1', ECDSA] as const, ['eddsa-ed25519', 3] as const]) {
    const key = await makeKey(set, scheme)
    await Promise.all(Array.from({ length: count }, () => sign(set, key, someMessage())))
  }
  for (const report of set.reports) counted.session(report)
  for (const times of set.signed) counted.signed(times)

  const text = await metrics.text()
  const labels = [...text.matchAll(/^quorate_stage_seconds_count\{(.*)\} \d+$/gm)].map((match) => match[1])
  const stages = ['queue', 'sign', 'store', 'total', 'open', 'round_1', 'combine_wait', 'combine', 'verify']
  const expected = ['hm', 'frost'].flatMap((engine) => stages.map((stage) => `engine="${engine}",stage="${stage}"`))
  for (const pair of expected) expect(labels.join('\n')).toContain(pair)
  expect(labels).toHaveLength(expected.length)

  const requests = { hm: ECDSA, frost: 3 }
  for (const engine of ['hm', 'frost'] as const) {
    const reports = set.reports.filter((r) => r.engine === engine)
    const of = (kind: 'sum' | 'count', stage: string) => figure(text, kind, engine, stage)
    const sum = (...names: readonly string[]) => names.reduce((all, stage) => all + of('sum', stage), 0)
    for (const stage of ['queue', 'sign', 'store', 'total']) expect(of('count', stage), stage).toBe(requests[engine])
    for (const stage of ['open', 'round_1', 'combine', 'verify']) expect(of('count', stage), stage).toBe(reports.length)
    // The parts are all there is of a session; of a request there is also its own answer and look-ups.
    const sessions = reports.reduce((all, { ms }) => all + ms / 1000, 0)
    const parts = sum('open', 'round_1', 'combine_wait', 'combine', 'verify')
    expect(parts).toBeLessThanOrEqual(sessions * 1.001)
    expect(parts).toBeGreaterThan(sessions * 0.5)
    expect(sum('queue', 'sign', 'store')).toBeLessThanOrEqual(sum('total') * 1.001)
    expect(sum('queue', 'sign', 'store')).toBeGreaterThan(sum('total') * 0.5)
    for (const stage of ['open', 'round_1', 'store']) expect(sum(stage), stage).toBeGreaterThan(0)
  }
  // A fifth of a millisecond and ten seconds are told apart, and so is what lies between.
  for (const bound of ['0.0001', '0.0002', '0.001', '0.1', '10', '+Inf'])
    expect(text).toContain(`stage_seconds_bucket{le="${bound}"`)
})
