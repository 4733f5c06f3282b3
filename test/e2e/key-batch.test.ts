import { appendFileSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DevSet, startDevSet, until } from './dev-set.ts'
import { expectValid, payloadOf, SCHEMES, type Scheme } from './verify.ts'

const EACH = 6
const TOTAL = EACH * SCHEMES.length
const BODY = { items: SCHEMES.map((scheme) => ({ scheme, count: EACH, label: 'batch' })), request_id: 'req_batch' }

let set: DevSet
beforeAll(async () => {
  set = await startDevSet()
}, 90_000)
afterAll(async () => {
  expect(await set.stop()).toBe(0)
}, 30_000)

it('a batch of keys outlives every host: gateway, signer and coordinator are killed, and each key is made once', async () => {
  const taken = await set.call('POST', '/api/v1/keys/batch', BODY)
  expect([taken.status, taken.body.state, taken.body.total]).toEqual([202, 'running', TOTAL])
  const path = `/api/v1/keys/batch/${taken.body.id}`
  const read = async (query = '') => {
    const { status, body } = await set.call('GET', `${path}${query}`)
    return status === 200 ? body : undefined
  }
  const made = (count: number) =>
    until(`${count} keys`, 100_000, async () =>
      (await read('?limit=1').catch(() => undefined))?.made >= count ? true : undefined,
    )

  await made(3)
  process.kill(set.line.gateway_pid, 'SIGKILL')
  // A key that a dying coordinator left at some signers only can never be: it is given up when its document has expired, which shall be soon.
  appendFileSync(`${set.line.data}/gateway/host.env`, '\nQUORATE_REQUEST_LIFE_MS=1000\n')
  set.reviveHost('gateway')
  // By itself: nobody asks again.
  await made(8)
  set.signal(3, 'SIGKILL')
  const degraded = await until('degraded', 15_000, async () =>
    (await set.call('GET', '/api/v1/set')).body?.quorum === 'degraded' ? await read() : undefined,
  )
  expect([degraded.state, degraded.failed]).toEqual(['running', 0])
  set.revive(3)
  await made(degraded.made + 3)
  process.kill(set.line.coordinator_pid, 'SIGKILL')
  set.reviveHost('coordinator')
  await made(TOTAL)

  const batch = await read('?limit=200')
  expect([batch.state, batch.made, batch.failed]).toEqual(['done', TOTAL, 0])
  const again = await set.call('POST', '/api/v1/keys/batch', BODY)
  expect([again.status, again.body.id, again.body.made]).toEqual([200, batch.id, TOTAL])

  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
  const keys: any[] = batch.items.map((item: any) => item.key)
  const listed = await set.call('GET', '/api/v1/keys?limit=200')
  const ids = keys.map((key) => key.id).sort()
  expect(listed.body.keys.map((key: { id: string }) => key.id).sort()).toEqual(ids)
  // The one signer that was not touched has made no other key active, whatever the gateway knows of.
  const log = readFileSync(`${set.line.data}/signer-1/host.log`, 'utf8').split('\n')
  const active = log.flatMap((line) => (line.includes('"msg":"key active') ? [`key_${JSON.parse(line).keyId}`] : []))
  expect([...new Set(active)].sort()).toEqual(ids)

  for (const scheme of SCHEMES) {
    const of = keys.filter((key) => key.scheme === scheme)
    expect(of).toHaveLength(EACH)
    const message = new TextEncoder().encode(`signed with a key of a batch, ${scheme}`)
    const body = { key_id: of[0].id, payload: payloadOf(scheme as Scheme, message) }
    const signed = await until(`${scheme} signs`, 20_000, async () => {
      const answer = await set.call('POST', '/api/v1/sign', body)
      return answer.status === 200 ? answer.body : undefined
    })
    expectValid(of[0], message, signed.signature)
  }
}, 200_000)
