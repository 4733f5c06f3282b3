import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RvoleReceiver, RvoleSender } from '../../../../src/protocol/dkls23/rvole.ts'
import { Fault } from '../../../../src/protocol/engine/fault.ts'
import { aliceDraws, bobDraws, contextFor, receiverSetup, scalarBytes, senderSetup, tape } from './as-production.ts'
import { P256, SECP256K1 } from './curve.ts'
import { aliceRandom, bobRandom, dealtSeeds, drawn, drawnScalar } from './dealt.ts'
import { pack, unpack } from './framing.ts'
import { alice, bob, type Context, Failure } from './rvole.ts'

const SUITES = [
  { curve: SECP256K1, suite: 1 },
  { curve: P256, suite: 2 },
]

interface Case {
  readonly c: Context
  readonly present: readonly number[]
  readonly name: string
}

const cases = (counts: readonly number[]): fc.Arbitrary<Case> =>
  fc
    .record({
      which: fc.constantFrom(...SUITES),
      count: fc.constantFrom(...counts),
      ids: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 2, maxLength: 2 }),
      name: fc.string(),
    })
    .chain(({ which, count, ids, name }) =>
      fc.subarray(Array.from({ length: count }, (_, b) => b)).map((present) => ({
        c: { ...which, ctx: drawn(`${name}/ctx`, 32), alice: ids[0] as number, bob: ids[1] as number, count },
        present,
        name,
      })),
    )

/** The same seeds, inputs and randomness for both implementations, both playing both roles. */
function bothAgree({ c, present, name }: Case): void {
  const seeds = dealtSeeds(name)
  const forBob = bobRandom(`${name}/bob`, c.count)
  const forAlice = aliceRandom(c.curve, `${name}/alice`, present)
  const inputs = (which: string): readonly bigint[] => present.map((b) => drawnScalar(c.curve, `${name}/${which}/${b}`))
  const [u, v] = [inputs('u'), inputs('v')]
  const context = contextFor(c)
  const bytes = (values: readonly bigint[]): readonly Uint8Array[] => values.map(scalarBytes)

  const ours = bob(c, seeds.bob, forBob)
  const bobTape = tape(...bobDraws(forBob))
  const theirs = new RvoleReceiver(context, receiverSetup(seeds.bob), bobTape)
  expect(theirs.message).toEqual(ours.message)
  expect(theirs.nonce).toEqual(forBob.nonce)
  expect(theirs.b).toEqual(bytes(ours.b))
  expect(bobTape.rest()).toBe(0)

  const oracleAlice = alice(c, seeds.alice, theirs.message)
  const answer = oracleAlice.answer(present, u, v, forAlice)
  const aliceTape = tape(...aliceDraws(forAlice))
  const sender = RvoleSender.accept(context, senderSetup(seeds.alice), ours.message)
  const their = sender.answer(present, bytes(u), bytes(v), aliceTape)
  expect(sender.peerNonce).toEqual(oracleAlice.nonceB)
  expect(their.message).toEqual(answer.message)
  expect([their.cu, their.cv]).toEqual([bytes(answer.cu), bytes(answer.cv)])
  expect(aliceTape.rest()).toBe(0)

  const result = ours.finish(their.message, present)
  const { du, dv } = theirs.finish(answer.message, present)
  expect([du, dv]).toEqual([bytes(result.du), bytes(result.dv)])
}

describe('oracle and production: the same messages and results from the same seeds and randomness', () => {
  it('B = 1', { timeout: 120_000 }, () => {
    fc.assert(fc.property(cases([1]), bothAgree), { numRuns: 8 })
  })

  it('B = 2 and 3, some instances present', { timeout: 120_000 }, () => {
    fc.assert(fc.property(cases([2, 3]), bothAgree), { numRuns: 6 })
  })

  it('B = 64, three instances present', { timeout: 120_000 }, () => {
    const c = { curve: SECP256K1, suite: 1, ctx: drawn('64', 32), alice: 1, bob: 2, count: 64 }
    bothAgree({ c, present: [0, 31, 63], name: 'sixty-four' })
  })
})

/** What each says of one message: null when it takes it. */
function verdicts(ours: () => unknown, theirs: () => unknown): readonly [string | null, string | null] {
  const verdict = (run: () => unknown): string | null => {
    try {
      run()
      return null
    } catch (error) {
      if (error instanceof Failure) return `${error.code} ${error.culprit}`
      if (error instanceof Fault) return `${error.code} ${error.culprits.join()}`
      throw error
    }
  }
  return [verdict(ours), verdict(theirs)]
}

