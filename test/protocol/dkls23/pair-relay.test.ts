import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { nameOf, whenOf } from '../../simulator/relay.ts'
import { makeWorld } from '../../simulator/world.ts'
import { harmlessFaults, stoppingFaults } from '../signing/relay-faults.ts'
import { endOf, expectFair, type PairCase, runPair, runRehearsal, says, secretsOf } from './pair-run.ts'

const world = makeWorld({ ids: 3, seed: 'pair relay' })
const c: PairCase = { world, signers: [1, 3], seed: 'relay' }
const honest = runPair(c)
const sources = { signers: c.signers, own: honest.sent, others: [runPair({ ...c, seed: 'recorded' }).sent] }
const pairIdOf = (run: typeof honest): string => toHex(secretsOf(run).get(1)?.pairId ?? new Uint8Array(0))

/** A set-up costs half a second: each fault strikes one of its 36 messages, all messages in turn. */
const struck = (turn: number) => honest.sent.filter((_, i) => i === (7 * turn) % honest.sent.length)

describe('T-07, O-12 single faults of the relay', () => {
  it.each([...stoppingFaults(sources)].map(([name, act], turn) => [name, act, turn] as const))(
    '%s: the receiver waits, nobody is named, no ban, and nobody keeps a set-up that the other has under another name',
    (name, act, turn) => {
      for (const parcel of struck(turn)) {
        const where = `${name} at ${nameOf(parcel)}`
        const run = runPair({ ...c, rules: [{ when: whenOf(parcel), act }] })
        expectFair(run)
        expect(endOf(run, parcel.to), where).toBe('TIMEOUT')
        expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
        for (const end of run.ends.values()) if (end.type === 'done') expect(toHex(end.result.pairId)).toBe(pairIdOf(honest))
      }
    },
  )

  it.each([...harmlessFaults(sources)].map(([name, act], turn) => [name, act, turn] as const))(
    '%s: both have the set-up',
    (_, act, turn) => {
      const [parcel] = struck(turn)
      if (parcel === undefined) throw new Error('no message')
      expect(pairIdOf(runPair({ ...c, rules: [{ when: whenOf(parcel), act }] }))).toBe(pairIdOf(honest))
    },
  )
})

describe('O-14 what the relay carries', () => {
  it('no two direct messages are sealed under one key: both directions, all rounds, two sessions', () => {
    const commitments = [honest.sent, ...sources.others].flatMap((sent) =>
      sent.filter((p) => p.kind === 'direct').map((p) => toHex(p.bytes.slice(76, 108))),
    )
    expect(commitments.length).toBe(36)
    expect(new Set(commitments).size).toBe(36)
  })
})

describe('E16: bytes of a peer give only faults', () => {
  it('as any message of the rehearsal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(1, 2, 3), (bytes, round) => {
        const run = runRehearsal({ ...c, malicious: new Map([[3, says(round, () => bytes)]]) })
        expectFair(run, [3])
        expect(endOf(run, 1)).toBe('SETUP_MALFORMED 3')
      }),
      { numRuns: 15, seed: 1 },
    )
  })

  it('as an offer or a part of points', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2200 }), fc.constantFrom(1, 2), (bytes, round) => {
        const run = runPair({ ...c, malicious: new Map([[3, says(round, () => bytes)]]) })
        expectFair(run, [3])
        expect(endOf(run, 1)).toBe('SETUP_MALFORMED 3')
      }),
      { numRuns: 20, seed: 2 },
    )
  })
})
