import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeKeys, SCHEMES, type Scheme, type TestKey } from '../host/set/signing-keys.ts'
import { housekeeping, keygen, lateDelivery, rebuild, restart, signing, surviveAll } from './crash-scenarios.ts'
import { COORDINATOR, type CrashSet, crashSet, STORES } from './crash-set.ts'

let c: CrashSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  c = await crashSet()
  keys = await makeKeys(c.set)
})
afterAll(() => c.close())

// The other schemes' key generations write alike; test/long has them.
it('K-12, T-19 a host dies at any write of a key generation: the key is everybody’s or nobody’s', async () => {
  const key = keys['eddsa-ed25519']
  expect(await surviveAll(c, keygen(c, 'eddsa-ed25519'), STORES, key)).toBeGreaterThanOrEqual(20)
})

// What is written says nothing of the curve; test/long has P-256 too.
describe.each(SCHEMES.filter((scheme) => scheme !== 'ecdsa-p256'))('%s', (scheme) => {
  it('S-01, T-19 a host dies at any write of a signing session: one outcome, no nonce twice', async () => {
    const [points, shares] = [c.record.points, c.record.shares]
    // A claim at each signer and an outcome at the coordinator.
    expect(await surviveAll(c, signing(c, keys[scheme]), STORES, keys[scheme])).toBeGreaterThanOrEqual(8)
    expect(c.record.points).toBeGreaterThan(points)
    expect(c.record.shares).toBeGreaterThan(shares)
  })
})

it('K-12 a host dies at any write of a late key delivery', async () => {
  const files = ['signer-3.db', COORDINATOR]
  expect(await surviveAll(c, lateDelivery(c, 'eddsa-ed25519'), files, keys['eddsa-ed25519'])).toBeGreaterThanOrEqual(10)
})

it('K-12 the coordinator dies at any write while its lost directory is rebuilt', async () => {
  const own = await crashSet()
  try {
    const made = await makeKeys(own.set)
    const points = await surviveAll(own, rebuild(own, Object.values(made)), [COORDINATOR], made['eddsa-ed25519'])
    // Two of losing it, one of stopping, one for each key.
    expect(points).toBeGreaterThanOrEqual(2 * (3 + 3))
  } finally {
    own.close()
  }
})

it('T-19 a signer dies at any write of its own start: no two starts share a number', async () => {
  expect(await surviveAll(c, restart(c, 1), ['signer-1.db'], keys['ecdsa-secp256k1'])).toBeGreaterThanOrEqual(4)
})

it('S-01 a host dies at any write of housekeeping: what it forgets stays used', async () => {
  const key = keys['ecdsa-secp256k1']
  expect(await surviveAll(c, housekeeping(c, key), STORES, key)).toBeGreaterThanOrEqual(8)
})
