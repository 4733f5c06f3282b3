import { afterEach, describe, expect, it } from 'vitest'
import { readMetrics, type Sample, sumOf } from '../../../bench/metrics-text.ts'
import { coordinatorMetrics } from '../../../src/host/coordinator/coordinator-metrics.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { pairsOf } from '../../../src/protocol/dkls23/purpose.ts'
import { dealPair } from '../../attack/pair-set.ts'
import { inProcessSet, SIGNER_METRICS, type TestSet } from '../set/in-process-set.ts'
import { makeKey, sign, someMessage } from '../set/signing-keys.ts'
import { until } from '../set/until.ts'

const SESSION = ['open', 'round_1', 'combine_wait', 'combine', 'verify']
const REQUEST = ['queue', 'sign', 'store', 'total']

/** What a coordinator's metrics say of everything that a set has signed. */
async function measured(set: TestSet): Promise<{ readonly text: string; readonly samples: readonly Sample[] }> {
  const metrics = createMetrics({ role: 'coordinator', name: 'test' })
  const counted = coordinatorMetrics(metrics, { ...set, load: () => set.scheduler.load() })
  for (const report of set.reports) counted.session(report)
  for (const times of set.signed) counted.signed(times)
  const text = await metrics.text()
  return { text, samples: readMetrics(text) }
}
const stagesOf = (samples: readonly Sample[]): readonly string[] =>
  samples.filter((s) => s.name === 'quorate_stage_seconds_count').map(({ labels }) => `${labels['engine']} ${labels['stage']}`)

describe('where time goes', () => {
  let set: TestSet
  afterEach(() => set.close())

  it('is told stage by stage, of requests and of sessions, by engine', async () => {
    set = await inProcessSet()
    const requests = { hm: 20, frost: 3 }
    for (const [scheme, count] of [['ecdsa-secp256k1', requests.hm] as const, ['eddsa-ed25519', requests.frost] as const]) {
      const key = await makeKey(set, scheme)
      await Promise.all(Array.from({ length: count }, () => sign(set, key, someMessage())))
    }
    const { text, samples } = await measured(set)
    const expected = (['hm', 'frost'] as const).flatMap((engine) => [...REQUEST, ...SESSION].map((stage) => `${engine} ${stage}`))
    expect(stagesOf(samples).toSorted()).toEqual(expected.toSorted())
    for (const engine of ['hm', 'frost'] as const) {
      const of = (kind: 'sum' | 'count', stage: string) => sumOf(samples, `quorate_stage_seconds_${kind}`, { engine, stage })
      const sum = (names: readonly string[]) => names.reduce((all, stage) => all + of('sum', stage), 0)
      const reports = set.reports.filter((r) => r.engine === engine)
      for (const stage of REQUEST) expect(of('count', stage), stage).toBe(requests[engine])
      for (const stage of SESSION) expect(of('count', stage), stage).toBe(reports.length)
      expect(sumOf(samples, 'quorate_signatures_total', { engine, outcome: 'signed' })).toBe(requests[engine])
      // The parts are all there is of a session; of a request there are also look-ups and its answer.
      const sessions = reports.reduce((all, { ms }) => all + ms / 1000, 0)
      expect(sum(SESSION)).toBeLessThanOrEqual(sessions * 1.001)
      expect(sum(SESSION)).toBeGreaterThan(sessions * 0.5)
      expect(sum(['queue', 'sign', 'store'])).toBeLessThanOrEqual(of('sum', 'total') * 1.001)
      expect(sum(['queue', 'sign', 'store'])).toBeGreaterThan(of('sum', 'total') * 0.5)
      for (const stage of ['open', 'round_1', 'store']) expect(of('sum', stage), stage).toBeGreaterThan(0)
    }
    // A fifth of a millisecond and ten seconds are told apart, and so is what lies between.
    for (const bound of ['0.0001', '0.0002', '0.001', '0.1', '10', '+Inf']) {
      expect(text).toContain(`stage_seconds_bucket{le="${bound}"`)
    }
  })

  it('of DKLs23 in two rounds; at its signers the marks of each', async () => {
    set = await inProcessSet({ config: { ecdsaEngines: ['dkls23'] } })
    for (const [a, b] of pairsOf([1, 2, 3])) dealPair(set, a, b)
    const key = await makeKey(set, 'ecdsa-secp256k1')
    await until('pairs known', () => set.service.set().pairs.ready === 3)
    const before = readMetrics(await SIGNER_METRICS.text())
    await sign(set, key, someMessage())
    const after = readMetrics(await SIGNER_METRICS.text())
    const { samples } = await measured(set)
    expect(stagesOf(samples).toSorted()).toEqual([...REQUEST, ...SESSION, 'round_2'].map((s) => `dkls23 ${s}`).toSorted())
    const times = (stage: string, command: string) => {
      const [then, now] = [before, after].map((all) => sumOf(all, 'quorate_signer_stage_seconds_count', { command, stage }))
      return (now as number) - (then as number)
    }
    // Two signers, two rounds, the second of which brings the share.
    expect(['mark', 'unmark', 'ledger', 'total'].map((stage) => times(stage, 'round'))).toEqual([4, 4, 2, 4])
    expect(['lookup', 'total'].map((stage) => times(stage, 'openSigning'))).toEqual([2, 2])
  })
})
