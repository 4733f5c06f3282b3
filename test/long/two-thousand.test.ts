import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DevSet, startDevSet } from '../e2e/dev-set.ts'
import { expectValid, payloadOf, SCHEMES, type Scheme } from '../e2e/verify.ts'

const COUNT = 2_000
const KEYS = 5
/** Growth of one process over the run that we call flat: caches fill, the heap settles. */
const FLAT_BYTES = 64 << 20

const residentBytes = (pid: number): number => {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kib) * 1024
}

describe('two thousand signatures in a row over HTTPS', () => {
  let set: DevSet
  beforeAll(async () => {
    set = await startDevSet()
  }, 90_000)
  afterAll(async () => {
    expect(await set.stop()).toBe(0)
  }, 30_000)

  it('mixed schemes and keys: none wrong, none lost, memory flat', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
    const keys: any[] = []
    for (let i = 0; i < KEYS * SCHEMES.length; i++) {
      keys.push((await set.call('POST', '/api/v1/keys', { scheme: SCHEMES[i % SCHEMES.length] })).body)
    }
    const pids = [set.line.gateway_pid, set.line.coordinator_pid, ...set.line.signers.map((s) => s.pid)]
    let settled: number[] = []
    const seen = new Set<string>()
    for (let i = 0; i < COUNT; i++) {
      // The first quarter warms up: compiled code and caches are not leaks.
      if (i === COUNT / 4) settled = pids.map(residentBytes)
      const key = keys[i % keys.length]
      const message = new TextEncoder().encode(`in a row ${i}`)
      const answer = await set.call('POST', '/api/v1/sign', { key_id: key.id, payload: payloadOf(key.scheme as Scheme, message) })
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expectValid(key, message, answer.body.signature)
      seen.add(answer.body.signature.serialized.slice(0, 66))
    }
    expect(seen.size).toBe(COUNT)
    pids.map(residentBytes).forEach((bytes, i) => {
      expect(bytes - (settled[i] as number), `process ${i}`).toBeLessThan(FLAT_BYTES)
    })
  }, 300_000)
})
