import { expect, it } from 'vitest'
import { MISTAKES } from '../simulation/mistakes.ts'
import { simulate } from '../simulation/simulate.ts'

const COUNT = Number(process.env['QUORATE_SEEDS'] ?? 10_000)
const FIRST = Number(process.env['QUORATE_FIRST_SEED'] ?? 1)
const PROGRESS_EVERY = 250

it(
  `${COUNT} simulated sets keep every promise`,
  async () => {
    const failed: string[] = []
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const { violations } = await simulate(seed)
      if (violations.length > 0) failed.push(`node test/simulation/run.ts --seed ${seed} --trace: ${violations[0]}`)
      const done = seed - FIRST + 1
      if (done % PROGRESS_EVERY === 0) process.stdout.write(`${done} of ${COUNT} simulated sets, ${failed.length} failed\n`)
    }
    expect(failed).toEqual([])
  },
  4 * 3_600_000,
)

it.each(Object.entries(MISTAKES).filter(([, { plan }]) => plan?.dkls23 === true))(
  'the planted mistake is found: %s',
  async (_, { mistake, plan = {}, found }) => {
    const violations: string[] = []
    for (let seed = 1; seed <= 40 && !violations.some((v) => found.test(v)); seed++)
      violations.push(...(await simulate(seed, { mistake: mistake(), plan })).violations)
    expect(violations.filter((v) => found.test(v))).not.toEqual([])
  },
  600_000,
)
