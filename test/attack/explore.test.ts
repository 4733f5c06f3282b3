import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet } from '../host/set/in-process-set.ts'
import { maliciousCoordinator, type TestSet } from './malicious-coordinator.ts'

let set: TestSet
beforeAll(async () => {
  set = await inProcessSet()
})
afterAll(() => set.close())

it('ecdsa key in frost', async () => {
  const c = maliciousCoordinator(set)
  const key = await set.service.createKey(set.request('cred_alice', set.keygen('ecdsa-secp256k1')), set.client)
  const request = set.request(
    'cred_alice',
    set.sign('ecdsa-secp256k1', parseKeyId(key.id) as Uint8Array, {
      kind: 'message',
      message: new Uint8Array(3),
      hash: 'sha256',
    }),
  )
  const setup = c.setupOf({ suite: 'ecdsa-secp256k1', protocol: 'frost' })
  const items = [c.itemOf(request)]
  const run = await c.run(setup, items)
  console.log(
    run.first.map((r) => [r.type, r.code]),
    run.second.map((r) => [r.type, r.code]),
  )
  console.log(c.combine('ecdsa-secp256k1', setup, items, run))
  expect(1).toBe(1)
})
