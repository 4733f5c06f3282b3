import { describe, expect, it } from 'vitest'
import { expectJust, messageCases } from './messages.ts'
import { sampled } from './mutate.ts'
import { MESSAGES } from './registry.ts'

/** One mutant in so many, all fields in turn; npm run test:long tries each. */
const EVERY = 11
/** A set-up of a pair is half a second of arithmetic. */
const EVERY_OF_A_PAIR = 47

const cases = messageCases()

describe('every message of every protocol, said wrong by a malicious twin', () => {
  it('each registered message is one that a protocol sends', () => {
    expect([...new Set(cases.map((c) => c.message))].sort()).toEqual(Object.keys(MESSAGES).sort())
  })

  it.each(cases.map((c, i) => [c.name, c, i] as const))('D-04, D-06, Z-02 %s: typed faults that name it or nobody', (_, c, i) => {
    const all = sampled(c.mutants, c.name.startsWith('pair ') ? EVERY_OF_A_PAIR : EVERY, i)
    for (const mutant of all) expectJust(c, mutant)
  })
})
