import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault, VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { assemble } from '../../../src/protocol/hm/assemble.ts'
import { openingOf } from '../../../src/protocol/hm/sign.ts'
import { nameOf, type Parcel, type Rule, whenOf } from '../../simulator/relay.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { harmlessFaults, stoppingFaults } from '../signing/relay-faults.ts'
import { answersOf, assembleRun, assemblyOf, type HmRun, makeHmCase, openingsOf, runHm, signerItems } from './hm-run.ts'
import { expectBatch, signed } from './verify-signature.ts'

const c = makeHmCase({ digests: numbered('relay', 2).map(bytes32), seed: 'relay' })
const honest = runHm(c)
const signatures = assembleRun(c, honest).map(signed)
const sources = {
  signers: c.signers,
  own: honest.sent,
  others: [
    runHm(c, { name: 'recorded' }).sent,
    runHm(makeHmCase({ digests: c.items.map((i) => i.input), seed: 'another set' })).sent,
  ],
}
const between = honest.sent.filter((p) => p.kind === 'broadcast')
const codes = (run: HmRun): readonly string[] => [...run.ends.values()].map((e) => (e.type === 'done' ? 'done' : e.fault.code))

function expectNobodyNamed(run: HmRun): void {
  for (const end of run.ends.values()) if (end.type === 'failed') expect(end.fault.culprits, run.seed).toEqual([])
}

describe('T-07: every single fault of the relay at every message between signers', () => {
  it('there are six', () => expect(between).toHaveLength(6))

  it.each([...stoppingFaults(sources)])('%s: the receiver waits, nobody is named, no signature', (name, act) => {
    for (const parcel of between) {
      const run = runHm(c, { rules: [{ when: whenOf(parcel), act }] })
      const where = `${name} at ${nameOf(parcel)}`
      expectNobodyNamed(run)
      const end = run.ends.get(parcel.to)
      const code = end?.type === 'failed' ? end.fault.code : 'done'
      if (code === 'done' && name.startsWith('flip at')) {
        // It hit the MAC for the other receiver.
        expect(assembleRun(c, run).map(signed), where).toEqual(signatures)
        continue
      }
      // What the receiver itself sent, shown to it altered, is C2; everything else is silence.
      const own = ['swap sender and receiver', 'what the receiver sent'].includes(name)
      expect(own ? ['HM_R_OWN', 'TIMEOUT'] : ['TIMEOUT'], where).toContain(code)
      expect(run.assembler.has(parcel.to), where).toBe(false)
      expect(
        codes(run).filter((e) => e === 'done'),
        where,
      ).toHaveLength(2)
    }
  })

  it.each([...harmlessFaults(sources)])('%s: the same signatures', (_, act) => {
    for (const parcel of between) {
      const run = runHm(c, { rules: [{ when: whenOf(parcel), act }] })
      expect(assembleRun(c, run).map(signed), nameOf(parcel)).toEqual(signatures)
    }
  })

  it('two faults at random, 150 times: typed ends, nobody named, and signatures only if all three answered', () => {
    const acts = [...stoppingFaults(sources).values(), ...harmlessFaults(sources).values()]
    const rng = seededRng('pairs of faults')
    for (let i = 0; i < 150; i++) {
      const rules = [0, 1].map(() => ({
        when: whenOf(between[pick(rng, between.length)] as Parcel),
        act: acts[pick(rng, acts.length)] as Rule['act'],
      }))
      const run = runHm(c, { rules, seed: `pair ${i}` })
      expectNobodyNamed(run)
      if (run.assembler.size === 3) expect(assembleRun(c, run).map(signed)).toEqual(signatures)
    }
  })
})

describe('damaged answers', () => {
  it('any changed byte of any answer: a typed fault or failed items, never another signature, never two names', () => {
    const a = assemblyOf(c, honest)
    for (const [id, body] of answersOf(honest)) {
      for (let at = 0; at < body.length; at++) {
        const answers = new Map(a.answers).set(id, body.with(at, (body[at] as number) ^ (1 << (at % 8))))
        try {
          for (const [b, outcome] of assemble({ ...a, answers }).entries()) {
            if (outcome.type === 'signed') expect(outcome).toEqual(signatures[b])
            else expect(outcome).toMatchObject({ type: 'failed' })
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Fault)
          expect(['HM_VIEW', 'HM_SHARE_MALFORMED']).toContain((error as Fault).code)
          expect([[], [id]]).toContainEqual((error as Fault).culprits)
        }
      }
    }
  })
})

describe('E16: bytes of a peer give only faults', () => {
  const honestBody = openingsOf(honest).get(3) as Uint8Array
  const ends = (body: Uint8Array): HmRun =>
    runHm(c, { malicious: new Map([[3, { send: (e, round) => (round === 1 ? { ...e, broadcast: body } : e) }]]) })
  const judge = (run: HmRun): void => {
    for (const id of [1, 2] as PartyId[]) {
      const end = run.ends.get(id)
      if (end?.type !== 'failed') continue
      expect(Object.keys(VERDICTS)).toContain(end.fault.code)
      expect([[], [3]]).toContainEqual(end.fault.culprits)
    }
  }

  it('random bytes as the list of signer 3', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => judge(ends(body))),
      { numRuns: 150, seed: 1 },
    )
  })

  it('the honest list with random edits', () => {
    const edit = fc.tuple(fc.nat(honestBody.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let body = honestBody
        for (const [at, value] of edits) body = body.with(at, value)
        judge(ends(body))
      }),
      { numRuns: 200, seed: 2 },
    )
  })

  it('random points and refusals in the right form', () => {
    const group = c.world.curves.secp256k1
    const point = fc.uint8Array({ minLength: 33, maxLength: 33 })
    fc.assert(
      fc.property(fc.tuple(point, point), fc.constantFrom(2, 3), (points, prefix) => {
        const shaped = points.map((p) => p.with(0, prefix))
        judge(ends(openingOf(group).encode(signerItems(c, 3), shaped)))
      }),
      { numRuns: 100, seed: 3 },
    )
  })

  it('random envelopes instead of every message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const run = runHm(c, { rules: [{ when: { from: 3, kind: 'broadcast' }, act: (p) => [{ ...p, bytes }, p] }] })
        expectBatch(c.items, assembleRun(c, run))
      }),
      { numRuns: 50, seed: 4 },
    )
  })

  it('random bytes as openings and answers at the assembler', () => {
    const a = assemblyOf(c, honest)
    const body = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(body, fc.constantFrom(1, 2, 3), fc.constantFrom('openings', 'answers'), (bytes, id, where) => {
        const step = () => assemble({ ...a, [where]: new Map(a[where as 'openings']).set(id, bytes) })
        expect(step).toThrow(Fault)
      }),
      { numRuns: 200, seed: 5 },
    )
  })
})
