import { createHash, hkdfSync } from 'node:crypto'
import { x25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { concat, type Rng, toHex, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { establish } from '../../../src/protocol/prss/establish.ts'
import { confirmationTag, type Generation, kidOf, makeSharedKey, type SharedKey } from '../../../src/protocol/prss/generation.ts'
import { openSession, wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import type { Twin } from '../../simulator/twin.ts'
import { identityOf, makeWorld, nativeCurves } from '../../simulator/world.ts'
import { subsets } from '../sharing/secret-of.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { establishParams, establishPlan, generationsOf, runEstablish } from './establish-run.ts'

const sets: readonly (readonly [number, readonly PartyId[], number])[] = [
  [2, [1, 2, 3], 3],
  [2, [2, 5, 9], 9],
  [3, [1, 2, 3, 4, 5], 5],
]
const idsUpTo = (n: number): readonly PartyId[] => Array.from({ length: n }, (_, i) => i + 1)
const same = (a: SharedKey, b: SharedKey): void =>
  expect([a.kid, a.prf, a.mac, a.confirm, a.members]).toEqual([b.kid, b.prf, b.mac, b.confirm, b.members])

for (const [threshold, signers, n] of sets) {
  describe(`t = ${threshold}, S = {${signers.join()}} of ${n}`, () => {
    const world = makeWorld({ ids: idsUpTo(n), seed: 'prss' })
    const run = runEstablish({ world, threshold, signers, seed: 'first' })
    const all = generationsOf(run)
    const of = (id: PartyId): Generation => all.get(id) as Generation

    it('every pair holds one key, every subset of t one key, and nobody a key it is no member of', () => {
      for (const [i, j] of subsets(signers, 2) as [PartyId, PartyId][])
        same(of(i).pairs.get(j) as SharedKey, of(j).pairs.get(i) as SharedKey)
      for (const members of subsets(signers, threshold)) {
        const held = members.map((id) => of(id).subsets.find((k) => k.members.join() === members.join()) as SharedKey)
        for (const key of held) same(key, held[0] as SharedKey)
      }
      for (const id of signers) {
        expect(of(id).pairs.size).toBe(signers.length - 1)
        expect(of(id).subsets).toHaveLength(subsets(signers.slice(1), threshold - 1).length)
        for (const key of [...of(id).pairs.values(), ...of(id).subsets]) expect(key.members).toContain(id)
      }
    })

    it('all keys, subkeys and kids are different; everybody names all kids in one order', () => {
      const keys = new Map<string, SharedKey>()
      for (const id of signers) for (const k of [...of(id).pairs.values(), ...of(id).subsets]) keys.set(k.members.join(), k)
      const secrets = [...keys.values()].flatMap((k) => [k.prf, k.mac, k.confirm, k.kid].map(toHex))
      expect(new Set(secrets).size).toBe(secrets.length)
      for (const id of signers) expect(of(id).kids).toEqual(of(signers[0] as PartyId).kids)
      expect(new Set(of(signers[0] as PartyId).kids.map(toHex))).toEqual(new Set([...keys.values()].map((k) => toHex(k.kid))))
    })

    it('another session, another restart: nothing is the same', () => {
      const again = generationsOf(runEstablish({ world, threshold, signers, seed: 'second' }))
      const restarted = generationsOf(
        runEstablish({
          world,
          threshold,
          signers,
          seed: 'first',
          params: (id) => (id === signers[0] ? { bootNonce: bytes32('restarted') } : {}),
        }),
      )
      const mine = (g: ReadonlyMap<PartyId, Generation>) =>
        (g.get(signers[0] as PartyId) as Generation).pairs.get(signers[1] as PartyId) as SharedKey
      for (const other of [again, restarted]) {
        expect(mine(other).kid).not.toEqual(mine(all).kid)
        expect(mine(other).prf).not.toEqual(mine(all).prf)
      }
    })

    it('reports the boot counters of the peers', () => {
      const end = run.ends.get(signers[0] as PartyId)
      expect(end?.type === 'done' && end.result.boots).toEqual(new Map(signers.slice(1).map((id) => [id, 7])))
    })

    it('T-13: no key, subkey, ephemeral secret or identity on the wire', () => {
      const secrets = new Map<string, Uint8Array>()
      for (const id of signers) {
        for (const k of [...of(id).pairs.values(), ...of(id).subsets]) {
          for (const [name, bytes] of Object.entries({ prf: k.prf, mac: k.mac, confirm: k.confirm }))
            secrets.set(`${name} of ${k.members.join()}`, bytes)
        }
        secrets.set(`idS ${id}`, identityOf(world, id).signSeed)
        secrets.set(`idE ${id}`, identityOf(world, id).exchangeSecret)
      }
      const drawn: Uint8Array[] = []
      const recording = (env: Env): Env => ({
        ...env,
        rng: (length) => {
          const bytes = env.rng(length)
          drawn.push(Uint8Array.from(bytes))
          return bytes
        },
      })
      const recorded = runEstablish({ world, threshold, signers, seed: 'first', env: recording })
      for (const [i, bytes] of drawn.entries()) secrets.set(`drawn ${i}`, bytes)
      expect(drawn.length).toBe(signers.length * (threshold === 2 ? 1 : 7))
      expect(findSecrets(wire(recorded), secrets)).toEqual([])
    })
  })
}

describe('back ends', () => {
  it('noble and native derive the same keys, also with each other', () => {
    const world = makeWorld({ ids: 3, seed: 'back ends' })
    const keys = (curvesOf: (id: PartyId) => typeof nobleCurves): string =>
      [
        ...generationsOf(
          runEstablish({
            world,
            threshold: 2,
            signers: [1, 2, 3],
            seed: 'x',
            env: (env) => ({ ...env, curves: curvesOf(env.self) }),
          }),
        ).values(),
      ]
        .flatMap((g) => g.subsets.map((k) => toHex(k.prf)))
        .join()
    const native = keys(() => nativeCurves)
    expect(keys(() => nobleCurves)).toBe(native)
    expect(keys((id) => (id === 1 ? nobleCurves : nativeCurves))).toBe(native)
  })
})

describe('parameters', () => {
  const world = makeWorld({ ids: 7, seed: 'parameters' })
  const env = (threshold: number, parties: readonly PartyId[]): Env => ({
    self: 1,
    parties,
    threshold,
    sessionId: bytes32('session'),
    roster: world.roster,
    rng: () => {
      throw new Error('randomness before the checks')
    },
    curves: world.curves,
    transcript: () => new Uint8Array(32),
    evidence: () => {
      throw new Error('none')
    },
  })

  it.each([
    [2, [1, 2]],
    [2, [1, 2, 3, 4]],
    [3, [1, 2, 3, 4]],
    [3, [1, 2, 3]],
    [4, [1, 2, 3, 4, 5, 6, 7]],
  ] as const)('decision 19: t = %i with {%s} is HM_PARAM, before anything is drawn', (threshold, parties) => {
    let caught: unknown
    try {
      establish(env(threshold, parties), establishParams(world, 1)).next()
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(SetupError)
    expect(caught).toMatchObject({ code: 'HM_PARAM' })
  })
})

describe('randomness and its end', () => {
  const world = makeWorld({ ids: 5, seed: 'randomness' })

  it('one signer with a stuck generator: its keys still change with every session of its peers', () => {
    const stuck = (seed: string) =>
      generationsOf(
        runEstablish({
          world,
          threshold: 3,
          signers: [1, 2, 3, 4, 5],
          seed,
          env: (env) => (env.self === 1 ? { ...env, rng: (length) => new Uint8Array(length).fill(1) } : env),
        }),
      ).get(1) as Generation
    const [a, b] = [stuck('one'), stuck('two')]
    const keys = [a, b].flatMap((g) => [...g.pairs.values(), ...g.subsets].map((k) => toHex(k.prf)))
    expect(new Set(keys).size).toBe(20)
  })

  const exits = ['done', 'stopped after G1', 'stopped after the contributions', 'failed by the confirmation'] as const
  it.each(exits)('C-05, %s: ephemerals, contributions and Diffie-Hellman values are wiped', (exit) => {
    const secrets: Uint8Array[] = []
    const keep = <T extends Uint8Array>(bytes: T): T => {
      secrets.push(bytes)
      return bytes
    }
    const watching = (env: Env): Env => {
      const rng: Rng = (length) => keep(env.rng(length))
      return { ...env, rng, curves: { ...env.curves, x25519: (secret, key) => keep(env.curves.x25519(secret, key)) } }
    }
    const signers = [1, 2, 3, 4, 5]
    const plan = { world, threshold: 3, signers, seed: exit }
    const wrong: Twin<never> = { send: (e, round) => (round === 3 ? { ...e, broadcast: new Uint8Array(0) } : e) }
    const { sent } = runEstablish({ ...plan, malicious: new Map(exit.startsWith('failed') ? [[3, wrong]] : []) })
    const to1 = (round: number) => sent.filter((p) => p.to === 1 && p.round === round).map((p) => p.bytes)
    const base = establishPlan(plan)
    const session = openSession(
      { ...base, scriptFor: (env) => base.scriptFor(env.self === 1 ? watching(env) : env) },
      sessionIdOf(base.setup),
      1,
    )
    session.start()
    if (exit !== 'stopped after G1') for (const round of [1, 2]) session.receive(to1(round))
    const { end } = exit.startsWith('stopped') ? session.stop() : session.receive(to1(3))
    expect(end?.type).toBe(exit === 'done' ? 'done' : 'failed')
    if (exit.startsWith('failed')) expect(end).toMatchObject({ fault: { code: 'MALFORMED', culprits: [3] } })
    expect(secrets.length).toBeGreaterThan(exit === 'stopped after G1' ? 0 : 13)
    expect(secrets.filter((s) => s.some((b) => b !== 0))).toEqual([])
  })
})

describe('the keys, once more from their definition (1.3)', () => {
  const world = makeWorld({ ids: 5, seed: 'definition' })
  const signers = [1, 2, 3, 4, 5]
  const drawn = new Map<PartyId, Uint8Array[]>(signers.map((id) => [id, []]))
  const env = (e: Env): Env => ({
    ...e,
    rng: (length) => {
      const bytes = e.rng(length)
      drawn.get(e.self)?.push(Uint8Array.from(bytes))
      return bytes
    },
  })
  const run = runEstablish({ world, threshold: 3, signers, seed: 'definition', env })
  const all = generationsOf(run)
  /** G1 of each signer: its round-1 broadcast after the channel's own ephemeral key. */
  const openings = new Map(
    signers.map((id) => {
      const bytes = run.sent.find((p) => p.from === id && p.round === 1)?.bytes as Uint8Array
      return [id, (decodeEnvelope(bytes) as Envelope).body.slice(32)]
    }),
  )
  const sub = (key: Uint8Array, kid: Uint8Array, name: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', key, kid, `quorate/v1/${name}`, 32))
  const hash = (tag: string, ...parts: readonly Uint8Array[]): Uint8Array => {
    const framed = [Buffer.from(`quorate/v1/${tag}`), ...parts].flatMap((part) => [u32(part.length), part])
    return new Uint8Array(
      createHash('sha256')
        .update(concat(...framed))
        .digest(),
    )
  }

  it('pair key: HKDF over ephemeral and static X25519, salted with the kid', () => {
    const [e1] = drawn.get(1) as [Uint8Array]
    const [e2] = drawn.get(2) as [Uint8Array]
    const ikm = concat(
      x25519.getSharedSecret(e1, x25519.getPublicKey(e2)),
      x25519.getSharedSecret(identityOf(world, 1).exchangeSecret, x25519.getPublicKey(identityOf(world, 2).exchangeSecret)),
    )
    const kid = hash(
      'prss-kid',
      world.roster.hash,
      concat(u32(2), u16(1), u16(2)),
      openings.get(1) as Uint8Array,
      openings.get(2) as Uint8Array,
    )
    const key = new Uint8Array(hkdfSync('sha256', ikm, kid, 'quorate/v1/prss-key', 32))
    const pair = all.get(1)?.pairs.get(2) as SharedKey
    expect([pair.kid, pair.prf, pair.mac, pair.confirm]).toEqual([
      kid,
      sub(key, kid, 'prss-prf'),
      sub(key, kid, 'hm-mac'),
      sub(key, kid, 'prss-conf'),
    ])
  })

  it('subset key: hash of the members, their G1 and a contribution of each', () => {
    // The ephemeral is drawn first, then one contribution per own subset in ascending order: {1,2,3} is the first one of 1, 2 and 3.
    const parts = [1, 2, 3].map((id) => drawn.get(id)?.[1] as Uint8Array)
    const members = concat(u32(3), u16(1), u16(2), u16(3))
    const g1 = [1, 2, 3].map((id) => openings.get(id) as Uint8Array)
    const kid = hash('prss-kid', world.roster.hash, members, ...g1)
    const key = hash('prss-key', members, ...g1, ...parts)
    const subset = all.get(2)?.subsets.find((k) => k.members.join() === '1,2,3') as SharedKey
    expect([subset.kid, subset.prf, subset.mac]).toEqual([kid, sub(key, kid, 'prss-prf'), sub(key, kid, 'hm-mac')])
  })
})

describe('generation.ts', () => {
  const key = makeSharedKey([1, 2], bytes32('kid'), bytes32('key'))

  it('a confirmation tag depends on key, kid and sender', () => {
    const tags = [
      confirmationTag(key, 1),
      confirmationTag(key, 2),
      confirmationTag(makeSharedKey([1, 2], bytes32('kid'), bytes32('other key')), 1),
      confirmationTag(makeSharedKey([1, 2], bytes32('other kid'), bytes32('key')), 1),
    ]
    expect(new Set(tags.map(toHex)).size).toBe(4)
  })

  it('a kid depends on roster, members and the G1 of each member, and on nobody else', () => {
    const openings = new Map([1, 2, 3].map((id) => [id, bytes32(`G1 ${id}`)]))
    const kid = (roster: string, members: readonly PartyId[], change?: PartyId) =>
      toHex(
        kidOf(bytes32(roster), members, change === undefined ? openings : new Map(openings).set(change, concat(bytes32('x')))),
      )
    const base = kid('roster', [1, 2])
    expect(kid('roster', [1, 2], 3)).toBe(base)
    expect(
      new Set([
        base,
        kid('other', [1, 2]),
        kid('roster', [1, 3]),
        kid('roster', [1, 2], 1),
        kid('roster', [1, 2], 2),
        kid('roster', [1, 2, 3]),
      ]).size,
    ).toBe(6)
  })
})
