import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import { assemble } from '../../../src/protocol/frost/assemble.ts'
import { nameOf, whenOf } from '../../simulator/relay.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { faultOf } from '../signing/fault-of.ts'
import { harmlessFaults, stoppingFaults } from '../signing/relay-faults.ts'
import {
  answersOf,
  assembleRun,
  assemblyOf,
  ends,
  FROST_SCHEMES,
  type FrostRun,
  makeFrostCase,
  openingsOf,
  runFrost,
} from './frost-run.ts'
import { expectBatch, signed } from './verify-signature.ts'

describe.each(FROST_SCHEMES)('%s', (scheme) => {
  const c = makeFrostCase({ scheme, ids: 3, threshold: 3, inputs: [bytes32('relay')], seed: 'relay' })
  const honest = runFrost(c)
  const signatures = assembleRun(c, honest).map(signed)
  const sources = { signers: c.signers, own: honest.sent, others: [runFrost(c, { name: 'recorded' }).sent] }
  const between = honest.sent.filter((p) => p.kind === 'broadcast')

  describe('T-07: every single fault of the relay at every message between signers', () => {
    it('there are six', () => expect(between).toHaveLength(6))

    it.each([...stoppingFaults(sources)])('%s: the receiver waits, nobody is named, no signature', (name, act) => {
      for (const parcel of between) {
        const run = runFrost(c, { rules: [{ when: whenOf(parcel), act }] })
        const where = `${name} at ${nameOf(parcel)}`
        expect(ends(run), where).toEqual({ 1: 'done', 2: 'done', 3: 'done', [parcel.to]: 'TIMEOUT' })
        expect(run.missing.get(parcel.to), where).toEqual([parcel.from])
        expect(run.assembler.has(parcel.to), where).toBe(false)
      }
    })

    it.each([...harmlessFaults(sources)])('%s: the same signature', (_, act) => {
      for (const parcel of between) {
        const run = runFrost(c, { rules: [{ when: whenOf(parcel), act }] })
        expect(assembleRun(c, run).map(signed), nameOf(parcel)).toEqual(signatures)
      }
    })
  })

  it('any changed byte of any answer: a typed fault or a failed item, never another signature', () => {
    const a = assemblyOf(c, honest)
    for (const [id, body] of answersOf(honest)) {
      for (let at = 0; at < body.length; at++) {
        const answers = new Map(a.answers).set(id, body.with(at, (body[at] as number) ^ (1 << (at % 8))))
        try {
          expect(assemble({ ...a, answers })).toEqual([{ type: 'failed', code: 'FROST_SHARE', culprits: [id] }])
        } catch (error) {
          if (!(error instanceof Fault)) throw error
          expect([['FROST_VIEW'], ['FROST_MALFORMED', id]]).toContainEqual([error.code, ...error.culprits])
        }
      }
    }
  })

  describe('E16: bytes of a peer give only faults', () => {
    const body = openingsOf(honest).get(3) as Uint8Array
    const ends3 = (broadcast: Uint8Array): FrostRun =>
      runFrost(c, { malicious: new Map([[3, { send: (e, round) => (round === 1 ? { ...e, broadcast } : e) }]]) })
    const judge = (run: FrostRun): void => {
      for (const id of [1, 2]) expect(['done', 'FROST_MALFORMED 3']).toContain(ends(run)[id])
    }

    it('random bytes as commitments of 3', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => judge(ends3(bytes))),
        { numRuns: 100, seed: 1 },
      )
    })

    it('honest commitments with random edits; what still is a commitment splits the views and names nobody', () => {
      const edit = fc.tuple(fc.nat(body.length - 1), fc.nat(255))
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
          let changed = body
          for (const [at, value] of edits) changed = changed.with(at, value)
          const run = ends3(changed)
          judge(run)
          if (run.assembler.size < 3) return
          // 3 itself signed for the list it did not send, so the views differ unless the edits cancelled.
          if (equalBytes(changed, body)) expectBatch(c, assembleRun(c, run))
          else expect(faultOf(() => assembleRun(c, run))).toEqual({ code: 'FROST_VIEW', culprits: [] })
        }),
        { numRuns: 150, seed: 2 },
      )
    })

    it('random bytes as answers and openings at the assembler', () => {
      const a = assemblyOf(c, honest)
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 200 }),
          fc.constantFrom(1, 2, 3),
          fc.constantFrom('openings', 'answers'),
          (bytes, id, where) => {
            expect(() => assemble({ ...a, [where]: new Map(a[where as 'answers']).set(id, bytes) })).toThrow(Fault)
          },
        ),
        { numRuns: 150, seed: 3 },
      )
    })

    it('random envelopes before every message change nothing', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
          expectBatch(
            c,
            assembleRun(c, runFrost(c, { rules: [{ when: { kind: 'broadcast' }, act: (p) => [{ ...p, bytes }, p] }] })),
          )
        }),
        { numRuns: 10, seed: 4 },
      )
    })
  })
})
