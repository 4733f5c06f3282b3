import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROUTES, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { mutantFrames, ROUTE_CODECS } from './frames.ts'
import { sampled } from './mutate.ts'
import { FRAMES } from './registry.ts'

const ROUTE_NAMES = Object.keys(ROUTES) as readonly Route[]
/** One mutant in so many; npm run test:long tries each. */
const EVERY = { request: 11, answer: 47 }

describe('every frame said wrong', () => {
  let set: Awaited<ReturnType<typeof mutantFrames>>
  beforeAll(async () => {
    set = await mutantFrames()
  })
  afterAll(() => set.close())

  it('each registered frame is one of a route', () => {
    const codecs = new Set(Object.values(ROUTE_CODECS).flat())
    expect(new Set(Object.values(FRAMES).flat())).toEqual(codecs)
  })

  it.each(ROUTE_NAMES)(
    'D-04, D-06, T-07 %s: a coordinator’s wrong requests get a code or nothing, and change nothing',
    async (route) => {
      for (const mutant of sampled(set.requestMutants(route), EVERY.request, 1)) await set.request(route, mutant)
      await set.unharmed(route)
    },
  )

  it.each(ROUTE_NAMES)(
    'D-04, D-06, U-01 %s: a signer’s wrong answers end what needs them, and name nobody else',
    async (route) => {
      const all = sampled(set.answerMutants(route), EVERY.answer, 3)
      for (const [i, mutant] of all.entries()) await set.answer(route, mutant, i)
      await set.unharmed(route)
    },
  )
})
