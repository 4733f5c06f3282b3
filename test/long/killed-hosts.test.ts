import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Replacements, replacements } from '../crash/dying-hosts.ts'
import { killAt, writesOf } from '../crash/killed-hosts.ts'
import { startDevSet } from '../e2e/dev-set.ts'
import { SCHEMES } from '../e2e/verify.ts'

let hosts: Replacements
beforeAll(async () => {
  hosts = replacements(await startDevSet())
})
afterAll(() => hosts.stop())

describe.each(SCHEMES)('%s', (scheme) => {
  it.each(['signer-1', 'signer-2', 'signer-3', 'coordinator', 'gateway'])(
    'K-12, S-01 a real %s kills itself at each of its writes in turn: one state and one outcome afterwards',
    async (name) => {
      const writes = await writesOf(hosts, name, scheme)
      expect(writes).toBeGreaterThan(2)
      let met = 0
      for (let k = 1; k <= writes; k++) {
        for (const moment of ['before', 'after'] as const) {
          if (await killAt(hosts, name, scheme, k, moment)) met += 1
        }
      }
      // FROST takes turns, so a signer may write once less.
      expect(met).toBeGreaterThanOrEqual(2 * (writes - 1))
    },
  )
})
