import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { P256, SECP256K1 } from './curve.ts'
import { type DealtOptions, dealtSession } from './dealt.ts'
import { expectSame } from './expect-same.ts'
import { runSigning } from './run.ts'

const SUITES = [
  { curve: SECP256K1, suite: 1 },
  { curve: P256, suite: 2 },
]

const cases: fc.Arbitrary<DealtOptions> = fc
  .record({
    which: fc.constantFrom(...SUITES),
    threshold: fc.constantFrom(2, 2, 3),
    count: fc.integer({ min: 1, max: 3 }),
    ids: fc.uniqueArray(fc.integer({ min: 1, max: 65_534 }), { minLength: 3, maxLength: 3 }),
    name: fc.string(),
  })
  .chain(({ which, threshold, count, ids, name }) => {
    const parties = [...ids].sort((a, b) => a - b)
    const signers = parties.slice(0, threshold)
    const refused = fc.subarray(Array.from({ length: count }, (_, b) => b))
    return fc.array(refused, { minLength: threshold, maxLength: threshold }).map((lists) => ({
      ...which,
      threshold,
      parties,
      signers,
      count,
      name,
      refuses: new Map(signers.map((id, i) => [id, lists[i] ?? []])),
    }))
  })

describe('oracle and production sign', () => {
  it('the same messages and signatures, whoever is who: random sets, batches and refusals', { timeout: 180_000 }, () => {
    fc.assert(
      fc.property(cases, (o) => {
        const { session, inputs } = dealtSession(o)
        expectSame(session, inputs, runSigning(session, inputs))
      }),
      { numRuns: 5 },
    )
  })

  it.each(SUITES)('a batch in which everything is present, on suite $suite', { timeout: 120_000 }, (which) => {
    const { session, inputs } = dealtSession({
      ...which,
      threshold: 3,
      parties: [2, 3, 9],
      signers: [2, 3, 9],
      count: 2,
      name: 'all',
    })
    const run = runSigning(session, inputs)
    expect(run.present).toEqual([0, 1])
    expectSame(session, inputs, run)
  })
})
