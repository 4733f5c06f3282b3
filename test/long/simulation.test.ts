import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { MISTAKES } from '../simulation/mistakes.ts'
import { simulate } from '../simulation/simulate.ts'

const COUNT = Number(process.env['QUORATE_SEEDS'] ?? 10_000)
const FIRST = Number(process.env['QUORATE_FIRST_SEED'] ?? 1)

it(
  `${COUNT} simulated sets keep every promise`,
  () => {
    const run = ['test/simulation/run.ts', '--seed', String(FIRST), '--count', String(COUNT)]
    const { status } = spawnSync(process.execPath, run, { stdio: 'inherit' })
    expect(status).toBe(0)
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
