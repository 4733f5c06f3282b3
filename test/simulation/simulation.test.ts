import { describe, expect, it } from 'vitest'
import { MISTAKES } from './mistakes.ts'
import { simulate } from './simulate.ts'

const replay = (seed: number): string => `node test/simulation/run.ts --seed ${seed} --trace`

describe('a whole set under one seed', () => {
  it('does the same again under the same seed, to the last byte on the wire, and something else under another', async () => {
    const [once, again, other] = [await simulate(5), await simulate(5), await simulate(6)]
    expect(once.hash).toBe(again.hash)
    expect(once.hash).not.toBe(other.hash)
  })

  it('comes through crashes, lost messages, full disks and wrong clocks with every promise kept', async () => {
    const totals = { signatures: 0, keys: 0, updates: 0 }
    for (let seed = 1; seed <= 12; seed++) {
      const { violations, counts } = await simulate(seed)
      expect(violations, replay(seed)).toEqual([])
      totals.signatures += counts.signatures
      totals.keys += counts.keys
      totals.updates += counts.updates
    }
    // Storms in which nothing ever happened would keep all promises too.
    expect(totals.signatures).toBeGreaterThan(24)
    expect(totals.keys).toBeGreaterThan(12)
    expect(totals.updates).toBeGreaterThan(12)
  }, 120_000)

  it('signs with DKLs23 while a signer stays away', async () => {
    for (const seed of [3]) expect((await simulate(seed, { plan: { dkls23: true } })).violations, replay(seed)).toEqual([])
  }, 60_000)

  // A crash before activation at one signer, another of the coordinator: the key came back as active while that signer held it as pending.
  it('mends what it once found', async () => {
    for (const seed of [1117]) expect((await simulate(seed, { plan: { updates: 0 } })).violations, replay(seed)).toEqual([])
  })
})

/** Each is found within these; most in the first few. */
const SEEDS = 40
/** Those with DKLs23 take a quarter of a minute each: `npm run test:long`. */
const quick = Object.entries(MISTAKES).filter(([, { plan }]) => plan?.dkls23 !== true)

describe('planted mistakes are found', () => {
  it.each(quick)(
    '%s',
    async (_, { mistake, plan = {}, found }) => {
      const violations: string[] = []
      for (let seed = 1; seed <= SEEDS && !violations.some((v) => found.test(v)); seed++)
        violations.push(...(await simulate(seed, { mistake: mistake(), plan })).violations)
      expect(violations.filter((v) => found.test(v))).not.toEqual([])
    },
    60_000,
  )
})
