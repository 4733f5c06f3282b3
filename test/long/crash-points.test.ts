import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keygen, lateDelivery, signing, surviveAll } from '../crash/crash-scenarios.ts'
import { COORDINATOR, type CrashSet, crashSet, STORES } from '../crash/crash-set.ts'
import { makeKeys, SCHEMES, type Scheme, type TestKey } from '../host/set/signing-keys.ts'

let c: CrashSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  c = await crashSet()
  keys = await makeKeys(c.set)
})
afterAll(() => c.close())

/** Each time the schedule differs a little. */
const TIMES = 10

describe.each(SCHEMES)('%s', (scheme) => {
  it('K-12, S-01, T-19 a host dies at any write of key generation, late delivery and signing, again and again', async () => {
    for (let i = 0; i < TIMES; i++) {
      expect(await surviveAll(c, keygen(c, scheme), STORES, keys[scheme])).toBeGreaterThanOrEqual(20)
      expect(await surviveAll(c, lateDelivery(c, scheme), ['signer-3.db', COORDINATOR], keys[scheme])).toBeGreaterThanOrEqual(10)
      expect(await surviveAll(c, signing(c, keys[scheme]), STORES, keys[scheme])).toBeGreaterThanOrEqual(8)
    }
  })
})
