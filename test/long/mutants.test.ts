import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROUTES, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { mutantFrames } from '../mutants/frames.ts'
import { expectJust, messageCases } from '../mutants/messages.ts'

const cases = messageCases()

describe('every message of every protocol, said wrong in every way that its schema knows', () => {
  it.each(cases.map((c) => [c.name, c] as const))('D-04, D-06, Z-02 %s', (_, c) => {
    for (const mutant of c.mutants) expectJust(c, mutant)
    expect(c.mutants.length).toBeGreaterThan(30)
  })
})

describe('every frame said wrong in every way that its schema knows', () => {
  let set: Awaited<ReturnType<typeof mutantFrames>>
  beforeAll(async () => {
    set = await mutantFrames()
  })
  afterAll(() => set.close())

  it.each(Object.keys(ROUTES) as readonly Route[])('D-04, D-06, T-07 %s, by the coordinator and by a signer', async (route) => {
    for (const mutant of set.requestMutants(route)) await set.request(route, mutant)
    await set.unharmed(route)
    for (const [i, mutant] of set.answerMutants(route).entries()) await set.answer(route, mutant, i)
    await set.unharmed(route)
  })
})