/** Bits to change in field `f` of the four; the offset is taken modulo the field's length. */
const change = fc.record({ f: fc.integer({ min: 0, max: 3 }), at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) })
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(message: Uint8Array, { f, at, bits }: Change): Uint8Array {
  const fields = unpack(message, 4).map((field) => Uint8Array.from(field))
  const field = fields[f] as Uint8Array
  field[at % field.length] = (field[at % field.length] as number) ^ bits
  return pack(...fields)
}

describe('oracle and production: the same verdict on a wrong message', () => {
  const c = { curve: P256, suite: 2, ctx: drawn('wrong', 32), alice: 9, bob: 4, count: 2 }
  const seeds = dealtSeeds('wrong')
  const forBob = bobRandom('wrong/bob', 2)
  const present = [1]
  const ours = bob(c, seeds.bob, forBob)
  // One for each message: production takes one answer only.
  const theirs = (): RvoleReceiver => new RvoleReceiver(contextFor(c), receiverSetup(seeds.bob), tape(...bobDraws(forBob)))
  const two = alice(c, seeds.alice, ours.message).answer(present, [5n], [6n], aliceRandom(P256, 'wrong/alice', present)).message
  const accept = (message: Uint8Array): readonly [string | null, string | null] =>
    verdicts(
      () => alice(c, seeds.alice, message),
      () => RvoleSender.accept(contextFor(c), senderSetup(seeds.alice), message),
    )
  const finish = (message: Uint8Array): readonly [string | null, string | null] =>
    verdicts(
      () => ours.finish(message, present),
      () => theirs().finish(message, present),
    )

  it('message 1: any bits of any field: OTE_CHECK of the receiver', () => {
    fc.assert(
      fc.property(change, (what) => {
        expect(accept(changed(ours.message, what))).toEqual(['OTE_CHECK 4', 'OTE_CHECK 4'])
      }),
      { numRuns: 15 },
    )
  })

  it('message 2: any bits of any field: RVOLE_CHECK of the sender, or what is no scalar, or an altered entry whose bit of beta is zero', () => {
    const seen = new Set<string | null>()
    fc.assert(
      fc.property(change, (what) => {
        const [one, other] = finish(changed(two, what))
        expect(other).toBe(one)
        seen.add(one)
      }),
      { numRuns: 60 },
    )
    for (const verdict of seen) expect([null, 'RVOLE_CHECK 9', 'SIGN_MALFORMED 9']).toContain(verdict)
    expect(seen).toContain('RVOLE_CHECK 9')
  })

  it('lengths, counts, framing and scalars that are not canonical: SIGN_MALFORMED of the sender', () => {
    const [n1, u, x, t] = unpack(ours.message, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    const [n2, at, eta, mu] = unpack(two, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    const cut = (bytes: Uint8Array): Uint8Array => bytes.slice(0, -1)
    const long = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...bytes, 0)
    const order = (bytes: Uint8Array): Uint8Array => {
      const out = Uint8Array.from(bytes)
      out.set(scalarBytes(P256.q))
      return out
    }
    const none = new Uint8Array(0)
    for (const fields of [
      [cut(n1), u, x, t],
      [n1, cut(u), x, t],
      [n1, long(u), x, t],
      [n1, none, x, t],
      [n1, u, cut(x), t],
      [n1, u, x, long(t)],
      [n1, u, x],
      [n1, u, x, t, none],
    ]) {
      expect(accept(pack(...fields))).toEqual(['SIGN_MALFORMED 4', 'SIGN_MALFORMED 4'])
    }
    for (const fields of [
      [long(n2), at, eta, mu],
      [n2, cut(at), eta, mu],
      [n2, Uint8Array.from([...at, ...at]), eta, mu],
      [n2, order(at), eta, mu],
      [n2, at, order(eta), mu],
      [n2, at, none, mu],
      [n2, at, Uint8Array.from([...eta, ...eta]), mu],
      [n2, at, eta, cut(mu)],
      [n2, at, eta],
    ]) {
      expect(finish(pack(...fields))).toEqual(['SIGN_MALFORMED 9', 'SIGN_MALFORMED 9'])
    }
    expect(finish(none)).toEqual(['SIGN_MALFORMED 9', 'SIGN_MALFORMED 9'])
  })
})
