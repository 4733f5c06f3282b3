import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { PAIR_SECRET, type PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { setUpPair } from '../../../src/protocol/dkls23/pair-setup.ts'
import { BLOCK, LAMBDA } from '../../../src/protocol/dkls23/parameters.ts'
import { concat, type Rng, toHex, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { openSession, wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { identityOf, makeWorld } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { bit } from './base-ot-run.ts'
import { multiplyWith } from './multiply-with.ts'
import { BEFORE_REHEARSAL, OPENING, opens, pairPlan, ROUNDS, runPair, secretsOf } from './pair-run.ts'

const world = makeWorld({ ids: 3, seed: 'pair' })
const PAIRS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const
const drawn = new Map<string, Uint8Array[]>()
const recording =
  (name: string) =>
  (env: Env): Env => ({
    ...env,
    rng: (length) => {
      const bytes = env.rng(length)
      const key = `${name} ${env.self}`
      drawn.set(key, [...(drawn.get(key) ?? []), Uint8Array.from(bytes)])
      return bytes
    },
  })
const runs = new Map(
  PAIRS.map((signers) => [
    signers.join(),
    runPair({ world, signers, seed: `honest ${signers}`, env: recording(signers.join()) }),
  ]),
)
const secretOf = (signers: readonly PartyId[], id: PartyId): PairSecret =>
  secretsOf(runs.get(signers.join()) as never).get(id) as PairSecret
const seedAt = (seeds: Uint8Array, i: number): string => toHex(seeds.slice(i * BLOCK, (i + 1) * BLOCK))

describe.each(PAIRS)('an honest set-up of %i and %i', (min, max) => {
  const of = (id: PartyId): PairSecret => secretOf([min, max], id)

  it('both ends of each direction fit: of each pair of seeds, Alice has the one that her Delta does not name', () => {
    for (const [alice, bob] of [
      [min, max],
      [max, min],
    ] as const) {
      const { delta, seeds, psid } = of(alice).sender
      const { seeds0, seeds1, psid: same } = of(bob).receiver
      expect(psid).toEqual(same)
      for (let i = 0; i < LAMBDA; i++) {
        const [unknown, known] = bit(delta, i) === 1 ? [seeds1, seeds0] : [seeds0, seeds1]
        expect(seedAt(seeds, i)).toBe(seedAt(known, i))
        expect(seedAt(seeds, i)).not.toBe(seedAt(unknown, i))
      }
    }
  })

  it('one name and one zero-share seed at both signers; the two directions have names of their own', () => {
    expect(of(min).pairId).toEqual(of(max).pairId)
    expect(of(min).zseed).toEqual(of(max).zseed)
    expect(of(min).sender.psid).not.toEqual(of(min).receiver.psid)
  })

  it('multiplies, in both directions', () => {
    expect(multiplyWith(of(min).sender, of(max).receiver, [min, max])).toBe(true)
    expect(multiplyWith(of(max).sender, of(min).receiver, [max, min])).toBe(true)
  })

  it('psid, pair id and zero-share seed are what protocols.md 4 says', () => {
    const { sessionId } = runs.get(`${min},${max}`) as { readonly sessionId: Uint8Array }
    const th = (name: string, ...parts: readonly Uint8Array[]): Uint8Array => {
      const framed = [Buffer.from(`quorate/v1/${name}`), ...parts].flatMap((part) => [u32(part.length), part])
      return new Uint8Array(
        createHash('sha256')
          .update(concat(...framed))
          .digest(),
      )
    }
    // Drawn in this order: Delta, the nonce, and at the very end the part of the zero shares' seed.
    const [minDrawn, maxDrawn] = [min, max].map((id) => drawn.get(`${min},${max} ${id}`) as Uint8Array[]) as [
      Uint8Array[],
      Uint8Array[],
    ]
    const [minNonce, minPart] = [minDrawn[1], minDrawn.at(-1)]
    const [maxNonce, maxPart] = [maxDrawn[1], maxDrawn.at(-1)]
    const forth = th('pair.', sessionId, u16(min), u16(max), minNonce as Uint8Array, maxNonce as Uint8Array)
    const back = th('pair.', sessionId, u16(max), u16(min), maxNonce as Uint8Array, minNonce as Uint8Array)
    expect([of(min).sender.psid, of(min).receiver.psid]).toEqual([forth, back])
    expect(of(min).pairId).toEqual(th('pair-id', u16(min), u16(max), forth, back))
    expect(of(min).zseed).toEqual(th('zseed', sessionId, u16(min), u16(max), minPart as Uint8Array, maxPart as Uint8Array))
  })

  it('T-13: the coordinator sees neither seeds nor Delta, zero-share seed, anything drawn, or an identity', () => {
    const secrets = new Map<string, Uint8Array>()
    for (const id of [min, max]) {
      const { sender, receiver, zseed } = of(id)
      secrets.set(`zseed ${id}`, zseed)
      secrets.set(`Delta ${id}`, sender.delta)
      for (const [name, seeds] of Object.entries({ mine: sender.seeds, zero: receiver.seeds0, one: receiver.seeds1 }))
        for (let i = 0; i < LAMBDA; i += 17) secrets.set(`${name} ${i} of ${id}`, seeds.slice(i * BLOCK, (i + 1) * BLOCK))
      for (const [i, bytes] of (drawn.get(`${min},${max} ${id}`) ?? []).entries())
        if (i < 8 || i > 250) secrets.set(`drawn ${i} by ${id}`, bytes)
      secrets.set(`idS ${id}`, identityOf(world, id).signSeed)
      secrets.set(`idE ${id}`, identityOf(world, id).exchangeSecret)
    }
    expect(secrets.size).toBeGreaterThan(60)
    expect(findSecrets(wire(runs.get(`${min},${max}`) as never), secrets)).toEqual([])
  })
})

describe('what belongs to one pair', () => {
  it('O-04, 14.3 choice bits: Delta, seeds, zero-share seeds and names are fresh for each peer and direction, and in each session', () => {
    const again = secretsOf(runPair({ world, signers: [1, 2], seed: 'honest again' }))
    const all = [...PAIRS.flatMap((pair) => pair.map((id) => secretOf(pair, id))), ...again.values()]
    const distinct = (values: readonly Uint8Array[]): number => new Set(values.map(toHex)).size
    expect(distinct(all.map((s) => s.sender.delta))).toBe(8)
    expect(distinct(all.map((s) => s.sender.psid))).toBe(8)
    expect(distinct(all.map((s) => s.zseed))).toBe(4)
    expect(distinct(all.map((s) => s.pairId))).toBe(4)
    const seeds = all.flatMap(({ receiver }) =>
      [receiver.seeds0, receiver.seeds1].flatMap((list) => Array.from({ length: LAMBDA }, (_, i) => seedAt(list, i))),
    )
    expect(new Set(seeds).size).toBe(8 * 2 * LAMBDA)
    // Halves of the bits differ, give or take: independent, not merely unequal.
    const [a, b] = all.map((s) => s.sender.delta) as [Uint8Array, Uint8Array]
    const differing = Array.from({ length: 128 }, (_, i) => bit(a, i) ^ bit(b, i)).filter((d) => d === 1).length
    expect(Math.abs(differing - 64)).toBeLessThan(40)
  })

  it('O-03 one signer with a stuck random source: its peers and sessions still get seeds of their own', () => {
    const stuck = (signers: readonly PartyId[], seed: string): PairSecret =>
      secretsOf(
        runPair({
          world,
          signers,
          seed,
          env: (env) => (env.self === 1 ? { ...env, rng: (length) => new Uint8Array(length).fill(1) } : env),
        }),
      ).get(1) as PairSecret
    const all = [stuck([1, 2], 'one'), stuck([1, 3], 'one'), stuck([1, 2], 'two')]
    const seeds = all.flatMap(({ sender, receiver }) => [sender.seeds, receiver.seeds0, receiver.seeds1])
    expect(new Set(seeds.map(toHex)).size).toBe(9)
    expect(new Set(all.flatMap((s) => [s.zseed, s.pairId, s.sender.psid, s.receiver.psid]).map(toHex)).size).toBe(12)
  })

  it('noble and native make the same of it, also with each other', () => {
    const secrets = (curvesOf: (id: PartyId) => typeof nobleCurves): string =>
      [
        ...secretsOf(
          runPair({ world, signers: [1, 2], seed: 'x', env: (env) => ({ ...env, curves: curvesOf(env.self) }) }),
        ).values(),
      ]
        .map((s) => toHex(PAIR_SECRET.encode(s)))
        .join()
    const native = secrets(() => world.curves)
    expect(secrets((id) => (id === 1 ? nobleCurves : world.curves))).toBe(native)
  })
})

describe('parameters and randomness', () => {
  const env = (parties: readonly PartyId[], rng: Rng): Env => ({
    self: 1,
    parties,
    threshold: 2,
    sessionId: bytes32('session'),
    roster: world.roster,
    rng,
    curves: world.curves,
    transcript: () => new Uint8Array(32),
    evidence: () => {
      throw new Error('none')
    },
  })

  it.each([[[1]], [[1, 2, 3]]])('S-14 {%s}: DKLS_PARAM, before anything is drawn', (parties) => {
    const start = () =>
      setUpPair(
        env(parties, () => {
          throw new Error('randomness before the checks')
        }),
      ).next()
    expect(start).toThrow(SetupError)
    expect(start).toThrow('exactly two')
  })

  it('C-09 a source that gives a Delta of zero is broken: nothing leaves', () => {
    // Of everything else it gives something, which the group's own check lets pass.
    const rng: Rng = (length) => new Uint8Array(length).fill(length === BLOCK ? 0 : 1)
    expect(() => setUpPair(env([1, 2], rng)).next()).toThrow('Delta of zero')
  })
})

describe('C-05 what the script held is wiped, whatever ends it', () => {
  const honest = runPair({ world, signers: [1, 2], seed: 'wiped' })
  const to1 = (round: number) => honest.sent.filter((p) => p.to === 1 && p.round === round).map((p) => p.bytes)

  /** Signer 1 up to `round`, and every buffer that was drawn or that secret arithmetic wrote to. */
  function watched(rounds: number) {
    const buffers: Uint8Array[] = []
    const keep = (bytes: Uint8Array): Uint8Array => {
      buffers.push(bytes)
      return bytes
    }
    const base = pairPlan({ world, signers: [1, 2], seed: 'wiped' })
    const group = world.curves.secp256k1
    const watching = (env: Env): Env => ({
      ...env,
      rng: (length) => keep(env.rng(length)),
      curves: {
        ...world.curves,
        secp256k1: {
          ...group,
          randomScalar: (rng) => keep(group.randomScalar(rng)),
          mulSecret: (point, scalar) => keep(group.mulSecret(point, scalar)),
        },
      },
    })
    const session = openSession(
      { ...base, scriptFor: (env) => base.scriptFor(env.self === 1 ? watching(env) : env) },
      sessionIdOf(base.setup),
      1,
    )
    session.start()
    for (let round = 1; round <= rounds; round++) session.receive(to1(round))
    return { session, live: () => buffers.filter((bytes) => bytes.some((b) => b !== 0)) }
  }

  it.each(Array.from({ length: ROUNDS }, (_, round) => round))(
    'stopped after %i rounds: nothing is left but public nonces',
    (rounds) => {
      const { session, live } = watched(rounds)
      expect(live().length).toBeGreaterThan(0)
      session.stop()
      // Nonces travel: of the offer, of both multiplications.
      expect(live().every((bytes) => bytes.length === 32)).toBe(true)
      expect(live().length).toBeLessThanOrEqual(3)
    },
  )

  it('done: the result alone is left, for the host to seal', () => {
    const { session, live } = watched(ROUNDS - 1)
    const { end } = session.receive(to1(ROUNDS))
    if (end?.type !== 'done') throw new Error('not done')
    expect(live().filter((bytes) => bytes.length !== 32)).toEqual([end.result.sender.delta])
  })

  it('failed by the rehearsal: Delta and seeds too', () => {
    const round = BEFORE_REHEARSAL + OPENING
    const wrong = opens({ du: bytes32('wrong') }, round)
    const run = runPair({ world, signers: [1, 2], seed: 'wiped', malicious: new Map([[2, wrong]]) })
    const { session, live } = watched(round - 1)
    const bad = run.sent.filter((p) => p.to === 1 && p.round === round).map((p) => p.bytes)
    expect(session.receive(bad).end).toMatchObject({ type: 'failed', fault: { code: 'PAIR_REHEARSAL', culprits: [] } })
    expect(live().every((bytes) => bytes.length === 32)).toBe(true)
  })
})
