import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Replacements, replacements } from '../crash/dying-hosts.ts'
import { killAt } from '../crash/killed-hosts.ts'
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
      // Until there is none: how many there are depends on which set-ups are made meanwhile, and FROST takes turns.
      let last = 0
      for (let k = 1; k - last <= 2; k++) {
        for (const moment of ['before', 'after'] as const) if (await killAt(hosts, name, scheme, k, moment)) last = k
      }
      expect(last).toBeGreaterThan(2)
    },
  )
})
