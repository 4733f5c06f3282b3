import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { bindOf, type ContextFields, contextOf } from '../../../src/protocol/hm/context.ts'
import { maskShares, nonceShares } from '../../../src/protocol/hm/pseudo-random.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import { type Instance, instanceBytes, purposeOf } from '../../../src/protocol/request/instance.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { makeHmCase } from './hm-run.ts'

const group = nativeCurves.secp256k1
const c = makeHmCase({ seed: 'context' })
const generation = c.generations.get(1) as Generation

const instance: Instance = {
  keyId: bytes32('key'),
  epochId: bytes32('epoch'),
  path: 'm',
  tweak: bytes32('tweak'),
  publicKey: group.baseMul(bytes32('public')),
  digest: bytes32('digest'),
  requestHash: bytes32('request'),
}
const base: ContextFields = {
  sessionId: bytes32('session'),
  suite: 1,
  threshold: 2,
  signers: [1, 2, 3],
  kids: [bytes32('kid 1'), bytes32('kid 2'), bytes32('kid 3')],
  tickets: ['a', 'b', 'c'].map((t) => bytes32(t).slice(0, 16)),
  instances: [instanceBytes(instance), instanceBytes({ ...instance, digest: bytes32('second') })],
}

const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = Uint8Array.from(bytes)
  out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7))
  return out
}
/** Every bit of a short field, and each byte once of a longer one. */
const bitsOf = (bytes: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: bytes.length }, (_, i) => flipped(bytes, 8 * i + (i % 8)))
const numberBits = (value: number, width: number): readonly number[] => Array.from({ length: width }, (_, i) => value ^ (1 << i))
/** One bit in any element; one element fewer, more, twice; another order. */
const listChanges = (list: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] => [
  ...list.flatMap((element, i) => bitsOf(element).map((changed) => list.with(i, changed))),
  list.slice(1),
  list.slice(0, -1),
  [...list, list[0] as Uint8Array],
  list.toReversed(),
  [],
]

// A record over all fields: a field that is added without variants does not compile, one that leaves the hash fails below.
const contexts: { readonly [K in keyof ContextFields]: readonly ContextFields[K][] } = {
  sessionId: bitsOf(base.sessionId),
  suite: numberBits(1, 16),
  threshold: [3, 1, 10, 4, 258 - 256],
  signers: [
    [1, 2, 4],
    [1, 2, 3, 4],
    [1, 2],
    [1, 3, 2],
    [0x101, 2, 3],
  ],
  kids: listChanges(base.kids),
  tickets: listChanges(base.tickets),
  instances: listChanges(base.instances),
}

const instances: { readonly [K in keyof Instance]: readonly Instance[K][] } = {
  keyId: bitsOf(instance.keyId),
  epochId: bitsOf(instance.epochId),
  path: ['', 'M', 'm/0', 'mm', 'm\u0000'],
  tweak: bitsOf(instance.tweak),
  publicKey: [...bitsOf(instance.publicKey), instance.publicKey.slice(1)],
  digest: bitsOf(instance.digest),
  requestHash: bitsOf(instance.requestHash),
}

const G = group.generator
/** What an observer could relate two nonce points by: x coordinate (same or negated nonce), and differences of +-G. */
function related(point: Uint8Array): readonly string[] {
  const neighbours = [group.sum([point, G]), group.sum([point, group.negate(G)])].filter((p) => p !== null)
  return [point, ...neighbours].map((p) => toHex(p.subarray(1)))
}

function pointsUnder(ctx: Uint8Array): readonly Uint8Array[] {
  return nonceShares(group, generation, 1, 1, 2, ctx).flatMap(([k, a]) => [group.baseMul(k), group.baseMul(a)])
}

