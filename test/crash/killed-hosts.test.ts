import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDevSet } from '../e2e/dev-set.ts'
import { type Replacements, replacements } from './dying-hosts.ts'
import { killAt } from './killed-hosts.ts'

let hosts: Replacements
beforeAll(async () => {
  hosts = replacements(await startDevSet())
})
afterAll(() => hosts.stop())

/** Writes that each host comes to in any run. */
const FIRST = [
  ['signer-2', 4],
  ['coordinator', 5],
  ['gateway', 3],
] as const

// One write of one host, another at each run; test/long takes them all.
it('K-12, S-01 a real host kills itself at one of its first writes: one state and one outcome afterwards', async () => {
  const [name, writes] = FIRST[randomInt(FIRST.length)] as (typeof FIRST)[number]
  const k = randomInt(1, writes + 1)
  const moment = randomInt(2) === 0 ? 'before' : 'after'
  expect(await killAt(hosts, name, 'eddsa-ed25519', k, moment), `${name} comes to write ${k}`).toBe(true)
}, 60_000)
