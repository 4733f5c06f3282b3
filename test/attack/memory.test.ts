import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { fresh, maliciousCoordinator } from './malicious-coordinator.ts'

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

// A coordinator, and one user who gives it long documents: each may go into any number of sessions.
describe('T-17 the memory of a signer', () => {
  let set: TestSet
  let c: ReturnType<typeof maliciousCoordinator>
  let items: ReturnType<typeof c.itemOf>[]
  const LONGEST = 65_536
  const BATCH = 8
  const held = (): number => {
    collect()
    return process.memoryUsage().arrayBuffers
  }

  beforeAll(async () => {
    set = await inProcessSet()
    c = maliciousCoordinator(set)
    const key = await set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client)
    const keyId = parseKeyId(key.id) as Uint8Array
    items = Array.from({ length: BATCH }, () =>
      c.itemOf(set.request('cred_alice', set.sign('eddsa-ed25519', keyId, { kind: 'message', message: fresh(LONGEST) }))),
    )
  })
  afterAll(() => set.close())

  it('does not keep the messages of sessions that have ended', async () => {
    await c.outcomes(c.setupOf({}), items)
    const before = held()
    for (let i = 0; i < 4; i++) expect(await c.outcomes(c.setupOf({}), items)).toEqual(items.map(() => 'signed'))
    // Two signers and four sessions would be 4 MB. The collector gives memory back when it likes, so it is asked more than once.
    await expect.poll(() => held() - before, { timeout: 5000 }).toBeLessThan(BATCH * LONGEST)
  })
})