describe('hm 7.1 context fields: each enters every nonce (M2)', () => {
  const names = (f: ContextFields): readonly string[] => pointsUnder(contextOf(f)).flatMap(related)
  const start = names(base)
  /** Every change must give names that neither the base nor any change before it has. */
  function expectUnrelated(changes: readonly ContextFields[]): void {
    const seen = new Set(start)
    for (const change of changes) for (const name of names(change)) seen.add(name)
    expect(seen.size).toBe(start.length * (changes.length + 1))
  }

  it('the unchanged context gives the same points again', () => {
    expect(names({ ...base })).toEqual(start)
    expect(new Set(start).size).toBe(12)
  })

  for (const [field, values] of Object.entries(contexts)) {
    const different = values.filter((value) => value !== base[field as keyof ContextFields])
    it(`${field}: ${different.length} changes, all points unrelated to all before`, () => {
      expect(different.length).toBeGreaterThan(3)
      expectUnrelated(different.map((value) => ({ ...base, [field]: value })))
    })
  }

  for (const [field, values] of Object.entries(instances)) {
    it(`instance ${field}: ${values.length} changes reach ctx, purpose and the points`, () => {
      const lists = values.map((value) => [instanceBytes({ ...instance, [field]: value }), base.instances[1] as Uint8Array])
      expectUnrelated(lists.map((list) => ({ ...base, instances: list })))
      expect(new Set([base.instances, ...lists].map((list) => toHex(purposeOf(list)))).size).toBe(values.length + 1)
    })
  }

  it('Z-03: bytes moved from one instance to the next, or into the path, give another context', () => {
    const [first, second] = base.instances as [Uint8Array, Uint8Array]
    const moved = [first.slice(0, -1), Uint8Array.from([first[first.length - 1] as number, ...second])]
    expect(contextOf({ ...base, instances: moved })).not.toEqual(contextOf(base))
    const merged = [Uint8Array.from([...first, ...second])]
    expect(contextOf({ ...base, instances: merged })).not.toEqual(contextOf(base))
  })
})

describe('M3: masks are a function of ctx, the R list and the present items', () => {
  const count = 3
  const signers: readonly PartyId[] = [1, 2, 3]
  const ctx = contextOf(base)
  const list = (change?: { readonly j: PartyId; readonly b: number }): ReadonlyMap<PartyId, readonly (Uint8Array | null)[]> =>
    new Map(
      signers.map((j) => [
        j,
        Array.from({ length: count }, (_, b) =>
          group.baseMul(group.scalar(1000 * j + b + (change?.j === j && change.b === b ? 500 : 0) + 1)),
        ),
      ]),
    )
  const masks = (bind: Uint8Array, at = ctx): string =>
    maskShares(group, generation, 1, 1, count, at, bind).flat().map(toHex).join()
  const whole = [0, 1, 2]

  it('each point of each signer, each present set, each context gives other masks at every position', () => {
    const binds = [
      bindOf(ctx, count, whole, signers, list()),
      ...signers.flatMap((j) => whole.map((b) => bindOf(ctx, count, whole, signers, list({ j, b })))),
      ...[[0, 1], [0, 2], [1, 2], [0], [1], [2], []].map((present) => bindOf(ctx, count, present, signers, list())),
      bindOf(contextOf({ ...base, suite: 2 }), count, whole, signers, list()),
    ]
    expect(new Set(binds.map(toHex)).size).toBe(binds.length)
    const all = binds.flatMap((bind) => masks(bind).split(','))
    expect(new Set(all).size).toBe(binds.length * 2 * count)
  })

  it('which items are present counts also when their points are the same', () => {
    const same = new Map(signers.map((j) => [j, whole.map(() => group.baseMul(group.scalar(j)))]))
    const binds = [[0], [1], [2]].map((present) => toHex(bindOf(ctx, count, present, signers, same)))
    expect(new Set(binds).size).toBe(3)
  })

  it('an absent item contributes no point, whatever was sent for it', () => {
    expect(bindOf(ctx, count, [0, 2], signers, list({ j: 2, b: 1 }))).toEqual(bindOf(ctx, count, [0, 2], signers, list()))
  })

  it('the context enters the masks also beside the bind', () => {
    const bind = bindOf(ctx, count, whole, signers, list())
    expect(masks(bind, contextOf({ ...base, suite: 2 }))).not.toBe(masks(bind))
  })
})
