import { describe, expect, it } from 'vitest'
import { type ContextFields, commitmentOf, contextOf } from '../../../src/protocol/dkls23/context.ts'
import { drawNonce } from '../../../src/protocol/dkls23/nonce.ts'
import { type ZeroPair, zeroShare } from '../../../src/protocol/dkls23/zero-share.ts'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { type Instance, instanceBytes } from '../../../src/protocol/request/instance.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'

const group = nativeCurves.secp256k1
const instance: Instance = {
  keyId: bytes32('key'),
  epochId: bytes32('epoch'),
  path: 'm',
  tweak: bytes32('tweak'),
  publicKey: group.generator,
  digest: bytes32('digest'),
  requestHash: bytes32('request'),
}
const first = instanceBytes(instance)
const second = instanceBytes({ ...instance, digest: bytes32('second') })
const base: ContextFields = { sessionId: bytes32('session'), suite: 1, threshold: 2, signers: [1, 2], instances: [first, second] }
const flipped = (bytes: Uint8Array, i: number): Uint8Array => bytes.with(i, (bytes[i] as number) ^ (1 << (i % 8)))
const bitsOf = (bytes: Uint8Array): readonly Uint8Array[] => Array.from(bytes, (_, i) => flipped(bytes, i))

// A record over all fields: a field that is added without variants does not compile, one that leaves the hash fails below.
const changes: { readonly [K in keyof ContextFields]: readonly ContextFields[K][] } = {
  sessionId: bitsOf(base.sessionId),
  suite: [0, 2, 3, 257],
  threshold: [1, 3, 258],
  signers: [[1, 3], [2, 3], [1], [1, 2, 3], []],
  instances: [
    ...bitsOf(first).map((changed) => [changed, second]),
    ...bitsOf(second).map((changed) => [first, changed]),
    [second, first],
    [first],
    [first, second, first],
    [new Uint8Array([...first, ...second])],
  ],
}

describe('ctx', () => {
  it('14.5 request: each field of it and each byte of each instance changes it', () => {
    const values = Object.entries(changes).flatMap(([field, variants]) =>
      (variants as readonly unknown[]).map((value) => toHex(contextOf({ ...base, [field]: value }))),
    )
    expect(values.length).toBeGreaterThan(400)
    expect(new Set([toHex(contextOf(base)), ...values]).size).toBe(values.length + 1)
  })
})

describe('com_i', () => {
  const points = [group.generator, group.baseMul(group.scalar(2))]
  const salt = bytes32('salt')
  const ctx = contextOf(base)

  it('14.5 com_j: is of one context, one signer, one salt, one list of points in one order', () => {
    const all = [
      commitmentOf(ctx, 1, salt, points),
      commitmentOf(bytes32('other ctx'), 1, salt, points),
      commitmentOf(ctx, 2, salt, points),
      commitmentOf(ctx, 1, bytes32('other salt'), points),
      commitmentOf(ctx, 1, salt, points.toReversed()),
      commitmentOf(ctx, 1, salt, points.slice(1)),
      commitmentOf(ctx, 1, salt, []),
    ]
    expect(new Set(all.map(toHex)).size).toBe(all.length)
  })
})

describe('r_i and phi_i', () => {
  const CHOICES = 2000

  it('S-07, S-17, F-03, 14.5 late choice: even from a source that repeats itself, other digests give other nonces', () => {
    const rng = () => bytes32('stuck')
    const nonces: bigint[] = []
    for (let i = 0; i < CHOICES; i++) {
      const digest = bytes32('digest').map((byte, at) => (at < 28 ? byte : (u32(i)[at - 28] as number)))
      const ctx = contextOf({ ...base, instances: [instanceBytes({ ...instance, digest })] })
      const { r, phi, point } = drawNonce(group, rng, ctx, 0)
      expect(group.baseMul(r)).toEqual(point)
      nonces.push(group.toBigInt(r), group.toBigInt(phi))
    }
    const sorted = nonces.toSorted((a, b) => (a < b ? -1 : 1))
    // No two alike, and no difference that somebody could know.
    expect(sorted.slice(1).every((k, i) => k - (sorted[i] as bigint) > 1n << 200n)).toBe(true)
  })

  it('differ by item, by use and by what is drawn', () => {
    const ctx = contextOf(base)
    const stuck = () => bytes32('stuck')
    const drawn = [
      drawNonce(group, stuck, ctx, 0),
      drawNonce(group, stuck, ctx, 1),
      drawNonce(group, () => bytes32('other'), ctx, 0),
      drawNonce(group, stuck, bytes32('other ctx'), 0),
    ].flatMap(({ r, phi }) => [toHex(r), toHex(phi)])
    expect(new Set(drawn).size).toBe(8)
  })
})

describe('zero shares', () => {
  const ids = [1, 4, 9, 10]
  const nonces = (name: string) => (from: PartyId, to: PartyId) => bytes32(`${name} ${from} ${to}`)
  const pairsOf = (self: PartyId, nonce = nonces('n'), seed = (a: PartyId, b: PartyId) => bytes32(`zseed ${a} ${b}`)) =>
    new Map(
      ids
        .filter((id) => id !== self)
        .map((peer): [PartyId, ZeroPair] => {
          const zseed = seed(Math.min(self, peer), Math.max(self, peer))
          return [peer, { zseed, own: nonce(self, peer), theirs: nonce(peer, self) }]
        }),
    )
  const ctx = bytes32('ctx')
  const sharesOf = (instance_: number, nonce = nonces('n'), context = ctx): readonly Uint8Array[] =>
    ids.map((id) => zeroShare(group, context, id, pairsOf(id, nonce), instance_))

  it('add up to zero over all signers, none of them zero', () => {
    for (const b of [0, 1, 31]) {
      const shares = sharesOf(b)
      const sum = shares.reduce((acc, share) => group.addAssign(acc, share), new Uint8Array(32))
      expect(group.isZero(sum)).toBe(true)
      expect(shares.some((share) => group.isZero(share))).toBe(false)
    }
  })

  it('are new for each item, context and pair of nonces: a coordinator that repeats a session gets others', () => {
    const all = [sharesOf(0), sharesOf(1), sharesOf(0, nonces('m')), sharesOf(0, nonces('n'), bytes32('other'))].flat()
    expect(new Set(all.map(toHex)).size).toBe(all.length)
  })

  it('both nonces count, in the order of the ids', () => {
    const plain = pairsOf(4)
    const changed = (change: (pair: ZeroPair) => ZeroPair) =>
      zeroShare(group, ctx, 4, new Map([...plain].map(([id, pair]) => [id, id === 9 ? change(pair) : pair])), 0)
    const all = [
      zeroShare(group, ctx, 4, plain, 0),
      changed((p) => ({ ...p, own: bytes32('x') })),
      changed((p) => ({ ...p, theirs: bytes32('x') })),
      changed((p) => ({ ...p, own: p.theirs, theirs: p.own })),
      changed((p) => ({ ...p, zseed: bytes32('x') })),
    ]
    expect(new Set(all.map(toHex)).size).toBe(all.length)
  })

  it('leave nothing behind in what they were made from', () => {
    const rng = seededRng('untouched')
    const pair = { zseed: rng(32), own: rng(32), theirs: rng(32) }
    const before = [...pair.zseed, ...pair.own, ...pair.theirs]
    zeroShare(group, ctx, 1, new Map([[2, pair]]), 0)
    expect([...pair.zseed, ...pair.own, ...pair.theirs]).toEqual(before)
  })
})
