import { describe, expect, it } from 'vitest'
import { expectJust, messageCases } from '../mutants/messages.ts'

const cases = messageCases()

describe('every message of every protocol, said wrong in every way that its schema knows', () => {
  it.each(cases.map((c) => [c.name, c] as const))('D-04, D-06, Z-02 %s', (_, c) => {
    for (const mutant of c.mutants) expectJust(c, mutant)
    expect(c.mutants.length).toBeGreaterThan(30)
  })
})
