import { expect, it } from 'vitest'
import { createMetrics } from '../../src/host/metrics.ts'

it('collects what a host measures, and the process itself', async () => {
  const metrics = createMetrics({ role: 'signer', name: 'signer-1' })
  metrics.counter('sessions_total', 'Sessions', ['protocol', 'end']).inc({ protocol: 'hm', end: 'done' }, 2)
  metrics.histogram('round_seconds', 'Rounds', ['round'], [0.1, 1]).observe({ round: '1' }, 0.5)
  let waiting = 3
  metrics.gauge('mailbox_waiting', 'Waiting', [], (gauge) => gauge.set(waiting))
  metrics.observeCall({ method: 'GET', route: '/health', status: 200, seconds: 0.002 })

  const text = await metrics.text()
  expect(metrics.contentType).toContain('text/plain')
  expect(text).toContain('quorate_sessions_total{protocol="hm",end="done",role="signer",name="signer-1"} 2')
  expect(text).toContain('quorate_round_seconds_bucket{le="0.1",role="signer",name="signer-1",round="1"} 0')
  expect(text).toContain('quorate_round_seconds_bucket{le="1",role="signer",name="signer-1",round="1"} 1')
  expect(text).toContain('quorate_mailbox_waiting{role="signer",name="signer-1"} 3')
  expect(text).toMatch(/quorate_http_call_seconds_count\{.*route="\/health".*\} 1/)
  expect(text).toMatch(/process_resident_memory_bytes\{.*\} \d+/)
  expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds\{.*\}/)

  waiting = 5
  expect(Number(/quorate_thread_busy_seconds_total\{thread="main",.*\} (\S+)/.exec(text)?.[1])).toBeGreaterThan(0)
  expect(text).not.toContain('thread="worker-0"')
  metrics.watchWorkers(() => [1500, 250])
  const withWorkers = await metrics.text()
  expect(withWorkers).toContain('quorate_thread_busy_seconds_total{thread="worker-0",role="signer",name="signer-1"} 1.5')
  expect(withWorkers).toContain('quorate_thread_busy_seconds_total{thread="worker-1",role="signer",name="signer-1"} 0.25')
  expect(await metrics.text()).toContain('quorate_mailbox_waiting{role="signer",name="signer-1"} 5')
})

it('keeps two hosts in one process apart, and refuses a name twice', () => {
  const [one, other] = [createMetrics({ role: 'signer', name: 'a' }), createMetrics({ role: 'signer', name: 'b' })]
  one.counter('x_total', 'X')
  other.counter('x_total', 'X')
  expect(() => one.counter('x_total', 'X')).toThrow(/already been registered/)
})
