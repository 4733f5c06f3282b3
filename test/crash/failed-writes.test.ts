import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeKey, type TestKey } from '../host/set/signing-keys.ts'
import { freezing, keygen, signing, surviveFaults } from './crash-scenarios.ts'
import { COORDINATOR, type CrashSet, crashSet } from './crash-set.ts'
import { RESULTS } from './process-death.ts'

const SCHEME = 'eddsa-ed25519'

let c: CrashSet
let key: TestKey
beforeAll(async () => {
  c = await crashSet()
  key = await makeKey(c.set, SCHEME)
})
afterAll(() => c.close())

/** One signer stands for all: what they write is the same. */
const FILES = ['signer-1.db', COORDINATOR]

// Whether what could not be synced is there after the restart nobody knows: before the commit, and after it. Nobody was told either way.
describe.each([
  ['whose sync fails', RESULTS.failedSync, 2],
  ['for which there is no room', RESULTS.full, 1],
] as const)('S-01 a write %s', (_, result, moments) => {
  it('of a signing session: nothing leaves that is not stored, and the request has one outcome', async () => {
    expect(await surviveFaults(c, signing(c, key), FILES, key, result)).toBeGreaterThanOrEqual(2 * moments)
  })

  it('K-12 of a key generation: the key is everybody’s or nobody’s', async () => {
    expect(await surviveFaults(c, keygen(c, SCHEME), FILES, key, result)).toBeGreaterThanOrEqual(5 * moments)
  })

  it('of a freeze: nobody is told of it who has not the receipts of all, and the same bytes bring them', async () => {
    expect(await surviveFaults(c, freezing(c, key), FILES, key, result)).toBeGreaterThanOrEqual(2 * moments)
  })
})
