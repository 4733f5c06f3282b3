import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { Established } from '../../../src/protocol/prss/establish.ts'
import { nameOf, whenOf } from '../../simulator/relay.ts'
import type { Run } from '../../simulator/run-session.ts'
import { makeWorld } from '../../simulator/world.ts'
import { harmlessFaults, stoppingFaults } from '../signing/relay-faults.ts'
import { type EstablishCase, generationsOf, runEstablish } from './establish-run.ts'

const world = makeWorld({ ids: 5, seed: 'prss relay' })
const three: EstablishCase = { world, threshold: 2, signers: [1, 2, 3], seed: 'three' }
const five: EstablishCase = { world, threshold: 3, signers: [1, 2, 3, 4, 5], seed: 'five' }

/** Honest ends never name anyone; two signers that hold a generation with the same kid hold the same key. */
function expectSafe(run: Run<Established, never>, where: string): void {
  const keys = new Map<string, string>()
  for (const end of run.ends.values()) {
    if (end.type === 'failed') {
      expect(end.fault.culprits, where).toEqual([])
      expect(Object.keys(VERDICTS), where).toContain(end.fault.code)
      continue
    }
    for (const k of [...end.result.generation.pairs.values(), ...end.result.generation.subsets]) {
      expect(keys.get(toHex(k.kid)) ?? toHex(k.prf), where).toBe(toHex(k.prf))
      keys.set(toHex(k.kid), toHex(k.prf))
    }
  }
}

for (const [c, every] of [
  [three, 1],
  [five, 41],
] as const) {
  const honest = runEstablish(c)
  const sources = {
    signers: c.signers,
    own: honest.sent,
    others: [runEstablish({ ...c, seed: 'recorded' }).sent],
  }

  describe(`T-07, n = ${c.signers.length}: single faults of the relay at ${every === 1 ? 'every message' : `every ${every}th message`}`, () => {
    it.each([...stoppingFaults(sources)])('%s: the receiver waits, nobody is named', (name, act) => {
      for (const [i, parcel] of honest.sent.entries()) {
        if (i % every !== 0) continue
        const where = `${name} at ${nameOf(parcel)}`
        const run = runEstablish({ ...c, rules: [{ when: whenOf(parcel), act }] })
        expectSafe(run, where)
        expect(run.ends.get(parcel.to), where).toMatchObject({ type: 'failed', fault: { code: 'TIMEOUT' } })
        expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
      }
    })

    it.each([...harmlessFaults(sources)])('%s: everybody has the generation', (_, act) => {
      for (const [i, parcel] of honest.sent.entries()) {
        if (i % every !== 0) continue
        const all = generationsOf(runEstablish({ ...c, rules: [{ when: whenOf(parcel), act }] }))
        expect(all.get(1)?.kids).toEqual(generationsOf(honest).get(1)?.kids)
      }
    })
  })
}

describe('E16: bytes of a peer give only faults', () => {
  const body = fc.uint8Array({ maxLength: 700 })
  const judge = (run: Run<Established, never>): void => {
    for (const id of [1, 2]) {
      const end = run.ends.get(id)
      if (end?.type === 'failed') expect([[], [3]]).toContainEqual(end.fault.culprits)
    }
  }

  it('as any broadcast of 3 (2 of 3)', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(1, 2), (bytes, at) => {
        judge(
          runEstablish({
            ...three,
            malicious: new Map([[3, { send: (e, round) => (round === at ? { ...e, broadcast: bytes } : e) }]]),
          }),
        )
      }),
      { numRuns: 60, seed: 1 },
    )
  })

  it('as contributions of 3 (3 of 5)', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        judge(
          runEstablish({
            ...five,
            malicious: new Map([
              [
                3,
                {
                  send: (e, round) =>
                    round === 2 ? { ...e, direct: new Map([...(e.direct ?? [])].map(([to]) => [to, bytes])) } : e,
                },
              ],
            ]),
          }),
        )
      }),
      { numRuns: 10, seed: 2 },
    )
  })
})
