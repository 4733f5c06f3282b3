import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DevSet, startDevSet, until } from './dev-set.ts'
import { expectValid, payloadOf, SCHEMES } from './verify.ts'

describe('a 3-of-5 set', () => {
  let set: DevSet
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
  const keys: any[] = []
  beforeAll(async () => {
    set = await startDevSet(['--set', '3-of-5'])
  }, 90_000)
  afterAll(async () => {
    expect(await set.stop()).toBe(0)
  }, 30_000)

  it('makes keys of each scheme and signs with five (ECDSA) or three signers', async () => {
    for (const scheme of SCHEMES) {
      const key = await set.call('POST', '/api/v1/keys', { scheme })
      expect(key.status, JSON.stringify(key.body)).toBe(201)
      expect([key.body.threshold, key.body.parties]).toEqual([3, 5])
      keys.push(key.body)
      const message = new TextEncoder().encode(`3 of 5, ${scheme}`)
      const answer = await set.call('POST', '/api/v1/sign', { key_id: key.body.id, payload: payloadOf(scheme, message) })
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expect(answer.body.signers.length).toBe(scheme.startsWith('ecdsa') ? 5 : 3)
      expectValid(key.body, message, answer.body.signature)
    }
  }, 60_000)

  it('two dead signers leave every scheme working', async () => {
    await until('all pairs set up', 60_000, async () =>
      (await set.call('GET', '/api/v1/set')).body.pairs.ready === 10 ? true : undefined,
    )
    set.signal(2, 'SIGKILL')
    set.signal(5, 'SIGKILL')
    await until('quorum degraded', 10_000, async () => {
      const { body } = await set.call('GET', '/api/v1/set')
      return body.signers?.filter((s: { state: string }) => s.state === 'down').length === 2 ? true : undefined
    })
    const message = new TextEncoder().encode('three left')
    for (const key of keys) {
      const answer = await set.call('POST', '/api/v1/sign', { key_id: key.id, payload: payloadOf(key.scheme, message) })
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expect([answer.body.engine, answer.body.signers]).toEqual([key.scheme.startsWith('ecdsa') ? 'dkls23' : 'frost', [1, 3, 4]])
      expectValid(key, message, answer.body.signature)
    }
  }, 120_000)
})
