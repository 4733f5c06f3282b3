import { describe, expect, it } from 'vitest'
import { nameOf, whenOf } from '../../simulator/relay.ts'
import { signed } from '../hm/verify-signature.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { harmlessFaults, stoppingFaults } from '../signing/relay-faults.ts'
import { assembleRun, ends, makeDklsCase, runDkls } from './dkls-run.ts'

const c = makeDklsCase({ digests: [bytes32('relay')], seed: 'relay' })
const honest = runDkls(c)
const signatures = assembleRun(c, honest).map(signed)
const sources = { signers: c.signers, own: honest.sent, others: [runDkls(c, { name: 'recorded' }).sent] }
const between = honest.sent.filter((p) => p.kind !== 'assembler')

describe('T-07, O-12 every single fault of the relay at every message between two honest signers', () => {
  it('there are six', () => expect(between.map(nameOf).sort()).toHaveLength(6))

  it.each([...stoppingFaults(sources)])('%s: the receiver waits, nobody is named or banned, no signature', (name, act) => {
    for (const parcel of between) {
      const run = runDkls(c, { rules: [{ when: whenOf(parcel), act }] })
      const where = `${name} at ${nameOf(parcel)}`
      // Without round 1 the receiver never sends its round 2, for which the sender waits.
      expect(ends(run), where).toEqual({ [parcel.to]: 'TIMEOUT', [parcel.from]: parcel.round === 1 ? 'TIMEOUT' : 'done' })
      expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
      expect(run.assembler.has(parcel.to), where).toBe(false)
    }
  })

  it.each([...harmlessFaults(sources)])('%s: the same signature', (_, act) => {
    for (const parcel of between) {
      const run = runDkls(c, { rules: [{ when: whenOf(parcel), act }] })
      expect(assembleRun(c, run).map(signed), nameOf(parcel)).toEqual(signatures)
    }
  })
})
